/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_POLLING_H
#define TUNNEL_POLLING_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"

/*
 * A worker that sleeps whenever it has nothing for a moment is woken for each train, late and
 * often on the CPU of whoever sent it, which the scheduler then takes milliseconds to spread
 * again: on two CPUs one of them stands idle for a sixth of the time. So a worker that has been
 * busy for more than half of a window looks on for a while before it sleeps, and leaves the CPU to
 * all others meanwhile. Where these often keep it for long, or a quota does, there is none to
 * spare, and it is not done for some time.
 */
#define POLLING_NS	      150000
#define POLLING_WINDOW_NS     (4 * NS_PER_MS)
#define POLLING_TAKEN_NS      500000
#define POLLING_THROTTLED_NS  (5 * NS_PER_MS)
#define POLLING_TAKEN_POINTS  16 /* for each that was taken; one less for each that was not */
#define POLLING_TAKEN_MOST    48
#define POLLING_REST_LEAST_NS (64 * NS_PER_MS)
#define POLLING_REST_MOST_NS  (2 * NS_PER_S)

/* One thread's own; zeroes to begin with. */
struct polling {
	uint64_t since_ns, busy_ns; /* this window's */
	bool busy;		    /* the last one was */
	uint32_t taken_points;
	uint64_t rest_until_ns, rest_ns;
};

/* The worker had something to do from then to then. */
void polling_worked(struct polling *polling, uint64_t from_ns, uint64_t to_ns);

/* Before it sleeps: is it to look on? */
bool polling_is_worth(const struct polling *polling, uint64_t now_ns);

/* It has looked on, from then to then. */
void polling_looked(struct polling *polling, uint64_t from_ns, uint64_t to_ns);

#endif
