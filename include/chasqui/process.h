/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef CHQ_PROCESS_H
#define CHQ_PROCESS_H

#include <linux/types.h>

/*
 * Processes as the kernel side reports them. A process is named by its pid (of the
 * initial pid namespace; the thread group's) and by when its latest execve was, or
 * its fork, if it has not called any: pids are used again, the two together are not.
 * All times are CLOCK_BOOTTIME in nanoseconds, which is also what /proc counts in.
 */

/* Kinds of record in the ring chq_proc_events. Append only: the number is the wire format. */
enum chq_proc_kind {
	CHQ_PROC_FORK = 1,  /* struct chq_proc_fork */
	CHQ_PROC_EXEC = 2,  /* struct chq_proc_exec, then its texts */
	CHQ_PROC_EXIT = 3,  /* struct chq_proc_exit */
	CHQ_PROC_HOOK = 4,  /* a hook of a TracingPolicy: chasqui/hook.h */
	CHQ_PROC_FOUND = 5, /* struct chq_proc_exec: it ran before us; not in the ring */
	CHQ_PROC_DATA = 6,  /* of a CHQ_PROC_HOOK that comes later: chasqui/hook.h */
	CHQ_PROC_KINDS
};

/* How each record begins. */
struct chq_proc_head {
	__u8 kind; /* enum chq_proc_kind */
	__u8 pad[3];
	__u32 size_bytes; /* of the whole record */
	__u64 time_ns;
	__u64 started_ns; /* with pid: which process; 0 = chq_procs did not know it */
	__u32 pid, tid;
};

/* What a process is when it starts a program. In CHQ_CAP_* order and CHQ_NS_* order. */
enum { CHQ_CAP_PERMITTED, CHQ_CAP_EFFECTIVE, CHQ_CAP_INHERITABLE, CHQ_CAPS };

/* X(name, the name in JSON) */
#define CHQ_NAMESPACES(X)                         \
	X(UTS, "uts")                             \
	X(IPC, "ipc")                             \
	X(MNT, "mnt")                             \
	X(PID, "pid")                             \
	X(PID_FOR_CHILDREN, "pid_for_children")   \
	X(NET, "net")                             \
	X(TIME, "time")                           \
	X(TIME_FOR_CHILDREN, "time_for_children") \
	X(CGROUP, "cgroup")                       \
	X(USER, "user")

enum chq_namespace {
#define X(name, word) CHQ_NS_##name,
	CHQ_NAMESPACES(X)
#undef X
		CHQ_NAMESPACE_MAX
};

/*
 * Flags of a process, in JSON's order.  X(name, bit, the word of Tetragon)
 * An empty word: ours alone, not shown.
 */
#define CHQ_PROC_FLAGS(X)                                                                \
	X(EXECVE, 0, "execve")				/* started by execve */          \
	X(PROCFS, 1, "procFS")				/* ran before we watched */      \
	X(TRUNC_FILENAME, 2, "truncFilename")		/* the name did not fit */       \
	X(TRUNC_ARGS, 3, "truncArgs")			/* the arguments did not fit */  \
	X(MISS, 4, "miss")				/* its start was not seen */     \
	X(AUID, 5, "auid")				/* auid is of /proc */           \
	X(ERROR_FILENAME, 6, "errorFilename")		/* the name was unreadable */    \
	X(ERROR_ARGS, 7, "errorArgs")			/* so were the arguments */      \
	X(NO_CWD, 8, "nocwd")				/* no working directory */       \
	X(ROOT_CWD, 9, "rootcwd")			/* the working directory is / */ \
	X(ERROR_CWD, 10, "errorCWD")			/* it was unreadable */          \
	X(CLONE, 11, "clone")				/* a fork came before */         \
	X(ERROR_PATH_CWD, 12, "errorPathResolutionCwd") /* only its end is known */      \
	X(IN_INIT_TREE, 13, "")				/* pid 1 of a pid namespace, or below */

enum chq_proc_flag {
#define X(name, bit, word) CHQ_PROC_FLAG_##name = 1 << (bit),
	CHQ_PROC_FLAGS(X)
#undef X
};

#define CHQ_BINARY_BYTES    256	  /* of a path that selectors compare, its closing 0 included */
#define CHQ_PROC_PATH_BYTES 4096  /* of a path in a record */
#define CHQ_PROC_ARGS_BYTES 4096  /* of all arguments in a record */
#define CHQ_PROCS_MAX	    32768 /* processes that chq_procs holds at a time */
#define CHQ_FOLLOW_MAX	    1024  /* binaries that chq_follow holds */
#define CHQ_PROC_RING_BYTES (4 << 20)

/*
 * chq_procs, pid -> this: what selectors ask about a process and its parents.
 * Written at fork, exec and exit, and from /proc for what ran before.
 */
struct chq_process {
	__u64 started_ns;
	__u64 parent_started_ns; /* 0 = not known */
	__u32 parent;		 /* pid; 0 = none */
	__u32 flags;		 /* enum chq_proc_flag */
	__u64 follow;	      /* what chq_follow said of its binary and of those it descends from */
	__u64 caps[CHQ_CAPS]; /* when it started; selectors of changes compare */
	__u32 namespaces[CHQ_NAMESPACE_MAX]; /* inode numbers, when it started */
	__u16 pad;
	__u16 binary_bytes; /* without the closing 0; 0 = a kernel thread, or not known */
	char binary[CHQ_BINARY_BYTES]; /* real path of the executable, zeroes behind it */
};

/* chq_follow, binary -> bits: which matchBinaries with followChildren name it. */
struct chq_follow_key {
	char binary[CHQ_BINARY_BYTES]; /* zeroes behind it */
};

/* A new process: it has the binary and arguments of its parent until it calls execve. */
struct chq_proc_fork {
	struct chq_proc_head head; /* of the child */
	__u64 parent_started_ns;
	__u32 parent;
	__u32 pid_here; /* in the pid namespace of chq_proc_cell; 0 = it cannot be seen there */
};

/* A process ended, that is: its last thread. */
struct chq_proc_exit {
	struct chq_proc_head head;
	__u32 code; /* as wait(2) has it: status << 8 | signal, 0x80 = core dumped */
	__u32 pad;
};

/* Identity of users. ~0 = not set. */
struct chq_proc_credentials {
	__u32 uid, gid, euid, egid, suid, sgid, fsuid, fsgid;
	__u32 securebits;
	__u32 auid; /* of the login */
};

/*
 * A program was started. Behind it stand, without closing zeroes: the name it was
 * started by, the arguments (argv[0]… each with its closing 0), the working
 * directory, the real path of the executable, the control group.
 */
struct chq_proc_exec {
	struct chq_proc_head head;
	__u64 was_started_ns; /* of the same pid before; 0 = not known */
	__u64 parent_started_ns;
	__u32 parent;
	__u32 flags;  /* enum chq_proc_flag */
	__u32 ns_pid; /* in its own pid namespace */
	struct chq_proc_credentials creds;
	__u32 namespaces[CHQ_NAMESPACE_MAX];
	__u32 pad;
	__u64 caps[CHQ_CAPS];
	__u64 cgroup; /* id of the version 2 group */
	__u64 inode;  /* of the executable */
	__u32 links;  /* hard links that it has */
	__u16 name_bytes, args_bytes, cwd_bytes, binary_bytes, cgroup_bytes;
	__u8 raised; /* enum chq_proc_raised */
	__u8 pad2[5];
	__u32 pid_here; /* as in chq_proc_fork */
};

/* What the executable itself gave to whoever started it. */
enum chq_proc_raised {
	CHQ_RAISED_UID = 1, /* set-user-ID: euid is another than uid */
	CHQ_RAISED_GID = 2,
	CHQ_RAISED_CAPS = 4, /* capabilities of the file */
};

/* chq_proc_lost, per CPU: what was not reported, by where it was lost. */
enum chq_proc_loss {
	CHQ_LOST_FORK, /* the ring was full */
	CHQ_LOST_EXEC,
	CHQ_LOST_EXIT,
	CHQ_LOST_HOOK,
	CHQ_LOST_PROCESS, /* chq_procs was full: selectors do not know the process */
	CHQ_PROC_LOSSES
};

/*
 * chq_proc_cell, one element: the programs whose epoch it is act, others that are
 * still attached look on, so that programs are replaced between two events.
 */
struct chq_proc_cell {
	__u64 epoch;
	__u32 here_level, here_inum; /* the daemon's own pid namespace */
};

_Static_assert(sizeof(struct chq_proc_head) == 32, "chq_proc_head is a wire format");
_Static_assert(sizeof(struct chq_proc_fork) == 48, "chq_proc_fork is a wire format");
_Static_assert(sizeof(struct chq_proc_exit) == 40, "chq_proc_exit is a wire format");
_Static_assert(sizeof(struct chq_proc_exec) == 208, "chq_proc_exec is a wire format");
_Static_assert(sizeof(struct chq_process) == 360, "chq_process is a map value");

#endif
