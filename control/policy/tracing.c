// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* TracingPolicy, as Tetragon's CRD and loader read it (cilium.io/v1alpha1). */
#include <string.h>

#include "policy/tracing_reader.h"

/* The parts of spec, until the lists that hooks name are known. */
struct spec_parts {
	struct tracing_context context;
	const struct node *lists, *options, *enforcers;
	const struct node *hooks[4]; /* by enum tracing_hook_kind */
};

#define NO_PODS "there are no pods on a gateway"

static const struct field spec_fields[] = {
	{"kprobes", read_node, offsetof(struct spec_parts, hooks[TRACING_KPROBE])},
	{"tracepoints", read_node, offsetof(struct spec_parts, hooks[TRACING_TRACEPOINT])},
	{"lsmhooks", read_node, offsetof(struct spec_parts, hooks[TRACING_LSM])},
	{"uprobes", read_node, offsetof(struct spec_parts, hooks[TRACING_UPROBE])},
	{"lists", read_node, offsetof(struct spec_parts, lists)},
	{"enforcers", read_node, offsetof(struct spec_parts, enforcers)},
	{"options", read_node, offsetof(struct spec_parts, options)},
	{"fentries", .refused = "write it under kprobes, the fastest back end is chosen by itself"},
	{"usdts", .refused = "static probes of programs are not watched, expected uprobes"},
	{"loader", .refused = "libraries that are loaded are not reported"},
	{"selectorsMacros", .refused = "write the filters into the selectors"},
	{"podSelector", .refused = NO_PODS},
	{"containerSelector", .refused = NO_PODS},
	{"nodeSelector", .refused = "a policy holds for the gateway whose directory it is in"},
	{"hostSelector", .refused = "a policy holds for the gateway whose directory it is in"},
	{},
};

enum option {
	OPTION_MODE,
	OPTION_NO_MULTI,
	OPTION_NO_UPROBE_MULTI,
	OPTION_OVERRIDE,
	OPTION_PRELOAD
};

static const struct word option_words[] = {
	{"policy-mode", OPTION_MODE},
	{"disable-kprobe-multi", OPTION_NO_MULTI},
	{"disable-uprobe-multi", OPTION_NO_UPROBE_MULTI},
	{"override-method", OPTION_OVERRIDE},
	{"sleepable-preload-size", OPTION_PRELOAD},
	{},
};

struct option_parts {
	const struct node *name, *value;
};

static const struct field option_fields[] = {
	{"name", read_node, offsetof(struct option_parts, name), FIELD_MUST},
	{"value", read_node, offsetof(struct option_parts, value), FIELD_MUST},
	{},
};

static const struct word mode_words[] = {
	{"enforce", TRACING_ENFORCE}, {"monitor", TRACING_MONITOR}, {}};
static const struct word method_words[] = {{"fmod-ret", 0}, {}};
/* strconv.ParseBool, which is what reads these there */
static const struct word switch_words[] = {{"true", 1}, {"false", 0}, {"1", 1}, {"0", 0}, {}};

static void set_option(struct tracing_context *context, enum option option,
		       const struct option_parts *parts)
{
	struct reader *rd = context->rd;
	unsigned value;

	switch (option) {
	case OPTION_MODE:
		if (read_word(rd, parts->value, "policy-mode", mode_words, &value))
			context->policy->mode = value;
		break;
	case OPTION_NO_MULTI:
		if (read_word(rd, parts->value, "disable-kprobe-multi", switch_words, &value))
			context->policy->no_multi = value;
		break;
	case OPTION_NO_UPROBE_MULTI: /* uprobes are attached one by one here anyhow */
		read_word(rd, parts->value, "disable-uprobe-multi", switch_words, &value);
		break;
	case OPTION_OVERRIDE: /* override-return needs a kernel built for error injection */
		read_word(rd, parts->value, "override-method", method_words, &value);
		break;
	case OPTION_PRELOAD:
		problem_at(rd, parts->name->at,
			   "option \"sleepable-preload-size\" is not served: no hook here sleeps");
	}
}

static void read_options(struct tracing_context *context, const struct node *node)
{
	struct reader *rd = context->rd;
	unsigned option, given = 0;

	list_count(rd, node, "options");
	FOR_EACH_CHILD(child, node)
	{
		struct option_parts parts = {};

		if (!read_fields(rd, child, "an option", option_fields, &parts) ||
		    !read_word(rd, parts.name, "option", option_words, &option))
			continue;
		if (given & (1u << option))
			problem_at(rd, parts.name->at, "option \"%s\" is given twice",
				   parts.name->text);
		given |= 1u << option;
		set_option(context, option, &parts);
	}
}

struct enforcer_parts {
	const struct node *calls;
};

static const struct field enforcer_fields[] = {
	{"calls", read_node, offsetof(struct enforcer_parts, calls), FIELD_MUST},
	{},
};

static void read_enforcers(struct tracing_context *context, const struct node *node)
{
	struct tracing_policy *policy = context->policy;
	struct reader *rd = context->rd;
	size_t count = list_count(rd, node, "enforcers");

	if (count > 1)
		problem_at(rd, node->first->next->at, "a second enforcer, expected at most one");
	FOR_EACH_CHILD(child, node)
	{
		struct enforcer_parts parts = {};

		if (!read_fields(rd, child, "an enforcer", enforcer_fields, &parts))
			continue;
		list_count(rd, parts.calls, "calls");
		FOR_EACH_CHILD(call, parts.calls)
		read_tracing_calls(context, call, "a call of an enforcer", &policy->enforcers,
				   &policy->n_enforcers);
	}
}

static bool any_action(const struct tracing_policy *policy,
		       bool (*holds)(enum tracing_action_kind kind))
{
	for (size_t h = 0; h < policy->n_hooks; h++)
		for (size_t s = 0; s < policy->hooks[h].n_selectors; s++) {
			const struct tracing_selector *selector = &policy->hooks[h].selectors[s];

			for (size_t a = 0; a < selector->n_actions; a++)
				if (holds(selector->actions[a].kind))
					return true;
			for (size_t a = 0; a < selector->n_return_actions; a++)
				if (holds(selector->return_actions[a].kind))
					return true;
		}
	return false;
}

static bool notifies(enum tracing_action_kind kind)
{
	return kind == TRACING_ACTION_NOTIFY_ENFORCER;
}

static void read_spec(struct reader *rd, const struct node *node, void *ret)
{
	struct tracing_policy *policy = ret;
	struct spec_parts parts = {.context = {.rd = rd, .policy = policy}};
	bool any = false;

	if (!read_fields(rd, node, "spec", spec_fields, &parts) && node->kind != NODE_MAP)
		return;
	if (parts.lists)
		read_tracing_lists(&parts.context, parts.lists);
	if (parts.options)
		read_options(&parts.context, parts.options);
	if (parts.enforcers)
		read_enforcers(&parts.context, parts.enforcers);
	for (enum tracing_hook_kind kind = TRACING_KPROBE; kind <= TRACING_UPROBE; kind++)
		if (parts.hooks[kind]) {
			any = true;
			read_tracing_hooks(&parts.context, parts.hooks[kind], kind);
		}
	if (!any)
		problem_at(rd, node->at,
			   "spec has no hooks, expected kprobes, tracepoints, lsmhooks or uprobes");
	policy->enforces = any_action(policy, tracing_enforces);
	if (any_action(policy, notifies) && !parts.enforcers)
		problem_at(rd, node->at,
			   "NotifyEnforcer is asked for, but spec has no \"enforcers\" to notify");
}

static const struct field tracing_fields[] = {
	{"apiVersion", read_ignored},
	{"kind", read_ignored},
	{"metadata", read_ignored},
	{"spec", read_spec, .need = FIELD_MUST},
	{"status"},
	{},
};

/* FNV-1a over the nodes, so that places and comments do not count. */
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t count)
{
	const unsigned char *byte = bytes;

	for (size_t i = 0; i < count; i++)
		hash = (hash ^ byte[i]) * 0x100000001b3;
	return hash;
}

static uint64_t hash_node(uint64_t hash, const struct node *node)
{
	unsigned char head[2] = {node->kind, node->kind == NODE_SCALAR && node->plain};

	hash = hash_bytes(hash, head, sizeof(head));
	hash = hash_bytes(hash, &node->count, sizeof(node->count));
	if (node->kind == NODE_SCALAR)
		return hash_bytes(hash, node->text, node->length_bytes + 1);
	for (const struct node *child = node->first; child; child = child->next) {
		hash = hash_node(hash, child);
		if (node->kind == NODE_MAP)
			hash = hash_node(hash, child->value);
	}
	return hash;
}

void read_tracing_policy(struct reader *rd, const struct node *document)
{
	struct tracing_policy policy = {.name = ""}, *place;
	struct metadata meta = {};

	if (rd->config->n_tracing == TRACING_POLICIES_MOST) {
		problem_at(rd, document->at, "more than %d TracingPolicies, expected fewer",
			   TRACING_POLICIES_MOST);
		return;
	}
	if (read_metadata(rd, document, &meta))
		refuse_namespace(rd, &meta, "TracingPolicy");
	read_fields(rd, document, "TracingPolicy", tracing_fields, &policy);
	if (!meta.name)
		return;
	policy.name = meta.name;
	policy.at = meta.name_at;
	policy.hash = hash_node(0xcbf29ce484222325, document);
	place = READER_ADD(rd, rd->config->tracing, rd->config->n_tracing);
	if (place)
		*place = policy;
}
