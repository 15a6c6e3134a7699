/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "enforcer/hooks_inside.h"

#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>

#define MAY_WRITE 2
#define MAY_READ  4

/* A system call that comes by a function of the kernel, and with what. */
struct way {
	const char *function, *syscall;
	uint8_t adapter, fd_arg, mask;
	bool at_exit;
};

#define READS(call, fd)                                                                 \
	{                                                                               \
		"security_file_permission", call, CHQ_AS_FILE_MASK, fd, MAY_READ, false \
	}
#define WRITES(call, fd)                                                                 \
	{                                                                                \
		"security_file_permission", call, CHQ_AS_FILE_MASK, fd, MAY_WRITE, false \
	}
#define OPENS(call)                                                             \
	{"security_file_open", call, CHQ_AS_FILE, CHQ_FD_RETURNED, 0, true},    \
	{                                                                       \
		"fd_install", call, CHQ_AS_FD_INSTALL, CHQ_FD_RETURNED, 0, true \
	}

static const struct way ways[] = {
	READS("read", 0),
	READS("pread64", 0),
	READS("readv", 0),
	READS("preadv", 0),
	READS("preadv2", 0),
	READS("sendfile", 1),
	READS("sendfile64", 1),
	READS("splice", 0),
	READS("copy_file_range", 0),
	READS("getdents", 0),
	READS("getdents64", 0),
	WRITES("write", 0),
	WRITES("pwrite64", 0),
	WRITES("writev", 0),
	WRITES("pwritev", 0),
	WRITES("pwritev2", 0),
	WRITES("sendfile", 0),
	WRITES("sendfile64", 0),
	WRITES("splice", 2),
	WRITES("copy_file_range", 2),
	WRITES("fallocate", 0),
	OPENS("open"),
	OPENS("openat"),
	OPENS("openat2"),
	OPENS("creat"),
	OPENS("open_by_handle_at"),
	{"security_file_truncate", "ftruncate", CHQ_AS_FILE, 0, 0, false},
	{"security_file_truncate", "ftruncate64", CHQ_AS_FILE, 0, 0, false},
	{"security_mmap_file", "mmap", CHQ_AS_MMAP, 4, 0, false},
	{"security_mmap_file", "mmap2", CHQ_AS_MMAP, 4, 0, false},
	{"security_file_ioctl", "ioctl", CHQ_AS_FILE, 0, 0, false},
	{"security_file_fcntl", "fcntl", CHQ_AS_FILE, 0, 0, false},
	{"security_file_fcntl", "fcntl64", CHQ_AS_FILE, 0, 0, false},
	{"security_file_lock", "flock", CHQ_AS_FILE, 0, 0, false},
};

#define WAYS (sizeof(ways) / sizeof(*ways))

/* Both tables of numbers of this processor. */
static const struct {
	uint32_t arch, bits;
} tables[] = {
	{SCMP_ARCH_NATIVE, 0},
#ifdef __x86_64__
	{SCMP_ARCH_X86, CHQ_SYSCALL_32},
	{SCMP_ARCH_X32, 0},
#endif
};

static const char *bare_name(const char *call)
{
	static const char *const prefixes[] = {"__x64_sys_", "__arm64_sys_", "sys_"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		if (strncmp(call, prefixes[i], strlen(prefixes[i])) == 0)
			return call + strlen(prefixes[i]);
	}
	return call;
}

#define X32_BIT	  0x40000000
#define X32_FIRST 512 /* the numbers below are also those of 64 bits */

/* The number in that table, or a negative one. */
static int number_in(uint32_t arch, const char *syscall)
{
	int number = seccomp_syscall_resolve_name_arch(arch, syscall);

	if (arch != SCMP_ARCH_X32 || number < 0)
		return number;
	number &= ~X32_BIT;
	return number < X32_FIRST ? -1 : number;
}

static bool is_number(int number)
{
	return number >= 0 && number < CHQ_SYSCALL_32;
}

bool syscall_serves(const struct tracing_hook *hook, const char *call)
{
	if (hook->kind != TRACING_KPROBE)
		return false;
	if (hook->syscall)
		return is_number(seccomp_syscall_resolve_name(bare_name(call)));
	for (size_t i = 0; i < WAYS && !hook->returns; i++) {
		if (strcmp(ways[i].function, call) == 0)
			return true;
	}
	return false;
}

/* The point of a number, new or known. Its program is the one for all system calls. */
static int point_of(struct plan *plan, const char *syscall, uint32_t index, uint32_t flags,
		    uint32_t *ret)
{
	struct chq_point point = {.flags = flags};
	struct point_names names = {.back_end = HOOKS_SYSCALL};
	long number;

	if (plan->syscalls[index]) {
		*ret = plan->syscalls[index] - 1;
		return 0;
	}
	number = list_add(&plan->points, &point);
	if (number < 0)
		return number;
	snprintf(names.function, sizeof(names.function), "%s/%s%s",
		 index & CHQ_SYSCALL_EXIT ? "sys_exit" : "sys_enter", syscall,
		 index & CHQ_SYSCALL_32 ? " (32 bits)" : "");
	if (list_add(&plan->point_names, &names) < 0)
		return -ENOMEM;
	plan->syscalls[index] = number + 1;
	*ret = number;
	return 0;
}

/* One program for entries, one for exits, whatever is hooked. */
static int need_program(struct plan *plan, const struct plan_program *program, bool at_exit)
{
	struct plan_program wanted = *program;

	wanted.is_syscall = false;
	wanted.role = PLAN_ENTRY;
	wanted.subsystem[0] = 0;
	snprintf(wanted.function, sizeof(wanted.function), "%s",
		 at_exit ? "sys_exit" : "sys_enter");
	for (size_t i = 0; i < plan->programs.n; i++) {
		struct plan_program *known = list_at(&plan->programs, struct plan_program, i);

		if (known->back_end == HOOKS_SYSCALL &&
		    strcmp(known->function, wanted.function) == 0) {
			known->waits = known->waits && wanted.waits;
			return 0;
		}
	}
	return list_add(&plan->programs, &wanted) < 0 ? -ENOMEM : 0;
}

/* The oldest mmap(2) takes a pointer to its arguments; nobody's C library calls it. */
static bool by_memory(uint32_t bits, const char *syscall)
{
	return bits == CHQ_SYSCALL_32 && strcmp(syscall, "mmap") == 0;
}

static int add_way(struct plan *plan, const struct way *way, uint32_t flags, uint32_t hook_number,
		   const struct plan_program *program)
{
	struct plan_visit visit = {
		.visit = {.hook = hook_number,
			  .adapter = way->adapter,
			  .fd_arg = way->fd_arg,
			  .mask = way->mask},
	};
	uint32_t side = way->at_exit ? CHQ_SYSCALL_EXIT : 0;

	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		int number = number_in(tables[i].arch, way->syscall);
		int err;

		if (!is_number(number) || by_memory(tables[i].bits, way->syscall))
			continue;
		err = point_of(plan, way->syscall, number | tables[i].bits | side, flags,
			       &visit.point);
		if (err)
			return err;
		if (list_add(&plan->collected, &visit) < 0)
			return -ENOMEM;
	}
	return need_program(plan, program, way->at_exit);
}

static int plan_native(struct plan *plan, const struct tracing_hook *hook, const char *call,
		       uint32_t hook_number, const struct plan_program *program)
{
	struct way way = {.syscall = bare_name(call), .adapter = CHQ_AS_IS};
	int err = add_way(plan, &way, 0, hook_number, program);

	if (err || !hook->returns)
		return err;
	way.at_exit = true;
	return add_way(plan, &way, CHQ_POINT_RETURN, hook_number, program);
}

int plan_syscalls(struct plan *plan, const struct tracing_hook *hook, const char *call,
		  uint32_t hook_number, const struct plan_program *program)
{
	int err = 0;

	if (hook->syscall)
		return plan_native(plan, hook, call, hook_number, program);
	if (hook->returns)
		return plan_refuse(plan, &hook->at, -EOPNOTSUPP,
				   "%s: on this kernel its return cannot be waited for", call);
	for (size_t i = 0; i < WAYS && !err; i++) {
		if (strcmp(ways[i].function, call) == 0)
			err = add_way(plan, &ways[i], 0, hook_number, program);
	}
	return err;
}
