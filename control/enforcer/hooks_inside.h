/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef ENFORCER_HOOKS_INSIDE_H
#define ENFORCER_HOOKS_INSIDE_H

/* What the files of the hooks share; nobody else includes this. */

#include <limits.h>

#include "chasqui/hook.h"
#include "enforcer/hooks.h"

/* ---- hooks_list.c: arrays that grow ---- */

struct list {
	void *items;
	size_t n, item_bytes;
};

#define LIST_OF(type)                      \
	{                                  \
		.item_bytes = sizeof(type) \
	}

/* Adds a copy at the end. -ENOMEM, or its index. */
long list_add(struct list *list, const void *item);
void list_clear(struct list *list);

#define list_at(list, type, index) (&((type *)(list)->items)[index])

/* ---- hooks_plan.c: policies -> what the kernel's tables will hold. Pure ---- */

enum plan_role { PLAN_ENTRY, PLAN_RETURN, PLAN_NOTICE };

/* One program to be loaded and attached. */
struct plan_program {
	enum hooks_back_end back_end;
	enum plan_role role;
	char function[128];  /* or the event; SYSCALL: "sys_enter", "sys_exit" */
	char subsystem[256]; /* tracepoints: their subsystem; uprobes: the file */
	uint64_t offset;     /* uprobes without a symbol */
	bool is_syscall;     /* kprobes and the like: the function is a system call's */
	uint32_t n_args;     /* raw tracepoints: how many are read */
	uint32_t point;	     /* SYSCALL: not used */
	bool waits;	     /* nobody that it serves wants it attached at once */
	const struct tracing_policy *policy; /* for messages: the first that wants it */
	struct place at;
};

/* A visit, until all of its point are known and stand together. */
struct plan_visit {
	uint32_t point;
	struct chq_visit visit;
};

/* How events of a hook are called; a value of chq_hook_names. */
#define HOOK_LABEL_BYTES 64
#define HOOK_TAGS_BYTES	 1024

struct hook_names {
	char policy[256], function[128], subsystem[256], message[260];
	char labels[CHQ_HOOK_ARGS][HOOK_LABEL_BYTES];
	char tags[HOOK_TAGS_BYTES]; /* each with its closing 0, then an empty one */
	char back_end[16];
	uint8_t kind; /* enum hook_kind */
	uint8_t n_args, return_type, pad;
	uint8_t types[CHQ_HOOK_ARGS]; /* enum tracing_type */
};

struct policy_names {
	char name[256];
};

/* A point, for status; a value of chq_point_names. */
struct point_names {
	char function[128];
	uint32_t back_end, n_hooks;
};

/* Binaries whose processes and their children carry a bit. */
struct plan_follow {
	const struct tracing_binaries *binaries;
	uint64_t bit;
};

#define TEXT_MAPS 4

struct plan {
	struct list points, visits, hooks, selectors, filters,
		policies;      /* chq_* of the same names */
	struct list sources;   /* const struct tracing_hook *, one of each of `hooks` */
	struct list collected; /* struct plan_visit */
	struct list programs, follows;
	struct list hook_names, policy_names, point_names;
	struct list texts[TEXT_MAPS], prefixes, postfixes, addrs, numbers, names; /* keys */
	uint16_t syscalls[CHQ_SYSCALLS];
	uint32_t sets; /* how many numbers have been given to filters' sets */
	uint64_t follow_bits_taken;
	/* Which bit a set of followed binaries had before, or a free one; 0: none is free. */
	uint64_t (*follow_bit)(void *context, const struct tracing_binaries *binaries,
			       uint64_t taken);
	void *context;
	char *why; /* HOOKS_WHY_BYTES */
	struct place *at;
};

void plan_init(struct plan *plan);
void plan_clear(struct plan *plan);

/* -errno, `why` and `at` say which hook cannot be, and why. back_ends[] must be chosen. */
int plan_add(struct plan *plan, const struct hooks_policy *policy);

/* After the last policy: visits behind one another, quick look at names where it is allowed. */
int plan_finish(struct plan *plan);

/* Writes the sentence (and the place) and returns `err`. */
int plan_refuse(struct plan *plan, const struct place *at, int err, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Are both attached to the same place, in the same way? */
bool plan_same_place(const struct plan_program *one, const struct plan_program *other);

/* The point that is reached so, new or known. */
int plan_point(struct plan *plan, const struct plan_program *wanted, uint32_t flags, uint32_t *ret);

/* ---- hooks_filter.c ---- */

/* quiet: what does not enforce is not told. */
int plan_selectors(struct plan *plan, const struct tracing_hook *hook, bool quiet,
		   struct chq_hook *ret);

/* ---- hooks_syscall.c: what system calls make of hooks ---- */

/* Can system calls serve a hook of that name? */
bool syscall_serves(const struct tracing_hook *hook, const char *call);

/* Points and visits for it. */
int plan_syscalls(struct plan *plan, const struct tracing_hook *hook, const char *call,
		  uint32_t hook_number, const struct plan_program *program);

/* ---- hooks_names.c: the quick look at a file's own name ---- */

int plan_names(struct plan *plan);

/* ---- hooks_format.c: the record of a perf tracepoint ---- */

struct field {
	char name[64];
	uint16_t offset, size_bytes;
	bool is_signed, is_data_loc, is_array;
};

#define FIELDS_MAX 64
#define NO_TRACEFS "tracefs is not mounted (mount -t tracefs tracefs /sys/kernel/tracing)"

bool tracefs_is_there(void);

/* -ENOENT: no such event; -ENODEV: tracefs is not mounted. */
int format_read(const char *subsystem, const char *event, struct field fields[FIELDS_MAX],
		size_t *ret_n);

/* ---- hooks_words.c ---- */

/* Calls of a hook, each of which can have a back end of its own. */
size_t hook_calls(const struct tracing_hook *hook);

/* "security_file_permission", …: what the program is attached to. Uprobes: the symbol or "". */
const char *hook_call_name(const struct tracing_hook *hook, size_t call);

/* The LSM hook whose arguments are those of this function, or NULL. */
const char *lsm_hook_of(const struct tracing_hook *hook, const char *call);

/* Is it asked before a program is started? Where nothing shows that, its start shows it. */
bool hook_is_exec(const struct tracing_hook *hook, const char *call);
#define EXEC_TRACEPOINT "sched_process_exec"

/* ---- hooks_set.c: maps and pins of a set ---- */

enum shared_map {
	SHARED_EVENTS,
	SHARED_PROCS,
	SHARED_LOST,
	SHARED_FOLLOW,
	SHARED_CELL,
	SHARED_SPARED,
	SHARED_MAPS
};

struct hooks_set {
	uint64_t number; /* 0: there is none */
	int policies, counts, point_count;
	int hook_names, policy_names, point_names;
	uint32_t n_policies, n_points, n_hooks;
};

/* ---- hooks_data.c: records of kind CHQ_PROC_DATA ---- */

#define KEPT_DATA_MOST	256	   /* as many hits as can wait for a return */
#define KEPT_DATA_BYTES (16 << 20) /* whichever bound is met first */

struct kept_data {
	struct chq_hook_data *items[KEPT_DATA_MOST]; /* owned, its bytes behind it; oldest first */
	size_t n, bytes;
};

/* Copies it. -EBADMSG: it is no such record; -ENOMEM. */
int data_keep(struct kept_data *kept, const void *record, size_t size_bytes);

/* What waits for this event goes into it. -EBADMSG: it does not fit to it; -ENOMEM. */
int data_join(struct kept_data *kept, const struct chq_hook_event *record,
	      struct hook_event *event);

void data_clear(struct kept_data *kept);

#define SETS_KNOWN 4 /* the live one and those whose events may still come */

struct hooks {
	char directory[PATH_MAX / 2];
	int shared[SHARED_MAPS];	   /* -1: not made yet */
	struct hooks_set sets[SETS_KNOWN]; /* [0] is live */
	struct hooks_probe probe;
	bool probed;
	struct list tried; /* what hooks_can() was told before */
	struct kept_data data;
};

void set_init(struct hooks_set *set);
void set_close(struct hooks_set *set);

/* -ENOENT: nothing of that number is pinned. */
int set_open(const struct hooks *hooks, uint64_t number, struct hooks_set *ret);

/* Takes its pins away: what is attached only through them goes. */
int set_remove(const struct hooks *hooks, uint64_t number);

void set_directory(const struct hooks *hooks, uint64_t number, char ret[PATH_MAX]);

/* ---- hooks_load.c: a plan -> maps and programs ---- */

struct chq_enforcer;

struct hooks_load {
	struct hooks *hooks;
	struct plan *plan;
	struct chq_enforcer *base; /* whose maps all programs share */
	bool can_cast;
	struct hooks_set set;
};

/* Makes the maps, fills and pins them. `load` is cleared by load_clear(), whatever happened. */
int load_maps(struct hooks_load *load);
int load_programs(struct hooks_load *load);
void load_clear(struct hooks_load *load);

/* Shared maps that are pinned by now are opened. */
void shared_open(struct hooks *hooks);

/* ---- hooks_probe.c ---- */

/* Does this kernel have what chq_can_cast of datapath/bpf/hook_look.h wants? */
bool hooks_can_cast(void);

/* ---- hooks_attach.c ---- */

struct bpf_program;

/* Attaches a loaded program; the link is pinned at `path`. */
int attach_program(struct bpf_program *program, const struct plan_program *plan, const char *path);

/* "__x64_sys_read" of "sys_read" where the hook is a system call; else the name itself. */
void function_name(const struct plan_program *plan, char *ret, size_t size_bytes);

/* ---- hooks_follow.c ---- */

uint64_t follow_bit(void *hooks, const struct tracing_binaries *binaries, uint64_t taken);
int follow_write(struct hooks *hooks, const struct plan *plan);

/* Bits that no policy has any more are free again, once the set that had them is gone. */
void follow_prune(struct hooks *hooks, uint64_t used);

#endif
