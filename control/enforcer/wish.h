/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef ENFORCER_WISH_H
#define ENFORCER_WISH_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/tracing.h"

/* A policy as a person wants it now: its document, and what was said at run time. */
struct enforcer_wish {
	const struct tracing_policy *policy;
	uint32_t id; /* from 1; the same name has the same while the daemon lives */
	bool enabled;
	enum tracing_mode mode;
};

#endif
