/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef GUARD_SPOT_H
#define GUARD_SPOT_H

#include <stdbool.h>
#include <stddef.h>

#include <uthash.h>

#include "guard/files.h"
#include "guard/watch.h"

/* One inotify watch: a directory on the way, or below a prefix; or a file that is followed. */
struct spot {
	int wd;
	char *path; /* as it was found; "" of a file */
	unsigned round;
	bool tree; /* whatever is made in it counts */
	bool file;
	struct file_id id; /* of a file */
	char **wanted;	   /* names in it that lead on */
	size_t n_wanted;
	UT_hash_handle hh;
};

/* Watches a directory (made known or found again in this round), or -errno. */
int spot_directory(struct watch *watch, const char *path, struct spot **ret);

/* `name` in it, which is `length` bytes long, leads on. */
int spot_wants(struct spot *spot, const char *name, size_t length);
bool spot_wanted(const struct spot *spot, const char *name);

/* Watches a file for its end. */
int spot_file(struct watch *watch, int fd, const struct file_id *id);

struct spot *spot_find(struct watch *watch, int wd);

/* Forgets it; the inotify watch is the caller's. */
void spot_drop(struct watch *watch, struct spot *spot);

#endif
