/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "guard/handle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

union room {
	struct file_handle handle;
	unsigned char bytes[sizeof(struct file_handle) + sizeof(((struct handle *)0)->bytes)];
};

static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash > path ? strndup(path, (size_t)(slash - path)) : strdup("/");
}

void handle_of(int fd, const char *path, struct handle *ret)
{
	union room room = {.handle = {.handle_bytes = sizeof(ret->bytes)}};
	int mount;

	if (name_to_handle_at(fd, "", &room.handle, &mount, AT_EMPTY_PATH))
		return;
	ret->directory = directory_of(path);
	if (!ret->directory)
		return;
	ret->type = room.handle.handle_type;
	ret->n_bytes = room.handle.handle_bytes;
	memcpy(ret->bytes, room.bytes + sizeof(struct file_handle), ret->n_bytes);
}

int handle_open(const struct handle *handle)
{
	union room room = {
		.handle = {.handle_bytes = (unsigned)handle->n_bytes, .handle_type = handle->type}};
	cleanup_close int mount = -1;
	int fd;

	if (!handle->n_bytes)
		return -ENOENT;
	memcpy(room.bytes + sizeof(struct file_handle), handle->bytes, handle->n_bytes);
	mount = open(handle->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mount < 0)
		return -errno;
	fd = open_by_handle_at(mount, &room.handle, O_PATH | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void handle_clear(struct handle *handle)
{
	free(handle->directory);
	*handle = (struct handle){0};
}

json_t *handle_save(const struct handle *handle)
{
	char hex[2 * sizeof(handle->bytes) + 1] = "";

	if (!handle->n_bytes)
		return json_null();
	for (size_t i = 0; i < handle->n_bytes; i++)
		snprintf(hex + 2 * i, 3, "%02x", handle->bytes[i]);
	return json_pack("{s:i s:s s:s}", "type", handle->type, "bytes", hex, "directory",
			 handle->directory);
}

void handle_restore(const json_t *json, struct handle *ret)
{
	const char *hex, *directory;
	size_t length;
	int type;

	if (json_unpack((json_t *)json, "{s:i s:s s:s}", "type", &type, "bytes", &hex, "directory",
			&directory))
		return;
	length = strlen(hex) / 2;
	if (length > sizeof(ret->bytes))
		return;
	for (size_t i = 0; i < length; i++) {
		unsigned byte;

		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			return;
		ret->bytes[i] = (unsigned char)byte;
	}
	ret->directory = strdup(directory);
	ret->type = type;
	ret->n_bytes = ret->directory ? length : 0;
}
