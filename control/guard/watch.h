/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef GUARD_WATCH_H
#define GUARD_WATCH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "guard/files.h"
#include "guard/rules.h"

/*
 * Keeps the marks where the rules' paths lead to, while directories come, go and are renamed:
 * inotify(7) on the way to each path. The control thread's own; of the files' table, which is
 * shared with the judge, it takes the lock.
 *
 * The parent of a path that is followed is marked as well: a new file of that name is judged from
 * its first open on, before we have heard of it. A whole directory that is made anew on the way is
 * marked a moment (some tens of microseconds) after it has come.
 */
#define WATCH_DIRECTORIES_MOST 16384

struct spot;

struct watch {
	int inotify, group;
	_Atomic unsigned also; /* MARKS_…: what somebody wants to know of; the judge reads it */
	bool heed; /* the rules are new: files below a Prefix that were of no interest may be now */
	struct files *files;
	pthread_mutex_t *lock;
	struct spot *spots;
	unsigned round;
	size_t n_directories, n_missing;
	bool pre_access; /* could be had wherever it was wanted */
	bool changed;	 /* the files' table: worth saving */
	char *why;	 /* where a scan says what went wrong; 256 bytes */
};

int watch_open(int group, struct files *files, pthread_mutex_t *lock, struct watch *ret);
void watch_close(struct watch *watch);

/*
 * Marks everything that the rules want. -errno with `why` (256 bytes) when a mark is refused or
 * there are too many directories; what was marked stays marked then. Marks that nobody wants any
 * more are taken off by watch_sweep() alone.
 */
int watch_scan(struct watch *watch, const struct rules *rules, char *why);
void watch_sweep(struct watch *watch, const struct rules *rules);

/* The inotify descriptor is readable. */
void watch_work(struct watch *watch, const struct rules *rules);

/* A file of the table, from before a restart, was found: marks it. */
void watch_follow(struct watch *watch, int fd);

/* The judge has added files. */
void watch_adopt(struct watch *watch);

#endif
