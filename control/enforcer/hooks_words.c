/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "enforcer/hooks_inside.h"

#include <string.h>

static const struct {
	const char *word;
	bool denies;
} back_ends[] = {
#define X(name, word, denies) [HOOKS_##name] = {word, denies},
	HOOKS_BACK_ENDS(X)
#undef X
};

const char *hooks_back_end_word(enum hooks_back_end back_end)
{
	return back_end < HOOKS_BACK_END_MAX ? back_ends[back_end].word : "none";
}

bool hooks_back_end_denies(enum hooks_back_end back_end)
{
	return back_end < HOOKS_BACK_END_MAX && back_ends[back_end].denies;
}

size_t hook_calls(const struct tracing_hook *hook)
{
	if (hook->kind == TRACING_TRACEPOINT)
		return 1;
	return hook->n_calls + (hook->kind == TRACING_UPROBE ? hook->n_offsets : 0);
}

const char *hook_call_name(const struct tracing_hook *hook, size_t call)
{
	if (hook->kind == TRACING_TRACEPOINT)
		return hook->event;
	return call < hook->n_calls ? hook->calls[call].name : "";
}

/* Functions security_X whose LSM hook X takes the same arguments, in the same order. */
static const char *const same_arguments[] = {
	"file_permission",
	"file_open",
	"file_truncate",
	"file_ioctl",
	"file_mprotect",
	"file_lock",
	"file_fcntl",
	"file_receive",
	"path_truncate",
	"path_unlink",
	"path_rmdir",
	"path_mkdir",
	"path_mknod",
	"path_link",
	"path_rename",
	"path_symlink",
	"path_chmod",
	"path_chown",
	"path_chroot",
	"inode_unlink",
	"inode_rmdir",
	"inode_link",
	"inode_mkdir",
	"inode_permission",
	"task_kill",
	"socket_create",
	"socket_bind",
	"socket_connect",
	"socket_listen",
	"socket_accept",
	"socket_sendmsg",
	"socket_recvmsg",
	"ptrace_access_check",
	"ptrace_traceme",
	"kernel_read_file",
	"kernel_load_data",
	"bpf",
	"bpf_map",
	"bpf_prog",
	"sb_mount",
	"sb_umount",
	"sb_pivotroot",
	"move_mount",
	"mmap_addr",
	"perf_event_open",
	"task_prctl",
	"task_setnice",
	"locked_down",
};

const char *lsm_hook_of(const struct tracing_hook *hook, const char *call)
{
	if (hook->kind == TRACING_LSM)
		return call;
	if (hook->kind != TRACING_KPROBE || strncmp(call, "security_", 9) != 0)
		return NULL;
	if (strcmp(call, "security_mmap_file") == 0)
		return "mmap_file"; /* one argument more: CHQ_AS_LSM_MMAP */
	if (strcmp(call, "security_bprm_check") == 0)
		return "bprm_check_security";
	for (size_t i = 0; i < sizeof(same_arguments) / sizeof(*same_arguments); i++) {
		if (strcmp(call + 9, same_arguments[i]) == 0)
			return same_arguments[i];
	}
	return NULL;
}

bool hook_is_exec(const struct tracing_hook *hook, const char *call)
{
	if (hook->kind == TRACING_LSM)
		return strcmp(call, "bprm_check_security") == 0;
	return hook->kind == TRACING_KPROBE && !hook->syscall &&
	       strcmp(call, "security_bprm_check") == 0;
}

static bool is_file_hook(const char *call)
{
	return strstr(call, "file_") || strstr(call, "path_truncate");
}

const char *hooks_limits(enum hooks_back_end back_end, const struct tracing_hook *hook, size_t call)
{
	bool file = is_file_hook(hook_call_name(hook, call));

	switch (back_end) {
	case HOOKS_LSM:
		return "a file that is reached by another name";
	case HOOKS_FMOD_RET:
		return "a file that is reached by another name; memory that was mapped before";
	case HOOKS_FENTRY:
	case HOOKS_KPROBE_MULTI:
	case HOOKS_KPROBE:
		return file ? "the call itself, which goes on until the process is ended: a truncation, "
			      "bytes put into memory that another process shares; other names of a file"
			    : "the call itself, which goes on until the process is ended";
	case HOOKS_SYSCALL:
		return file ? "io_uring; truncations; bytes put into memory that another process shares "
			      "(tmpfs) or into another's pipe; other names of a file"
			    : "io_uring; arguments that another thread changes meanwhile";
	case HOOKS_FILEMAP:
		return "writes, direct and spliced reads, tmpfs, overlayfs, mapped memory, io_uring's own table of files; other names of a file";
	case HOOKS_RAW_TRACEPOINT:
		if (hook_is_exec(hook, hook_call_name(hook, call)))
			return "a script, whose interpreter is seen in its place; what called execve is gone by then";
		return "the event that it tells of, which has happened";
	default:
		return "the event that it tells of, which has happened";
	}
}
