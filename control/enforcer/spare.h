/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef ENFORCER_SPARE_H
#define ENFORCER_SPARE_H

#include <stddef.h>

struct hooks;
struct guard_client;

#define SPARE_MOST 64

/*
 * The processes that run one of the gateway's own programs: chasquid, chasqui-guard and
 * chasqui-wg from the directory of our own executable, known by /proc/PID/exe, which nobody can
 * give himself. The caller is always among them. Returns how many.
 */
size_t spare_find(int pids[SPARE_MOST]);

/* Tells both who is spared. Either may be NULL. */
void spare_tell(struct hooks *hooks, struct guard_client *guard);

#endif
