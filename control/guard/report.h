/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef GUARD_REPORT_H
#define GUARD_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "guard/process.h"
#include "guard/queue.h"
#include "guard/rules.h"

#define REPORT_MOST 16 /* hooks that one access can hit and be told of */

/* What is to be told of one access, gathered while the rules are asked. */
struct report {
	uint64_t time_ns; /* CLOCK_BOOTTIME */
	bool writes;	  /* for certain; else it is found out */
	struct {
		struct policy *policy;
		const struct hook *hook;
		enum tracing_action_kind action;
	} hits[REPORT_MOST];
	size_t n_hits;
};

/* One too many counts as lost. */
void report_add(struct report *report, struct policy *policy, const struct hook *hook,
		enum tracing_action_kind action);

/* Makes events of it. `fd` is the file, for its mode; it is not read. */
void report_write(const struct report *report, const char *path, int fd, struct process *process,
		  struct queue *queue);

#endif
