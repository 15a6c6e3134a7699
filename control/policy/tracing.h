/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef POLICY_TRACING_H
#define POLICY_TRACING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chasqui/policy.h"
#include "policy/source.h"

/*
 * TracingPolicy (cilium.io/v1alpha1) as read: the words are Tetragon's, every
 * limit of its has been checked, lists (`list:NAME`) have been put in where they
 * are named, and each value has the form that its operator asks for. Owned by
 * struct config. Strings are never NULL where a comment does not say so.
 */

#define TRACING_POLICIES_MOST	1024
#define TRACING_HOOKS_MOST	128 /* of one kind in one policy */
#define TRACING_SELECTORS_MOST	5
#define TRACING_ARGS_MOST	5 /* of a hook, and of a selector's matchArgs */
#define TRACING_NUMBERS_MOST	4 /* of one filter; InMap and NotInMap take TRACING_MAP_MOST */
#define TRACING_MAP_MOST	4096
#define TRACING_PIDS_MOST	4
#define TRACING_NAMESPACES_MOST 10 /* matchNamespaces entries; 4 values each */
#define TRACING_ACTIONS_MOST	3
#define TRACING_EQUAL_BYTES	4096
#define TRACING_PREFIX_BYTES	256
#define TRACING_POSTFIX_BYTES	127
#define TRACING_BINARY_BYTES	255
#define TRACING_TAGS_MOST	16
#define TRACING_MESSAGE_BYTES	256

/*
 * An X-list: the word in the document, what it is called here, what its values look
 * like. AUTO is a tracepoint's field whose type the event's format says; as a filter
 * it is a number.
 */
#define TRACING_TYPES(x)                                                                           \
	x("auto", AUTO, FORM_SIGNED) x("nop", NOP, FORM_NONE) x("int", INT, FORM_SIGNED) x(        \
		"uint", UINT, FORM_UNSIGNED) x("long", LONG, FORM_SIGNED)                          \
		x("ulong", ULONG, FORM_UNSIGNED) x("size_t", SIZE_T, FORM_UNSIGNED) x(             \
			"int8", INT8, FORM_SIGNED) x("uint8", UINT8,                               \
						     FORM_UNSIGNED) x("int16", INT16, FORM_SIGNED) \
			x("uint16", UINT16, FORM_UNSIGNED) x("int32", INT32, FORM_SIGNED) x(       \
				"uint32", UINT32, FORM_UNSIGNED) x("int64", INT64, FORM_SIGNED)    \
				x("uint64", UINT64, FORM_UNSIGNED) x(                              \
					"syscall64", SYSCALL64,                                    \
					FORM_SYSCALL) x("capability", CAPABILITY, FORM_CAPABILITY) \
					x("string", STRING, FORM_TEXT) x(                          \
						"char_buf", CHAR_BUF,                              \
						FORM_TEXT) x("filename", FILENAME,                 \
							     FORM_TEXT) x("file", FILE, FORM_PATH) \
						x("path", PATH, FORM_PATH) x("fd", FD, FORM_PATH)  \
							x("dentry", DENTRY,                        \
							  FORM_PATH) x("linux_binprm", BINPRM,     \
								       FORM_PATH) x("sock", SOCK,  \
										    FORM_SOCKET)   \
								x("socket", SOCKET,                \
								  FORM_SOCKET) x("skb", SKB,       \
										 FORM_SOCKET)      \
									x("sockaddr", SOCKADDR,    \
									  FORM_SOCKET)             \
										x("cred", CRED,    \
										  FORM_NONE)

enum tracing_type {
#define x(word, name, form) TRACING_TYPE_##name,
	TRACING_TYPES(x)
#undef x
		TRACING_TYPE_MAX
};

struct tracing_arg {
	unsigned index; /* of the function's parameters, or of the event's fields, from 0 */
	enum tracing_type type;
	const char *label; /* "" when none */
	bool return_copy;  /* read when the function returns */
	bool max_data;	   /* as much as there is of a char_buf */
	unsigned size_arg; /* which parameter holds its size, counted from 1 (sizeArgIndex); 0: none
			    */
	struct place at;
};

/* An X-list of what an argument can be asked; each with its negation, in the order of pairs. */
#define TRACING_OPERATORS(x)                                                                      \
	x("Equal", EQUAL) x("NotEqual", NOT_EQUAL) x("Prefix", PREFIX) x("NotPrefix", NOT_PREFIX) \
		x("Postfix", POSTFIX) x("NotPostfix", NOT_POSTFIX) x("GreaterThan", GREATER) x(   \
			"LessThan", LESS) x("InRange", IN_RANGE) x("NotInRange", NOT_IN_RANGE)    \
			x("Mask", MASK) x("InMap", IN_MAP) x("NotInMap", NOT_IN_MAP) x(           \
				"FileType", FILE_TYPE) x("NotFileType", NOT_FILE_TYPE)            \
				x("SAddr", SADDR) x("NotSAddr", NOT_SADDR) x("DAddr", DADDR) x(   \
					"NotDAddr", NOT_DADDR) x("SPort", SPORT)                  \
					x("NotSPort", NOT_SPORT) x("DPort", DPORT) x(             \
						"NotDPort", NOT_DPORT) x("SPortPriv", SPORT_PRIV) \
						x("NotSPortPriv", NOT_SPORT_PRIV) x("DPortPriv",  \
										    DPORT_PRIV)   \
							x("NotDPortPriv", NOT_DPORT_PRIV)         \
								x("Protocol", PROTOCOL)           \
									x("Family", FAMILY)       \
										x("State", STATE)

enum tracing_operator {
#define x(word, name) TRACING_OP_##name,
	TRACING_OPERATORS(x)
#undef x
		TRACING_OP_MAX
};

/*
 * One of a filter's values. Which member counts:
 *   text           types string, char_buf and paths: Equal, Prefix, Postfix and their negations
 *   low = high     numbers; negative ones as 64-bit two's complement. Also FileType (S_IFMT
 *                  bits as in stat.h), Protocol (IPPROTO_*), Family (AF_*), State (TCP_*),
 *                  capability and syscall numbers
 *   low, high      InRange, and SPort and DPort, which take "1000:2000"; both ends included
 *   prefix         SAddr, DAddr
 * SPortPriv and its like (ports below 1024) have no values.
 */
struct tracing_value {
	const char *text; /* NULL where a number counts */
	size_t length_bytes;
	uint64_t low, high;
	struct chq_prefix prefix;
	struct place at;
};

/* An entry of matchArgs: any of the values; the negations: none of them. */
struct tracing_match {
	unsigned arg; /* position in the hook's list of args; not used by matchReturnArgs */
	enum tracing_operator op;
	struct tracing_value *values;
	size_t n_values;
	struct place at;
};

/* matchBinaries, matchParentBinaries: at most one of each a selector. */
struct tracing_binaries {
	bool given;
	enum tracing_operator op; /* EQUAL (In), NOT_EQUAL (NotIn), PREFIX, NOT_PREFIX, POSTFIX,
				     NOT_POSTFIX */
	const char **values;
	size_t n_values;
	bool follow_children; /* with In and NotIn only */
	struct place at;
};

struct tracing_pids {
	bool negated; /* NotIn */
	uint32_t values[TRACING_PIDS_MOST];
	size_t n_values;
	bool in_namespace; /* isNamespacePID */
	bool follow_forks;
	struct place at;
};

/* An X-list: the word, the name of its file below /proc/PID/ns. */
#define TRACING_NAMESPACES(x)                                                               \
	x("Uts", UTS, "uts") x("Ipc", IPC, "ipc") x("Mnt", MNT, "mnt") x("Pid", PID, "pid") \
		x("PidForChildren", PID_CHILDREN, "pid_for_children") x("Net", NET, "net")  \
			x("Time", TIME, "time")                                             \
				x("TimeForChildren", TIME_CHILDREN, "time_for_children")    \
					x("Cgroup", CGROUP, "cgroup") x("User", USER, "user")

enum tracing_namespace {
#define x(word, name, file) TRACING_NS_##name,
	TRACING_NAMESPACES(x)
#undef x
		TRACING_NS_MAX
};

struct tracing_namespaces {
	enum tracing_namespace kind;
	bool negated;
	bool host;	    /* "host_ns" is among the values: that of pid 1 */
	uint32_t values[4]; /* inode numbers */
	size_t n_values;    /* without host_ns */
	struct place at;
};

enum tracing_capability_set {
	TRACING_CAP_EFFECTIVE,
	TRACING_CAP_INHERITABLE,
	TRACING_CAP_PERMITTED
};

struct tracing_capabilities {
	enum tracing_capability_set set;
	bool negated;	   /* NotIn: has none of them; In: has at least one */
	bool in_namespace; /* isNamespaceCapability: only in a user namespace that is not pid 1's */
	uint64_t mask;	   /* bit n: capability number n */
	struct place at;
};

/* An X-list of actions. */
#define TRACING_ACTIONS(x)                                                             \
	x("Post", POST) x("NoPost", NO_POST) x("Sigkill", SIGKILL) x("Signal", SIGNAL) \
		x("Override", OVERRIDE) x("NotifyEnforcer", NOTIFY_ENFORCER)

enum tracing_action_kind {
#define x(word, name) TRACING_ACTION_##name,
	TRACING_ACTIONS(x)
#undef x
		TRACING_ACTION_MAX
};

enum tracing_scope { TRACING_SCOPE_THREAD, TRACING_SCOPE_PROCESS, TRACING_SCOPE_GLOBAL };

struct tracing_action {
	enum tracing_action_kind kind;
	int error;		/* Override, NotifyEnforcer: -errno, -1..-4095; 0: none */
	unsigned signal;	/* Signal, NotifyEnforcer: 1..64; 0: none */
	uint64_t rate_limit_ms; /* Post; 0: none */
	enum tracing_scope scope;
	struct place at;
};

/* All filters hold (none: it matches); the first selector that matches acts, and no other. */
struct tracing_selector {
	struct tracing_match *args;
	size_t n_args;
	struct tracing_match *returns; /* matchReturnArgs */
	size_t n_returns;
	struct tracing_binaries binaries, parents;
	struct tracing_pids *pids;
	size_t n_pids;
	struct tracing_namespaces *namespaces;
	size_t n_namespaces;
	struct tracing_capabilities *capabilities;
	size_t n_capabilities;
	struct tracing_action actions[TRACING_ACTIONS_MOST]; /* none given: Post */
	size_t n_actions;
	struct tracing_action return_actions[TRACING_ACTIONS_MOST];
	size_t n_return_actions;
	struct place at;
};

enum tracing_hook_kind { TRACING_KPROBE, TRACING_TRACEPOINT, TRACING_LSM, TRACING_UPROBE };

struct tracing_call {
	const char *name; /* of the function, as written; without the arch prefix of syscalls */
	struct place at;
};

struct tracing_hook {
	enum tracing_hook_kind kind;

	/* kprobes: call, or the list it names; lsmhooks: hook; uprobes: symbols */
	struct tracing_call *calls;
	size_t n_calls;
	bool syscall; /* the calls are system calls, named sys_X */

	const char *subsystem, *event; /* tracepoints; NULL of the others */
	bool raw;

	const char *path;  /* uprobes: the program or library; NULL of the others */
	uint64_t *offsets; /* uprobes: used besides symbols; n_calls may be 0 then */
	size_t n_offsets;

	struct tracing_arg args[TRACING_ARGS_MOST];
	size_t n_args;
	bool returns; /* `return: true`: the event is told when the function has returned */
	struct tracing_arg return_arg; /* with returns; type NOP when not given */

	const char *message; /* "" when none */
	const char **tags;
	size_t n_tags;
	bool may_be_missing; /* ignore.callNotFound */

	struct tracing_selector selectors[TRACING_SELECTORS_MOST]; /* none: every call matches */
	size_t n_selectors;
	struct place at; /* of call, event, hook or path */
};

enum tracing_mode { TRACING_ENFORCE, TRACING_MONITOR };

struct tracing_policy {
	const char *name;
	enum tracing_mode mode;	    /* option policy-mode; enforce when not given */
	bool enforces;		    /* some action is more than Post and NoPost */
	bool no_multi;		    /* option disable-kprobe-multi */
	struct tracing_hook *hooks; /* kprobes, tracepoints, lsmhooks, uprobes, each in its order */
	size_t n_hooks;
	struct tracing_call
		*enforcers; /* enforcers[0].calls, lists put in: what NotifyEnforcer acts on */
	size_t n_enforcers;
	uint64_t hash;	 /* of the document: another text of the same meaning may have another */
	struct place at; /* of metadata.name */
};

/* Words of the X-lists above, for messages, events and status. NULL: no such value. */
const char *tracing_type_word(enum tracing_type type);
const char *tracing_operator_word(enum tracing_operator op);
const char *tracing_action_word(enum tracing_action_kind kind);
const char *tracing_hook_word(enum tracing_hook_kind kind); /* "kprobe", "tracepoint", ... */

/* A system call's number on x86-64 from "sys_read", "__x64_sys_read" or "read"; -1: there is none.
 */
int tracing_syscall(const char *name);

/* Does this action change what the process does? (Not Post and NoPost.) */
bool tracing_enforces(enum tracing_action_kind kind);

#endif
