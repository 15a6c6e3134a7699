/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "guard/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "guard/marks.h"
#include "guard/spot.h"
#include "util/cleanup.h"

/* Nobody's files, and where we read about processes ourselves. */
static bool is_left_out(int fd)
{
	static const long left_out[] = {PROC_SUPER_MAGIC, SYSFS_MAGIC,	       DEBUGFS_MAGIC,
					TRACEFS_MAGIC,	  CGROUP2_SUPER_MAGIC, CGROUP_SUPER_MAGIC,
					BPF_FS_MAGIC,	  SECURITYFS_MAGIC,    DEVPTS_SUPER_MAGIC};
	struct statfs info;

	if (fstatfs(fd, &info))
		return true;
	for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++)
		if (info.f_type == left_out[i])
			return true;
	return false;
}

static bool is_directory(int at, const struct dirent *entry)
{
	struct stat info;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return !fstatat(at, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) && S_ISDIR(info.st_mode);
}

static int mark_below(struct watch *watch, const char *path, const char *start);

static int mark_each(struct watch *watch, const char *path, const char *start)
{
	cleanup_closedir DIR *directory = opendir(path);
	const struct dirent *entry;
	int err = 0;

	if (!directory)
		return 0;
	while (!err && (entry = readdir(directory))) {
		char below[PATH_MAX];

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
		    strncmp(entry->d_name, start, strlen(start)))
			continue;
		if (!is_directory(dirfd(directory), entry)) {
			if (watch->heed)
				tree_heed(watch, path, entry->d_name);
			continue;
		}
		if (snprintf(below, sizeof(below), "%s/%s", strcmp(path, "/") ? path : "",
			     entry->d_name) < (int)sizeof(below))
			err = mark_below(watch, below, "");
	}
	return err;
}

/* The directory, and those in it whose names begin with `start`, to the bottom. */
static int mark_below(struct watch *watch, const char *path, const char *start)
{
	cleanup_close int fd = watch_look(path, O_DIRECTORY);
	struct spot *spot;
	bool pre;
	int err;

	if (fd < 0 || is_left_out(fd))
		return 0;
	if (watch->n_directories >= WATCH_DIRECTORIES_MOST)
		return watch_refuse(watch, -E2BIG, path);
	err = spot_directory(watch, path, &spot);
	if (err == -ENOENT || err == -ENOTDIR)
		return 0;
	err = err ?: marks_add(watch->group, fd, MARKS_WITHIN, watch->also, &pre);
	if (err)
		return watch_refuse(watch, err, path);
	watch->pre_access = watch->pre_access && pre;
	spot->tree = true;
	return mark_each(watch, path, start);
}

int tree_place(struct watch *watch, const char *prefix)
{
	cleanup_free char *directory = strdup(prefix);
	struct spot *parent;
	char *slash;
	int err = directory ? watch_way(watch, prefix, &parent) : -ENOMEM;

	if (err)
		return err;
	if (!parent) {
		watch->n_missing++;
		return 0;
	}
	slash = strrchr(directory, '/');
	*slash = '\0';
	return mark_below(watch, slash == directory ? "/" : directory, slash + 1);
}

void tree_heed(struct watch *watch, const char *directory, const char *name)
{
	char path[PATH_MAX];
	cleanup_close int fd = -1;

	if (snprintf(path, sizeof(path), "%s/%s", strcmp(directory, "/") ? directory : "", name) >=
	    (int)sizeof(path))
		return;
	fd = watch_look(path, 0);
	if (fd >= 0)
		marks_heed(watch->group, fd);
}

int tree_grow(struct watch *watch, const char *directory, const char *name)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", strcmp(directory, "/") ? directory : "", name) >=
	    (int)sizeof(path))
		return -ENAMETOOLONG;
	return mark_below(watch, path, "");
}
