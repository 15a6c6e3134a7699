/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef GUARD_TREE_H
#define GUARD_TREE_H

#include "guard/watch.h"

struct spot;

/*
 * Marks of a Prefix: the directory that it begins in, and each below it whose path goes on as the
 * prefix says. Directories of proc, sysfs and their like are left out.
 */
int tree_place(struct watch *watch, const char *prefix);

/* A directory has come into one that is marked: marks it, and all below. -errno: look again at all.
 */
int tree_grow(struct watch *watch, const char *directory, const char *name);

/* A file has come into one: whatever it was before, its opens are asked about. */
void tree_heed(struct watch *watch, const char *directory, const char *name);

/* Of watch.c, for this. An O_PATH descriptor without passing a symbolic link, or -errno. */
int watch_look(const char *path, int flags);
int watch_refuse(struct watch *watch, int err, const char *path);
int watch_way(struct watch *watch, const char *path, struct spot **parent);

#endif
