// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <stdlib.h>
#include <string.h>

#include "policy/tracing_reader.h"

enum { LABEL_BYTES = 128, INDEX_MOST = 15, SYMBOL_BYTES = 255, SYMBOLS_MOST = 512 };

/* ---- one argument ---- */

static void read_index(struct reader *rd, const struct node *node, void *ret)
{
	uint32_t index;

	if (read_number(rd, node, "index", 0, INDEX_MOST, &index))
		*(unsigned *)ret = index;
}

static void read_size_index(struct reader *rd, const struct node *node, void *ret)
{
	uint32_t index;

	if (read_number(rd, node, "sizeArgIndex", 1, INDEX_MOST + 1, &index))
		*(unsigned *)ret = index;
}

const struct word tracing_type_words[] = {
#define x(word, name, form) {word, TRACING_TYPE_##name},
	TRACING_TYPES(x)
#undef x
	/* other names of the same */
	{"sint8", TRACING_TYPE_INT8},
	{"sint16", TRACING_TYPE_INT16},
	{"sint32", TRACING_TYPE_INT32},
	{"sint64", TRACING_TYPE_INT64},
	{}};

/* Types that Tetragon has and this reader has not. */
static const struct word other_types[] = {
	{"char_iovec"},	   {"sockaddr_un"},  {"bpf_attr"},	  {"perf_event"},
	{"bpf_map"},	   {"bpf_prog"},     {"bpf_cmd"},	  {"user_namespace"},
	{"kiocb"},	   {"iov_iter"},     {"const_buf"},	  {"load_info"},
	{"module"},	   {"kernel_cap_t"}, {"cap_inheritable"}, {"cap_permitted"},
	{"cap_effective"}, {"data_loc"},     {"net_device"},	  {}};

static void read_type(struct reader *rd, const struct node *node, void *ret)
{
	unsigned type;

	if (node->kind == NODE_SCALAR && words_find(other_types, node->text))
		problem_at(rd, node->at, "type %s is not served: no hook here reads it",
			   node->text);
	else if (read_word(rd, node, "type", tracing_type_words, &type))
		*(enum tracing_type *)ret = type;
}

static void read_label(struct reader *rd, const struct node *node, void *ret)
{
	size_t length;
	const char *text = tracing_text(rd, node, "a label", LABEL_BYTES, &length);

	if (text)
		*(const char **)ret = keep(rd, text);
}

#define NO_BTF "arguments are read by their type alone"

static const struct field arg_fields[] = {
	{"index", read_index, offsetof(struct tracing_arg, index), FIELD_MUST},
	{"type", read_type, offsetof(struct tracing_arg, type)},
	{"label", read_label, offsetof(struct tracing_arg, label)},
	{"returnCopy", read_bool, offsetof(struct tracing_arg, return_copy)},
	{"maxData", read_bool, offsetof(struct tracing_arg, max_data)},
	{"sizeArgIndex", read_size_index, offsetof(struct tracing_arg, size_arg)},
	{"resolve", .refused = NO_BTF},
	{"btfType", .refused = NO_BTF},
	{"btfTypeModule", .refused = NO_BTF},
	{"source", .refused = NO_BTF},
	{},
};

static void check_arg(struct reader *rd, const struct node *node, enum tracing_hook_kind kind,
		      const struct tracing_arg *arg)
{
	const struct node *type = node_field(node, "type");

	if (arg->type == TRACING_TYPE_AUTO && kind != TRACING_TRACEPOINT)
		problem_at(rd, type ? type->at : node->at,
			   type ? "type auto is for tracepoints, expected the argument's type"
				: "an argument has no \"type\", which it must have");
	if (arg->max_data && arg->type != TRACING_TYPE_CHAR_BUF)
		problem_at(rd, node->at, "maxData belongs to type char_buf, not to %s",
			   tracing_type_word(arg->type));
	if (arg->return_copy && arg->type != TRACING_TYPE_CHAR_BUF)
		problem_at(rd, node->at, "returnCopy belongs to type char_buf, not to %s",
			   tracing_type_word(arg->type));
}

static void read_arg(struct hook_parts *parts, const struct node *node, struct tracing_arg *ret)
{
	struct reader *rd = parts->context->rd;

	*ret = (struct tracing_arg){.label = "", .type = TRACING_TYPE_AUTO, .at = node->at};
	if (read_fields(rd, node, "an argument", arg_fields, ret))
		check_arg(rd, node, parts->hook.kind, ret);
}

static void read_args(struct hook_parts *parts)
{
	struct reader *rd = parts->context->rd;
	struct tracing_hook *hook = &parts->hook;
	size_t count = list_count(rd, parts->args, "args");

	if (count > TRACING_ARGS_MOST) {
		problem_at(rd, parts->args->at, "%zu arguments, expected at most %d", count,
			   TRACING_ARGS_MOST);
		count = TRACING_ARGS_MOST;
	}
	FOR_EACH_CHILD(child, parts->args)
	if (hook->n_args < count)
		read_arg(parts, child, &hook->args[hook->n_args++]);
}

/* ---- what all hooks have ---- */

static void read_message(struct reader *rd, const struct node *node, void *ret)
{
	size_t length;
	const char *text = tracing_text(rd, node, "message", TRACING_MESSAGE_BYTES, &length);

	if (text)
		*(const char **)ret = keep(rd, text);
}

static void read_tags(struct hook_parts *parts)
{
	struct reader *rd = parts->context->rd;
	struct tracing_hook *hook = &parts->hook;
	size_t count = list_count(rd, parts->tags, "tags"), length;

	if (count > TRACING_TAGS_MOST) {
		problem_at(rd, parts->tags->at, "%zu tags, expected at most %d", count,
			   TRACING_TAGS_MOST);
		return;
	}
	hook->tags = arena_array(&rd->memory->kept, const char *, count);
	FOR_EACH_CHILD(child, parts->tags)
	{
		const char *text = tracing_text(rd, child, "a tag", LABEL_BYTES, &length);

		if (text)
			hook->tags[hook->n_tags++] = keep(rd, text);
	}
}

static const struct field ignore_fields[] = {{"callNotFound", read_bool}, {}};

static void read_ignore(struct reader *rd, const struct node *node, void *ret)
{
	read_fields(rd, node, "ignore", ignore_fields, ret);
}

static void read_syscall(struct reader *rd, const struct node *node, void *ret)
{
	struct hook_parts *parts = ret;

	parts->syscall_given = true;
	parts->syscall_at = node->at;
	read_bool(rd, node, &parts->hook.syscall);
}

#define PART(member)  offsetof(struct hook_parts, member)
#define NO_DATA	      "an event's data are its args"
#define NO_TRACK_SOCK "sockets are not tracked to their processes"

static const struct field kprobe_fields[] = {
	{"call", read_node, PART(call), FIELD_MUST},
	{"syscall", read_syscall},
	{"args", read_node, PART(args)},
	{"return", read_bool, PART(hook.returns)},
	{"returnArg", read_node, PART(return_arg)},
	{"returnArgAction", .refused = NO_TRACK_SOCK},
	{"selectors", read_node, PART(selectors)},
	{"message", read_message, PART(hook.message)},
	{"tags", read_node, PART(tags)},
	{"ignore", read_ignore, PART(hook.may_be_missing)},
	{"data", .refused = NO_DATA},
	{},
};

static void read_name(struct reader *rd, const struct node *node, void *ret)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	size_t length;
	const char *text = tracing_text(rd, node, "an event's name", 127, &length);

	if (!text)
		return;
	if (strspn(text, letters) == length)
		*(const char **)ret = keep(rd, text);
	else
		problem_at(rd, node->at,
			   "\"%.64s\" is no event's name, expected letters, digits, _ and -", text);
}

static const struct field tracepoint_fields[] = {
	{"subsystem", read_name, PART(hook.subsystem), FIELD_MUST},
	{"event", read_name, PART(hook.event), FIELD_MUST},
	{"raw", read_bool, PART(hook.raw)},
	{"args", read_node, PART(args)},
	{"selectors", read_node, PART(selectors)},
	{"message", read_message, PART(hook.message)},
	{"tags", read_node, PART(tags)},
	{},
};

static const struct field lsm_fields[] = {
	{"hook", read_node, PART(call), FIELD_MUST},
	{"args", read_node, PART(args)},
	{"selectors", read_node, PART(selectors)},
	{"message", read_message, PART(hook.message)},
	{"tags", read_node, PART(tags)},
	{},
};

static void read_path(struct reader *rd, const struct node *node, void *ret)
{
	size_t length;
	const char *text = tracing_text(rd, node, "path", TRACING_EQUAL_BYTES - 1, &length);

	if (text && text[0] != '/')
		problem_at(rd, node->at, "\"%.64s\" is no full path, expected one from /", text);
	else if (text)
		*(const char **)ret = keep(rd, text);
}

static void read_offsets(struct reader *rd, const struct node *node, void *ret)
{
	struct hook_parts *parts = ret;
	size_t count = list_count(rd, node, "offsets"), length;

	if (count > SYMBOLS_MOST) {
		problem_at(rd, node->at, "%zu offsets, expected at most %d", count, SYMBOLS_MOST);
		return;
	}
	parts->hook.offsets = arena_array(&rd->memory->kept, uint64_t, count);
	FOR_EACH_CHILD(child, node)
	{
		const char *text = tracing_text(rd, child, "an offset", 32, &length);

		if (text &&
		    !tracing_number(text, false, &parts->hook.offsets[parts->hook.n_offsets++]))
			problem_at(rd, child->at, "\"%.64s\" is no offset, expected a number",
				   text);
	}
}

static const struct field uprobe_fields[] = {
	{"path", read_path, PART(hook.path), FIELD_MUST},
	{"symbols", read_node, PART(symbols)},
	{"offsets", read_offsets},
	{"args", read_node, PART(args)},
	{"return", read_bool, PART(hook.returns)},
	{"returnArg", read_node, PART(return_arg)},
	{"selectors", read_node, PART(selectors)},
	{"message", read_message, PART(hook.message)},
	{"tags", read_node, PART(tags)},
	{"addrs", .refused = "write symbols or offsets"},
	{"refCtrOffsets", .refused = "static probes of programs are not watched"},
	{"btfPath", .refused = NO_BTF},
	{"binaryDigests", .refused = "programs are not checked by their digests"},
	{"ignore", .refused = "a symbol that is missing is an error"},
	{"data", .refused = NO_DATA},
	{},
};

static const struct {
	const char *list, *one;
	const struct field *fields;
} kinds[] = {
	[TRACING_KPROBE] = {"kprobes", "a kprobe", kprobe_fields},
	[TRACING_TRACEPOINT] = {"tracepoints", "a tracepoint", tracepoint_fields},
	[TRACING_LSM] = {"lsmhooks", "an LSM hook", lsm_fields},
	[TRACING_UPROBE] = {"uprobes", "a uprobe", uprobe_fields},
};

/* ---- what is called ---- */

static bool is_syscall_name(const char *name)
{
	return strncmp(name, "sys_", 4) == 0 || strncmp(name, "__x64_sys_", 10) == 0;
}

/* `syscall` is true in Tetragon unless said otherwise; a name that is no system call's settles it.
 */
static void settle_syscall(struct hook_parts *parts)
{
	struct tracing_hook *hook = &parts->hook;
	struct reader *rd = parts->context->rd;

	if (!parts->syscall_given)
		hook->syscall = hook->n_calls && is_syscall_name(hook->calls[0].name);
	for (size_t i = 0; i < hook->n_calls; i++) {
		const struct tracing_call *call = &hook->calls[i];

		if (!hook->syscall && strncmp(call->name, "sys_", 4) == 0)
			problem_at(rd, call->at, "%s is a system call, expected syscall: true",
				   call->name);
		else if (hook->syscall && !is_syscall_name(call->name))
			problem_at(rd, parts->syscall_given ? parts->syscall_at : call->at,
				   "%s is no system call (sys_...), expected syscall: false",
				   call->name);
		else if (hook->syscall && tracing_syscall(call->name) < 0)
			problem_at(rd, call->at, "there is no system call %s on x86-64",
				   call->name);
	}
}

static void read_symbols(struct hook_parts *parts)
{
	struct reader *rd = parts->context->rd;
	struct tracing_hook *hook = &parts->hook;
	size_t count = list_count(rd, parts->symbols, "symbols"), length;

	if (count > SYMBOLS_MOST) {
		problem_at(rd, parts->symbols->at, "%zu symbols, expected at most %d", count,
			   SYMBOLS_MOST);
		return;
	}
	hook->calls = arena_array(&rd->memory->kept, struct tracing_call, count);
	FOR_EACH_CHILD(child, parts->symbols)
	{
		const char *text = tracing_text(rd, child, "a symbol", SYMBOL_BYTES, &length);

		if (text)
			hook->calls[hook->n_calls++] =
				(struct tracing_call){.name = keep(rd, text), .at = child->at};
	}
}

static void read_called(struct hook_parts *parts, const struct node *node)
{
	struct reader *rd = parts->context->rd;
	struct tracing_hook *hook = &parts->hook;

	if (parts->call) {
		hook->at = parts->call->at;
		read_tracing_calls(parts->context, parts->call,
				   hook->kind == TRACING_LSM ? "hook" : "call", &hook->calls,
				   &hook->n_calls);
	}
	if (hook->kind == TRACING_KPROBE)
		settle_syscall(parts);
	if (parts->symbols)
		read_symbols(parts);
	if (hook->kind == TRACING_UPROBE && hook->path && !parts->symbols && !hook->n_offsets)
		problem_at(rd, node->at, "a uprobe has neither \"symbols\" nor \"offsets\"");
}

static void read_return_arg(struct hook_parts *parts)
{
	struct tracing_hook *hook = &parts->hook;
	struct reader *rd = parts->context->rd;

	read_arg(parts, parts->return_arg, &hook->return_arg);
	if (!hook->returns)
		problem_at(rd, parts->return_arg->at, "returnArg needs return: true");
}

static void read_hook(const struct tracing_context *context, const struct node *node,
		      enum tracing_hook_kind kind, struct tracing_hook *ret)
{
	struct hook_parts parts = {.context = context,
				   .hook = {.kind = kind,
					    .message = "",
					    .return_arg = {.type = TRACING_TYPE_NOP, .label = ""},
					    .at = node->at}};

	read_fields(context->rd, node, kinds[kind].one, kinds[kind].fields, &parts);
	if (node->kind != NODE_MAP)
		return;
	read_called(&parts, node);
	if (parts.args)
		read_args(&parts);
	if (parts.return_arg)
		read_return_arg(&parts);
	if (parts.tags)
		read_tags(&parts);
	if (parts.selectors)
		read_tracing_selectors(&parts);
	*ret = parts.hook;
}

void read_tracing_hooks(struct tracing_context *context, const struct node *node,
			enum tracing_hook_kind kind)
{
	struct tracing_policy *policy = context->policy;
	struct reader *rd = context->rd;
	size_t count = list_count(rd, node, kinds[kind].list);
	struct tracing_hook *hooks;

	if (node->kind == NODE_LIST && !count)
		problem_at(rd, node->at, "%s is empty, expected at least one", kinds[kind].list);
	if (count > TRACING_HOOKS_MOST) {
		problem_at(rd, node->at, "%zu %s, expected at most %d", count, kinds[kind].list,
			   TRACING_HOOKS_MOST);
		return;
	}
	hooks = arena_array(&rd->memory->kept, struct tracing_hook, policy->n_hooks + count);
	if (policy->n_hooks)
		memcpy(hooks, policy->hooks, policy->n_hooks * sizeof(*hooks));
	policy->hooks = hooks;
	FOR_EACH_CHILD(child, node)
	read_hook(context, child, kind, &hooks[policy->n_hooks++]);
}
