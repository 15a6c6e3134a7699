/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef DAEMON_CHANGE_INSIDE_H
#define DAEMON_CHANGE_INSIDE_H

/* What the files behind change.h share. Nobody else includes it. */

#include "daemon/addresses.h"
#include "daemon/change.h"
#include "daemon/daemon.h"
#include "daemon/stage.h"
#include "daemon/tracing.h"

/* One change under way, or waiting. */
struct change {
	struct change *next;
	struct daemon *daemon;
	enum change_kind kind;
	char *who, *text;
	size_t bytes;
	uint32_t history;
	uint32_t confirm_s; /* 0: for good */
	bool undo;
	bool in_place; /* came into the live generation */
	struct api_request *request;

	struct stage stage;
	struct config *config;
	struct generation *generation;
	struct enforcer_plan *plan; /* who serves the hooks of the TracingPolicies */
	struct problems problems;
	struct addresses own;	/* as the compiler is told */
	uint16_t *port_numbers; /* of the Gateway document's ports, in its order, and its tunnel */
	bool tunnel_applied;	/* and has to be ended */
	bool last_good;		/* the directory was bad, this is the newest of the history */
	int err;
	char *refusal;
	char *first_refusal; /* what was wrong with the directory, with last_good */
};

/* change_tell.c. The refusal is the last one said; returns err, which becomes the change's. */
int change_refuse(struct change *change, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* What it is, for the history and the log ("apply shop/web"); returns text. */
const char *change_how(const struct change *change, char *text, size_t size);
void change_log_problems(const struct change *change);
/* To the log and to whom asked, who is answered by it. */
void change_tell_refusal(struct change *change);
void change_tell_success(struct change *change);

/*
 * change_install.c. Hooks and generation become live together, or neither does. After that the new
 * generation is the daemon's own, and its documents are written through and kept.
 */
int change_install(struct change *change);
void change_make_live(struct change *change);
void change_keep(struct change *change);

#endif
