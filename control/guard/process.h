/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef GUARD_PROCESS_H
#define GUARD_PROCESS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "policy/tracing.h"

/*
 * Who asks. It waits in the kernel for our answer, so that what /proc says of it stays true; each
 * fact is read when the first rule asks for it. Nothing here opens a file outside /proc.
 */
struct process {
	pid_t pid; /* 0: outside our pid namespace, nothing is known of it */
	bool have_binary, have_parent;
	pid_t parent_pid;
	char binary[PATH_MAX], parent[PATH_MAX]; /* "" = unknown */
};

void process_init(struct process *process, pid_t pid);

/* "" when it cannot be told. */
const char *process_binary(struct process *process);
const char *process_parent(struct process *process);

/* Is it `pid`, or (forks) a descendant of it, at most nine generations down? */
bool process_is(struct process *process, pid_t pid, bool forks);

/* The inode number of its namespace; 0 when it cannot be told. pid 1's for host. */
uint64_t process_namespace(pid_t pid, enum tracing_namespace kind);

/* The capability set; 0 when it cannot be told. */
uint64_t process_capabilities(pid_t pid, enum tracing_capability_set set);

/* Does its system call map a file into memory, or cut it? Told as below, and no where unknown. */
bool process_maps(const struct process *process);

/*
 * Does its system call write, as /proc/PID/syscall tells it? For what events say only: of a
 * process with several threads, or of io_uring, it is unknown and no.
 */
bool process_writes(pid_t pid);

#endif
