/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef PACKET_STEPS_H
#define PACKET_STEPS_H

/* A test is a table: each row one packet, and what must become of it. */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway.h"

#define NO_EVENT  -1
#define ANY_EVENT 0
#define IS(kind)  (CHQ_EVENT_##kind + 1)

struct step {
	const char *name;
	struct sending how;
	struct frame frame;
	enum chq_reason want;
	int event;		   /* NO_EVENT, ANY_EVENT, IS(kind) */
	enum chq_reason reason;	   /* of the event, where it is another */
	uint32_t flip, flip_close; /* before: this generation goes live */
	uint32_t older_ticks;	   /* before: every flow is that much older */
	uint8_t secures;	   /* before: generation 1 cares for these, CHQ_SECURES_* */
	bool strict_all;	   /* before: strict encryption of everything */
	bool tunnel_down;	   /* before */
	bool tunnel_up;		   /* before: again */
	bool fresh;		   /* before: everything is reset */
	bool answered;		   /* the packet is denied and goes back, rewritten */
};

/* The gateway of this process, made once; skips all tests when bpf() is refused. */
int gateway_setup(void **state);
int gateway_teardown(void **state);

void walk(struct gateway *gateway, const struct step *steps, size_t count);
#define WALK(state, steps) walk(*(state), steps, sizeof(steps) / sizeof((steps)[0]))

/* Rows that have nothing to do with each other. */
void walk_each(struct gateway *gateway, const struct step *steps, size_t count);
#define WALK_EACH(state, steps) walk_each(*(state), steps, sizeof(steps) / sizeof((steps)[0]))

/* Where a packet is. */
#define AT(port)             \
	{                    \
		.at = (port) \
	}
#define OUT(port, iif)                                      \
	{                                                   \
		.at = (port), .leaves = true, .from = (iif) \
	}
#define GATE(port)                         \
	{                                  \
		.at = (port), .gate = true \
	}

#endif
