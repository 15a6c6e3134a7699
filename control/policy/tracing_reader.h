/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef POLICY_TRACING_READER_H
#define POLICY_TRACING_READER_H

#include "policy/reader.h"
#include "policy/tracing.h"

/* What the values of a type look like. */
enum tracing_form {
	FORM_NONE, /* cannot be filtered */
	FORM_SIGNED,
	FORM_UNSIGNED,
	FORM_SYSCALL,
	FORM_CAPABILITY,
	FORM_TEXT,
	FORM_PATH,
	FORM_SOCKET,
};

/* An entry of spec.lists; `values` are read where the list is used. */
struct tracing_list {
	const char *name;
	bool syscalls; /* type: syscalls */
	const struct node *values;
	struct place at;
};

/* One TracingPolicy while it is read. */
struct tracing_context {
	struct reader *rd;
	struct tracing_list *lists; /* scratch */
	size_t n_lists;
	struct tracing_policy *policy;
};

/* One hook while it is read: what must wait for other fields. */
struct hook_parts {
	const struct tracing_context *context;
	struct tracing_hook hook;
	const struct node *call, *args, *return_arg, *selectors, *symbols, *tags;
	bool syscall_given;
	struct place syscall_at;
};

/* A scalar of 1 to `most` bytes without NUL; NULL after a problem. */
const char *tracing_text(struct reader *rd, const struct node *node, const char *what, size_t most,
			 size_t *length_bytes);

/* Numbers as Tetragon takes them: decimal, 0x..., 0...; negative with `is_signed`. */
bool tracing_number(const char *text, bool is_signed, uint64_t *ret);

/* A capability's number from "CAP_SYS_ADMIN" in any case; -1: there is none. */
int tracing_capability(const char *name);

/* spec.lists, before the hooks. */
void read_tracing_lists(struct tracing_context *context, const struct node *node);
const struct tracing_list *find_tracing_list(const struct tracing_context *context,
					     const struct node *node);

/* "security_file_open" or "list:NAME" into kept calls. */
void read_tracing_calls(const struct tracing_context *context, const struct node *node,
			const char *what, struct tracing_call **calls, size_t *count);

/* A hook's list of one kind, added to the policy's hooks. */
void read_tracing_hooks(struct tracing_context *context, const struct node *node,
			enum tracing_hook_kind kind);

/* The parts of a hook; args have been read. */
void read_tracing_selectors(struct hook_parts *parts);
void read_tracing_matches(const struct hook_parts *parts, const struct node *node, bool returns,
			  struct tracing_match **ret, size_t *count);
void read_tracing_actions(const struct hook_parts *parts, const struct node *node, const char *what,
			  struct tracing_action *actions, size_t *count);
void read_tracing_values(const struct hook_parts *parts, const struct node *node,
			 const struct tracing_arg *arg, struct tracing_match *match);
enum tracing_form tracing_form(enum tracing_type type);

extern const struct word tracing_operator_words[];
extern const struct word tracing_type_words[];

#endif
