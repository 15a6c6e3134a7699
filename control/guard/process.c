/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "guard/process.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/cleanup.h"

#define GENERATIONS 9

void process_init(struct process *process, pid_t pid)
{
	process->pid = pid;
	process->parent_pid = 0;
	process->have_binary = process->have_parent = false;
	process->binary[0] = process->parent[0] = '\0';
}

/* Reads a file of /proc/PID; "" when it cannot. */
static void read_proc(pid_t pid, const char *name, char *text, size_t size)
{
	char path[64];
	cleanup_close int fd = -1;
	ssize_t length = 0;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		length = read(fd, text, size - 1);
	text[length > 0 ? length : 0] = '\0';
}

static void read_binary(pid_t pid, char text[PATH_MAX])
{
	static const char gone[] = " (deleted)";
	char path[64];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	length = pid > 0 ? readlink(path, text, PATH_MAX - 1) : 0;
	text[length > 0 ? length : 0] = '\0';
	/* Its file may have been replaced since it began: the name still is what it was. */
	if (length > (ssize_t)sizeof(gone) && !strcmp(text + length - sizeof(gone) + 1, gone))
		text[length - (ssize_t)sizeof(gone) + 1] = '\0';
}

static pid_t parent_of(pid_t pid)
{
	char text[512];
	const char *after;
	int parent;

	read_proc(pid, "stat", text, sizeof(text));
	/* The second field is a name in brackets, which may have anything in it. */
	after = strrchr(text, ')');
	return after && sscanf(after + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

const char *process_binary(struct process *process)
{
	if (!process->have_binary)
		read_binary(process->pid, process->binary);
	process->have_binary = true;
	return process->binary;
}

const char *process_parent(struct process *process)
{
	if (!process->have_parent && process->pid > 0) {
		process->parent_pid = parent_of(process->pid);
		read_binary(process->parent_pid, process->parent);
	}
	process->have_parent = true;
	return process->parent;
}

bool process_is(struct process *process, pid_t pid, bool forks)
{
	pid_t at = process->pid;

	for (int i = 0; at > 0 && i <= GENERATIONS; i++, at = parent_of(at)) {
		if (at == pid)
			return true;
		if (!forks)
			return false;
	}
	return false;
}

uint64_t process_namespace(pid_t pid, enum tracing_namespace kind)
{
	static const char *const files[] = {
#define x(word, name, file) file,
		TRACING_NAMESPACES(x)
#undef x
	};
	struct stat info;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, files[kind]);
	return pid > 0 && stat(path, &info) == 0 ? info.st_ino : 0;
}

uint64_t process_capabilities(pid_t pid, enum tracing_capability_set set)
{
	static const char *const lines[] = {"\nCapEff:", "\nCapInh:", "\nCapPrm:"};
	char text[4096];
	const char *line;

	read_proc(pid, "status", text, sizeof(text));
	line = strstr(text, lines[set]);
	return line ? strtoull(line + strlen(lines[set]), NULL, 16) : 0;
}

/* The system call that its first thread waits in, with three arguments; -1: unknown. */
static long call_of(pid_t pid, unsigned long args[3])
{
	char text[256];
	long call;

	read_proc(pid, "syscall", text, sizeof(text));
	return sscanf(text, "%ld %lx %lx %lx", &call, &args[0], &args[1], &args[2]) == 4 ? call
											 : -1;
}

bool process_maps(const struct process *process)
{
	unsigned long args[3];

	switch (process->pid > 0 ? call_of(process->pid, args) : -1) {
	case SYS_mmap:
	case SYS_truncate:
	case SYS_ftruncate:
		return true;
	default:
		return false;
	}
}

bool process_writes(pid_t pid)
{
	unsigned long args[3];

	switch (call_of(pid, args)) {
#ifdef SYS_open
	case SYS_open:
		return (args[1] & O_ACCMODE) == O_WRONLY;
	case SYS_creat:
		return true;
#endif
	case SYS_openat:
		return (args[2] & O_ACCMODE) == O_WRONLY;
	case SYS_write:
	case SYS_pwrite64:
	case SYS_writev:
	case SYS_pwritev:
	case SYS_pwritev2:
	case SYS_truncate:
	case SYS_ftruncate:
	case SYS_fallocate:
		return true;
	default:
		return false;
	}
}
