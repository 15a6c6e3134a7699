/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "enforcer/hooks_inside.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probe.skel.h"
#include "util/cleanup.h"

/* What was found out about one function by one back end. */
struct tried {
	struct plan_program program;
	int err;
	char why[HOOKS_WHY_BYTES];
};

/* The hook by which is found out whether LSM hooks call programs at all. */
static const struct plan_program any_lsm = {.back_end = HOOKS_LSM, .function = "file_permission"};

static void close_probe(struct chq_probe **probe)
{
	chq_probe__destroy(*probe);
}

static struct bpf_program *program_of(struct chq_probe *probe, const struct plan_program *plan)
{
	switch (plan->back_end) {
	case HOOKS_LSM:
		return probe->progs.try_lsm;
	case HOOKS_FMOD_RET:
		return probe->progs.try_fmod_ret;
	case HOOKS_FENTRY:
		return plan->role == PLAN_RETURN ? probe->progs.try_fexit : probe->progs.try_fentry;
	case HOOKS_KPROBE_MULTI:
		return probe->progs.try_multi;
	case HOOKS_KPROBE:
		return probe->progs.try_kprobe;
	case HOOKS_SYSCALL:
		return probe->progs.try_syscall;
	case HOOKS_FILEMAP:
		return probe->progs.try_filemap;
	case HOOKS_UPROBE:
		return probe->progs.try_uprobe;
	case HOOKS_TRACEPOINT:
		return probe->progs.try_tp;
	default:
		return probe->progs.try_raw_tp;
	}
}

static int say(char *why, int err, const char *doing, const struct plan_program *plan,
	       const char *function)
{
	if (err == -ENOENT)
		err = -EOPNOTSUPP; /* the back end is missing, not the function */
	if (why)
		snprintf(why, HOOKS_WHY_BYTES, "%s: the kernel refuses to %s %s: %s",
			 hooks_back_end_word(plan->back_end), doing, function, strerror(-err));
	return err;
}

/* Is try_lsm called? Any read will do. */
static bool lsm_calls(const struct chq_probe *probe)
{
	struct bpf_link *link = bpf_program__attach_lsm(probe->progs.try_lsm);
	cleanup_close int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	char byte;
	bool called = link && read(fd, &byte, 1) == 0 && probe->bss->lsm_called;

	bpf_link__destroy(link);
	return called;
}

static int cannot(char *why, const char *format, const char *name)
{
	if (why)
		snprintf(why, HOOKS_WHY_BYTES, format, name);
	return -EOPNOTSUPP;
}

/* Loads and attaches a program that does nothing, for a moment. */
static int try_program(const struct plan_program *plan, char *why)
{
	cleanup(close_probe) struct chq_probe *probe = chq_probe__open();
	struct bpf_program *program, *each;
	char function[160];
	int err = 0;

	if (!probe)
		return say(why, -errno, "open", plan, "probe");
	program = program_of(probe, plan);
	bpf_object__for_each_program(each, probe->obj)
		bpf_program__set_autoload(each, each == program);
	function_name(plan, function, sizeof(function));
	if (plan->back_end <= HOOKS_FENTRY &&
	    bpf_program__set_attach_target(program, 0, function)) {
		if (why)
			snprintf(why, HOOKS_WHY_BYTES, "this kernel has no function %s", function);
		return -ENOENT;
	}
	err = chq_probe__load(probe);
	if (err)
		return say(why, err, "load for", plan, function);
	err = attach_program(program, plan, NULL);
	if (err)
		return say(why, err, "attach to", plan, function);
	if (plan_same_place(plan, &any_lsm) && !lsm_calls(probe))
		return cannot(why, "lsm: bpf is not among the active security modules%s", "");
	return 0;
}

/* Whether fields of kernel structs can be read by plain loads: one answer for the machine. */
bool hooks_can_cast(void)
{
	cleanup(close_probe) struct chq_probe *probe = chq_probe__open();
	struct bpf_program *each;

	if (!probe)
		return false;
	bpf_object__for_each_program(each, probe->obj)
		bpf_program__set_autoload(each, each == probe->progs.try_cast);
	return bpf_object__load(probe->obj) == 0;
}

/* Where code of ours lies in its own file: a uprobe wants an instruction. */
static uint64_t own_code_offset(void)
{
	uintptr_t code = (uintptr_t)hooks_probe, start, end;
	unsigned long long offset;
	uint64_t ret = 0;
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "re");

	while (maps && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %*s %llx", &start, &end, &offset) == 3 && code >= start &&
		    code < end)
			ret = code - start + offset;
	}
	if (maps)
		fclose(maps);
	return ret;
}

/* Something that every kernel has, for each. */
static const struct plan_program samples[HOOKS_BACK_END_MAX] = {
	[HOOKS_LSM] = {.back_end = HOOKS_LSM, .function = "file_permission"},
	[HOOKS_FMOD_RET] = {.back_end = HOOKS_FMOD_RET, .function = "security_file_permission"},
	[HOOKS_FENTRY] = {.back_end = HOOKS_FENTRY, .function = "security_file_permission"},
	[HOOKS_KPROBE_MULTI] = {.back_end = HOOKS_KPROBE_MULTI,
				.function = "security_file_permission"},
	[HOOKS_KPROBE] = {.back_end = HOOKS_KPROBE, .function = "security_file_permission"},
	[HOOKS_SYSCALL] = {.back_end = HOOKS_SYSCALL, .function = "sys_enter"},
	[HOOKS_FILEMAP] = {.back_end = HOOKS_FILEMAP, .function = "mm_filemap_get_pages"},
	[HOOKS_RAW_TRACEPOINT] = {.back_end = HOOKS_RAW_TRACEPOINT, .function = "sys_exit"},
	[HOOKS_TRACEPOINT] = {.back_end = HOOKS_TRACEPOINT,
			      .subsystem = "sched",
			      .function = "sched_process_exec"},
	[HOOKS_UPROBE] = {.back_end = HOOKS_UPROBE, .subsystem = "/proc/self/exe"},
};

const struct hooks_probe *hooks_probe(struct hooks *hooks)
{
	for (size_t i = 0; i < HOOKS_BACK_END_MAX && !hooks->probed; i++) {
		struct plan_program sample = samples[i];
		char *why = hooks->probe.back_ends[i].why;

		if (i == HOOKS_UPROBE)
			sample.offset = own_code_offset();
		if (i == HOOKS_TRACEPOINT && !tracefs_is_there())
			cannot(why, "%s", NO_TRACEFS);
		else
			hooks->probe.back_ends[i].works = try_program(&sample, why) == 0;
	}
	hooks->probed = true;
	return &hooks->probe;
}

/* Does the back end fit the kind of hook at all? */
static int fits(const struct tracing_hook *hook, size_t call, enum hooks_back_end back_end,
		char *why)
{
	const char *name = hook_call_name(hook, call);
	bool security = strncmp(name, "security_", 9) == 0;

	switch (back_end) {
	case HOOKS_LSM:
		return lsm_hook_of(hook, name) ? 0 : cannot(why, "%s is no LSM hook", name);
	case HOOKS_FMOD_RET:
		return hook->kind == TRACING_KPROBE && security
			       ? 0
			       : cannot(why, "%s is not a function that fmod_ret changes", name);
	case HOOKS_SYSCALL:
		return syscall_serves(hook, name)
			       ? 0
			       : cannot(why, "system calls do not show %s, or what it returns",
					name);
	case HOOKS_FILEMAP:
		return hook->kind == TRACING_KPROBE && !hook->returns &&
				       strcmp(name, "security_file_permission") == 0
			       ? 0
			       : cannot(why, "the page cache does not show %s", name);
	case HOOKS_RAW_TRACEPOINT:
		if (hook_is_exec(hook, name))
			return hook->returns
				       ? cannot(why,
						"the start of a program does not show what %s returns",
						name)
				       : 0;
		return hook->kind == TRACING_TRACEPOINT && hook->raw ? 0 : cannot(why, "%s", name);
	case HOOKS_TRACEPOINT:
		return hook->kind == TRACING_TRACEPOINT && !hook->raw ? 0 : cannot(why, "%s", name);
	case HOOKS_UPROBE:
		return hook->kind == TRACING_UPROBE ? 0 : cannot(why, "%s", name);
	default:
		return hook->kind == TRACING_KPROBE ? 0 : cannot(why, "%s", name);
	}
}

static int known_answer(struct hooks *hooks, const struct plan_program *program, char *why,
			int *ret)
{
	for (size_t i = 0; i < hooks->tried.n; i++) {
		const struct tried *tried = list_at(&hooks->tried, struct tried, i);

		if (!plan_same_place(&tried->program, program))
			continue;
		if (why)
			snprintf(why, HOOKS_WHY_BYTES, "%s", tried->why);
		*ret = tried->err;
		return 0;
	}
	return -ENOENT;
}

static int try_once(struct hooks *hooks, const struct plan_program *program, char *why)
{
	struct tried tried = {.program = *program};
	int err;

	if (!hooks->tried.item_bytes)
		hooks->tried.item_bytes = sizeof(struct tried);
	if (known_answer(hooks, program, why, &err) == 0)
		return err;
	tried.err = try_program(program, tried.why);
	list_add(&hooks->tried, &tried);
	if (why)
		snprintf(why, HOOKS_WHY_BYTES, "%s", tried.why);
	return tried.err;
}

/* The function that is asked for, as this back end sees it. */
static void describe(const struct tracing_hook *hook, size_t call, enum hooks_back_end back_end,
		     struct plan_program *ret)
{
	const char *name = hook_call_name(hook, call);

	memset(ret, 0, sizeof(*ret));
	*ret = samples[back_end];
	if (back_end == HOOKS_SYSCALL || back_end == HOOKS_FILEMAP)
		return;
	ret->is_syscall = hook->kind == TRACING_KPROBE && hook->syscall;
	memset(ret->function, 0, sizeof(ret->function));
	memset(ret->subsystem, 0, sizeof(ret->subsystem));
	ret->offset = 0;
	if (back_end == HOOKS_LSM)
		name = lsm_hook_of(hook, name);
	else if (back_end == HOOKS_RAW_TRACEPOINT && hook_is_exec(hook, name))
		name = EXEC_TRACEPOINT;
	strncpy(ret->function, name, sizeof(ret->function) - 1);
	if (hook->path || hook->subsystem)
		strncpy(ret->subsystem, hook->path ? hook->path : hook->subsystem,
			sizeof(ret->subsystem) - 1);
	if (hook->kind == TRACING_UPROBE && call >= hook->n_calls)
		ret->offset = hook->offsets[call - hook->n_calls];
}

int hooks_can(struct hooks *hooks, const struct tracing_hook *hook, size_t call,
	      enum hooks_back_end back_end, char why[HOOKS_WHY_BYTES])
{
	struct plan_program program;
	int err = fits(hook, call, back_end, why);

	if (err)
		return err;
	if (back_end == HOOKS_TRACEPOINT && !tracefs_is_there())
		return cannot(why, "%s", NO_TRACEFS);
	err = back_end == HOOKS_LSM ? try_once(hooks, &any_lsm, why) : 0;
	if (err)
		return err;
	describe(hook, call, back_end, &program);
	err = try_once(hooks, &program, why);
	if (!err && hook->returns && back_end <= HOOKS_FENTRY) {
		program.back_end = HOOKS_FENTRY;
		program.role = PLAN_RETURN;
		memset(program.function, 0, sizeof(program.function));
		strncpy(program.function, hook_call_name(hook, call), sizeof(program.function) - 1);
		err = try_once(hooks, &program, why);
	}
	return err;
}

#define MANY_SYSCALLS 8 /* from here on one program for all is better than one for each */

static bool skips(const struct tracing_policy *policy, const struct tracing_hook *hook,
		  enum hooks_back_end back_end)
{
	if (back_end == HOOKS_KPROBE_MULTI && policy->no_multi)
		return true;
	if (back_end == HOOKS_FILEMAP)
		return true; /* only as asked for: it sees less than system calls do */
	if (hook->kind == TRACING_KPROBE && hook->syscall && hook->n_calls > MANY_SYSCALLS)
		return back_end != HOOKS_SYSCALL;
	return false;
}

int hooks_choose(struct hooks *hooks, const struct tracing_policy *policy,
		 const struct tracing_hook *hook, size_t call, char why[HOOKS_WHY_BYTES],
		 enum hooks_back_end *ret)
{
	char words[HOOKS_WHY_BYTES] = "nothing on this kernel shows it",
	     missing[HOOKS_WHY_BYTES] = "";
	int err;

	for (int i = 0; i < HOOKS_BACK_END_MAX; i++) {
		if (skips(policy, hook, i) || fits(hook, call, i, NULL))
			continue;
		err = hooks_can(hooks, hook, call, i, words);
		if (err == -ENOENT)
			memcpy(missing, words, sizeof(missing));
		if (err == 0) {
			*ret = i;
			return 0;
		}
	}
	if (why)
		snprintf(why, HOOKS_WHY_BYTES, "%s", *missing ? missing : words);
	return *missing ? -ENOENT : -EOPNOTSUPP;
}
