/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "enforcer/hooks_inside.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util/cleanup.h"

/* Maps of a set that stay of use when it is attached: the names of their pins. */
static const struct {
	const char *name;
	size_t offset;
} kept[] = {
	{"chq_policies", offsetof(struct hooks_set, policies)},
	{"chq_counts", offsetof(struct hooks_set, counts)},
	{"chq_point_count", offsetof(struct hooks_set, point_count)},
	{"chq_hook_names", offsetof(struct hooks_set, hook_names)},
	{"chq_policy_names", offsetof(struct hooks_set, policy_names)},
	{"chq_point_names", offsetof(struct hooks_set, point_names)},
};

#define KEPT (sizeof(kept) / sizeof(*kept))

static int *fd_of(struct hooks_set *set, size_t i)
{
	return (int *)((char *)set + kept[i].offset);
}

void set_init(struct hooks_set *set)
{
	*set = (struct hooks_set){};
	for (size_t i = 0; i < KEPT; i++)
		*fd_of(set, i) = -1;
}

void set_close(struct hooks_set *set)
{
	for (size_t i = 0; i < KEPT; i++)
		close_p(fd_of(set, i));
	set_init(set);
}

void set_directory(const struct hooks *hooks, uint64_t number, char ret[PATH_MAX])
{
	snprintf(ret, PATH_MAX, "%s/hooks/set-%llu", hooks->directory, (unsigned long long)number);
}

static uint32_t entries_of(int fd)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &size) ? 0 : info.max_entries;
}

int set_open(const struct hooks *hooks, uint64_t number, struct hooks_set *ret)
{
	struct hooks_set set;
	char directory[PATH_MAX], path[PATH_MAX + 32];

	set_init(&set);
	set_directory(hooks, number, directory);
	for (size_t i = 0; i < KEPT; i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, kept[i].name);
		*fd_of(&set, i) = bpf_obj_get(path);
		if (*fd_of(&set, i) < 0) {
			set_close(&set);
			return -ENOENT;
		}
	}
	set.number = number;
	set.n_policies = entries_of(set.policies);
	set.n_points = entries_of(set.point_count);
	set.n_hooks = entries_of(set.hook_names);
	*ret = set;
	return 0;
}

int set_remove(const struct hooks *hooks, uint64_t number)
{
	char path[PATH_MAX];
	cleanup_closedir DIR *directory = NULL;
	const struct dirent *entry;

	set_directory(hooks, number, path);
	directory = opendir(path);
	if (!directory)
		return -errno;
	while ((entry = readdir(directory))) {
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(directory), entry->d_name, 0);
	}
	return rmdir(path) ? -errno : 0;
}
