/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "guard/held.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"

/* One by O_PATH is for no access. */
static bool is_for_access(pid_t pid, unsigned fd)
{
	char path[64], text[256];
	cleanup_close int info = -1;
	const char *flags;
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%u", pid, fd);
	info = open(path, O_RDONLY | O_CLOEXEC);
	length = info < 0 ? -1 : read(info, text, sizeof(text) - 1);
	text[length > 0 ? length : 0] = '\0';
	flags = strstr(text, "flags:");
	return flags && !(strtoul(flags + strlen("flags:"), NULL, 8) & O_PATH);
}

static bool is_sought(struct files *files, pthread_mutex_t *lock, const struct file_id *id)
{
	bool found;

	pthread_mutex_lock(lock);
	found = files_is_sought(files, id);
	pthread_mutex_unlock(lock);
	return found;
}

static void look_at(struct held *held, struct files *files, pthread_mutex_t *lock, pid_t pid)
{
	char path[64];
	cleanup_closedir DIR *all = NULL;
	const struct dirent *entry;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	all = opendir(path);
	while (all && held->n < HELD_MOST && (entry = readdir(all))) {
		struct file_id id;
		unsigned fd;

		if (sscanf(entry->d_name, "%u", &fd) != 1 ||
		    file_id_at(dirfd(all), entry->d_name, &id) || !is_sought(files, lock, &id) ||
		    !is_for_access(pid, fd))
			continue;
		held->items[held->n].pid = pid;
		held->items[held->n].fd = fd;
		held->items[held->n++].id = id;
	}
}

void held_look(struct held *held, struct files *files, pthread_mutex_t *lock)
{
	cleanup_closedir DIR *all = NULL;
	const struct dirent *entry;
	bool any;

	pthread_mutex_lock(lock);
	any = files_look_begin(files);
	pthread_mutex_unlock(lock);
	if (!any)
		return;
	all = opendir("/proc");
	while (all && (entry = readdir(all))) {
		pid_t pid = atoi(entry->d_name);

		if (pid > 0)
			look_at(held, files, lock, pid);
	}
	pthread_mutex_lock(lock);
	files_look_end(files);
	pthread_mutex_unlock(lock);
}

size_t held_count(struct held *held)
{
	size_t kept = 0;

	for (size_t i = 0; i < held->n; i++) {
		char path[64];
		struct file_id id;

		snprintf(path, sizeof(path), "/proc/%d/fd/%u", held->items[i].pid,
			 held->items[i].fd);
		if (!file_id_at(AT_FDCWD, path, &id) &&
		    !memcmp(&id, &held->items[i].id, sizeof(id)))
			held->items[kept++] = held->items[i];
	}
	held->n = kept;
	return kept;
}
