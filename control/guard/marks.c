/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "guard/marks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/fanotify.h>

#include "util/cleanup.h"

int marks_group(void)
{
	int fd = fanotify_init(FAN_CLOEXEC | FAN_CLASS_PRE_CONTENT | FAN_UNLIMITED_QUEUE |
				       FAN_UNLIMITED_MARKS | FAN_NONBLOCK | FAN_REPORT_PIDFD,
			       O_RDONLY | O_LARGEFILE | O_CLOEXEC | O_NOATIME);

	return fd < 0 ? -errno : fd;
}

static int mark(int group, unsigned flags, uint64_t mask, int fd)
{
	char path[64];

	/* By this link, since fanotify_mark() takes no O_PATH descriptor; it opens nothing. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return fanotify_mark(group, flags, mask, AT_FDCWD, path) ? -errno : 0;
}

static const uint64_t opening = FAN_OPEN_PERM | FAN_OPEN_EXEC_PERM;

int marks_ignore(int group, int fd)
{
	return mark(group, FAN_MARK_ADD | FAN_MARK_IGNORED_MASK | FAN_MARK_EVICTABLE, opening, fd);
}

int marks_heed(int group, int fd)
{
	return mark(group, FAN_MARK_REMOVE | FAN_MARK_IGNORED_MASK, opening, fd);
}

int marks_add(int group, int fd, enum marks_what what, unsigned also, bool *pre)
{
	uint64_t mask = FAN_OPEN_PERM | (also & MARKS_EXEC ? FAN_OPEN_EXEC_PERM : 0) |
			(what == MARKS_FILE ? 0 : FAN_EVENT_ON_CHILD);
	int err;

	if (pre)
		*pre = false;
	if (what == MARKS_FILE)
		marks_heed(group, fd);
	if (what == MARKS_NAMES)
		return mark(group, FAN_MARK_ADD, mask, fd);
	err = mark(group, FAN_MARK_ADD, mask | FAN_PRE_ACCESS, fd);
	if (err != -EOPNOTSUPP && err != -EINVAL) {
		if (pre)
			*pre = !err;
		return err;
	}
	mask |= FAN_ACCESS_PERM | (also & MARKS_WRITES ? FAN_MODIFY : 0);
	return mark(group, FAN_MARK_ADD, mask, fd);
}

int marks_remove(int group, int fd)
{
	static const uint64_t plain = FAN_OPEN_PERM | FAN_OPEN_EXEC_PERM | FAN_ACCESS_PERM |
				      FAN_MODIFY | FAN_EVENT_ON_CHILD;
	int err = mark(group, FAN_MARK_REMOVE, plain | FAN_PRE_ACCESS, fd);

	/* A kernel without FAN_PRE_ACCESS, or a file system that it is refused on. */
	return err == -EINVAL || err == -EOPNOTSUPP ? mark(group, FAN_MARK_REMOVE, plain, fd) : err;
}

bool marks_pre_access(const char *path)
{
	cleanup_close int group = marks_group();

	return group >= 0 &&
	       !fanotify_mark(group, FAN_MARK_ADD, FAN_OPEN_PERM | FAN_PRE_ACCESS, AT_FDCWD, path);
}
