/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef UTIL_CLEANUP_H
#define UTIL_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * A local that owns something says so, and is given back at every return:
 *
 *	cleanup_free char *text = NULL;
 *	cleanup_close int fd = -1;
 *	cleanup_closedir DIR *directory = NULL;
 *	cleanup_fclose FILE *file = NULL;
 *
 * It is always initialised. What leaves the function leaves through give().
 */
#define cleanup(fn)	 __attribute__((__cleanup__(fn)))
#define cleanup_free	 cleanup(free_p)
#define cleanup_close	 cleanup(close_p)
#define cleanup_closedir cleanup(closedir_p)
#define cleanup_fclose	 cleanup(fclose_p)

#define give(owned)                                 \
	({                                          \
		__typeof__(owned) given_ = (owned); \
		(owned) = NULL;                     \
		given_;                             \
	})

static inline void free_p(void *owned)
{
	free(*(void **)owned);
}

static inline void close_p(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void closedir_p(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

static inline void fclose_p(FILE **file)
{
	if (*file)
		fclose(*file);
}

#endif
