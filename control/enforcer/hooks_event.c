/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "enforcer/hooks_inside.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Payload of an argument, whose bytes need not be aligned. */
struct payload {
	const unsigned char *bytes;
	size_t n_bytes;
};

static char *copy(const void *from, size_t bytes)
{
	char *text = malloc(bytes + 1);

	if (text) {
		memcpy(text, from, bytes);
		text[bytes] = 0;
	}
	return text;
}

static const enum hook_arg_kind kinds[TRACING_TYPE_MAX] = {
	[TRACING_TYPE_INT] = HOOK_ARG_INT,
	[TRACING_TYPE_UINT] = HOOK_ARG_UINT,
	[TRACING_TYPE_LONG] = HOOK_ARG_LONG,
	[TRACING_TYPE_ULONG] = HOOK_ARG_SIZE,
	[TRACING_TYPE_SIZE_T] = HOOK_ARG_SIZE,
	[TRACING_TYPE_INT8] = HOOK_ARG_INT,
	[TRACING_TYPE_UINT8] = HOOK_ARG_UINT,
	[TRACING_TYPE_INT16] = HOOK_ARG_INT,
	[TRACING_TYPE_UINT16] = HOOK_ARG_UINT,
	[TRACING_TYPE_INT32] = HOOK_ARG_INT,
	[TRACING_TYPE_UINT32] = HOOK_ARG_UINT,
	[TRACING_TYPE_INT64] = HOOK_ARG_LONG,
	[TRACING_TYPE_UINT64] = HOOK_ARG_SIZE,
	[TRACING_TYPE_SYSCALL64] = HOOK_ARG_SYSCALL,
	[TRACING_TYPE_CAPABILITY] = HOOK_ARG_CAPABILITY,
	[TRACING_TYPE_STRING] = HOOK_ARG_STRING,
	[TRACING_TYPE_FILENAME] = HOOK_ARG_STRING,
	[TRACING_TYPE_CHAR_BUF] = HOOK_ARG_BYTES,
	[TRACING_TYPE_FILE] = HOOK_ARG_FILE,
	[TRACING_TYPE_FD] = HOOK_ARG_FILE,
	[TRACING_TYPE_PATH] = HOOK_ARG_PATH,
	[TRACING_TYPE_DENTRY] = HOOK_ARG_PATH,
	[TRACING_TYPE_BINPRM] = HOOK_ARG_BINPRM,
	[TRACING_TYPE_SOCK] = HOOK_ARG_SOCK,
	[TRACING_TYPE_SOCKET] = HOOK_ARG_SOCK,
	[TRACING_TYPE_SKB] = HOOK_ARG_SKB,
	[TRACING_TYPE_SOCKADDR] = HOOK_ARG_SOCKADDR,
	[TRACING_TYPE_CRED] = HOOK_ARG_CRED,
};

/* Tracepoints' fields have the type that the kernel says. */
static enum hook_arg_kind kind_of(const struct chq_hook_value *value, uint8_t type)
{
	enum hook_arg_kind kind = type < TRACING_TYPE_MAX ? kinds[type] : HOOK_ARG_NONE;

	if (kind != HOOK_ARG_NONE)
		return kind;
	if (value->type == CHQ_TYPE_STRING)
		return HOOK_ARG_STRING;
	return value->type == CHQ_TYPE_NUMBER ? HOOK_ARG_LONG : HOOK_ARG_NONE;
}

static int read_text(const struct chq_hook_value *value, struct payload payload,
		     struct hook_arg *ret)
{
	ret->text.bytes = copy(payload.bytes, payload.n_bytes);
	ret->text.n_bytes = payload.n_bytes;
	ret->text.whole_bytes = value->number > payload.n_bytes ? value->number : payload.n_bytes;
	return ret->text.bytes ? 0 : -ENOMEM;
}

static int read_file(struct payload payload, struct hook_arg *ret)
{
	struct chq_path_value path;

	if (payload.n_bytes < sizeof(path))
		return -EBADMSG;
	memcpy(&path, payload.bytes, sizeof(path));
	if (path.path_bytes > payload.n_bytes - sizeof(path))
		return -EBADMSG;
	ret->file.path = copy(payload.bytes + sizeof(path), path.path_bytes);
	ret->file.mode = path.mode;
	ret->file.unresolved = path.flags & CHQ_PATH_UNRESOLVED;
	return ret->file.path ? 0 : -ENOMEM;
}

static int read_sock(struct payload payload, struct hook_arg *ret)
{
	struct chq_sock_value sock;

	if (payload.n_bytes < sizeof(sock))
		return -EBADMSG;
	memcpy(&sock, payload.bytes, sizeof(sock));
	ret->sock = (struct hook_sock){
		.source = sock.source,
		.target = sock.target,
		.sport = sock.sport,
		.dport = sock.dport,
		.family = sock.family,
		.type = sock.type,
		.protocol = sock.protocol,
		.state = sock.state,
		.mark = sock.mark,
		.priority = sock.priority,
		.cookie = sock.cookie,
		.length_bytes = sock.length_bytes,
	};
	if (ret->kind == HOOK_ARG_SOCKADDR) {
		memset(&ret->sock.source, 0, sizeof(ret->sock.source));
		ret->sock.sport = 0; /* one address: there for filters only */
	}
	return 0;
}

static int read_cred(struct payload payload, struct hook_arg *ret)
{
	struct chq_cred_value cred;

	if (payload.n_bytes < sizeof(cred))
		return -EBADMSG;
	memcpy(&cred, payload.bytes, sizeof(cred));
	ret->cred = (struct hook_cred){
		.uid = cred.ids.uid,
		.gid = cred.ids.gid,
		.euid = cred.ids.euid,
		.egid = cred.ids.egid,
		.suid = cred.ids.suid,
		.sgid = cred.ids.sgid,
		.fsuid = cred.ids.fsuid,
		.fsgid = cred.ids.fsgid,
		.securebits = cred.ids.securebits,
		.caps = {cred.caps[CHQ_CAP_PERMITTED], cred.caps[CHQ_CAP_EFFECTIVE],
			 cred.caps[CHQ_CAP_INHERITABLE]},
	};
	return 0;
}

static int read_value(const struct chq_hook_value *value, struct payload payload,
		      struct hook_arg *ret)
{
	switch (ret->kind) {
	case HOOK_ARG_STRING:
	case HOOK_ARG_BYTES:
		return read_text(value, payload, ret);
	case HOOK_ARG_FILE:
	case HOOK_ARG_PATH:
	case HOOK_ARG_BINPRM:
		return read_file(payload, ret);
	case HOOK_ARG_SOCK:
	case HOOK_ARG_SKB:
	case HOOK_ARG_SOCKADDR:
		return read_sock(payload, ret);
	case HOOK_ARG_CRED:
		return read_cred(payload, ret);
	default:
		ret->number = value->number;
		return 0;
	}
}

static int read_arg(const struct chq_hook_value *value, struct payload payload,
		    const struct hook_names *names, struct hook_event *event)
{
	struct hook_arg *arg;
	int err;

	if (value->position >= CHQ_HOOK_ARGS)
		return -EBADMSG;
	arg = &event->args[value->position];
	if (arg->kind != HOOK_ARG_NONE)
		return -EBADMSG;
	if (value->absent)
		return 0;
	arg->kind = kind_of(value, names->types[value->position]);
	err = read_value(value, payload, arg);
	if (err)
		arg->kind = HOOK_ARG_NONE;
	return err;
}

static int read_args(const unsigned char *bytes, size_t n_bytes, const struct hook_names *names,
		     struct hook_event *event)
{
	while (n_bytes >= sizeof(struct chq_hook_value)) {
		struct chq_hook_value value;
		size_t whole;
		int err;

		memcpy(&value, bytes, sizeof(value));
		whole = sizeof(value) + (((size_t)value.payload_bytes + 7) & ~(size_t)7);
		if (whole > n_bytes)
			return -EBADMSG;
		err = read_arg(&value, (struct payload){bytes + sizeof(value), value.payload_bytes},
			       names, event);
		if (err)
			return err;
		bytes += whole;
		n_bytes -= whole;
	}
	return n_bytes ? -EBADMSG : 0;
}

/* ---- names ---- */

static int find_names(struct hooks *hooks, const struct chq_hook_event *record,
		      struct hook_names *ret)
{
	for (size_t i = 0; i < SETS_KNOWN; i++) {
		if (hooks->sets[i].number != record->set || !record->set)
			continue;
		return bpf_map_lookup_elem(hooks->sets[i].hook_names, &record->hook, ret) ? -EBADMSG
											  : 0;
	}
	return -ESTALE;
}

static char **read_tags(const char *tags)
{
	size_t n = 0;
	char **ret;

	for (const char *at = tags; *at; at += strlen(at) + 1)
		n++;
	ret = n ? calloc(n + 1, sizeof(*ret)) : NULL;
	for (size_t i = 0; ret && i < n; i++) {
		ret[i] = strdup(tags);
		tags += strlen(tags) + 1;
	}
	return ret;
}

static int name_event(const struct hook_names *names, struct hook_event *event)
{
	event->kind = names->kind;
	event->policy = strdup(names->policy);
	event->function = strdup(names->function);
	event->back_end = strdup(names->back_end);
	event->subsystem = *names->subsystem ? strdup(names->subsystem) : NULL;
	event->message = *names->message ? strdup(names->message) : NULL;
	event->tags = read_tags(names->tags);
	event->n_args = names->n_args;
	for (size_t i = 0; i < names->n_args; i++)
		event->args[i].label = *names->labels[i] ? strdup(names->labels[i]) : NULL;
	return event->policy && event->function && event->back_end ? 0 : -ENOMEM;
}

static void read_result(const struct chq_hook_event *record, const struct hook_names *names,
			struct hook_event *event)
{
	enum hook_arg_kind kind = HOOK_ARG_INT;

	if (!(record->flags & CHQ_HOOK_RESULT))
		return;
	if (names->return_type < TRACING_TYPE_MAX && kinds[names->return_type] != HOOK_ARG_NONE)
		kind = kinds[names->return_type];
	if (kind == HOOK_ARG_INT)
		event->result.number = (int64_t)(int32_t)record->result;
	else
		event->result.number = record->result;
	event->result.kind = kind;
	event->has_result = true;
}

static void read_head(const struct chq_hook_event *record, struct hook_event *event)
{
	event->time_ns = record->head.time_ns;
	event->started_ns = record->head.started_ns;
	event->pid = record->head.pid;
	event->tid = record->head.tid;
	event->action = record->action;
	event->return_action = record->return_action;
}

static int read_hit(struct hooks *hooks, const unsigned char *bytes, size_t size_bytes,
		    struct hook_event *ret)
{
	struct hook_event event = {};
	struct chq_hook_event record;
	struct hook_names names;
	int err;

	if (size_bytes < sizeof(record))
		return -EBADMSG;
	memcpy(&record, bytes, sizeof(record));
	if (record.args_bytes > size_bytes - sizeof(record) || record.action >= HOOK_ACTION_MAX ||
	    record.return_action >= HOOK_ACTION_MAX)
		return -EBADMSG;
	err = find_names(hooks, &record, &names);
	if (err)
		return err;
	read_head(&record, &event);
	err = name_event(&names, &event);
	if (!err)
		err = read_args(bytes + sizeof(record), record.args_bytes, &names, &event);
	if (!err)
		err = data_join(&hooks->data, &record, &event);
	if (err) {
		hook_event_clear(&event);
		return err;
	}
	read_result(&record, &names, &event);
	*ret = event;
	return 0;
}

int hooks_event(struct hooks *hooks, const void *bytes, size_t size_bytes, struct hook_event *ret)
{
	struct chq_proc_head head;
	int err;

	if (size_bytes < sizeof(head))
		return -EBADMSG;
	memcpy(&head, bytes, sizeof(head));
	if (head.kind == CHQ_PROC_HOOK)
		return read_hit(hooks, bytes, size_bytes, ret);
	if (head.kind != CHQ_PROC_DATA)
		return -EBADMSG;
	err = data_keep(&hooks->data, bytes, size_bytes);
	return err ? err : -EAGAIN;
}
