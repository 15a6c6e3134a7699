/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "guard/spot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

static const uint32_t directory_news = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
				       IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK;

struct spot *spot_find(struct watch *watch, int wd)
{
	struct spot *spot;

	HASH_FIND_INT(watch->spots, &wd, spot);
	return spot;
}

static struct spot *find_or_make(struct watch *watch, int wd)
{
	struct spot *spot = spot_find(watch, wd);

	if (spot)
		return spot;
	spot = calloc(1, sizeof(*spot));
	if (!spot)
		return NULL;
	spot->wd = wd;
	HASH_ADD_INT(watch->spots, wd, spot);
	return spot;
}

static void forget_wanted(struct spot *spot)
{
	for (size_t i = 0; i < spot->n_wanted; i++)
		free(spot->wanted[i]);
	free(spot->wanted);
	spot->wanted = NULL;
	spot->n_wanted = 0;
}

int spot_directory(struct watch *watch, const char *path, struct spot **ret)
{
	int wd = inotify_add_watch(watch->inotify, path, directory_news);
	struct spot *spot;
	char *copy;

	if (wd < 0)
		return -errno;
	spot = find_or_make(watch, wd);
	copy = strdup(path);
	if (!spot || !copy) {
		free(copy);
		return -ENOMEM;
	}
	free(spot->path);
	spot->path = copy;
	if (spot->round != watch->round) {
		forget_wanted(spot);
		spot->tree = false;
		spot->round = watch->round;
		watch->n_directories++;
	}
	*ret = spot;
	return 0;
}

bool spot_wanted(const struct spot *spot, const char *name)
{
	for (size_t i = 0; i < spot->n_wanted; i++)
		if (!strcmp(spot->wanted[i], name))
			return true;
	return false;
}

int spot_wants(struct spot *spot, const char *name, size_t length)
{
	char *copy = strndup(name, length), **more;

	if (!copy)
		return -ENOMEM;
	if (spot_wanted(spot, copy)) {
		free(copy);
		return 0;
	}
	more = realloc(spot->wanted, (spot->n_wanted + 1) * sizeof(*more));
	if (!more) {
		free(copy);
		return -ENOMEM;
	}
	spot->wanted = more;
	more[spot->n_wanted++] = copy;
	return 0;
}

int spot_file(struct watch *watch, int fd, const struct file_id *id)
{
	struct spot *spot;
	char path[64];
	int wd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	wd = inotify_add_watch(watch->inotify, path, IN_DELETE_SELF);
	if (wd < 0)
		return -errno;
	spot = find_or_make(watch, wd);
	if (!spot)
		return -ENOMEM;
	spot->file = true;
	spot->id = *id;
	return 0;
}

void spot_drop(struct watch *watch, struct spot *spot)
{
	HASH_DEL(watch->spots, spot);
	forget_wanted(spot);
	free(spot->path);
	free(spot);
}
