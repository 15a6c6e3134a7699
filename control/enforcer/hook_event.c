/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "enforcer/hook_event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void arg_clear(struct hook_arg *arg)
{
	free(arg->label);
	switch (arg->kind) {
	case HOOK_ARG_STRING:
	case HOOK_ARG_BYTES:
		free(arg->text.bytes);
		break;
	case HOOK_ARG_PATH:
	case HOOK_ARG_FILE:
	case HOOK_ARG_BINPRM:
		free(arg->file.path);
		break;
	default:
		break;
	}
}

void hook_event_clear(struct hook_event *event)
{
	for (size_t i = 0; i < HOOK_ARGS_MAX; i++)
		arg_clear(&event->args[i]);
	arg_clear(&event->result);
	for (char **tag = event->tags; tag && *tag; tag++)
		free(*tag);
	free(event->tags);
	free(event->function);
	free(event->subsystem);
	free(event->policy);
	free(event->message);
	free(event->back_end);
	*event = (struct hook_event){};
}

/* NULL stays NULL; anything else that becomes NULL is said in *failed. */
static char *copy_text(const char *text, bool *failed)
{
	char *copy = text ? strdup(text) : NULL;

	*failed |= text && !copy;
	return copy;
}

static char *copy_bytes(const char *bytes, size_t count, bool *failed)
{
	char *copy = malloc(count + 1);

	if (!copy) {
		*failed = true;
		return NULL;
	}
	if (count)
		memcpy(copy, bytes, count);
	copy[count] = '\0';
	return copy;
}

static void copy_arg(const struct hook_arg *arg, struct hook_arg *ret, bool *failed)
{
	*ret = *arg;
	ret->label = copy_text(arg->label, failed);
	switch (arg->kind) {
	case HOOK_ARG_STRING:
	case HOOK_ARG_BYTES:
		ret->text.bytes = copy_bytes(arg->text.bytes, arg->text.n_bytes, failed);
		break;
	case HOOK_ARG_PATH:
	case HOOK_ARG_FILE:
	case HOOK_ARG_BINPRM:
		ret->file.path = copy_text(arg->file.path, failed);
		break;
	default:
		break;
	}
}

static char **copy_tags(char **tags, bool *failed)
{
	size_t count = 0;
	char **copy;

	while (tags && tags[count])
		count++;
	copy = count ? calloc(count + 1, sizeof(*copy)) : NULL;
	*failed |= count && !copy;
	for (size_t i = 0; copy && i < count; i++)
		copy[i] = copy_text(tags[i], failed);
	return copy;
}

int hook_event_copy(const struct hook_event *event, struct hook_event *ret)
{
	struct hook_event copy = *event;
	bool failed = false;

	copy.function = copy_text(event->function, &failed);
	copy.subsystem = copy_text(event->subsystem, &failed);
	copy.policy = copy_text(event->policy, &failed);
	copy.message = copy_text(event->message, &failed);
	copy.back_end = copy_text(event->back_end, &failed);
	copy.tags = copy_tags(event->tags, &failed);
	for (size_t i = 0; i < HOOK_ARGS_MAX; i++)
		copy_arg(&event->args[i], &copy.args[i], &failed);
	copy_arg(&event->result, &copy.result, &failed);
	if (failed) {
		hook_event_clear(&copy);
		return -ENOMEM;
	}
	*ret = copy;
	return 0;
}

static size_t arg_bytes(const struct hook_arg *arg)
{
	switch (arg->kind) {
	case HOOK_ARG_STRING:
	case HOOK_ARG_BYTES:
		return arg->text.n_bytes;
	case HOOK_ARG_PATH:
	case HOOK_ARG_FILE:
	case HOOK_ARG_BINPRM:
		return arg->file.path ? strlen(arg->file.path) : 0;
	default:
		return 0;
	}
}

size_t hook_event_bytes(const struct hook_event *event)
{
	size_t bytes = sizeof(*event) + arg_bytes(&event->result);

	for (size_t i = 0; i < HOOK_ARGS_MAX; i++)
		bytes += arg_bytes(&event->args[i]);
	return bytes;
}
