/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Ways to get a file's bytes by its own name. */
#include "vectors.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int open_file(const struct scene *scene)
{
	return open(scene->file, O_RDONLY | O_CLOEXEC);
}

static int plain_read(struct scene *scene)
{
	return take_from(scene, open_file(scene));
}

/* Straight into memory that another process sees, before the call has returned. */
static int read_shared(struct scene *scene)
{
	int fd = open_file(scene);

	return fd < 0 || read(fd, scene->loot, FILE_BYTES) < 0 ? errno : 0;
}

static int positioned_read(struct scene *scene)
{
	char bytes[FILE_BYTES];
	int fd = open_file(scene);
	ssize_t n = fd < 0 ? -1 : pread(fd, bytes, sizeof(bytes), 0);

	take(scene, bytes, n);
	return n < 0 ? errno : 0;
}

static int vector_read(struct scene *scene)
{
	char bytes[FILE_BYTES];
	struct iovec part = {bytes, sizeof(bytes)};
	int fd = open_file(scene);
	ssize_t n = fd < 0 ? -1 : readv(fd, &part, 1);

	take(scene, bytes, n);
	return n < 0 ? errno : 0;
}

static int map(struct scene *scene, int flags)
{
	int fd = open_file(scene);
	void *bytes = fd < 0 ? MAP_FAILED : mmap(NULL, FILE_BYTES, PROT_READ, flags, fd, 0);

	if (bytes == MAP_FAILED)
		return errno;
	take(scene, bytes, FILE_BYTES);
	return 0;
}

static int map_private(struct scene *scene)
{
	return map(scene, MAP_PRIVATE);
}

static int map_shared(struct scene *scene)
{
	return map(scene, MAP_SHARED);
}

static int send_file(struct scene *scene)
{
	int fd = open_file(scene);

	return fd < 0 || sendfile(scene->pipe[1], fd, NULL, FILE_BYTES) < 0 ? errno : 0;
}

static int send_to_socket(struct scene *scene)
{
	int pair[2], fd = open_file(scene);

	if (fd < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) ||
	    sendfile(pair[0], fd, NULL, FILE_BYTES) < 0)
		return errno;
	return take_from(scene, pair[1]);
}

static int splice_out(struct scene *scene)
{
	int fd = open_file(scene);

	return fd < 0 || splice(fd, NULL, scene->pipe[1], NULL, FILE_BYTES, 0) < 0 ? errno : 0;
}

static int tee_out(struct scene *scene)
{
	int first[2], fd = open_file(scene);

	if (fd < 0 || pipe(first) || splice(fd, NULL, first[1], NULL, FILE_BYTES, 0) < 0)
		return errno;
	return tee(first[0], scene->pipe[1], FILE_BYTES, SPLICE_F_NONBLOCK) < 0 ? errno : 0;
}

static int copy_range(struct scene *scene)
{
	char copy[4096];
	int from = open_file(scene), to;

	snprintf(copy, sizeof(copy), "%s/.copy.%d", scene->directory, getpid());
	to = open(copy, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	unlink(copy);
	if (from < 0 || to < 0 || copy_file_range(from, NULL, to, NULL, FILE_BYTES, 0) < 0)
		return errno ?: EPERM;
	lseek(to, 0, SEEK_SET);
	return take_from(scene, to);
}

static int direct(struct scene *scene)
{
	void *bytes = aligned_alloc(4096, FILE_BYTES);
	int fd = open(scene->file, O_RDONLY | O_DIRECT | O_CLOEXEC);
	ssize_t n;

	if (fd < 0 && errno == EINVAL) /* not on this file system */
		fd = open_file(scene);
	n = fd < 0 ? -1 : read(fd, bytes, FILE_BYTES);
	take(scene, bytes, n);
	return n < 0 ? errno : 0;
}

static int by_o_path(struct scene *scene)
{
	char link[64];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", open(scene->file, O_PATH));
	return take_from(scene, open(link, O_RDONLY));
}

static int by_openat2(struct scene *scene)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS};

	return take_from(scene,
			 (int)syscall(SYS_openat2, AT_FDCWD, scene->file, &how, sizeof(how)));
}

static int by_directory(struct scene *scene)
{
	int directory = open(scene->directory, O_RDONLY | O_DIRECTORY);

	return take_from(scene, openat(directory, scene->name, O_RDONLY));
}

static int by_dots(struct scene *scene)
{
	char path[4096];

	if (chdir(scene->directory))
		return errno;
	snprintf(path, sizeof(path), "%s/./../%s/%s", scene->directory,
		 strrchr(scene->directory, '/') + 1, scene->name);
	return take_from(scene, open(path, O_RDONLY));
}

static int by_handle(struct scene *scene)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + 128];
	} room = {.handle = {.handle_bytes = 128}};
	int mount, directory = open(scene->directory, O_RDONLY | O_DIRECTORY);

	if (name_to_handle_at(AT_FDCWD, scene->file, &room.handle, &mount, 0))
		return errno;
	return take_from(scene, open_by_handle_at(directory, &room.handle, O_RDONLY));
}

const struct vector reading[] = {
	{"read", plain_read},
	{"read-into-shared-memory", read_shared},
	{"pread", positioned_read},
	{"readv", vector_read},
	{"mmap-private", map_private},
	{"mmap-shared", map_shared},
	{"sendfile", send_file},
	{"sendfile-to-socket", send_to_socket},
	{"splice", splice_out},
	{"tee", tee_out},
	{"copy_file_range", copy_range},
	{"O_DIRECT", direct},
	{"O_PATH", by_o_path},
	{"openat2", by_openat2},
	{"openat-directory", by_directory},
	{"dot-dot", by_dots},
	{"open_by_handle_at", by_handle},
	{},
};
