// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "enforcer/spare.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "enforcer/guard_client.h"
#include "enforcer/hooks.h"

static const char *const programs[] = {"chasquid", "chasqui-guard", "chasqui-wg"};

static bool is_ours(const char *pid, const char *directory, size_t length)
{
	char link[32], target[PATH_MAX];
	ssize_t bytes;

	snprintf(link, sizeof(link), "/proc/%.16s/exe", pid);
	bytes = readlink(link, target, sizeof(target) - 1);
	if (bytes < 0)
		return false;
	target[bytes] = '\0';
	if (strncmp(target, directory, length) != 0)
		return false;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		size_t name = strlen(programs[i]);
		const char *rest = target + length + name;

		/* a program that was replaced since it started */
		if (strncmp(target + length, programs[i], name) == 0 &&
		    (!*rest || strcmp(rest, " (deleted)") == 0))
			return true;
	}
	return false;
}

/* "/usr/sbin/" of our own executable; 0 when it cannot be told. */
static size_t own_directory(char *path, size_t size)
{
	ssize_t bytes = readlink("/proc/self/exe", path, size - 1);
	const char *slash;

	if (bytes < 0)
		return 0;
	path[bytes] = '\0';
	slash = strrchr(path, '/');
	return slash ? slash + 1 - path : 0;
}

size_t spare_find(int pids[SPARE_MOST])
{
	char directory[PATH_MAX];
	size_t length = own_directory(directory, sizeof(directory)), count = 0;
	DIR *proc = length ? opendir("/proc") : NULL;
	const struct dirent *entry;

	pids[count++] = getpid();
	while (proc && count < SPARE_MOST && (entry = readdir(proc))) {
		int pid = atoi(entry->d_name);

		if (pid > 1 && pid != getpid() && is_ours(entry->d_name, directory, length))
			pids[count++] = pid;
	}
	if (proc)
		closedir(proc);
	return count;
}

void spare_tell(struct hooks *hooks, struct guard_client *guard)
{
	int pids[SPARE_MOST];
	size_t count = spare_find(pids);

	if (hooks)
		hooks_spare(hooks, pids, count);
	if (guard && guard_client_connected(guard))
		guard_client_spare(guard, pids, count);
}
