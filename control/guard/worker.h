/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef GUARD_WORKER_H
#define GUARD_WORKER_H

#include <stdbool.h>

#include "guard/options.h"

#define WORKER_CANNOT 2 /* it never guarded: what the program ends with then */

/*
 * Guards until it hands over to a next one: what the program ends with. `inherited`: the group had
 * a worker before, whose unanswered questions are denied.
 */
int worker_run(const struct options *options, int group, int listener, bool inherited,
	       unsigned restarts);

#endif
