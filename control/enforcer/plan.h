/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef ENFORCER_PLAN_H
#define ENFORCER_PLAN_H

#include "enforcer/enforcer.h"

/* A set of policies, and who serves them. */
struct enforcer_plan {
	struct enforcer_policy *policies;
	size_t count;
	bool guard;	 /* some call is the guard's */
	bool guard_must; /* some call is the guard's alone, or only it can deny */
};

/* How many calls a hook has for struct hooks: a tracepoint one, a uprobe its offsets too. */
size_t plan_calls(const struct tracing_hook *hook);

/* Who serves a call. 0, or -errno with `why`. `hooks` may be NULL: then `no_hooks` says why. */
int plan_call(struct hooks *hooks, const char *no_hooks, const struct enforcer_wish *wish,
	      struct enforcer_call *call, char why[ENFORCER_WHY_BYTES]);

/* Must the guard be there for this call to be what the policy says? */
bool plan_needs_guard(const struct enforcer_call *call);

/*
 * Are there at most so many directories where the hook's Prefixes lead to? Its selectors must be
 * of the kind that the guard can serve: their filters are paths.
 */
bool plan_trees_fit(const struct tracing_hook *hook, unsigned directories);

/* Does the guard serve it with no BPF program behind? */
bool plan_stands_alone(const struct enforcer_call *call);

/* The wish that the guard gets: it is silent where BPF watches as well. */
bool plan_guard_enabled(const struct enforcer_policy *policy);

/* Does the guard act on the call, or tell of it? */
bool plan_guard_acts(const struct enforcer_policy *policy, const struct enforcer_call *call);

/*
 * Does the guard get the call's rule? Of a policy that is silent too, so that its marks stand; not
 * where both would tell of it.
 */
bool plan_guard_serves(const struct enforcer_policy *policy, const struct enforcer_call *call);

/* Says of each call which program serves it, with the guard or without. True: some changed. */
bool plan_rely(struct enforcer_plan *plan, bool guard_is_there);

/* Takes from the guard what BPF programs can tell as well. False: there is nothing of the kind. */
bool plan_relieve(struct enforcer_plan *plan);

#endif
