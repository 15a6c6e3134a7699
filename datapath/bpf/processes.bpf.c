/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */

/* Processes from their start to their end: for events, and for what selectors ask. */

#include "kernel.h"
#include "path.h"
#include "process_maps.h"

/* The programs act while chq_proc_cell says this; the daemon sets it before it loads them. */
const volatile __u64 chq_epoch SEC(".rodata.epoch") = 0;

#define TEXT_BYTES 16384 /* where the last text of a record may begin, a power of two */

/*
 * Where an exec is put together: too large for the stack. The tracepoints' element is 0: nothing
 * interrupts them on their CPU. The iterator, of which one runs at a time, has 1.
 */
struct exec_scratch {
	struct chq_proc_exec exec;
	char texts[TEXT_BYTES + CHQ_PROC_PATH_BYTES];
};

struct work_scratch {
	struct path_buffer path;
	struct chq_process process;
	struct chq_follow_key follow;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct exec_scratch);
} chq_proc_exec SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct work_scratch);
} chq_proc_work SEC(".maps");

static const struct chq_process no_process;

static __always_inline bool acts(void)
{
	const struct chq_proc_cell *cell = bpf_map_lookup_elem(&chq_proc_cell, &(__u32){0});

	return cell && cell->epoch == chq_epoch;
}

/* What the pid is called at one level of pid namespaces. */
static __always_inline struct upid *upid_at(struct pid *pid, __u32 level)
{
	void *numbers = (void *)pid + bpf_core_field_offset(struct pid, numbers);

	return numbers + level * bpf_core_type_size(struct upid);
}

/* The pid of its innermost pid namespace. */
static __always_inline __u32 read_own_pid(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, group_leader, thread_pid);
	struct upid *own = upid_at(pid, BPF_CORE_READ(pid, level));

	return BPF_CORE_READ(own, nr);
}

/* As the daemon's own pid namespace calls it; 0: it is not seen there. */
static __always_inline __u32 read_pid_here(struct task_struct *task)
{
	const struct chq_proc_cell *cell = bpf_map_lookup_elem(&chq_proc_cell, &(__u32){0});
	struct pid *pid = BPF_CORE_READ(task, group_leader, thread_pid);
	struct upid *here;

	if (!cell || BPF_CORE_READ(pid, level) < cell->here_level)
		return 0;
	here = upid_at(pid, cell->here_level);
	return BPF_CORE_READ(here, ns, ns.inum) == cell->here_inum ? BPF_CORE_READ(here, nr) : 0;
}

static __always_inline void read_namespaces(struct task_struct *task, __u32 *inum)
{
	struct nsproxy *proxy = BPF_CORE_READ(task, nsproxy);
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct upid *own = upid_at(pid, BPF_CORE_READ(pid, level));

	inum[CHQ_NS_UTS] = BPF_CORE_READ(proxy, uts_ns, ns.inum);
	inum[CHQ_NS_IPC] = BPF_CORE_READ(proxy, ipc_ns, ns.inum);
	inum[CHQ_NS_MNT] = BPF_CORE_READ(proxy, mnt_ns, ns.inum);
	inum[CHQ_NS_PID] = BPF_CORE_READ(own, ns, ns.inum);
	inum[CHQ_NS_PID_FOR_CHILDREN] = BPF_CORE_READ(proxy, pid_ns_for_children, ns.inum);
	inum[CHQ_NS_NET] = BPF_CORE_READ(proxy, net_ns, ns.inum);
	inum[CHQ_NS_TIME] = BPF_CORE_READ(proxy, time_ns, ns.inum);
	inum[CHQ_NS_TIME_FOR_CHILDREN] = BPF_CORE_READ(proxy, time_ns_for_children, ns.inum);
	inum[CHQ_NS_CGROUP] = BPF_CORE_READ(proxy, cgroup_ns, ns.inum);
	inum[CHQ_NS_USER] = BPF_CORE_READ(task, real_cred, user_ns, ns.inum);
}

static __always_inline void read_caps(const struct cred *cred, __u64 *caps)
{
	bpf_core_read(&caps[CHQ_CAP_PERMITTED], sizeof(*caps), &cred->cap_permitted);
	bpf_core_read(&caps[CHQ_CAP_EFFECTIVE], sizeof(*caps), &cred->cap_effective);
	bpf_core_read(&caps[CHQ_CAP_INHERITABLE], sizeof(*caps), &cred->cap_inheritable);
}

static __always_inline void read_users(struct task_struct *task, const struct cred *cred,
				       struct chq_proc_credentials *users)
{
	users->uid = BPF_CORE_READ(cred, uid.val);
	users->gid = BPF_CORE_READ(cred, gid.val);
	users->euid = BPF_CORE_READ(cred, euid.val);
	users->egid = BPF_CORE_READ(cred, egid.val);
	users->suid = BPF_CORE_READ(cred, suid.val);
	users->sgid = BPF_CORE_READ(cred, sgid.val);
	users->fsuid = BPF_CORE_READ(cred, fsuid.val);
	users->fsgid = BPF_CORE_READ(cred, fsgid.val);
	users->securebits = BPF_CORE_READ(cred, securebits);
	users->auid = ~0u;
	if (bpf_core_field_exists(task->loginuid))
		users->auid = BPF_CORE_READ(task, loginuid.val);
}

/* Where its texts end so far. */
static __always_inline __u32 add_text(struct exec_scratch *exec, __u32 at,
				      const struct path_buffer *buffer,
				      const struct path_text *text, __u16 *ret_bytes)
{
	__u32 from = text->at & (PATH_BYTES - 1), bytes = text->bytes;

	*ret_bytes = 0;
	if (bytes == 0 || bytes > PATH_BYTES || at >= TEXT_BYTES)
		return at;
	if (bpf_probe_read_kernel(&exec->texts[at & (TEXT_BYTES - 1)], bytes, &buffer->text[from]))
		return at;
	*ret_bytes = bytes;
	return at + bytes;
}

/* The name that execve was given; the first text. */
static __always_inline __u32 add_name(struct exec_scratch *exec, struct linux_binprm *bprm)
{
	long length = bpf_probe_read_kernel_str(exec->texts, CHQ_PROC_PATH_BYTES,
						BPF_CORE_READ(bprm, filename));

	if (length <= 0 || length > CHQ_PROC_PATH_BYTES) {
		exec->exec.flags |= CHQ_PROC_FLAG_ERROR_FILENAME;
		return 0;
	}
	if (length == CHQ_PROC_PATH_BYTES)
		exec->exec.flags |= CHQ_PROC_FLAG_TRUNC_FILENAME;
	exec->exec.name_bytes = length - 1;
	return length - 1;
}

/* They lie in the new program's memory, which execve has just written. */
static __always_inline __u32 add_args(struct exec_scratch *exec, __u32 at, struct task_struct *task)
{
	unsigned long start = BPF_CORE_READ(task, mm, arg_start);
	unsigned long bytes = BPF_CORE_READ(task, mm, arg_end) - start;

	if (bytes > CHQ_PROC_ARGS_BYTES) {
		bytes = CHQ_PROC_ARGS_BYTES;
		exec->exec.flags |= CHQ_PROC_FLAG_TRUNC_ARGS;
	}
	if (bytes == 0 || at >= TEXT_BYTES)
		return at;
	if (bpf_probe_read_user(&exec->texts[at & (TEXT_BYTES - 1)], bytes, (void *)start)) {
		exec->exec.flags |= CHQ_PROC_FLAG_ERROR_ARGS;
		return at;
	}
	exec->exec.args_bytes = bytes;
	return at + bytes;
}

static __always_inline __u32 add_cwd(struct exec_scratch *exec, __u32 at, struct task_struct *task,
				     struct path_buffer *buffer)
{
	struct fs_struct *fs = BPF_CORE_READ(task, fs);
	struct path_text text = path_write(buffer, &fs->pwd, &fs->root);

	if (text.bytes == 0)
		exec->exec.flags |= CHQ_PROC_FLAG_ERROR_CWD;
	if (!text.complete)
		exec->exec.flags |= CHQ_PROC_FLAG_ERROR_PATH_CWD;
	if (text.bytes == 1)
		exec->exec.flags |= CHQ_PROC_FLAG_ROOT_CWD;
	return add_text(exec, at, buffer, &text, &exec->exec.cwd_bytes);
}

/* The executable's path is also what selectors compare. */
static __always_inline __u32 add_binary(struct exec_scratch *exec, __u32 at,
					struct task_struct *task, struct work_scratch *work)
{
	struct fs_struct *fs = BPF_CORE_READ(task, fs);
	struct file *file = BPF_CORE_READ(task, mm, exe_file);
	struct path_text text = path_write(&work->path, &file->f_path, &fs->root);
	__u32 bytes = text.bytes < CHQ_BINARY_BYTES ? text.bytes : CHQ_BINARY_BYTES - 1;

	exec->exec.inode = BPF_CORE_READ(file, f_inode, i_ino);
	exec->exec.links = BPF_CORE_READ(file, f_inode, i_nlink);
	__builtin_memset(work->process.binary, 0, CHQ_BINARY_BYTES);
	bpf_probe_read_kernel(work->process.binary, bytes & (CHQ_BINARY_BYTES - 1),
			      &work->path.text[text.at & (PATH_BYTES - 1)]);
	work->process.binary_bytes = text.bytes;
	return add_text(exec, at, &work->path, &text, &exec->exec.binary_bytes);
}

/* Newer kernels call the parent otherwise. */
static __always_inline const struct kernfs_node *node_above(const struct kernfs_node *node)
{
	if (bpf_core_field_exists(node->parent))
		return BPF_CORE_READ(node, parent);
	return BPF_CORE_READ((const struct kernfs_node___rcu *)node, __parent);
}

static long cgroup_step(__u32 step, void *data)
{
	struct path_walk *walk = data;
	const struct kernfs_node *node = (const void *)walk->dentry, *parent = node_above(node);
	char *name = &walk->buffer->text[PATH_BYTES];
	long length;

	(void)step;
	if (!parent)
		return 1; /* the root has no name */
	length = bpf_probe_read_kernel_str(name, PATH_NAME_BYTES, BPF_CORE_READ(node, name));
	if (length <= 1 || length > PATH_NAME_BYTES || !path_prepend(walk, name, length - 1))
		return 1;
	walk->dentry = (const void *)parent;
	return 0;
}

/* The path of its control group (version 2), as from the root of all groups. */
static __always_inline __u32 add_cgroup(struct exec_scratch *exec, __u32 at,
					struct task_struct *task, struct path_buffer *buffer)
{
	struct kernfs_node *node = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn);
	struct path_walk walk = {.buffer = buffer, .dentry = (const void *)node, .at = PATH_BYTES};
	struct path_text text;

	exec->exec.cgroup = BPF_CORE_READ(node, id);
	bpf_loop(PATH_STEPS, cgroup_step, &walk, 0);
	if (walk.at == PATH_BYTES)
		buffer->text[--walk.at] = '/';
	text = (struct path_text){walk.at, PATH_BYTES - walk.at, true};
	return add_text(exec, at, buffer, &text, &exec->exec.cgroup_bytes);
}

static __always_inline void name_parent(struct task_struct *task, __u32 *ret_pid,
					__u64 *ret_started_ns)
{
	__u32 pid = BPF_CORE_READ(task, group_leader, real_parent, tgid);
	const struct chq_process *parent = bpf_map_lookup_elem(&chq_procs, &pid);

	*ret_pid = pid;
	*ret_started_ns = parent ? parent->started_ns : 0;
}

#define SET_ID_BITS 06000 /* of a file's mode */

/*
 * The kernel clears bits of the personality where the file has given something away. What it was,
 * the new credentials say; what is neither user nor group was capabilities.
 */
static __always_inline __u8 what_was_raised(const struct chq_proc_exec *exec,
					    const struct linux_binprm *bprm)
{
	const struct chq_proc_credentials *users = &exec->creds;
	__u8 raised = 0;

	if (!BPF_CORE_READ(bprm, per_clear))
		return 0;
	if (users->euid != users->uid)
		raised |= CHQ_RAISED_UID;
	if (users->egid != users->gid)
		raised |= CHQ_RAISED_GID;
	if (!raised && !(BPF_CORE_READ(bprm, file, f_inode, i_mode) & SET_ID_BITS))
		raised |= CHQ_RAISED_CAPS;
	return raised;
}

/* What the process was before it called execve stays with it. */
static __always_inline void inherit(struct chq_proc_exec *exec, struct work_scratch *work)
{
	const struct chq_process *was = bpf_map_lookup_elem(&chq_procs, &exec->head.pid);

	exec->flags = CHQ_PROC_FLAG_EXECVE;
	exec->was_started_ns = 0;
	work->process.follow = 0;
	if (!was)
		return;
	exec->was_started_ns = was->started_ns;
	exec->flags |= was->flags & (CHQ_PROC_FLAG_CLONE | CHQ_PROC_FLAG_IN_INIT_TREE);
	work->process.follow = was->follow;
}

/* It and all that it starts carry the bits of its binary. */
static __always_inline void follow(struct work_scratch *work)
{
	const __u64 *bits;

	if (work->process.binary_bytes >= CHQ_BINARY_BYTES)
		return;
	__builtin_memcpy(work->follow.binary, work->process.binary, CHQ_BINARY_BYTES);
	bits = bpf_map_lookup_elem(&chq_follow, &work->follow);
	if (bits)
		work->process.follow |= *bits;
}

static __always_inline long remember(const struct chq_proc_exec *exec, struct work_scratch *work,
				     __u64 how)
{
	struct chq_process *process = &work->process;
	__u32 pid = exec->head.pid;

	process->started_ns = exec->head.started_ns;
	process->parent = exec->parent;
	process->parent_started_ns = exec->parent_started_ns;
	process->flags = exec->flags & ~CHQ_PROC_FLAG_CLONE; /* another execve has no fork before */
	process->pad = 0;
	__builtin_memcpy(process->caps, exec->caps, sizeof(process->caps));
	__builtin_memcpy(process->namespaces, exec->namespaces, sizeof(process->namespaces));
	follow(work);
	return bpf_map_update_elem(&chq_procs, &pid, process, how);
}

static __always_inline void begin_exec(struct chq_proc_exec *exec, struct task_struct *task)
{
	exec->head.kind = CHQ_PROC_EXEC;
	exec->head.time_ns = bpf_ktime_get_boot_ns();
	exec->head.started_ns = exec->head.time_ns;
	exec->head.pid = BPF_CORE_READ(task, tgid);
	exec->head.tid = BPF_CORE_READ(task, pid);
	exec->name_bytes = exec->args_bytes = 0;
	exec->raised = 0;
}

/* All that is not text. */
static __always_inline void describe(struct chq_proc_exec *exec, struct task_struct *task)
{
	const struct cred *cred = BPF_CORE_READ(task, real_cred);

	name_parent(task, &exec->parent, &exec->parent_started_ns);
	exec->ns_pid = read_own_pid(task);
	exec->pid_here = read_pid_here(task);
	if (exec->ns_pid == 1)
		exec->flags |= CHQ_PROC_FLAG_IN_INIT_TREE;
	read_users(task, cred, &exec->creds);
	read_caps(cred, exec->caps);
	read_namespaces(task, exec->namespaces);
}

SEC("raw_tp/sched_process_exec")
int chq_exec(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx->args[0];
	struct linux_binprm *bprm = (struct linux_binprm *)ctx->args[2];
	struct exec_scratch *exec = bpf_map_lookup_elem(&chq_proc_exec, &(__u32){0});
	struct work_scratch *work = bpf_map_lookup_elem(&chq_proc_work, &(__u32){0});
	__u32 at;

	if (!exec || !work || !acts())
		return 0;
	begin_exec(&exec->exec, task);
	inherit(&exec->exec, work);
	describe(&exec->exec, task);
	exec->exec.raised = what_was_raised(&exec->exec, bprm);
	at = add_name(exec, bprm);
	at = add_args(exec, at, task);
	at = add_cwd(exec, at, task, &work->path);
	at = add_binary(exec, at, task, work);
	at = add_cgroup(exec, at, task, &work->path);
	if (remember(&exec->exec, work, BPF_ANY) < 0)
		proc_lost(CHQ_LOST_PROCESS);
	if (at > TEXT_BYTES + CHQ_PROC_PATH_BYTES)
		return 0;
	exec->exec.head.size_bytes = sizeof(exec->exec) + at;
	proc_send(exec, sizeof(exec->exec) + at, CHQ_LOST_EXEC);
	return 0;
}

/* A child is what its parent is, until it calls execve. */
static __always_inline void remember_child(const struct chq_proc_fork *fork, __u32 forker,
					   struct task_struct *child)
{
	struct work_scratch *work = bpf_map_lookup_elem(&chq_proc_work, &(__u32){0});
	const struct chq_process *was = bpf_map_lookup_elem(&chq_procs, &forker);
	__u32 pid = fork->head.pid;

	if (!work)
		return;
	__builtin_memcpy(&work->process, was ? was : &no_process, sizeof(work->process));
	work->process.started_ns = fork->head.started_ns;
	work->process.parent = fork->parent;
	work->process.parent_started_ns = fork->parent_started_ns;
	work->process.flags &= CHQ_PROC_FLAG_IN_INIT_TREE;
	work->process.flags |= CHQ_PROC_FLAG_CLONE | (was ? 0 : CHQ_PROC_FLAG_MISS);
	if (read_own_pid(child) == 1)
		work->process.flags |= CHQ_PROC_FLAG_IN_INIT_TREE;
	read_caps(BPF_CORE_READ(child, real_cred), work->process.caps);
	read_namespaces(child, work->process.namespaces);
	if (bpf_map_update_elem(&chq_procs, &pid, &work->process, BPF_ANY) < 0)
		proc_lost(CHQ_LOST_PROCESS);
}

SEC("raw_tp/sched_process_fork")
int chq_fork(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *parent = (struct task_struct *)ctx->args[0];
	struct task_struct *child = (struct task_struct *)ctx->args[1];
	struct chq_proc_fork fork = {};

	fork.head.pid = BPF_CORE_READ(child, tgid);
	fork.head.tid = BPF_CORE_READ(child, pid);
	if (fork.head.pid != fork.head.tid || !acts())
		return 0; /* one more thread is no process */
	fork.head.kind = CHQ_PROC_FORK;
	fork.head.size_bytes = sizeof(fork);
	fork.head.time_ns = bpf_ktime_get_boot_ns();
	fork.head.started_ns = BPF_CORE_READ(child, start_boottime);
	fork.pid_here = read_pid_here(child);
	name_parent(child, &fork.parent, &fork.parent_started_ns);
	remember_child(&fork, BPF_CORE_READ(parent, tgid), child);
	proc_send(&fork, sizeof(fork), CHQ_LOST_FORK);
	return 0;
}

/* What wait(2) will say of the process. */
static __always_inline __u32 exit_code(struct task_struct *task)
{
	if (BPF_CORE_READ(task, signal, flags) & SIGNAL_GROUP_EXIT)
		return BPF_CORE_READ(task, signal, group_exit_code);
	return BPF_CORE_READ(task, group_leader, exit_code);
}

SEC("raw_tp/sched_process_exit")
int chq_exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx->args[0];
	struct chq_proc_exit exit = {};
	const struct chq_process *process;
	__u32 pid = BPF_CORE_READ(task, tgid);

	if (BPF_CORE_READ(task, signal, live.counter) || !acts())
		return 0;
	exit.head.kind = CHQ_PROC_EXIT;
	exit.head.size_bytes = sizeof(exit);
	exit.head.time_ns = bpf_ktime_get_boot_ns();
	exit.head.pid = pid;
	exit.head.tid = BPF_CORE_READ(task, pid);
	exit.code = exit_code(task);
	process = bpf_map_lookup_elem(&chq_procs, &pid);
	if (process)
		exit.head.started_ns = process->started_ns;
	/* Two last threads may both see that none lives: one of them takes the process out. */
	if (process && bpf_map_delete_elem(&chq_procs, &pid) < 0)
		return 0;
	proc_send(&exit, sizeof(exit), CHQ_LOST_EXIT);
	return 0;
}

/* What ran before is as if it had been started just now, by its executable's path. */
static __always_inline void begin_found(struct chq_proc_exec *exec, struct work_scratch *work,
					struct task_struct *task)
{
	const struct chq_process *was;

	begin_exec(exec, task);
	inherit(exec, work);
	exec->head.kind = CHQ_PROC_FOUND;
	was = bpf_map_lookup_elem(&chq_procs, &exec->head.pid);
	if (was) {
		exec->head.started_ns = was->started_ns;
		exec->flags = was->flags;
		return;
	}
	exec->head.started_ns = BPF_CORE_READ(task, start_boottime);
	exec->flags = CHQ_PROC_FLAG_PROCFS | CHQ_PROC_FLAG_AUID;
}

/* Unless a tracepoint knew it first; and not what has ended meanwhile. */
static __always_inline void remember_found(const struct chq_proc_exec *exec,
					   struct work_scratch *work, struct task_struct *task)
{
	__u32 pid = exec->head.pid;

	if (exec->was_started_ns)
		return;
	if (remember(exec, work, BPF_NOEXIST) == 0 && !BPF_CORE_READ(task, signal, live.counter))
		bpf_map_delete_elem(&chq_procs, &pid);
}

/* The iterator's reader is the daemon: what its pid namespace is, is what `here` means. */
static __always_inline void find_here(void)
{
	struct chq_proc_cell *cell = bpf_map_lookup_elem(&chq_proc_cell, &(__u32){0});
	struct pid *pid = BPF_CORE_READ(this_task(), thread_pid);
	struct upid *own = upid_at(pid, BPF_CORE_READ(pid, level));

	if (!cell)
		return;
	cell->here_level = BPF_CORE_READ(pid, level);
	cell->here_inum = BPF_CORE_READ(own, ns, ns.inum);
}

/* Every process there is, for a daemon that starts. */
SEC("iter/task")
int chq_found(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct exec_scratch *exec = bpf_map_lookup_elem(&chq_proc_exec, &(__u32){1});
	struct work_scratch *work = bpf_map_lookup_elem(&chq_proc_work, &(__u32){1});
	__u32 at;

	if (!task || !exec || !work)
		return 0;
	if (BPF_CORE_READ(task, pid) != BPF_CORE_READ(task, tgid) ||
	    !BPF_CORE_READ(task, signal, live.counter))
		return 0;
	find_here();
	begin_found(&exec->exec, work, task);
	describe(&exec->exec, task);
	at = add_cwd(exec, 0, task, &work->path);
	at = add_binary(exec, at, task, work);
	at = add_cgroup(exec, at, task, &work->path);
	remember_found(&exec->exec, work, task);
	if (at > TEXT_BYTES + CHQ_PROC_PATH_BYTES)
		return 0;
	at = (at + 7) & ~7u; /* records stand one behind the other, and each begins aligned */
	exec->exec.head.size_bytes = sizeof(exec->exec) + at;
	bpf_seq_write(ctx->meta->seq, exec, sizeof(exec->exec) + at);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
