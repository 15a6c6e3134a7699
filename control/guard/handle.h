/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef GUARD_HANDLE_H
#define GUARD_HANDLE_H

#include <jansson.h>
#include <stddef.h>

/*
 * A file's handle (name_to_handle_at(2)): it leads to the inode whatever its names are, also after
 * the next start of the machine. Some file systems (overlayfs) have none: n_bytes = 0.
 */
struct handle {
	int type;
	size_t n_bytes;
	unsigned char bytes[128];
	char *directory; /* owned: on the same file system; tells which */
};

/* `path`: the file's name; its directory is remembered. Leaves it empty when there is none. */
void handle_of(int fd, const char *path, struct handle *ret);

/* An O_PATH descriptor, or -errno. Needs CAP_DAC_READ_SEARCH. */
int handle_open(const struct handle *handle);

void handle_clear(struct handle *handle);

json_t *handle_save(const struct handle *handle);
void handle_restore(const json_t *json, struct handle *ret);

#endif
