/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef GUARD_MARKS_H
#define GUARD_MARKS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The fanotify group and its marks (fanotify(7)). A mark lies on an inode, so that every name of it
 * is asked about, on any mount; on a directory it asks about what is opened by a name in it.
 */

/* Since Linux 6.14: before a read, a write, an mmap or a truncate. Not in Debian 12's headers. */
#ifndef FAN_PRE_ACCESS
#define FAN_PRE_ACCESS 0x00100000
#endif

/* Only of a FAN_CLASS_PRE_CONTENT group, since 6.14: which error the caller gets. */
#define MARKS_DENY_ERRNO(error) (FAN_DENY | ((uint32_t)(error)&0xff) << 24)

/*
 * Never fails open by itself: the queue has no limit, since an overflow would be answered
 * "allow". Needs CAP_SYS_ADMIN. The descriptor, or -errno.
 */
int marks_group(void);

enum marks_what {
	MARKS_FILE,   /* opening, executing, reading, writing of this file */
	MARKS_NAMES,  /* opening and executing by any name in this directory */
	MARKS_WITHIN, /* the same, and reading and writing of what was opened so */
};

/* What else is wanted: execution told from opening; writing, where it is not asked about before. */
#define MARKS_EXEC   1u
#define MARKS_WRITES 2u

/*
 * Marks what the descriptor, which may be an O_PATH one, stands for. Nothing is opened. *pre (may
 * be NULL): FAN_PRE_ACCESS could be had; else FAN_ACCESS_PERM, which is asked before reads only.
 */
int marks_add(int group, int fd, enum marks_what what, unsigned also, bool *pre);

/*
 * Its opens are not asked about any more, although its directory is marked: until it is written to,
 * until marks_heed(), or until the kernel forgets its inode.
 */
int marks_ignore(int group, int fd);
int marks_heed(int group, int fd);

/* Takes off whatever mark of ours it has. -ENOENT: it had none. */
int marks_remove(int group, int fd);

/* Can a file below this path have FAN_PRE_ACCESS? Tried out on the directory, which is marked for a
 * moment by a group of its own. */
bool marks_pre_access(const char *path);

#endif
