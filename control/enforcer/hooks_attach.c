/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "enforcer/hooks_inside.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util/cleanup.h"

#if defined(__x86_64__)
#define SYSCALL_PREFIX "__x64_"
#elif defined(__aarch64__)
#define SYSCALL_PREFIX "__arm64_"
#else
#define SYSCALL_PREFIX ""
#endif

void function_name(const struct plan_program *plan, char *ret, size_t size_bytes)
{
	const char *prefix =
		plan->is_syscall && strncmp(plan->function, "__", 2) != 0 ? SYSCALL_PREFIX : "";

	snprintf(ret, size_bytes, "%s%s", prefix, plan->function);
}

static struct bpf_link *attach_multi(struct bpf_program *program, const char *function,
				     bool at_return)
{
	LIBBPF_OPTS(bpf_kprobe_multi_opts, options, .syms = &function, .cnt = 1,
		    .retprobe = at_return);

	return bpf_program__attach_kprobe_multi_opts(program, NULL, &options);
}

static struct bpf_link *attach_uprobe(struct bpf_program *program, const struct plan_program *plan,
				      bool at_return)
{
	LIBBPF_OPTS(bpf_uprobe_opts, options, .retprobe = at_return,
		    .func_name = *plan->function ? plan->function : NULL);

	return bpf_program__attach_uprobe_opts(program, -1, plan->subsystem, plan->offset,
					       &options);
}

static struct bpf_link *attach(struct bpf_program *program, const struct plan_program *plan)
{
	bool at_return = plan->role == PLAN_RETURN;
	char function[160];

	function_name(plan, function, sizeof(function));
	switch (plan->back_end) {
	case HOOKS_LSM:
		return bpf_program__attach_lsm(program);
	case HOOKS_FMOD_RET:
	case HOOKS_FENTRY:
	case HOOKS_SYSCALL:
	case HOOKS_FILEMAP:
		return bpf_program__attach_trace(program);
	case HOOKS_KPROBE_MULTI:
		return attach_multi(program, function, at_return);
	case HOOKS_KPROBE:
		return bpf_program__attach_kprobe(program, at_return, function);
	case HOOKS_TRACEPOINT:
		return bpf_program__attach_tracepoint(program, plan->subsystem, plan->function);
	case HOOKS_UPROBE:
		return attach_uprobe(program, plan, at_return);
	default:
		return bpf_program__attach_raw_tracepoint(program, plan->function);
	}
}

static void destroy_link(struct bpf_link **link)
{
	bpf_link__destroy(*link);
}

int attach_program(struct bpf_program *program, const struct plan_program *plan, const char *path)
{
	cleanup(destroy_link) struct bpf_link *link = attach(program, plan);

	if (!link)
		return -errno;
	if (!path)
		return 0;
	/* A pinned link lives on when its descriptor is closed. */
	return bpf_link__pin(link, path);
}
