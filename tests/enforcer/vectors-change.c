/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Ways to change a file. */
#include "vectors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int open_to_write(const struct scene *scene, int flags)
{
	return open(scene->file, O_WRONLY | O_CLOEXEC | flags);
}

static int write_bytes(struct scene *scene)
{
	int fd = open_to_write(scene, 0);

	return fd < 0 || write(fd, "gone", 4) < 0 ? errno : 0;
}

static int append_bytes(struct scene *scene)
{
	int fd = open_to_write(scene, O_APPEND);

	return fd < 0 || write(fd, "gone", 4) < 0 ? errno : 0;
}

static int write_by_map(struct scene *scene)
{
	int fd = open(scene->file, O_RDWR);
	char *bytes = fd < 0 ? MAP_FAILED
			     : mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (bytes == MAP_FAILED)
		return errno;
	memcpy(bytes, "gone", 4);
	return msync(bytes, FILE_BYTES, MS_SYNC) ? errno : 0;
}

static int open_truncating(struct scene *scene)
{
	return open_to_write(scene, O_TRUNC) < 0 ? errno : 0;
}

static int truncate_path(struct scene *scene)
{
	return truncate(scene->file, 1) ? errno : 0;
}

static int truncate_descriptor(struct scene *scene)
{
	int fd = open_to_write(scene, 0);

	return fd < 0 || ftruncate(fd, 1) ? errno : 0;
}

static int punch(struct scene *scene)
{
	int fd = open_to_write(scene, 0);

	return fd < 0 || fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) ? errno
											    : 0;
}

const struct vector changing[] = {
	{"write", write_bytes, true},	    {"append", append_bytes, true},
	{"mmap-write", write_by_map, true}, {"O_TRUNC", open_truncating, true},
	{"truncate", truncate_path, true},  {"ftruncate", truncate_descriptor, true},
	{"fallocate", punch, true},	    {},
};
