/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_BACKLOG_H
#define TUNNEL_BACKLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"

/*
 * One queue of the TUN, or a socket: the kernel does not tell how long it is. TCP fills it as far
 * as its window goes, for the kernel forgets whose the packets are once they are there. So one that
 * has not once been empty for a while tells one of its senders to slow down, and then another, ever
 * sooner, until it is (as RFC 8289's control law, with an empty queue for its target). One thread's
 * own.
 */
#define BACKLOG_INTERVAL_NS (100 * NS_PER_MS)
#define BACKLOG_ROOT_MOST   20

struct backlog {
	uint64_t next_ns; /* 0: it has been empty */
	uint32_t count, root;
};

static inline void backlog_is_empty(struct backlog *backlog)
{
	*backlog = (struct backlog){};
}

/* There was a packet: is it the one to say so by? */
static inline bool backlog_stands(struct backlog *backlog, uint64_t now_ns)
{
	if (!backlog->next_ns) {
		*backlog = (struct backlog){.next_ns = now_ns + BACKLOG_INTERVAL_NS, .root = 1};
		return false;
	}
	if (now_ns < backlog->next_ns)
		return false;
	backlog->count++;
	if (backlog->root < BACKLOG_ROOT_MOST &&
	    backlog->count >= (backlog->root + 1) * (backlog->root + 1))
		backlog->root++;
	backlog->next_ns = now_ns + BACKLOG_INTERVAL_NS / backlog->root;
	return true;
}

#endif
