// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <cap-ng.h>
#include <seccomp.h>
#include <string.h>
#include <strings.h>

#include "policy/tracing_reader.h"

enum { CALL_BYTES = 127, CALLS_MOST = 512 };

struct list_parts {
	const struct node *name, *type, *values;
};

static const struct field list_fields[] = {
	{"name", read_node, offsetof(struct list_parts, name), FIELD_MUST},
	{"type", read_node, offsetof(struct list_parts, type)},
	{"values", read_node, offsetof(struct list_parts, values)},
	{"pattern", .refused = "write the functions' names under values"},
	{"validated", .refused = "every name is looked up"},
	{},
};

enum list_type { LIST_PLAIN, LIST_SYSCALLS, LIST_GENERATED };

static const struct word list_types[] = {{"syscalls", LIST_SYSCALLS},
					 {"generated_syscalls", LIST_GENERATED},
					 {"generated_ftrace", LIST_GENERATED},
					 {}};

static void read_list(struct tracing_context *context, const struct node *node,
		      struct tracing_list *ret)
{
	struct reader *rd = context->rd;
	struct list_parts parts = {};
	unsigned type = LIST_PLAIN;
	size_t length;

	if (!read_fields(rd, node, "a list", list_fields, &parts))
		return;
	ret->at = parts.name->at;
	ret->name = tracing_text(rd, parts.name, "a list's name", CALL_BYTES, &length);
	if (parts.type && read_word(rd, parts.type, "type of a list", list_types, &type) &&
	    type == LIST_GENERATED)
		problem_at(rd, parts.type->at,
			   "a list of type %s is not served, expected its names under values",
			   parts.type->text);
	ret->syscalls = type == LIST_SYSCALLS;
	if (type != LIST_GENERATED && !parts.values)
		problem_at(rd, node->at, "a list has no \"values\", which it must have");
	else if (parts.values && list_count(rd, parts.values, "values"))
		ret->values = parts.values;
	else if (parts.values && parts.values->kind == NODE_LIST)
		problem_at(rd, parts.values->at, "a list is empty, expected at least one value");
}

void read_tracing_lists(struct tracing_context *context, const struct node *node)
{
	size_t count = list_count(context->rd, node, "lists");
	struct tracing_list *lists =
		arena_array(&context->rd->memory->scratch, struct tracing_list, count);

	context->lists = lists;
	FOR_EACH_CHILD(child, node)
	{
		struct tracing_list list = {.at = child->at};

		read_list(context, child, &list);
		for (size_t i = 0; list.name && i < context->n_lists; i++)
			if (lists[i].name && strcmp(lists[i].name, list.name) == 0)
				problem_at(context->rd, list.at,
					   "list \"%.64s\" is given twice, the first is in line %u",
					   list.name, lists[i].at.line);
		lists[context->n_lists++] = list;
	}
}

static void note_no_list(const struct tracing_context *context, const struct node *node,
			 const char *name)
{
	const char *nearest = NULL;

	for (size_t i = 0; i < context->n_lists && !nearest; i++)
		if (context->lists[i].name && words_alike(name, context->lists[i].name))
			nearest = context->lists[i].name;
	if (nearest)
		problem_at(context->rd, node->at,
			   "there is no list \"%.64s\", did you mean \"%s\"?", name, nearest);
	else
		problem_at(context->rd, node->at,
			   "there is no list \"%.64s\", expected one of spec.lists", name);
}

const struct tracing_list *find_tracing_list(const struct tracing_context *context,
					     const struct node *node)
{
	const char *name = node->text + strlen("list:");

	for (size_t i = 0; i < context->n_lists; i++)
		if (context->lists[i].name && strcmp(context->lists[i].name, name) == 0)
			return &context->lists[i];
	note_no_list(context, node, name);
	return NULL;
}

static void add_call(struct reader *rd, const struct node *node, const char *what,
		     struct tracing_call **calls, size_t *count)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";
	struct tracing_call *grown;
	const char *text;
	size_t length;

	text = tracing_text(rd, node, what, CALL_BYTES, &length);
	if (!text)
		return;
	if (strspn(text, letters) != length || (text[0] >= '0' && text[0] <= '9')) {
		problem_at(rd, node->at,
			   "\"%.64s\" is no function's name, expected letters, digits, _ and .",
			   text);
		return;
	}
	if (*count == CALLS_MOST) {
		problem_at(rd, node->at, "more than %d functions, expected fewer", CALLS_MOST);
		return;
	}
	grown = arena_array(&rd->memory->kept, struct tracing_call, *count + 1);
	if (*count)
		memcpy(grown, *calls, *count * sizeof(*grown));
	grown[*count] = (struct tracing_call){.name = keep(rd, text), .at = node->at};
	*calls = grown;
	(*count)++;
}

void read_tracing_calls(const struct tracing_context *context, const struct node *node,
			const char *what, struct tracing_call **calls, size_t *count)
{
	const struct tracing_list *list;

	if (node->kind != NODE_SCALAR || strncmp(node->text, "list:", 5) != 0) {
		add_call(context->rd, node, what, calls, count);
		return;
	}
	list = find_tracing_list(context, node);
	if (!list || !list->values)
		return;
	FOR_EACH_CHILD(child, list->values)
	add_call(context->rd, child, "a value of a list", calls, count);
}

int tracing_syscall(const char *name)
{
	int number;

	if (strncmp(name, "__x64_", 6) == 0)
		name += 6;
	if (strncmp(name, "sys_", 4) == 0)
		name += 4;
	number = seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86_64, name);
	return number < 0 ? -1 : number;
}

int tracing_capability(const char *name)
{
	if (strncasecmp(name, "CAP_", 4) != 0)
		return -1;
	return capng_name_to_capability(name + 4);
}
