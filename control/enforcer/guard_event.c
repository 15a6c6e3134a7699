/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "enforcer/guard_rules.h"

static enum hook_action action_of(const char *word)
{
	static const enum hook_action actions[TRACING_ACTION_MAX] = {
		[TRACING_ACTION_POST] = HOOK_ACTION_POST,
		[TRACING_ACTION_NO_POST] = HOOK_ACTION_NOPOST,
		[TRACING_ACTION_SIGKILL] = HOOK_ACTION_SIGKILL,
		[TRACING_ACTION_SIGNAL] = HOOK_ACTION_SIGNAL,
		[TRACING_ACTION_OVERRIDE] = HOOK_ACTION_OVERRIDE,
	};

	for (unsigned i = 0; i < TRACING_ACTION_MAX; i++)
		if (!strcmp(word, tracing_action_word(i)))
			return actions[i];
	return HOOK_ACTION_UNKNOWN;
}

static enum hook_arg_kind path_kind(const char *type)
{
	if (!strcmp(type, "path") || !strcmp(type, "dentry"))
		return HOOK_ARG_PATH;
	return strcmp(type, "linux_binprm") ? HOOK_ARG_FILE : HOOK_ARG_BINPRM;
}

static void read_arg(json_t *hook, size_t i, const char *path, int mode, int mask,
		     struct hook_arg *ret)
{
	const char *what = json_string_value(json_array_get(json_object_get(hook, "args"), i));
	const char *label = json_string_value(json_array_get(json_object_get(hook, "labels"), i));
	const char *type = json_string_value(json_array_get(json_object_get(hook, "types"), i));

	if (label && *label)
		ret->label = strdup(label);
	if (what && !strcmp(what, "path")) {
		ret->kind = path_kind(type ? type : "");
		ret->file.path = strdup(path);
		ret->file.mode = (uint16_t)mode;
	} else if (what && !strcmp(what, "mask")) {
		ret->kind = HOOK_ARG_INT;
		ret->number = (uint64_t)mask;
	}
}

static char **tags_of(const json_t *hook)
{
	const json_t *tags = json_object_get(hook, "tags");
	size_t n = json_array_size(tags);
	char **all = n ? calloc(n + 1, sizeof(*all)) : NULL;

	for (size_t i = 0; all && i < n; i++) {
		const char *tag = json_string_value(json_array_get(tags, i));

		all[i] = strdup(tag ? tag : "");
	}
	return all;
}

int guard_event_read(json_t *json, struct hook_event *ret)
{
	const char *policy, *action, *path, *name, *kind, *message;
	struct hook_event event = {.here = true};
	json_int_t time_ns;
	int pid, mode, mask;
	json_t *hook;
	size_t n_args;

	if (json_unpack(json, "{s:I s:i s:s s:s s:s s:i s:i s:o}", "time_ns", &time_ns, "pid", &pid,
			"policy", &policy, "action", &action, "path", &path, "mode", &mode, "mask",
			&mask, "hook", &hook) ||
	    json_unpack(hook, "{s:s s:s s:s}", "name", &name, "kind", &kind, "message", &message))
		return -EBADMSG;
	event.time_ns = (uint64_t)time_ns;
	event.pid = event.tid = (uint32_t)pid;
	event.kind = strcmp(kind, "lsm") ? HOOK_KPROBE : HOOK_LSM;
	event.action = action_of(action);
	event.function = strdup(name);
	event.policy = strdup(policy);
	event.message = *message ? strdup(message) : NULL;
	event.back_end = strdup("fanotify");
	event.tags = tags_of(hook);
	n_args = json_array_size(json_object_get(hook, "args"));
	for (size_t i = 0; i < n_args && i < HOOK_ARGS_MAX; i++)
		read_arg(hook, event.n_args++, path, mode, mask, &event.args[i]);
	if (!event.function || !event.policy || !event.back_end) {
		hook_event_clear(&event);
		return -ENOMEM;
	}
	*ret = event;
	return 0;
}
