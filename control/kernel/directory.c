/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "kernel/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "util/cleanup.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

int directory_cookie(uint64_t *ret)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(*ret);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, ret, &size))
		return -errno;
	return 0;
}

/* Makes the directory and those above it, as far as they are missing. */
static int make_directories(const char *path)
{
	char part[PATH_MAX];

	for (const char *at = strchr(path + 1, '/');; at = strchr(at + 1, '/')) {
		int length = at ? at - path : (int)strlen(path);

		snprintf(part, sizeof(part), "%.*s", length, path);
		if (mkdir(part, 0700) && errno != EEXIST)
			return -errno;
		if (!at)
			return 0;
	}
}

/* The process that holds the lock, from the kernel's list; 0 = not found. */
static int lock_holder(int fd)
{
	cleanup_free char *line = NULL;
	unsigned long inode;
	struct stat there;
	int pid, found = 0;
	size_t size = 0;
	FILE *locks;

	if (fstat(fd, &there))
		return 0;
	locks = fopen("/proc/locks", "re");
	while (locks && !found && getline(&line, &size, locks) > 0) {
		if (sscanf(line, "%*d: FLOCK %*s %*s %d %*x:%*x:%lu", &pid, &inode) == 2 &&
		    inode == there.st_ino)
			found = pid;
	}
	if (locks)
		fclose(locks);
	return found;
}

int directory_lock(const char *path, int *ret_fd, struct refusal *refusal)
{
	cleanup_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs there;

	if (fd < 0)
		return refuse(refusal, -errno, "cannot open %s", path);
	if (fstatfs(fd, &there) == 0 && there.f_type != BPF_FS_MAGIC)
		return refuse(refusal, -EINVAL,
			      "%s is not on a bpf file system: mount -t bpf bpf /sys/fs/bpf", path);
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK)
			return refuse(refusal, -errno, "cannot lock %s", path);
		return refuse(refusal, -EBUSY, "%s is held by another daemon, process %d", path,
			      lock_holder(fd));
	}
	*ret_fd = fd;
	fd = -1;
	return 0;
}

int directory_open(struct datapath *datapath)
{
	int err = make_directories(datapath->pin_directory);

	if (err)
		return refuse(
			&datapath->refusal, err,
			"cannot make %s (is a bpf file system mounted there? mount -t bpf bpf /sys/fs/bpf)",
			datapath->pin_directory);
	return directory_lock(datapath->pin_directory, &datapath->directory_fd, &datapath->refusal);
}
