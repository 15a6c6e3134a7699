/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef OBSERVE_PROCESS_H
#define OBSERVE_PROCESS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "enforcer/process_events.h"

/*
 * Events of processes as Tetragon writes them: field names, words and forms are those
 * of its API (one object an event, 64-bit numbers and bytes as strings, what is not
 * set left out), so that what reads `tetra getevents` reads these. Ours besides:
 * `cgroup` of the process in process_exec.
 */
struct process_view {
	const char *node;			     /* the name of this machine */
	int64_t wall_minus_boot;		     /* in ns: CLOCK_REALTIME less CLOCK_BOOTTIME */
	uint32_t host_namespaces[CHQ_NAMESPACE_MAX]; /* of pid 1; 0 = not known */
};

/* A new reference; NULL: out of memory. */
json_t *process_json(const struct process_view *view, const struct process_event *event);

/* What one argument of a hook is; a new reference. NULL: it has no value. */
json_t *hook_arg_json(const struct hook_arg *arg);

/* Text for JSON from bytes that may be anything: what is no UTF-8 becomes U+FFFD. */
json_t *process_string(const char *bytes, size_t length);

struct process_style {
	bool colour;
	bool timestamps; /* the time stands before it, as RFC 3339 with nanoseconds */
};

/*
 * `tetra getevents -o compact` of such an object: emoji, verb, machine, binary and what
 * is to be said, with its blanks; a field with a blank or something unprintable stands in
 * quotes. The caller frees it. NULL: it is none that has a line, or out of memory.
 */
char *process_compact(const json_t *event, const struct process_style *style);

/* exec, exit, kprobe, lsm, tracepoint, uprobe: the object's kind; NULL: it is none. */
const char *process_kind(const json_t *event, const json_t **ret_inside);

#endif
