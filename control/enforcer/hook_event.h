/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef ENFORCER_HOOK_EVENT_H
#define ENFORCER_HOOK_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chasqui/policy.h"

/*
 * A hook of a TracingPolicy was hit, whichever back end served it: a BPF program's
 * record and the guard's message both become this. It owns its texts.
 */
#define HOOK_ARGS_MAX 10 /* args and data of one hook */

enum hook_kind { HOOK_KPROBE, HOOK_LSM, HOOK_TRACEPOINT, HOOK_UPROBE };

/*
 * Actions, with the names of Tetragon's enum behind its prefix KPROBE_ACTION_.
 */
#define HOOK_ACTIONS(X)   \
	X(UNKNOWN)        \
	X(POST)           \
	X(SIGKILL)        \
	X(OVERRIDE)       \
	X(SIGNAL)         \
	X(NOPOST)         \
	X(NOTIFYENFORCER) \
	X(TRACKSOCK)      \
	X(UNTRACKSOCK)

enum hook_action {
#define X(name) HOOK_ACTION_##name,
	HOOK_ACTIONS(X)
#undef X
		HOOK_ACTION_MAX
};

enum hook_arg_kind {
	HOOK_ARG_NONE, /* could not be read, or type nop: shown as nothing */
	HOOK_ARG_STRING,
	HOOK_ARG_INT,  /* number, 32 bits, signed */
	HOOK_ARG_UINT, /* number, 32 bits */
	HOOK_ARG_LONG, /* number, 64 bits, signed */
	HOOK_ARG_SIZE, /* number, 64 bits */
	HOOK_ARG_BYTES,
	HOOK_ARG_PATH,
	HOOK_ARG_FILE,
	HOOK_ARG_BINPRM,
	HOOK_ARG_SOCK,
	HOOK_ARG_SKB,
	HOOK_ARG_SOCKADDR,
	HOOK_ARG_CRED,
	HOOK_ARG_CAPABILITY, /* number */
	HOOK_ARG_SYSCALL,    /* number */
};

struct hook_file {
	char *path;	 /* owned; "" = it has none (a pipe, a socket) */
	uint16_t mode;	 /* st_mode */
	bool unresolved; /* only the end of the path is known */
};

struct hook_sock {
	struct chq_addr source, target;
	uint16_t sport, dport; /* host order */
	uint16_t family, type, protocol;
	uint8_t state; /* TCP_* */
	uint32_t mark, priority;
	uint64_t cookie;
	uint32_t length_bytes; /* of an skb */
};

struct hook_cred {
	uint32_t uid, gid, euid, egid, suid, sgid, fsuid, fsgid;
	uint32_t securebits;
	uint64_t caps[3]; /* permitted, effective, inheritable */
};

struct hook_arg {
	enum hook_arg_kind kind;
	char *label; /* owned; NULL: none */
	union {
		uint64_t number; /* the signed ones sign extended */
		struct {
			char *bytes; /* owned; a STRING ends with a 0 that is not counted */
			size_t n_bytes;
			size_t whole_bytes; /* before it was cut; as n_bytes: it is whole */
		} text;
		struct hook_file file; /* PATH, FILE, BINPRM */
		struct hook_sock sock; /* SOCK, SKB; SOCKADDR has family, target and dport */
		struct hook_cred cred;
	};
};

struct hook_event {
	uint64_t time_ns;    /* CLOCK_BOOTTIME */
	uint64_t started_ns; /* with pid: which process; 0 = the one that has the pid then */
	uint32_t pid, tid;   /* in the initial pid namespace */
	bool here;	     /* true: pid and tid are as our own pid namespace has them */
	enum hook_kind kind;
	enum hook_action action;
	enum hook_action return_action; /* UNKNOWN = none */
	char *function;	 /* kprobe: the function; lsm: the hook; uprobe: the symbol. Owned */
	char *subsystem; /* tracepoint: its subsystem, and `function` the event; uprobe: the file */
	char *policy;	 /* owned */
	char *message;	 /* owned; NULL: none */
	char **tags;	 /* owned, ends with NULL; NULL: none */
	char *back_end;	 /* what served it: "lsm", "fanotify", … Owned; NULL: not said */
	struct hook_arg args[HOOK_ARGS_MAX];
	size_t n_args, n_data; /* `args`, then `data`, one behind the other in args[] */
	bool has_result;
	struct hook_arg result; /* the return value, or what `returnArg` made of it */
};

/* A copy that owns all of its own texts. -ENOMEM. */
int hook_event_copy(const struct hook_event *event, struct hook_event *ret);

/* How many bytes it holds, about. */
size_t hook_event_bytes(const struct hook_event *event);

/* Frees what it owns, and leaves it empty. */
void hook_event_clear(struct hook_event *event);

#endif
