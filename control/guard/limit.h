/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef GUARD_LIMIT_H
#define GUARD_LIMIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "policy/tracing.h"

/*
 * Post's rateLimit: one event of the same action, file and scope in rate_limit_ms. A fixed table:
 * two that share a slot take turns in it, so that at worst an event too many is told. `action`
 * stands for the rule; now_ms never goes back.
 */
bool limit_passes(const struct tracing_action *action, pid_t pid, const char *path,
		  uint64_t now_ms);

#endif
