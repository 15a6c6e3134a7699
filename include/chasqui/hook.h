/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef CHQ_HOOK_H
#define CHQ_HOOK_H

#include <linux/types.h>

#include "chasqui/policy.h"
#include "chasqui/process.h"

/*
 * Hooks of TracingPolicies as the kernel side sees them. One set holds all policies that
 * are enforced together, and is never changed once it is attached (but for chq_policies):
 * a new one is filled and attached beside it, chq_hook_cell names it, and the old goes.
 *
 * A point is a place in the kernel with one program of ours. A point has visits: each
 * brings the arguments into the form that a hook asked for, and asks its selectors.
 *
 *   chq_points[point] -> chq_visits[first..] -> chq_hooks[hook] -> chq_selectors[first..]
 *                     -> chq_filters[first..] -> chq_text*, chq_prefix, chq_number, chq_addr
 */

#define CHQ_HOOK_ARGS	  5    /* of one hook */
#define CHQ_HOOK_RAW	  6    /* arguments that a point can offer */
#define CHQ_HOOK_SLOTS	  8    /* room for them, a power of two */
#define CHQ_HOOK_VALUES	  4    /* numbers that a filter holds itself; more are in chq_number */
#define CHQ_HOOK_ACTIONS  3    /* of one selector */
#define CHQ_TEXT_BYTES	  4096 /* of a path or text that is compared, and told */
#define CHQ_PREFIX_BYTES  252  /* of a Prefix value in chq_prefix: the kernel's keys end at 256 */
#define CHQ_PREFIX_MOST	  256  /* of any; longer ones are in chq_text256, each with its length */
#define CHQ_POSTFIX_BYTES 128  /* the same of Postfix */
#define CHQ_NAME_BYTES	  32 /* of a file's own name that chq_names compares; longer ones are cut */
#define CHQ_NAME_LENGTHS  256	 /* a name is shorter */
#define CHQ_DATA_BYTES	  7168	 /* of a char_buf with maxData: short ones fit in behind it */
#define CHQ_DATA_MOST	  327360 /* of it with what chq_hook_data has; as long as Tetragon's */
#define CHQ_HOOK_SETS	  4096	 /* filters with texts, at most */

/* Keys of chq_text64 … chq_text4096: the first that the text fits into. Zeroes behind it. */
#define CHQ_TEXT_SIZES(X) \
	X(64)             \
	X(256)            \
	X(1024)           \
	X(4096)

/* How an argument is read. */
enum chq_type {
	CHQ_TYPE_NOP,
	CHQ_TYPE_NUMBER,   /* `width` bytes, `is_signed` */
	CHQ_TYPE_STRING,   /* char *, of the kernel's or of the process's memory */
	CHQ_TYPE_CHAR_BUF, /* as many bytes as argument `size_arg` says */
	CHQ_TYPE_FILENAME, /* struct filename * */
	CHQ_TYPE_FILE,	   /* struct file * */
	CHQ_TYPE_PATH,	   /* struct path * */
	CHQ_TYPE_DENTRY,   /* struct dentry *, within its own file system */
	CHQ_TYPE_FD,	   /* int, through the process's table */
	CHQ_TYPE_BINPRM,   /* struct linux_binprm * */
	CHQ_TYPE_SOCK,	   /* struct sock * */
	CHQ_TYPE_SOCKET,   /* struct socket * */
	CHQ_TYPE_SKB,	   /* struct sk_buff * */
	CHQ_TYPE_SOCKADDR, /* struct sockaddr *, of the kernel's memory */
	CHQ_TYPE_CRED,	   /* struct cred * */
	CHQ_TYPES
};

struct chq_arg_spec {
	__u8 type;  /* enum chq_type */
	__u8 index; /* of the point's arguments; perf tracepoints: not used */
	__u8 width; /* NUMBER: 1, 2, 4, 8 */
	__u8 is_signed;
	__u8 size_arg;	   /* CHAR_BUF: index + 1; 0 = no such argument */
	__u8 at_return;	   /* read when the function has returned */
	__u16 offset;	   /* perf tracepoints: where in the record */
	__u32 max_bytes;   /* CHAR_BUF, STRING */
	__u32 is_data_loc; /* perf tracepoints: the field is a __data_loc of a string */
};

/* What a visit makes of the arguments that its point has. */
enum chq_adapter {
	CHQ_AS_IS,
	CHQ_AS_FILE_MASK,  /* (file of descriptor `fd_arg`, `mask`): security_file_permission */
	CHQ_AS_FILE,	   /* (file of descriptor `fd_arg`): security_file_open, _truncate, … */
	CHQ_AS_MMAP,	   /* (file, prot, flags) of mmap(2): security_mmap_file */
	CHQ_AS_FD_INSTALL, /* (fd, file): fd_install */
	CHQ_AS_WITH_MASK,  /* (argument 0, `mask`): the file is there, and the mask is known */
	CHQ_AS_LSM_MMAP,   /* lsm/mmap_file has one argument more than security_mmap_file */
	CHQ_AS_EXEC,	   /* sched_process_exec (task, pid, bprm): security_bprm_check (bprm) */
	CHQ_ADAPTERS
};

#define CHQ_FD_RETURNED 0xff /* `fd_arg`: the descriptor is what the system call returned */

struct chq_visit {
	__u32 hook;
	__u8 adapter; /* enum chq_adapter */
	__u8 fd_arg;
	__u8 mask; /* MAY_READ 4, MAY_WRITE 2 */
	__u8 pad;
};

enum chq_point_flags {
	CHQ_POINT_NAMES = 1,  /* only files whose own name is in chq_names can match */
	CHQ_POINT_RETURN = 2, /* the function has returned: its value is the result */
	CHQ_POINT_PATH = 4,   /* argument 0 is a struct path *, not a struct file * */
};

/* Of a name's first 8 bytes as one number of this processor; what is behind its end is 0. */
#define CHQ_NAME_BEGINS	   256
#define CHQ_NAME_BIT(word) ((word)*0x9e3779b97f4a7c15ull >> 56)

struct chq_point {
	__u32 first_visit, n_visits;
	__u32 flags; /* enum chq_point_flags */
	__u32 names; /* which of chq_names' names are its */
	/* System calls: which arguments are the descriptors (or CHQ_FD_RETURNED) of files to look
	 * at. */
	__u8 n_fds, fds[2], pad[5];
	__u64 lengths[CHQ_NAME_LENGTHS / 64]; /* a bit for each length that one of the names has */
	__u64 begins[CHQ_NAME_BEGINS / 64];   /* the same of how they begin: CHQ_NAME_BIT */
};

/* chq_syscalls, number | CHQ_SYSCALL_32 | CHQ_SYSCALL_EXIT -> point + 1; 0 = none. */
#define CHQ_SYSCALL_32	 1024 /* by a program of 32 bits: another table of numbers */
#define CHQ_SYSCALL_EXIT 2048
#define CHQ_SYSCALLS	 4096

/* Bits of these numbers, with CHQ_SYSCALL_EXIT as CHQ_SYSCALL_32: does either table have a point
 * there? */
#define CHQ_WATCHED_EXIT 1024
#define CHQ_WATCHED	 2048

struct chq_hook {
	__u32 policy; /* index of chq_policies */
	__u32 first_selector, n_selectors;
	__u8 n_args;
	__u8 returns;	  /* the event waits for the return, which adds the result */
	__u8 return_type; /* enum chq_type, NOP = plain */
	__u8 kind;	  /* enum tracing_hook_kind, for whoever reads the event */
	struct chq_arg_spec args[CHQ_HOOK_ARGS];
};

/* What a filter asks about. */
enum chq_subject {
	CHQ_ABOUT_ARG,	  /* argument number `arg` of the hook's list */
	CHQ_ABOUT_RETURN, /* the function's result */
	CHQ_ABOUT_BINARY, /* of the process */
	CHQ_ABOUT_PARENT, /* of its parent */
	CHQ_ABOUT_PID, /* of the process, in the namespace that `arg` says: 0 initial, 1 its own */
	CHQ_ABOUT_NAMESPACE, /* `arg`: enum chq_namespace */
	CHQ_ABOUT_CAPS,	     /* `arg`: enum CHQ_CAP_*; `bits`: any of them */
	CHQ_SUBJECTS
};

enum chq_question {
	CHQ_ASK_RANGE,	 /* low[i] <= it <= high[i] for some i */
	CHQ_ASK_GREATER, /* it > low[i] for some i */
	CHQ_ASK_LESS,
	CHQ_ASK_MASK,	/* it & low[i] for some i */
	CHQ_ASK_NUMBER, /* it is in chq_number, under `set` */
	CHQ_ASK_TEXT,	/* it is in chq_text*, under `set` */
	CHQ_ASK_PREFIX,
	CHQ_ASK_POSTFIX,
	CHQ_ASK_FILE_TYPE, /* S_IFMT bits of the file */
	CHQ_ASK_SADDR,	   /* it is in chq_addr, under `set` */
	CHQ_ASK_DADDR,
	CHQ_ASK_SPORT, /* as RANGE */
	CHQ_ASK_DPORT,
	CHQ_ASK_PROTOCOL,
	CHQ_ASK_FAMILY,
	CHQ_ASK_STATE,
	CHQ_ASK_BITS, /* capabilities */
	CHQ_QUESTIONS
};

struct chq_filter {
	__u8 subject;  /* enum chq_subject */
	__u8 question; /* enum chq_question */
	__u8 arg;
	__u8 negated; /* holds when the answer is no; what has no path or text never matches */
	__u8 n_values;
	__u8 is_signed;
	__u8 in_namespace; /* capabilities: only in a user namespace other than pid 1's */
	__u8 pad;
	__u32 set;	   /* of the maps of texts, numbers, addresses */
	__u32 follow_pids; /* PID: the process or one that it descends from */
	__u64 bits;	   /* CAPS: any of these. BINARY: bits of chq_process.follow */
	__u64 low[CHQ_HOOK_VALUES], high[CHQ_HOOK_VALUES];
};

/* What a selector does; the numbers are those of enum hook_action (control/enforcer/hook_event.h).
 */
enum chq_action_kind {
	CHQ_ACT_NONE,
	CHQ_ACT_POST,
	CHQ_ACT_SIGKILL,
	CHQ_ACT_OVERRIDE,
	CHQ_ACT_SIGNAL,
	CHQ_ACT_NOPOST,
	CHQ_ACT_NOTIFY,
};

enum chq_rate_scope { CHQ_RATE_THREAD, CHQ_RATE_PROCESS, CHQ_RATE_GLOBAL };

struct chq_act {
	__u8 kind;  /* enum chq_action_kind */
	__u8 scope; /* enum chq_rate_scope */
	__u8 signal;
	__u8 pad;
	__s32 error;   /* -errno */
	__u64 rate_ns; /* 0 = every one */
};

struct chq_selector {
	__u32 first_filter, n_filters;
	__u32 first_return_filter, n_return_filters;
	__u32 names_process; /* who is spared is not spared here: a filter names it */
	__u32 n_acts, n_return_acts;
	__u32 pad;
	struct chq_act acts[CHQ_HOOK_ACTIONS], return_acts[CHQ_HOOK_ACTIONS];
};

/* chq_policies: the one part of a set that is written while it is attached. */
enum chq_policy_mode { CHQ_POLICY_OFF, CHQ_POLICY_ENFORCE, CHQ_POLICY_MONITOR };

struct chq_policy_state {
	__u32 mode; /* enum chq_policy_mode */
};

/* chq_counts, per CPU and policy. */
struct chq_policy_count {
	__u64 hits;	 /* some selector matched */
	__u64 posts;	 /* events handed over */
	__u64 lost;	 /* events that the ring had no room for */
	__u64 limited;	 /* events that rateLimit held back */
	__u64 enforced;	 /* Sigkill, Signal, Override, NotifyEnforcer done */
	__u64 monitored; /* the same, had the policy been in enforce */
	__u64 spared;	 /* the same, but it was one of the gateway's own processes */
};

/* chq_point_counts, per CPU and point. */
struct chq_point_count {
	__u64 runs;   /* past the name of the file */
	__u64 missed; /* no room to work in: too many at a time on one CPU */
};

/* Texts of Equal: `length_bytes` of text, then zeroes. */
#define X(size)                          \
	struct chq_text##size {          \
		__u32 set, length_bytes; \
		char text[size];         \
	};
CHQ_TEXT_SIZES(X)
#undef X

/* Prefix: as it is; Postfix: the text's last bytes, last one first. */
struct chq_prefix_key {
	__u32 length_bits; /* of set and text */
	__u32 set;
	char text[CHQ_PREFIX_BYTES];
};

struct chq_postfix_key {
	__u32 length_bits;
	__u32 set;
	char text[CHQ_POSTFIX_BYTES];
};

struct chq_number_key {
	__u32 set, pad;
	__u64 number;
};

struct chq_addr_key {
	__u32 length_bits; /* of set and address */
	__u32 set;
	struct chq_addr addr;
};

struct chq_name_key {
	__u32 names;
	char name[CHQ_NAME_BYTES]; /* zeroes behind it; a longer one is cut */
};

/* chq_spared, this -> when the process started, in ticks of 10 ms as /proc has it: the gateway's
 * own. */
struct chq_spared_key {
	__u32 pid, pid_namespace; /* the pid in that namespace, and the namespace's inode number */
};

/* chq_hook_cell, one element: the set whose hits are told; both enforce while one replaces the
 * other. */
struct chq_hook_cell {
	__u64 set;
};

enum chq_hook_event_flags {
	CHQ_HOOK_MONITORED = 1, /* the policy only watches */
	CHQ_HOOK_SPARED = 2,	/* one of the gateway's own processes: told, not enforced */
	CHQ_HOOK_RESULT = 4,	/* `result` is there */
};

/* A hit, in the ring: kind CHQ_PROC_HOOK. Behind it `n_args` times a struct chq_hook_value. */
struct chq_hook_event {
	struct chq_proc_head head;
	__u64 set;
	__s64 result;
	__u32 hook;		    /* of the set */
	__u8 action, return_action; /* enum chq_action_kind, the last one done */
	__u8 selector;
	__u8 n_args;
	__u32 flags; /* enum chq_hook_event_flags */
	__u32 args_bytes;
};

/* One argument. Its payload follows, and zeroes to a multiple of 8. */
struct chq_hook_value {
	__u8 type;     /* enum chq_type */
	__u8 position; /* in the hook's list of args */
	__u8 absent;   /* it could not be read */
	__u8 pad;
	__u32 payload_bytes;
	__u64 number; /* NUMBER, FD: the value; texts: their whole length */
};

/*
 * More of a char_buf with maxData than its event has room for, in the ring before the event: kind
 * CHQ_PROC_DATA. The bytes stand behind it; size_bytes may be less than what the ring has for it.
 */
struct chq_hook_data {
	struct chq_proc_head head; /* time_ns and tid are its event's */
	__u64 set;		   /* this and `hook` too */
	__u32 hook;
	__u32 position;	  /* in the hook's list of args */
	__u32 first_byte; /* of the buffer that is here: those before it are in the event */
	__u32 data_bytes;
};

/* Payload of everything with a path: this, then the path without a closing zero. */
struct chq_path_value {
	__u32 flags;
	__u16 mode; /* of the inode */
	__u16 path_bytes;
};

enum { CHQ_PATH_UNRESOLVED = 1 /* only the end is known */ };

/* Payload of SOCK, SOCKET, SKB, SOCKADDR (family, target, dport). Ports in host order. */
struct chq_sock_value {
	struct chq_addr source, target;
	__u16 sport, dport;
	__u16 family, type;
	__u16 protocol;
	__u8 state; /* TCP_* */
	__u8 pad;
	__u32 mark, priority;
	__u32 length_bytes; /* of an skb */
	__u64 cookie;
};

/* Payload of CRED. */
struct chq_cred_value {
	struct chq_proc_credentials ids;
	__u64 caps[CHQ_CAPS];
};

_Static_assert(sizeof(struct chq_hook_event) == 64, "chq_hook_event is a wire format");
_Static_assert(sizeof(struct chq_hook_value) == 16, "chq_hook_value is a wire format");
_Static_assert(sizeof(struct chq_hook_data) == 56, "chq_hook_data is a wire format");
_Static_assert(sizeof(struct chq_sock_value) == 64, "chq_sock_value is a wire format");
_Static_assert(sizeof(struct chq_cred_value) == 64, "chq_cred_value is a wire format");

#endif
