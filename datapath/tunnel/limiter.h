/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_LIMITER_H
#define TUNNEL_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Handshakes from one source while under load: 20 a second, 5 at once. A source
 * is an IPv4 address or an IPv6 /64. The table has a fixed size; when a stranger finds
 * its row full of sources that are busy, the stranger waits.
 */
#define LIMITER_ROWS 1024
#define LIMITER_WAYS 8

struct limiter_slot {
	uint64_t source;
	uint64_t seen_ns; /* 0 = free */
	uint64_t tokens_ns;
};

struct limiter {
	uint8_t key[16]; /* so that nobody can choose a row */
	struct limiter_slot slots[LIMITER_ROWS][LIMITER_WAYS];
};

/* `address` has 4 or 16 bytes. */
bool limiter_allows(struct limiter *limiter, const uint8_t *address, int bytes, uint64_t now_ns);

#endif
