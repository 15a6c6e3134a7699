/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef GUARD_GUARD_H
#define GUARD_GUARD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "guard/files.h"
#include "guard/queue.h"
#include "guard/rules.h"
#include "guard/watch.h"

#define SPARED_MOST 64

/*
 * The worker. Two threads: the judge answers fanotify and does nothing else, so that our own
 * opens of files are answered whatever the other one is about; the other serves the socket,
 * keeps the marks where they belong, and writes the state.
 */
struct guard {
	int group;	      /* fanotify */
	pthread_mutex_t lock; /* of rules, files, spared, applying */
	struct rules *rules;
	struct files *files;
	int spared[SPARED_MOST];
	size_t n_spared;
	bool applying;	 /* other rules are on the way */
	char home[4096]; /* where our programs lie, with the last slash */

	struct queue queue; /* events, from the judge to the server */
	struct watch watch; /* the server's */
	const char *state_directory, *run_directory;
	unsigned restarts; /* of the worker, since the supervisor began */

	_Atomic bool came; /* a file, by the judge: files_adopt() */
	_Atomic uint64_t asked, denied, killed;
};

/* The judge's thread: listens until the program ends. */
void *listen_run(void *guard);

/* Denies what a worker before us had read and not answered. */
void listen_settle(int group);

#endif
