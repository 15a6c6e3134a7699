/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef GUARD_HELD_H
#define GUARD_HELD_H

#include <pthread.h>
#include <stddef.h>
#include <sys/types.h>

#include "guard/files.h"

/*
 * Descriptors of guarded files from before their marks: the kernel asks nobody about what is done
 * with them. While there are any, the programs that wait behind the guard have work to do.
 */
#define HELD_MOST 1024

struct held {
	struct {
		pid_t pid;
		unsigned fd;
		struct file_id id;
	} items[HELD_MOST];
	size_t n;
};

/* Looks through all processes for files that were not looked for yet; takes the files' lock. */
void held_look(struct held *held, struct files *files, pthread_mutex_t *lock);

/* How many are open still. */
size_t held_count(struct held *held);

#endif
