// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <string.h>

#include "policy/tracing_reader.h"

struct match_parts {
	const struct node *index, *args, *operator, * values;
};

#define PART(member) offsetof(struct match_parts, member)

static const struct field match_fields[] = {
	{"index", read_node, PART(index)},
	{"args", read_node, PART(args)},
	{"operator", read_node, PART(operator), FIELD_MUST},
	{"values", read_node, PART(values)},
	{},
};

const struct word tracing_operator_words[] = {
#define x(word, name) {word, TRACING_OP_##name},
	TRACING_OPERATORS(x)
#undef x
		{"GT", TRACING_OP_GREATER},
	{"LT", TRACING_OP_LESS},
	{}};

static const struct {
	const char *operator, * why;
} refused_operators[] = {
	{"SubString", "write Prefix or Postfix"},
	{"SubStringIgnCase", "write Prefix or Postfix"},
	{"CelExpr", "expressions are not evaluated in the kernel"},
	{"CapabilitiesGained", "no hook here reads sets of capabilities"},
};

static bool read_operator(struct reader *rd, const struct node *node, enum tracing_operator *ret)
{
	unsigned op;

	for (size_t i = 0; i < sizeof(refused_operators) / sizeof(refused_operators[0]); i++)
		if (node->kind == NODE_SCALAR &&
		    strcmp(node->text, refused_operators[i].operator) == 0) {
			problem_at(rd, node->at, "operator %s is not served: %s", node->text,
				   refused_operators[i].why);
			return false;
		}
	if (!read_word(rd, node, "operator", tracing_operator_words, &op))
		return false;
	*ret = op;
	return true;
}

/* A bit for each form that an operator takes. */
#define F(form) (1u << FORM_##form)
#define NUMBERS (F(SIGNED) | F(UNSIGNED))
#define EXACTS	(NUMBERS | F(SYSCALL) | F(CAPABILITY))
#define TEXTS	(F(TEXT) | F(PATH))

static const unsigned char forms[TRACING_OP_MAX] = {
	[TRACING_OP_EQUAL] = EXACTS | TEXTS,
	[TRACING_OP_NOT_EQUAL] = EXACTS | TEXTS,
	[TRACING_OP_PREFIX] = TEXTS,
	[TRACING_OP_NOT_PREFIX] = TEXTS,
	[TRACING_OP_POSTFIX] = TEXTS,
	[TRACING_OP_NOT_POSTFIX] = TEXTS,
	[TRACING_OP_GREATER] = NUMBERS,
	[TRACING_OP_LESS] = NUMBERS,
	[TRACING_OP_IN_RANGE] = NUMBERS | F(SYSCALL),
	[TRACING_OP_NOT_IN_RANGE] = NUMBERS | F(SYSCALL),
	[TRACING_OP_MASK] = NUMBERS,
	[TRACING_OP_IN_MAP] = EXACTS,
	[TRACING_OP_NOT_IN_MAP] = EXACTS,
	[TRACING_OP_FILE_TYPE] = F(PATH),
	[TRACING_OP_NOT_FILE_TYPE] = F(PATH),
};

#define SOCKADDR_TAKES                                                                        \
	(1ull << TRACING_OP_SADDR | 1ull << TRACING_OP_NOT_SADDR | 1ull << TRACING_OP_SPORT | \
	 1ull << TRACING_OP_NOT_SPORT | 1ull << TRACING_OP_SPORT_PRIV |                       \
	 1ull << TRACING_OP_NOT_SPORT_PRIV | 1ull << TRACING_OP_FAMILY)

static bool takes(enum tracing_type type, enum tracing_operator op)
{
	bool sockets = op >= TRACING_OP_SADDR;

	if (tracing_form(type) != FORM_SOCKET)
		return !sockets && forms[op] & 1u << tracing_form(type);
	if (type == TRACING_TYPE_SOCKADDR)
		return SOCKADDR_TAKES >> op & 1;
	return sockets && !(op == TRACING_OP_STATE && type == TRACING_TYPE_SKB);
}

enum tracing_form tracing_form(enum tracing_type type)
{
	static const unsigned char form_of[] = {
#define x(word, name, form) [TRACING_TYPE_##name] = form,
		TRACING_TYPES(x)
#undef x
	};

	return form_of[type];
}

/* `index` counts the function's parameters, `args` the entries of the hook's args. */
static const struct tracing_arg *find_arg(const struct hook_parts *parts, const struct node *entry,
					  const struct match_parts *given, unsigned *ret)
{
	const struct tracing_hook *hook = &parts->hook;
	struct reader *rd = parts->context->rd;
	const struct node *node = given->index;
	uint32_t number;

	if (given->args && given->index) {
		problem_at(rd, given->args->at,
			   "both \"index\" and \"args\", expected one of them");
		return NULL;
	}
	if (given->args) {
		node = given->args->first;
		if (list_count(rd, given->args, "args") != 1) {
			problem_at(rd, given->args->at, "args of a filter, expected one number");
			return NULL;
		}
	}
	if (!node) {
		problem_at(rd, entry->at, "a filter has no \"index\", which it must have");
		return NULL;
	}
	if (!read_number(rd, node, given->args ? "args" : "index", 0, 15, &number))
		return NULL;
	for (unsigned i = 0; i < hook->n_args; i++)
		if (given->args ? i == number : hook->args[i].index == number) {
			*ret = i;
			return &hook->args[i];
		}
	problem_at(rd, node->at, "%u is no argument of this hook, expected one that its args list",
		   number);
	return NULL;
}

static void read_match(const struct hook_parts *parts, const struct node *node, bool returns,
		       struct tracing_match *ret)
{
	struct reader *rd = parts->context->rd;
	const struct tracing_arg *arg = &parts->hook.return_arg;
	struct match_parts given = {};
	const char *type;
	bool right;

	ret->at = node->at;
	right = read_fields(rd, node, "a filter of arguments", match_fields, &given);
	if (right && !returns)
		arg = find_arg(parts, node, &given, &ret->arg);
	if (!right || !read_operator(rd, given.operator, & ret->op) || !arg)
		return;
	type = tracing_type_word(arg->type);
	if (!takes(arg->type, ret->op))
		problem_at(rd, given.operator->at, "operator %s cannot be asked of type %s",
			   given.operator->text, type);
	else if (ret->op >= TRACING_OP_SPORT_PRIV && ret->op <= TRACING_OP_NOT_DPORT_PRIV) {
		if (given.values)
			problem_at(rd, given.values->at, "operator %s has no values",
				   given.operator->text);
	} else if (!given.values)
		problem_at(rd, node->at,
			   "a filter of arguments has no \"values\", which operator "
			   "%s must have",
			   given.operator->text);
	else
		read_tracing_values(parts, given.values, arg, ret);
}

void read_tracing_matches(const struct hook_parts *parts, const struct node *node, bool returns,
			  struct tracing_match **ret, size_t *count)
{
	struct reader *rd = parts->context->rd;
	const char *what = returns ? "matchReturnArgs" : "matchArgs";
	size_t given = list_count(rd, node, what);

	if (given > TRACING_ARGS_MOST) {
		problem_at(rd, node->at, "%s has %zu entries, expected at most %d", what, given,
			   TRACING_ARGS_MOST);
		return;
	}
	*ret = arena_array(&rd->memory->kept, struct tracing_match, given);
	FOR_EACH_CHILD(child, node)
	read_match(parts, child, returns, &(*ret)[(*count)++]);
}
