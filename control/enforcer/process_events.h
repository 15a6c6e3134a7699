/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef ENFORCER_PROCESS_EVENTS_H
#define ENFORCER_PROCESS_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "enforcer/hook_event.h"
#include "enforcer/process_programs.h"
#include "enforcer/process_tree.h"

/*
 * What happened, in the order in which it did, each with the process that did it. The
 * ring and the guard are read at moments of their own, so an event is held back for a
 * moment in which an earlier one may still come. Bounded; not for several threads.
 */
enum process_event_kind { PROCESS_EXEC, PROCESS_EXIT, PROCESS_HOOK };

struct process_event {
	enum process_event_kind kind;
	uint64_t time_ns; /* CLOCK_BOOTTIME */
	uint32_t tid;
	struct process *process; /* never NULL; it holds its parent */
	struct hook_event *hook; /* HOOK: what was hit; else NULL */
};

struct process_events;

/* How long an event is held back, how many at most, and of how many bytes. */
#define PROCESS_HELD_NS	   150000000ull
#define PROCESS_HELD_MOST  65536
#define PROCESS_HELD_BYTES (128 << 20)

struct process_event_counts {
	uint64_t early;	  /* given on before their time: too many waited */
	uint64_t unknown; /* of processes that nobody knows: not given on */
	uint64_t broken;  /* records that were none */
};

/* The tree stays the caller's. NULL: out of memory. */
struct process_events *process_events_new(struct process_tree *tree);
void process_events_free(struct process_events *events);

/* Turns a record of kind CHQ_PROC_HOOK into an event, and takes those of kind CHQ_PROC_DATA:
 * hooks_event() of enforcer/hooks.h. */
typedef int hook_reader_fn(void *data, const void *record, size_t bytes, struct hook_event *ret);
void process_events_reader(struct process_events *events, hook_reader_fn *reader, void *data);

/* A record of the ring, or one that was found; copied. A process_record_fn. */
void process_events_record(void *events, const struct chq_proc_head *record, size_t bytes);

/* A hit that came another way, as from the guard; it is taken, and empty afterwards. */
void process_events_hook(struct process_events *events, struct hook_event *event);

/*
 * Gives on what happened before `until_ns`, at most so many; how many it were. `each` may hold the
 * process (process_hold()) and take the hook (set event->hook to NULL; to be freed by
 * hook_event_clear() and free()).
 */
size_t process_events_give(struct process_events *events, uint64_t until_ns, size_t most,
			   void (*each)(void *data, struct process_event *event), void *data);

/* As much waits as may: what is read now makes others early. */
bool process_events_full(const struct process_events *events);

struct process_event_counts process_events_counts(const struct process_events *events);

/* The clock of all of these. */
uint64_t process_clock_ns(void);

#endif
