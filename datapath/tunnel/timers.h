/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_TIMERS_H
#define TUNNEL_TIMERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"

/*
 * The five timers of a peer. Events only write deadlines, from any thread; the
 * control thread keeps peers in a heap by when to look at them next, and looks.
 * A deadline that has moved away costs nothing until then: the look finds nothing due.
 */
enum timer {
	TIMER_RETRANSMIT, /* the initiation was not answered */
	TIMER_KEEPALIVE,  /* we heard data and said nothing */
	TIMER_HANDSHAKE,  /* we sent data and heard nothing */
	TIMER_FORGET,	  /* the keys are too old to keep */
	TIMER_PERSISTENT, /* the peer wants to hear from us now and then */
	TIMER_COUNT
};

#define REKEY_TIMEOUT_NS     (5 * NS_PER_S)
#define KEEPALIVE_TIMEOUT_NS (10 * NS_PER_S)
#define FORGET_NS	     (540 * NS_PER_S)
#define JITTER_MS	     334
#define RETRIES_MAX	     18 /* so 90 seconds of trying */

struct timers {
	_Atomic uint64_t due_ns[TIMER_COUNT]; /* 0 = not armed */
	_Atomic uint64_t look_ns; /* when the control thread looks; 0 = not in the heap */
	atomic_bool another_keepalive;
	_Atomic uint32_t persistent_s;
	size_t place; /* in the heap, from 1; the control thread's */
};

/* What happened; each returns true where the control thread must be told to look earlier. */
bool timers_data_sent(struct timers *timers, uint64_t now_ns, uint32_t jitter_ms);
bool timers_data_received(struct timers *timers, uint64_t now_ns);
bool timers_any_sent(struct timers *timers, uint64_t now_ns);
bool timers_any_received(struct timers *timers, uint64_t now_ns);
bool timers_initiation_sent(struct timers *timers, uint64_t now_ns, uint32_t jitter_ms);
bool timers_session_derived(struct timers *timers, uint64_t now_ns);
void timers_handshake_complete(struct timers *timers);
/* Nobody answers: nothing more is owed. */
void timers_give_up(struct timers *timers);
bool timers_set_persistent(struct timers *timers, uint32_t seconds, uint64_t now_ns);
bool timers_arm(struct timers *timers, enum timer timer, uint64_t due_ns);
void timers_stop(struct timers *timers);

/* Bits of the timers that are due; they are disarmed. A keepalive that is due may arm itself again.
 */
uint32_t timers_take_due(struct timers *timers, uint64_t now_ns);

/* The earliest deadline, 0 for none. */
uint64_t timers_next(const struct timers *timers);

/* ---- the heap, by look_ns; the control thread's own ---- */

struct timer_heap {
	struct timers **at; /* from 1 */
	size_t count, room;
};

/* Room for one more, so that placing cannot fail. */
int heap_reserve(struct timer_heap *heap, size_t count);
/* Puts `timers` where its earliest deadline says, or takes it out. */
void heap_place(struct timer_heap *heap, struct timers *timers);
void heap_remove(struct timer_heap *heap, struct timers *timers);
struct timers *heap_first(const struct timer_heap *heap);
void heap_drop(struct timer_heap *heap);

#endif
