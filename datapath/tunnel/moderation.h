/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_MODERATION_H
#define TUNNEL_MODERATION_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"

/*
 * Packets that are sent one by one would each wake the worker, which costs both sides more than all
 * that is done with them. So while short packets come fast the worker looks again after a pause
 * without being woken, as a network card moderates its interrupts.
 *
 * Who waits for answers before it sends more would only be slowed by that. So a pause is tried for
 * one window first, and kept where the packets come as fast as before; from time to time it is left
 * out for a window, to see whether that still holds. So many that a pause gathers a dozen are worth
 * it in any case.
 */
#define MODERATION_PAUSE_NS	 80000
#define MODERATION_WINDOW_NS	 (8 * NS_PER_MS)
#define MODERATION_PACKETS_S	 50000
#define MODERATION_SURELY_S	 100000
#define MODERATION_SHORT_BYTES	 4096 /* on average; a train is one packet */
#define MODERATION_KEPT		 64   /* windows until it is tried anew */
#define MODERATION_WAIT_LEAST_NS (16 * NS_PER_MS)
#define MODERATION_WAIT_MOST_NS	 (512 * NS_PER_MS)

/* One thread's own; zeroes to begin with. */
struct moderation {
	enum { MODERATION_OFF, MODERATION_TRIED, MODERATION_ON } state;
	uint64_t since_ns, packets, bytes; /* this window's */
	uint64_t before;		   /* packets a second, when it was off last */
	uint64_t try_ns, wait_ns;	   /* not before then; after a trial in vain */
	uint32_t kept;			   /* windows */
};

static inline void moderation_count(struct moderation *moderation, uint32_t packets, uint64_t bytes)
{
	moderation->packets += packets;
	moderation->bytes += bytes;
}

/*
 * After each round of all sources: is there to be a pause before the next? Not where full turns
 * have `left` something: that is gathered already.
 */
bool moderation_pauses(struct moderation *moderation, uint64_t now_ns, bool left);

#endif
