/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "process_case.h"

#include <string.h>

static void begin(struct record_case *ret, int kind, size_t size, unsigned pid,
		  unsigned long long started, unsigned long long time)
{
	memset(ret, 0, sizeof(*ret));
	ret->size = size;
	ret->head = (struct chq_proc_head){
		.kind = kind,
		.size_bytes = size,
		.time_ns = time,
		.started_ns = started,
		.pid = pid,
		.tid = pid,
	};
}

static size_t add(struct record_case *ret, const char *text)
{
	size_t bytes = text ? strlen(text) : 0;

	if (bytes)
		memcpy(ret->bytes + ret->size, text, bytes);
	ret->size += bytes;
	return bytes;
}

void make_exec(struct record_case *ret, const struct exec_case *exec)
{
	char *args;

	begin(ret, CHQ_PROC_EXEC, sizeof(ret->exec), exec->pid, exec->started, exec->started);
	ret->exec.parent = exec->parent;
	ret->exec.parent_started_ns = exec->parent_started;
	ret->exec.flags = CHQ_PROC_FLAG_EXECVE | exec->flags;
	ret->exec.creds.auid = ~0u;
	ret->exec.pid_here = exec->pid;
	ret->exec.ns_pid = exec->pid;
	ret->exec.name_bytes = add(ret, exec->name);
	args = ret->bytes + ret->size;
	ret->exec.args_bytes = add(ret, exec->args);
	for (size_t i = 0; i < ret->exec.args_bytes; i++)
		if (args[i] == '|')
			args[i] = '\0';
	ret->exec.cwd_bytes = add(ret, exec->cwd);
	ret->exec.binary_bytes = add(ret, exec->executable);
	ret->exec.cgroup_bytes = add(ret, exec->cgroup);
	ret->head.size_bytes = ret->size;
}

void make_fork(struct record_case *ret, unsigned pid, unsigned long long started, unsigned parent,
	       unsigned long long parent_started)
{
	begin(ret, CHQ_PROC_FORK, sizeof(ret->fork), pid, started, started);
	ret->fork.parent = parent;
	ret->fork.parent_started_ns = parent_started;
	ret->fork.pid_here = pid;
}

void make_exit(struct record_case *ret, unsigned pid, unsigned long long started,
	       unsigned long long ended, unsigned code)
{
	begin(ret, CHQ_PROC_EXIT, sizeof(ret->exit), pid, started, ended);
	ret->exit.code = code;
}
