/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef GUARD_JUDGE_H
#define GUARD_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guard/process.h"
#include "guard/rules.h"

/* What fanotify asks: may this process do that to this file? */
struct question {
	enum stage stage; /* ACCESS, OPEN or EXEC */
	const char *
		*names; /* how it was reached; then the names under which the file is followed */
	size_t n_names;
	struct process *process;
	bool written; /* it has written already: that can only be told */
	bool spared;  /* not to be killed unless it is named */
	uint64_t now_ms;
};

struct answer {
	bool deny, kill;
	int error;	 /* with deny: an errno, positive */
	unsigned signal; /* besides; 0: none */
};

/* A hook was hit: tell. `action` is the last one that was done, or would have been. */
typedef void judge_told_fn(void *context, struct policy *policy, const struct hook *hook,
			   enum tracing_action_kind action);

/*
 * Asks every rule. Denies where one denies. Counts in the policies, so that only one thread at a
 * time may be here with the same rules.
 */
void judge(struct rules *rules, const struct question *question, judge_told_fn *told, void *context,
	   struct answer *ret);

/* Does any rule speak of a file of these names, whoever asks and whether it is enabled or not? */
bool judge_speaks_of(const struct rules *rules, const char *const *names, size_t n_names);

#endif
