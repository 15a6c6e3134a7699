/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "util/standby.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/cleanup.h"

/* By the bare system call: who guards links no library for three of its commands. */
static int bpf(enum bpf_cmd command, union bpf_attr *attr)
{
	long ret = syscall(SYS_bpf, command, attr, sizeof(*attr));

	return ret < 0 ? -errno : (int)ret;
}

static int get(const char *path)
{
	union bpf_attr attr = {.pathname = (uintptr_t)path};

	return bpf(BPF_OBJ_GET, &attr);
}

static int pin(int fd, const char *path)
{
	union bpf_attr attr = {.pathname = (uintptr_t)path, .bpf_fd = (uint32_t)fd};

	return bpf(BPF_OBJ_PIN, &attr);
}

static int attach(const char *program, const char *link)
{
	union bpf_attr attr = {};
	cleanup_close int program_fd = -1, link_fd = -1;

	if (access(link, F_OK) == 0)
		return 0;
	program_fd = get(program);
	if (program_fd < 0)
		return program_fd;
	attr.raw_tracepoint.prog_fd = (uint32_t)program_fd;
	link_fd = bpf(BPF_RAW_TRACEPOINT_OPEN, &attr);
	return link_fd < 0 ? link_fd : pin(link_fd, link);
}

int standby_set(const char *directory, bool attached)
{
	cleanup_closedir DIR *entries = opendir(directory);
	const struct dirent *entry;
	int err = 0;

	while (entries && (entry = readdir(entries))) {
		char program[PATH_MAX], link[PATH_MAX];
		unsigned number;
		int one = 0;

		if (sscanf(entry->d_name, STANDBY_PROGRAM "%u", &number) != 1)
			continue;
		snprintf(program, sizeof(program), "%s/" STANDBY_PROGRAM "%u", directory, number);
		snprintf(link, sizeof(link), "%s/" STANDBY_LINK "%u", directory, number);
		if (attached)
			one = attach(program, link);
		else if (unlink(link) && errno != ENOENT)
			one = -errno;
		/* Two at once want the same: one of them has done it. */
		if (!err && one != -EEXIST)
			err = one;
	}
	return err;
}

bool standby_is_attached(const char *directory)
{
	cleanup_closedir DIR *entries = opendir(directory);
	const struct dirent *entry;

	while (entries && (entry = readdir(entries)))
		if (!strncmp(entry->d_name, STANDBY_LINK, strlen(STANDBY_LINK)))
			return true;
	return false;
}
