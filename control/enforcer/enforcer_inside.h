/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef ENFORCER_ENFORCER_INSIDE_H
#define ENFORCER_ENFORCER_INSIDE_H

/* What the enforcer's own files share: nobody else's. */
#include "enforcer/enforcer.h"
#include "enforcer/plan.h"

struct enforcer {
	struct enforcer_options options;
	struct hooks *hooks; /* NULL: `no_hooks` says why */
	char no_hooks[HOOKS_WHY_BYTES];
	struct guard_client *guard;
	struct enforcer_plan *live;
	struct enforcer_override *overrides;
	size_t n_overrides;
	uint32_t last_id;
	unsigned ticks, absent_s, net_settles_s;
	bool guard_was_there;
};

/* ---- enforcer_switch.c: what was said at run time ---- */

/* NULL: nothing was said of a policy of that name. */
struct enforcer_override *enforcer_find_override(const struct enforcer *enforcer, const char *name);

/* Drops what was said of policies that are gone. */
void enforcer_forget_overrides(struct enforcer *enforcer);

/* ---- enforcer_apply.c ---- */

/* Does the guard have something to do for it? */
bool enforcer_has_guard_call(const struct enforcer_policy *policy);

/*
 * Starts the guard where it is needed, and gives it its part of the plan. Where BPF programs can
 * stand in for it, its absence is loud but no reason to serve nothing; what it cannot watch (too
 * many directories, say) does not keep it from the rest. *there: it serves its part.
 */
int enforcer_apply_guard(struct enforcer *enforcer, struct enforcer_plan *plan,
			 char why[ENFORCER_WHY_BYTES], struct place *at, bool *there);

/* Loads the programs, as plan_rely() has said who serves what. */
int enforcer_apply_hooks(struct enforcer *enforcer, const struct enforcer_plan *plan,
			 char why[ENFORCER_WHY_BYTES], struct place *at);

/* ---- enforcer.c ---- */

/* NULL: none of the live ones has the name. */
struct enforcer_policy *enforcer_live_policy(const struct enforcer *enforcer, const char *name);

/* Attaches what waits behind the guard, or takes it off: said in the log when it cannot be. */
void enforcer_spread_net(struct enforcer *enforcer, bool wanted);

#endif
