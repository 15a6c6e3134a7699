/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "guard/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guard/marks.h"
#include "guard/spot.h"
#include "guard/tree.h"
#include "util/cleanup.h"

int watch_open(int group, struct files *files, pthread_mutex_t *lock, struct watch *ret)
{
	*ret = (struct watch){
		.inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK),
		.group = group,
		.files = files,
		.lock = lock,
		.pre_access = true,
	};
	return ret->inotify < 0 ? -errno : 0;
}

void watch_close(struct watch *watch)
{
	struct spot *spot, *next;

	HASH_ITER (hh, watch->spots, spot, next)
		spot_drop(watch, spot);
	close_p(&watch->inotify);
}

int watch_look(const char *path, int flags)
{
	/* A name through a symbolic link is never the one by which the kernel knows the file. */
	struct open_how how = {
		.flags = (uint64_t)(O_PATH | O_NOFOLLOW | O_CLOEXEC | flags),
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

int watch_refuse(struct watch *watch, int err, const char *path)
{
	if (watch->why)
		snprintf(watch->why, 256, "%.160s cannot be marked: %s", path, strerror(-err));
	return err;
}

/* Looks on each directory of the way to `path`, the last one included: *parent, or NULL when it
 * does not exist. */
int watch_way(struct watch *watch, const char *path, struct spot **parent)
{
	char at[PATH_MAX] = "/";
	const char *name = path + 1;

	*parent = NULL;
	while (true) {
		const char *slash = strchr(name, '/');
		size_t length = slash ? (size_t)(slash - name) : strlen(name);
		struct spot *spot;
		int err = spot_directory(watch, at, &spot);

		if (err == -ENOENT || err == -ENOTDIR || err == -ELOOP)
			return 0;
		err = err ?: spot_wants(spot, name, length);
		if (err)
			return watch_refuse(watch, err, at);
		if (!slash) {
			*parent = spot;
			return 0;
		}
		snprintf(at, sizeof(at), "%.*s", (int)(slash - path), path);
		name = slash + 1;
	}
}

static int mark_names(struct watch *watch, const char *directory)
{
	cleanup_close int fd = watch_look(directory, O_DIRECTORY);
	int err = fd < 0 ? fd : marks_add(watch->group, fd, MARKS_NAMES, watch->also, NULL);

	return err == -ENOENT || err == -ENOTDIR || err == -ELOOP
		       ? 0
		       : (err ? watch_refuse(watch, err, directory) : 0);
}

static int follow(struct watch *watch, int fd, const char *name)
{
	struct file_id id;
	bool regular, pre, added = false;
	int err = file_id_of(fd, &id, &regular);

	if (err || !regular) {
		watch->n_missing++;
		return err;
	}
	pthread_mutex_lock(watch->lock);
	err = files_add(watch->files, &id, name, fd, &added);
	pthread_mutex_unlock(watch->lock);
	err = err ?: marks_add(watch->group, fd, MARKS_FILE, watch->also, &pre);
	err = err ?: spot_file(watch, fd, &id);
	if (err)
		return watch_refuse(watch, err, name);
	watch->pre_access = watch->pre_access && pre;
	watch->changed = watch->changed || added;
	return 0;
}

/* Its directory first, so that there is no moment between the two in which a new one slips by. */
static int place_equal(struct watch *watch, const char *path)
{
	cleanup_free char *directory = strdup(path);
	cleanup_close int fd = -1;
	struct spot *parent;
	int err = directory ? watch_way(watch, path, &parent) : -ENOMEM;

	if (err)
		return err;
	*strrchr(directory, '/') = '\0';
	if (parent)
		err = mark_names(watch, *directory ? directory : "/");
	if (err)
		return err;
	fd = watch_look(path, 0);
	if (fd >= 0)
		return follow(watch, fd, path);
	watch->n_missing++;
	return 0;
}

struct scan {
	struct watch *watch;
	bool equal_only;
	int err;
};

static void place(void *context, const char *value, bool prefix)
{
	struct scan *scan = context;

	if (scan->err || *value != '/' || strlen(value) >= PATH_MAX)
		return;
	if (!prefix)
		scan->err = place_equal(scan->watch, value);
	else if (!scan->equal_only)
		scan->err = tree_place(scan->watch, value);
}

int watch_scan(struct watch *watch, const struct rules *rules, char *why)
{
	struct scan scan = {.watch = watch};

	watch->round++;
	watch->n_directories = watch->n_missing = 0;
	watch->pre_access = true;
	watch->also = (rules_have(rules, STAGE_EXEC) ? MARKS_EXEC : 0) |
		      (rules_watch(rules) ? MARKS_WRITES : 0);
	watch->why = why;
	rules_paths(rules, place, &scan);
	watch->why = NULL;
	return scan.err;
}

struct wanted {
	const char *name;
	bool found;
};

static void is_wanted(void *context, const char *value, bool prefix)
{
	struct wanted *wanted = context;

	wanted->found = wanted->found || (!prefix && !strcmp(value, wanted->name));
}

static bool keep(void *context, const char *name)
{
	struct wanted wanted = {.name = name};

	rules_paths(context, is_wanted, &wanted);
	return wanted.found;
}

struct sweep {
	struct watch *watch;
	const struct rules *rules;
};

static bool keep_file(void *context, const char *name)
{
	const struct sweep *sweep = context;

	return keep((void *)sweep->rules, name);
}

static void gone(void *context, int fd)
{
	const struct sweep *sweep = context;

	sweep->watch->changed = true;
	if (fd >= 0)
		marks_remove(sweep->watch->group, fd);
}

static bool path_is_used(struct watch *watch, const char *path)
{
	struct spot *spot, *next;

	HASH_ITER (hh, watch->spots, spot, next)
		if (!spot->file && spot->round == watch->round && !strcmp(spot->path, path))
			return true;
	return false;
}

static void unwatch(struct watch *watch, struct spot *spot)
{
	inotify_rm_watch(watch->inotify, spot->wd);
	spot_drop(watch, spot);
}

static void leave(struct watch *watch, struct spot *spot)
{
	cleanup_close int fd = path_is_used(watch, spot->path) ? -1 : watch_look(spot->path, 0);

	if (fd >= 0)
		marks_remove(watch->group, fd);
	unwatch(watch, spot);
}

void watch_sweep(struct watch *watch, const struct rules *rules)
{
	struct sweep sweep = {watch, rules};
	struct spot *spot, *next;

	HASH_ITER (hh, watch->spots, spot, next)
		if (!spot->file && spot->round != watch->round)
			leave(watch, spot);
	pthread_mutex_lock(watch->lock);
	files_sweep(watch->files, keep_file, gone, &sweep);
	HASH_ITER (hh, watch->spots, spot, next) {
		size_t n_names = 0;

		if (spot->file)
			files_names(watch->files, &spot->id, &n_names);
		if (spot->file && !n_names)
			unwatch(watch, spot);
	}
	pthread_mutex_unlock(watch->lock);
}

void watch_follow(struct watch *watch, int fd)
{
	struct file_id id;
	bool regular;

	if (file_id_of(fd, &id, &regular))
		return;
	marks_add(watch->group, fd, MARKS_FILE, watch->also, NULL);
	spot_file(watch, fd, &id);
}

static void adopt(void *context, int fd)
{
	watch_follow(context, fd);
}

void watch_adopt(struct watch *watch)
{
	pthread_mutex_lock(watch->lock);
	files_adopt(watch->files, adopt, watch);
	pthread_mutex_unlock(watch->lock);
	watch->changed = true;
}

/* What an event means for us. */
enum news { NEWS_NONE, NEWS_NAME, NEWS_ALL };

static enum news file_news(struct watch *watch, const struct inotify_event *event,
			   struct spot *spot)
{
	if (!(event->mask & (IN_DELETE_SELF | IN_IGNORED)))
		return NEWS_NONE;
	pthread_mutex_lock(watch->lock);
	files_forget(watch->files, &spot->id);
	pthread_mutex_unlock(watch->lock);
	watch->changed = true;
	if (event->mask & IN_IGNORED)
		spot_drop(watch, spot);
	return NEWS_NONE;
}

static enum news tree_news(struct watch *watch, const struct inotify_event *event,
			   const struct spot *spot)
{
	if (!(event->mask & IN_ISDIR)) {
		if (event->mask & (IN_CREATE | IN_MOVED_TO))
			tree_heed(watch, spot->path, event->name);
		return NEWS_NONE;
	}
	if (!(event->mask & (IN_CREATE | IN_MOVED_TO)))
		return NEWS_ALL;
	return tree_grow(watch, spot->path, event->name) ? NEWS_ALL : NEWS_NONE;
}

static enum news read_news(struct watch *watch, const struct inotify_event *event)
{
	struct spot *spot = spot_find(watch, event->wd);

	if (event->mask & IN_Q_OVERFLOW)
		return NEWS_ALL;
	if (!spot)
		return NEWS_NONE;
	if (spot->file)
		return file_news(watch, event, spot);
	if (event->mask & IN_IGNORED) {
		spot_drop(watch, spot);
		return NEWS_ALL;
	}
	if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF))
		return NEWS_ALL;
	if (!event->len)
		return NEWS_NONE;
	if (spot->tree && tree_news(watch, event, spot) == NEWS_ALL)
		return NEWS_ALL;
	if (!spot_wanted(spot, event->name))
		return NEWS_NONE;
	return event->mask & IN_ISDIR ? NEWS_ALL : NEWS_NAME;
}

static enum news drain(struct watch *watch)
{
	char room[16384] __attribute__((aligned(8)));
	enum news most = NEWS_NONE;
	ssize_t length;

	while ((length = read(watch->inotify, room, sizeof(room))) > 0)
		for (char *at = room; at < room + length;) {
			const struct inotify_event *event = (const void *)at;
			enum news news = read_news(watch, event);

			most = news > most ? news : most;
			at += sizeof(*event) + event->len;
		}
	return most;
}

void watch_work(struct watch *watch, const struct rules *rules)
{
	struct scan scan = {.watch = watch, .equal_only = true};
	enum news news = drain(watch);

	if (news == NEWS_ALL) {
		watch_scan(watch, rules, NULL);
	} else if (news == NEWS_NAME) {
		watch->n_missing = 0;
		rules_paths(rules, place, &scan);
	}
}
