/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef DAEMON_PROCESS_FILTER_H
#define DAEMON_PROCESS_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "enforcer/process_events.h"

/* Which events of processes a reader wants; all that is set must hold. */
struct process_filter {
	uint32_t kinds;	       /* a bit for each of enum process_word; 0 = all */
	uint32_t pid;	       /* 0 = any */
	uint64_t since_ns;     /* CLOCK_BOOTTIME; 0 = always */
	char *policy, *binary; /* owned; NULL = any */
};

/* What each parameter may say; NULL: it was not given. */
struct process_wishes {
	const char *event, *pid, *since, *policy, *binary;
};

/*
 * `event` is a list with commas of exec, exit, kprobe, lsm, tracepoint, uprobe; `since` a
 * time ago (90s, 5m, 2h, 1d) or RFC 3339; `binary` a path, or the last name of one. -EINVAL: `why`
 * says which of them, and what was expected.
 */
int process_filter_read(const struct process_wishes *wishes, char *why, size_t why_bytes,
			struct process_filter *ret);
void process_filter_clear(struct process_filter *filter);

bool process_filter_wants(const struct process_filter *filter, const struct process_event *event);

#endif
