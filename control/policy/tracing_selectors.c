// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <string.h>

#include "policy/tracing_reader.h"

enum { NAMESPACE_VALUES = 4, CAPABILITIES = 64, BINARIES_MOST = 1024 };

/* One selector while it is read. */
struct selector_parts {
	const struct node *args, *returns, *binaries, *parents, *pids, *namespaces, *capabilities;
	const struct node *actions, *return_actions;
};

/* A filter of { operator, values, ... } while it is read. */
struct filter_parts {
	const struct node *operator, * values, *kind;
	bool follow, in_namespace;
};

enum in_operator { OP_IN, OP_NOT_IN };
static const struct word in_words[] = {{"In", OP_IN}, {"NotIn", OP_NOT_IN}, {}};

/* The number of values; a problem when there is none, or more than `most`. */
static size_t count_values(struct reader *rd, const struct node *values, const char *what,
			   size_t most)
{
	size_t count = list_count(rd, values, "values");

	if (values->kind == NODE_LIST && !count)
		problem_at(rd, values->at, "%s has no values, expected at least one", what);
	if (count > most) {
		problem_at(rd, values->at, "%s has %zu values, expected at most %zu", what, count,
			   most);
		return 0;
	}
	return count;
}

/* The entries of a filter's list, at most so many; 0 after a problem. */
static size_t count_filters(struct reader *rd, const struct node *node, const char *what,
			    size_t most)
{
	size_t count = list_count(rd, node, what);

	if (count <= most)
		return count;
	problem_at(rd, node->at, "%s has %zu entries, expected at most %zu", what, count, most);
	return 0;
}

#define FILTER(member) offsetof(struct filter_parts, member)

/* ---- matchBinaries, matchParentBinaries ---- */

static const struct field binary_fields[] = {
	{"operator", read_node, FILTER(operator), FIELD_MUST},
	{"values", read_node, FILTER(values), FIELD_MUST},
	{"followChildren", read_bool, FILTER(follow)},
	{},
};

static const struct word binary_operators[] = {
	{"In", TRACING_OP_EQUAL},
	{"NotIn", TRACING_OP_NOT_EQUAL},
	{"Prefix", TRACING_OP_PREFIX},
	{"NotPrefix", TRACING_OP_NOT_PREFIX},
	{"Postfix", TRACING_OP_POSTFIX},
	{"NotPostfix", TRACING_OP_NOT_POSTFIX},
	{},
};

static size_t binary_most(enum tracing_operator op)
{
	return op == TRACING_OP_POSTFIX || op == TRACING_OP_NOT_POSTFIX ? TRACING_POSTFIX_BYTES
									: TRACING_BINARY_BYTES;
}

static bool from_the_root(enum tracing_operator op)
{
	return op != TRACING_OP_POSTFIX && op != TRACING_OP_NOT_POSTFIX;
}

static void read_binary_values(struct reader *rd, const struct node *values,
			       struct tracing_binaries *ret)
{
	size_t count = count_values(rd, values, "a filter of binaries", BINARIES_MOST), length;

	ret->values = arena_array(&rd->memory->kept, const char *, count);
	FOR_EACH_CHILD(child, values)
	{
		const char *text =
			ret->n_values < count
				? tracing_text(rd, child, "a binary", binary_most(ret->op), &length)
				: NULL;

		if (text && from_the_root(ret->op) && text[0] != '/')
			problem_at(rd, child->at,
				   "\"%.64s\" can match no binary, expected a full path from /",
				   text);
		else if (text)
			ret->values[ret->n_values++] = keep(rd, text);
	}
}

static void read_binaries(struct reader *rd, const struct node *node, const char *what,
			  struct tracing_binaries *ret)
{
	struct filter_parts parts = {};
	unsigned op;

	if (!count_filters(rd, node, what, 1) ||
	    !read_fields(rd, node->first, what, binary_fields, &parts) ||
	    !read_word(rd, parts.operator, "operator", binary_operators, &op))
		return;
	ret->given = true;
	ret->at = node->first->at;
	ret->op = op;
	ret->follow_children = parts.follow;
	if (parts.follow && op != TRACING_OP_EQUAL && op != TRACING_OP_NOT_EQUAL)
		problem_at(rd, parts.operator->at,
			   "followChildren goes with In and NotIn, not with %s",
			   parts.operator->text);
	read_binary_values(rd, parts.values, ret);
}

/* ---- matchPIDs ---- */

static const struct field pid_fields[] = {
	{"operator", read_node, FILTER(operator), FIELD_MUST},
	{"values", read_node, FILTER(values), FIELD_MUST},
	{"isNamespacePID", read_bool, FILTER(in_namespace)},
	{"followForks", read_bool, FILTER(follow)},
	{},
};

static void read_pid_filter(struct reader *rd, const struct node *node, struct tracing_pids *ret)
{
	struct filter_parts parts = {};
	unsigned op;
	size_t count;

	ret->at = node->at;
	if (!read_fields(rd, node, "matchPIDs", pid_fields, &parts))
		return;
	if (read_word(rd, parts.operator, "operator", in_words, &op))
		ret->negated = op == OP_NOT_IN;
	ret->in_namespace = parts.in_namespace;
	ret->follow_forks = parts.follow;
	count = count_values(rd, parts.values, "matchPIDs", TRACING_PIDS_MOST);
	FOR_EACH_CHILD(child, parts.values)
	if (ret->n_values < count)
		read_number(rd, child, "a process", 0, 1 << 22, &ret->values[ret->n_values++]);
}

static void read_pids(struct reader *rd, const struct node *node, struct tracing_selector *ret)
{
	size_t count = count_filters(rd, node, "matchPIDs", TRACING_PIDS_MOST);

	ret->pids = arena_array(&rd->memory->kept, struct tracing_pids, count);
	FOR_EACH_CHILD(child, node)
	if (ret->n_pids < count)
		read_pid_filter(rd, child, &ret->pids[ret->n_pids++]);
}

/* ---- matchNamespaces ---- */

static const struct field namespace_fields[] = {
	{"namespace", read_node, FILTER(kind), FIELD_MUST},
	{"operator", read_node, FILTER(operator), FIELD_MUST},
	{"values", read_node, FILTER(values), FIELD_MUST},
	{},
};

static const struct word namespace_words[] = {
#define x(word, name, file) {word, TRACING_NS_##name},
	TRACING_NAMESPACES(x)
#undef x
		{}};

static void read_namespace_value(struct reader *rd, const struct node *node,
				 struct tracing_namespaces *ret)
{
	uint32_t inode;

	if (node->kind == NODE_SCALAR && strcmp(node->text, "host_ns") == 0)
		ret->host = true;
	else if (read_number(rd, node, "a namespace (or host_ns)", 1, UINT32_MAX, &inode))
		ret->values[ret->n_values++] = inode;
}

static void read_namespace_filter(struct reader *rd, const struct node *node,
				  struct tracing_namespaces *ret)
{
	struct filter_parts parts = {};
	unsigned value;

	ret->at = node->at;
	if (!read_fields(rd, node, "matchNamespaces", namespace_fields, &parts))
		return;
	if (read_word(rd, parts.kind, "namespace", namespace_words, &value))
		ret->kind = value;
	if (read_word(rd, parts.operator, "operator", in_words, &value))
		ret->negated = value == OP_NOT_IN;
	if (!count_values(rd, parts.values, "matchNamespaces", NAMESPACE_VALUES))
		return;
	FOR_EACH_CHILD(child, parts.values)
	read_namespace_value(rd, child, ret);
}

static void read_namespaces(struct reader *rd, const struct node *node,
			    struct tracing_selector *ret)
{
	size_t count = count_filters(rd, node, "matchNamespaces", TRACING_NAMESPACES_MOST);

	ret->namespaces = arena_array(&rd->memory->kept, struct tracing_namespaces, count);
	FOR_EACH_CHILD(child, node)
	if (ret->n_namespaces < count)
		read_namespace_filter(rd, child, &ret->namespaces[ret->n_namespaces++]);
}

/* ---- matchCapabilities ---- */

static const struct field capability_fields[] = {
	{"type", read_node, FILTER(kind)},
	{"operator", read_node, FILTER(operator), FIELD_MUST},
	{"values", read_node, FILTER(values), FIELD_MUST},
	{"isNamespaceCapability", read_bool, FILTER(in_namespace)},
	{},
};

static const struct word set_words[] = {{"Effective", TRACING_CAP_EFFECTIVE},
					{"Inheritable", TRACING_CAP_INHERITABLE},
					{"Permitted", TRACING_CAP_PERMITTED},
					{}};

static void read_capability(struct reader *rd, const struct node *node,
			    struct tracing_capabilities *ret)
{
	const char *text = text_of(rd, node, "a capability");
	int number = text ? tracing_capability(text) : -1;

	if (number >= 0)
		ret->mask |= UINT64_C(1) << number;
	else if (text)
		problem_at(rd, node->at,
			   "\"%.64s\" is no capability, expected a name such as CAP_SYS_ADMIN",
			   text);
}

static void read_capability_filter(struct reader *rd, const struct node *node,
				   struct tracing_capabilities *ret)
{
	struct filter_parts parts = {};
	unsigned value;

	ret->at = node->at;
	if (!read_fields(rd, node, "matchCapabilities", capability_fields, &parts))
		return;
	if (parts.kind && read_word(rd, parts.kind, "type", set_words, &value))
		ret->set = value;
	if (read_word(rd, parts.operator, "operator", in_words, &value))
		ret->negated = value == OP_NOT_IN;
	ret->in_namespace = parts.in_namespace;
	if (!count_values(rd, parts.values, "matchCapabilities", CAPABILITIES))
		return;
	FOR_EACH_CHILD(child, parts.values)
	read_capability(rd, child, ret);
}

static void read_capabilities(struct reader *rd, const struct node *node,
			      struct tracing_selector *ret)
{
	size_t count = count_filters(rd, node, "matchCapabilities", TRACING_NAMESPACES_MOST);

	ret->capabilities = arena_array(&rd->memory->kept, struct tracing_capabilities, count);
	FOR_EACH_CHILD(child, node)
	if (ret->n_capabilities < count)
		read_capability_filter(rd, child, &ret->capabilities[ret->n_capabilities++]);
}

/* ---- one selector ---- */

#define SELECTOR(member) offsetof(struct selector_parts, member)
#define NO_CHANGES	 "what a process started with is not compared"

static const struct field selector_fields[] = {
	{"matchArgs", read_node, SELECTOR(args)},
	{"matchReturnArgs", read_node, SELECTOR(returns)},
	{"matchBinaries", read_node, SELECTOR(binaries)},
	{"matchParentBinaries", read_node, SELECTOR(parents)},
	{"matchPIDs", read_node, SELECTOR(pids)},
	{"matchNamespaces", read_node, SELECTOR(namespaces)},
	{"matchCapabilities", read_node, SELECTOR(capabilities)},
	{"matchActions", read_node, SELECTOR(actions)},
	{"matchReturnActions", read_node, SELECTOR(return_actions)},
	{"matchData", .refused = "an event's data are its args"},
	{"matchNamespaceChanges", .refused = NO_CHANGES},
	{"matchCapabilityChanges", .refused = NO_CHANGES},
	{"matchWorkloads", .refused = "there are no pods on a gateway"},
	{"macros", .refused = "write the filters into the selector"},
	{"label", .refused = "counters are kept by policy"},
	{},
};

static void check_returns(const struct hook_parts *parts, const struct selector_parts *given)
{
	const struct tracing_hook *hook = &parts->hook;
	struct reader *rd = parts->context->rd;

	if (given->returns && (!hook->returns || !parts->return_arg))
		problem_at(rd, given->returns->at,
			   "matchReturnArgs needs return: true and a returnArg");
	if (given->return_actions && !hook->returns)
		problem_at(rd, given->return_actions->at, "matchReturnActions needs return: true");
}

static void read_filters(const struct hook_parts *parts, const struct selector_parts *given,
			 struct tracing_selector *ret)
{
	struct reader *rd = parts->context->rd;

	if (given->args)
		read_tracing_matches(parts, given->args, false, &ret->args, &ret->n_args);
	if (given->returns)
		read_tracing_matches(parts, given->returns, true, &ret->returns, &ret->n_returns);
	if (given->binaries)
		read_binaries(rd, given->binaries, "matchBinaries", &ret->binaries);
	if (given->parents)
		read_binaries(rd, given->parents, "matchParentBinaries", &ret->parents);
	if (given->pids)
		read_pids(rd, given->pids, ret);
	if (given->namespaces)
		read_namespaces(rd, given->namespaces, ret);
	if (given->capabilities)
		read_capabilities(rd, given->capabilities, ret);
}

static void read_selector_of(const struct hook_parts *parts, const struct node *node,
			     struct tracing_selector *ret)
{
	struct selector_parts given = {};

	ret->at = node->at;
	read_fields(parts->context->rd, node, "a selector", selector_fields, &given);
	check_returns(parts, &given);
	read_filters(parts, &given, ret);
	if (given.actions)
		read_tracing_actions(parts, given.actions, "matchActions", ret->actions,
				     &ret->n_actions);
	if (given.return_actions)
		read_tracing_actions(parts, given.return_actions, "matchReturnActions",
				     ret->return_actions, &ret->n_return_actions);
}

void read_tracing_selectors(struct hook_parts *parts)
{
	struct tracing_hook *hook = &parts->hook;
	size_t count = count_filters(parts->context->rd, parts->selectors, "selectors",
				     TRACING_SELECTORS_MOST);

	FOR_EACH_CHILD(child, parts->selectors)
	if (hook->n_selectors < count)
		read_selector_of(parts, child, &hook->selectors[hook->n_selectors++]);
}
