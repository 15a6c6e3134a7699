/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef ENFORCER_GUARD_RULES_H
#define ENFORCER_GUARD_RULES_H

#include <jansson.h>

#include "enforcer/guard_client.h"
#include "enforcer/wish.h"

/* The document of rules (chasqui/guard.h) of what the guard is to serve; NULL for want of memory.
 */
json_t *guard_rules(const struct enforcer_wish *wishes, size_t n_wishes, guard_serves_fn *serves,
		    void *context);

/* One of the calls that the guard knows; NULL: it is none. Hooks of LSM lack the "security_". */
struct guard_call {
	const char *name;
	unsigned path_index; /* which of the function's parameters is the file */
	const char *stage;
	const char *limits; /* what cannot be stopped */
	const char *unseen; /* what is not told in monitor mode */
};

const struct guard_call *guard_call(const struct tracing_hook *hook, size_t call);

/* The position in hook->args of the file, or -1. */
int guard_path_arg(const struct tracing_hook *hook, const struct guard_call *call);

/* An event of the guard's. -EBADMSG: it is none. hook_event_clear() frees it. */
int guard_event_read(json_t *json, struct hook_event *ret);

#endif
