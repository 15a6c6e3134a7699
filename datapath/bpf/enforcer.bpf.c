/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */

/*
 * The hooks of TracingPolicies: one program for each way into the kernel. A program is loaded once
 * for each point that it serves, and knows the point's number from its constants.
 */

#include "hook_run.h"

const volatile __u32 chq_point = 0;
const volatile __u32 chq_n_args = 0;	    /* raw tracepoints: how many there are */
const volatile bool chq_is_syscall = false; /* __x64_sys_*: arguments are behind the first one */
const volatile __u64 chq_watched[CHQ_WATCHED / 64] = {}; /* sys_enter, sys_exit */

#define MAX_ERRNO 4095

static __always_inline void read_inner(struct call *call)
{
	struct pt_regs *inner = (struct pt_regs *)call->args[0];

	if (chq_is_syscall)
		REGS_SYSCALL_ARGS(inner, call->args);
}

static __always_inline void read_registers(struct call *call, struct pt_regs *regs)
{
	REGS_ARGS(regs, call->args);
	read_inner(call);
}

/* Kprobes and uprobes, and several functions by one program. */
SEC("kprobe")
int chq_kprobe(struct pt_regs *regs)
{
	struct call call = {};

	read_registers(&call, regs);
	run_point(chq_point, &call);
	return 0;
}

SEC("kretprobe")
int chq_kretprobe(struct pt_regs *regs)
{
	struct call call = {.result = REGS_RESULT(regs)};

	run_point(chq_point, &call);
	return 0;
}

SEC("kprobe.multi/")
int chq_multi(struct pt_regs *regs)
{
	struct call call = {};

	read_registers(&call, regs);
	run_point(chq_point, &call);
	return 0;
}

SEC("kretprobe.multi/")
int chq_retmulti(struct pt_regs *regs)
{
	struct call call = {.result = REGS_RESULT(regs)};

	run_point(chq_point, &call);
	return 0;
}

/* Those that a trampoline calls. Arguments that the function has not stay 0. */
static __always_inline void read_trampoline(struct call *call, void *ctx)
{
	for (__u32 i = 0; i < CHQ_HOOK_RAW; i++)
		bpf_get_func_arg(ctx, i, &call->args[i]);
	read_inner(call);
}

SEC("fentry")
int chq_fentry(void *ctx)
{
	struct call call = {};

	read_trampoline(&call, ctx);
	run_point(chq_point, &call);
	return 0;
}

SEC("fexit")
int chq_fexit(void *ctx)
{
	struct call call = {};

	read_trampoline(&call, ctx);
	bpf_get_func_ret(ctx, (__u64 *)&call.result);
	run_point(chq_point, &call);
	return 0;
}

/* What is no errno would be taken for an answer. */
static __always_inline int bounded(int verdict)
{
	return verdict < -MAX_ERRNO || verdict > 0 ? 0 : verdict;
}

SEC("fmod_ret")
int chq_fmod_ret(void *ctx)
{
	struct call call = {};

	read_trampoline(&call, ctx);
	return bounded(run_point(chq_point, &call));
}

SEC("lsm")
int chq_lsm(void *ctx)
{
	struct call call = {};

	read_trampoline(&call, ctx);
	return bounded(run_point(chq_point, &call));
}

/* What NotifyEnforcer asked for, at the function that it is to act on. */
static __always_inline int answer_notice(void)
{
	__u64 thread = bpf_get_current_pid_tgid();
	const struct notice *notice = bpf_map_lookup_elem(&chq_notices, &thread);
	int verdict = notice ? notice->error : 0;

	if (notice)
		bpf_map_delete_elem(&chq_notices, &thread);
	return bounded(verdict);
}

SEC("fmod_ret")
int chq_notice(void *ctx)
{
	(void)ctx;
	return answer_notice();
}

/* As many as the tracepoint has: the kernel refuses a program that could read more. */
SEC("raw_tp")
int chq_raw_tp(struct bpf_raw_tracepoint_args *ctx)
{
	struct call call = {};

	if (chq_n_args > 0)
		call.args[0] = ctx->args[0];
	if (chq_n_args > 1)
		call.args[1] = ctx->args[1];
	if (chq_n_args > 2)
		call.args[2] = ctx->args[2];
	if (chq_n_args > 3)
		call.args[3] = ctx->args[3];
	if (chq_n_args > 4)
		call.args[4] = ctx->args[4];
	if (chq_n_args > 5)
		call.args[5] = ctx->args[5];
	run_point(chq_point, &call);
	return 0;
}

SEC("tracepoint")
int chq_tp(void *ctx)
{
	struct call call = {.context = ctx};

	run_point(chq_point, &call);
	return 0;
}

/* Pointers of 32 bits in a program of 64: numbers of its own begin at 512, the others are the same.
 */
#define SYSCALL_X32 0x40000000

/* Programs of 32 bits have another table of numbers. */
static __always_inline __u32 table_of_numbers(void)
{
#ifdef TASK_COMPAT
	struct task_struct___hook *task = (void *)bpf_get_current_task_btf();

	if (task->thread_info.status & TASK_COMPAT)
		return CHQ_SYSCALL_32;
#endif
	return 0;
}

/* Nearly every system call ends here. */
static __always_inline bool is_watched(__u64 number, __u32 side)
{
	__u32 bit = (number & (CHQ_SYSCALL_32 - 1)) | side;

	return chq_watched[bit / 64] & 1ull << (bit & 63);
}

static __always_inline int point_of_syscall(__u64 number, __u32 side, __u32 *ret)
{
	__u32 index;
	const __u16 *point;

	if (!is_watched(number, side ? CHQ_WATCHED_EXIT : 0) ||
	    (number & ~(__u64)SYSCALL_X32) >= CHQ_SYSCALL_32)
		return -1;
	index = (number & (CHQ_SYSCALL_32 - 1)) | side | table_of_numbers();
	point = bpf_map_lookup_elem(&chq_syscalls, &index);
	if (!point || !*point)
		return -1;
	*ret = *point - 1;
	return 0;
}

SEC("tp_btf/sys_enter")
int chq_sys_enter(__u64 *ctx)
{
	struct pt_regs *regs = (struct pt_regs *)ctx[0];
	struct call call;
	__u32 point;

	if (point_of_syscall(ctx[1], 0, &point))
		return 0;
	call = (struct call){};
	REGS_TYPED_ARGS(regs, call.args);
	run_point(point, &call);
	return 0;
}

/* Its number is not among the arguments any more; a signal handler may have changed it. */
SEC("tp_btf/sys_exit")
int chq_sys_exit(__u64 *ctx)
{
	struct pt_regs *regs = (struct pt_regs *)ctx[0];
	struct call call;
	__u32 point;

	if (point_of_syscall(REGS_SYSCALL_NUMBER(regs), CHQ_SYSCALL_EXIT, &point))
		return 0;
	call = (struct call){.result = ctx[1]};
	REGS_TYPED_ARGS(regs, call.args);
	run_point(point, &call);
	return 0;
}

/*
 * The page cache knows inodes, not files. Most are told from ours by their one name;
 * which file it is, the process's own table of descriptors says.
 */
#define DESCRIPTORS 65536 /* of a process, at most, that are looked through */

struct file_search {
	const struct inode *inode;
	struct file *found;
};

static long compare_file(__u32 fd, void *data)
{
	struct file_search *search = data;
	struct file *file = file_of_fd(fd);

	if (!file || BPF_CORE_READ(file, f_inode) != search->inode)
		return 0;
	search->found = file;
	return 1;
}

static __always_inline __u32 descriptors(void)
{
	struct task_struct___hook *task = (void *)bpf_get_current_task_btf();

	return at_most(BPF_CORE_READ(task, files, fdt, max_fds), DESCRIPTORS);
}

SEC("tp_btf/mm_filemap_get_pages")
int chq_filemap(__u64 *ctx)
{
	const struct address_space *mapping = (struct address_space *)ctx[0];
	const struct inode *inode = mapping->host;
	struct file_search search = {.inode = inode};
	struct call call = {};

	if (!inode || !inode_concerns(chq_point, inode))
		return 0;
	bpf_loop(descriptors(), compare_file, &search, 0);
	call.args[0] = (__u64)search.found;
	if (search.found)
		run_point(chq_point, &call);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
