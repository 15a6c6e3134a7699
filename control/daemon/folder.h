/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef DAEMON_FOLDER_H
#define DAEMON_FOLDER_H

#include <stddef.h>
#include <stdint.h>

/* Directories of documents as a whole: copied, compared, removed. 0 or -errno. */

#define FILE_MOST_BYTES (64 << 20)

/*
 * Copies the regular files of `from`, and those of its directories, into the new
 * directory `to`. What `like` (may be NULL) has in the same place with the same
 * content is linked from there instead.
 */
int folder_copy(const char *from, const char *to, const char *like);
/* Every file that folder_copy() would copy, by its path below the directory. */
int folder_walk(const char *path, int (*each)(void *data, const char *name), void *data);

int folder_remove(const char *path); /* nothing there: 0 */

/* A number that says what is in it; equal contents have equal numbers. */
int folder_hash(const char *path, uint64_t *ret);

/* Directory and all above it. */
int folder_make(const char *path, unsigned mode);

/* The caller frees; ends with a 0 that is not counted. -EFBIG: over FILE_MOST_BYTES. */
int file_read(const char *path, char **ret, size_t *ret_bytes);

/* The new content or the old one, also when the power fails. */
int file_write(const char *path, const char *text, size_t bytes);

char *path_join(const char *directory, const char *name); /* NULL: out of memory */

#endif
