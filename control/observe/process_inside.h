/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef OBSERVE_PROCESS_INSIDE_H
#define OBSERVE_PROCESS_INSIDE_H

/* What the files behind process.h share. Nobody else includes it. */

#include "observe/process.h"

#define PROCESS_ANCESTORS 16 /* that an event tells of, above the parent */

/* The value, or (not wanted) NULL, and it is given back. */
json_t *json_if(json_t *value, bool wanted);
/* Both leave out what is nothing: NULL, or an empty text. */
void set(json_t *object, const char *name, json_t *value);
void set_text(json_t *object, const char *name, const char *text);

json_t *json_u64(uint64_t number);
json_t *json_base64(const char *bytes, size_t length);
json_t *json_signal(unsigned number); /* "SIGKILL" */
json_t *json_cap_name(unsigned number);
json_t *json_caps(const uint64_t caps[CHQ_CAPS]); /* NULL: none */
json_t *json_credentials(const struct hook_cred *cred);

/* process_kprobe, …, and what stands in it besides process and parent. */
const char *hook_kind_name(enum hook_kind kind);
void add_hook(json_t *inside, const struct hook_event *hook);

#endif
