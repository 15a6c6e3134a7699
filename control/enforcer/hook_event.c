/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "enforcer/hook_event.h"

#include <stdlib.h>

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
