/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef PROCESS_CASE_H
#define PROCESS_CASE_H

#include <stddef.h>

#include "enforcer/process_events.h"

/* Records as the kernel side writes them, for tests of what becomes of them. */
#define CASE_BYTES 16384

struct record_case {
	union {
		struct chq_proc_head head;
		struct chq_proc_fork fork;
		struct chq_proc_exec exec;
		struct chq_proc_exit exit;
		char bytes[CASE_BYTES];
	};
	size_t size;
};

struct exec_case {
	unsigned pid, parent, flags;
	unsigned long long started, parent_started;
	const char *name, *cwd, *executable, *cgroup;
	const char *args; /* argv with '|' for each closing 0: "cat|/etc/passwd|" */
};

void make_exec(struct record_case *ret, const struct exec_case *exec);
void make_fork(struct record_case *ret, unsigned pid, unsigned long long started, unsigned parent,
	       unsigned long long parent_started);
void make_exit(struct record_case *ret, unsigned pid, unsigned long long started,
	       unsigned long long ended, unsigned code);

#endif
