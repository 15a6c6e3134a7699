/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef DAEMON_RECENT_H
#define DAEMON_RECENT_H

#include <stddef.h>

#include "chasqui/event.h"

struct daemon;

/* The latest events, for those who ask afterwards what has happened. */
#define RECENT_EVENTS 2048

struct recent {
	struct chq_event list[RECENT_EVENTS];
	size_t next, count;
};

/* Keeps it, and tells those who listen. `data` is the daemon. */
void recent_take(void *data, const struct chq_event *event);

/* All of them, the oldest first, a line each. The caller frees it; NULL: out of memory. */
char *recent_lines(const struct daemon *daemon, size_t *ret_bytes);

#endif
