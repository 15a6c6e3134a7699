/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef DAEMON_WORKER_H
#define DAEMON_WORKER_H

#include <stdbool.h>

/*
 * One thread beside the event loop, for one job at a time: `work` runs there and
 * may not touch the loop; `done` runs in the loop afterwards.
 */
struct event_base;
struct worker;

int worker_open(struct event_base *base, struct worker **ret);
int worker_start(struct worker *worker, void (*work)(void *data), void (*done)(void *data),
		 void *data);
bool worker_busy(const struct worker *worker);
void worker_close(struct worker *worker); /* waits for the job; its `done` does not run */

#endif
