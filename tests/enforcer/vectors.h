/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TESTS_ENFORCER_VECTORS_H
#define TESTS_ENFORCER_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What there is to get, and where to put it. */
struct scene {
	const char *file, *directory, *name; /* file = directory/name */
	char *loot;			     /* shared with the parent */
	int pipe[2];			     /* whose reading end the parent has too */
};

#define LOOT_BYTES (64 * 1024)
#define FILE_BYTES 8192 /* whole blocks, for O_DIRECT */

/*
 * A way to get at a file's bytes, or to change it. run() is in a process of its own, which may die
 * at any moment; it returns what its program would end with: 0, or an errno.
 */
struct vector {
	const char *name;
	int (*run)(struct scene *scene);
	bool changes; /* success is a changed file */
};

extern const struct vector reading[], moving[], sharing[], ringing[], changing[]; /* end: no name */

/* Keeps what was got. */
void take(struct scene *scene, const void *bytes, ssize_t n);

/* read(2)s the descriptor and keeps it. */
int take_from(struct scene *scene, int fd);

/* A path in the scene's directory; the buffer is static. */
const char *beside(const struct scene *scene, const char *name);

#endif
