// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "enforcer/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t plan_calls(const struct tracing_hook *hook)
{
	if (hook->kind == TRACING_TRACEPOINT)
		return 1;
	return hook->n_calls + hook->n_offsets;
}

const char *enforcer_call_name(const struct enforcer_call *call, char *text, size_t size)
{
	const struct tracing_hook *hook = call->hook;

	if (hook->kind == TRACING_TRACEPOINT)
		snprintf(text, size, "%s/%s", hook->subsystem, hook->event);
	else if (call->call >= hook->n_calls)
		snprintf(text, size, "%s+0x%llx", hook->path,
			 (unsigned long long)hook->offsets[call->call - hook->n_calls]);
	else if (hook->kind == TRACING_UPROBE)
		snprintf(text, size, "%s:%s", hook->path, hook->calls[call->call].name);
	else
		snprintf(text, size, "%s", hook->calls[call->call].name);
	return text;
}

static bool any(const struct tracing_hook *hook, bool (*holds)(const struct tracing_action *))
{
	for (size_t s = 0; s < hook->n_selectors; s++) {
		const struct tracing_selector *selector = &hook->selectors[s];

		for (size_t a = 0; a < selector->n_actions; a++)
			if (holds(&selector->actions[a]))
				return true;
		for (size_t a = 0; a < selector->n_return_actions; a++)
			if (holds(&selector->return_actions[a]))
				return true;
	}
	return false;
}

static bool enforces(const struct tracing_action *action)
{
	return tracing_enforces(action->kind);
}

/* NotifyEnforcer's error is for another function, which its own back end answers for. */
static bool denies(const struct tracing_action *action)
{
	return action->kind == TRACING_ACTION_OVERRIDE;
}

bool plan_needs_guard(const struct enforcer_call *call)
{
	if (!call->guard)
		return false;
	return call->best == HOOKS_NONE ||
	       (any(call->hook, denies) && !hooks_back_end_denies(call->best));
}

/* -EOPNOTSUPP with both answers: nothing here can do what the hook asks for. */
static int refuse(const struct tracing_policy *policy, const struct enforcer_call *call,
		  const char *bpf, const char *guard, char why[ENFORCER_WHY_BYTES])
{
	char name[160];

	snprintf(why, ENFORCER_WHY_BYTES, "TracingPolicy %s: %s cannot be served: %s%s%s",
		 policy->name, enforcer_call_name(call, name, sizeof(name)), bpf,
		 *guard ? "; the guard: " : "", guard);
	return -EOPNOTSUPP;
}

static int choose_bpf(struct hooks *hooks, const char *no_hooks,
		      const struct tracing_policy *policy, struct enforcer_call *call,
		      char why[HOOKS_WHY_BYTES])
{
	int err = -EOPNOTSUPP;

	call->best = HOOKS_NONE;
	if (hooks)
		err = hooks_choose(hooks, policy, call->hook, call->call, why, &call->best);
	else
		snprintf(why, HOOKS_WHY_BYTES, "%s", no_hooks);
	if (err)
		call->best = HOOKS_NONE;
	return err;
}

/* From here on who opens the files themselves pays more than all others would. */
#define TOLD_DIRECTORIES 64

/*
 * Only watched, by what every system call of the machine would pay for, or by nothing but the
 * guard: it is asked about these files alone, and tells of them by itself.
 */
static bool is_told_by_guard(const struct enforcer_wish *wish, const struct enforcer_call *call)
{
	bool dear = call->best == HOOKS_SYSCALL || call->best == HOOKS_RAW_TRACEPOINT;

	return (call->best == HOOKS_NONE ||
		(dear && plan_trees_fit(call->hook, TOLD_DIRECTORIES))) &&
	       guard_tells(wish->policy, call->hook_number, call->call) &&
	       (wish->mode == TRACING_MONITOR || !any(call->hook, enforces));
}

/*
 * Behind a guard that enforces stands a net that is cheap for everybody else: a look at each read
 * of the page cache is felt by reads of disks alone, one at each system call by all.
 */
static enum hooks_back_end choose_net(struct hooks *hooks, const struct enforcer_wish *wish,
				      const struct enforcer_call *call)
{
	char why[HOOKS_WHY_BYTES];

	if (wish->mode == TRACING_ENFORCE && call->best == HOOKS_SYSCALL &&
	    hooks_can(hooks, call->hook, call->call, HOOKS_FILEMAP, why) == 0)
		return HOOKS_FILEMAP;
	return call->best;
}

/* Override needs somebody who can deny. */
static int check_denial(const struct tracing_policy *policy, const struct enforcer_call *call,
			const char *guard, char why[ENFORCER_WHY_BYTES])
{
	char words[HOOKS_WHY_BYTES];

	if (!any(call->hook, denies) || call->guard || hooks_back_end_denies(call->best))
		return 0;
	snprintf(words, sizeof(words),
		 "Override needs lsm, fmod_ret or fanotify, and only %s works here",
		 hooks_back_end_word(call->best));
	return refuse(policy, call, words, guard, why);
}

/*
 * What is to be enforced, beside BPF programs that kill, as the one that can deny. LSM denies by
 * itself, but by name: where Override asks for denial, the guard adds what goes by inode.
 */
static bool wants_guard(const struct enforcer_call *call)
{
	return any(call->hook, call->best == HOOKS_LSM ? denies : enforces);
}

int plan_call(struct hooks *hooks, const char *no_hooks, const struct enforcer_wish *wish,
	      struct enforcer_call *call, char why[ENFORCER_WHY_BYTES])
{
	char bpf[HOOKS_WHY_BYTES] = "", guard[GUARD_WHY_BYTES] = "";
	int err = choose_bpf(hooks, no_hooks, wish->policy, call, bpf);
	bool can = guard_can(wish->policy, call->hook_number, call->call, guard) == 0;
	bool told = can && is_told_by_guard(wish, call);

	call->guard = can && (err || told || wants_guard(call));
	call->behind = told ? HOOKS_NONE : choose_net(hooks, wish, call);
	if (!err || call->guard)
		return check_denial(wish->policy, call, guard, why);
	call->missing = err == -ENOENT && call->hook->may_be_missing;
	return call->missing ? 0 : refuse(wish->policy, call, bpf, guard, why);
}

bool plan_stands_alone(const struct enforcer_call *call)
{
	return call->guard && call->behind == HOOKS_NONE;
}

/* Is it the guard that speaks, of some call at least? */
static bool guard_speaks(const struct enforcer_policy *policy)
{
	if (policy->wish.mode == TRACING_ENFORCE)
		return true;
	for (size_t i = 0; i < policy->n_calls; i++)
		if (plan_stands_alone(&policy->calls[i]))
			return true;
	return false;
}

bool plan_guard_enabled(const struct enforcer_policy *policy)
{
	return policy->wish.enabled && guard_speaks(policy);
}

bool plan_guard_acts(const struct enforcer_policy *policy, const struct enforcer_call *call)
{
	return call->guard && (policy->wish.mode == TRACING_ENFORCE || plan_stands_alone(call));
}

bool plan_guard_serves(const struct enforcer_policy *policy, const struct enforcer_call *call)
{
	return plan_guard_acts(policy, call) || (call->guard && !guard_speaks(policy));
}

/*
 * What enforces behind the guard need not be attached while the guard is there: at a tracepoint
 * that others' reads pass it would cost them more than all the rest. Where the guard is not asked
 * itself it is no net.
 */
static bool may_wait(const struct enforcer_policy *policy, const struct enforcer_call *call)
{
	return policy->wish.mode == TRACING_ENFORCE &&
	       (call->behind == HOOKS_FILEMAP || call->behind == HOOKS_SYSCALL) &&
	       guard_tells(policy->wish.policy, call->hook_number, call->call);
}

/* True: it is served by another one now. */
static bool rely(struct enforcer_policy *policy, struct enforcer_call *call, bool guarded)
{
	enum hooks_back_end back_end = guarded ? call->behind : call->best;
	struct hooks_part part = {
		.waits = guarded && may_wait(policy, call),
		.quiet = guarded && plan_guard_acts(policy, call) &&
			 guard_tells(policy->wish.policy, call->hook_number, call->call),
	};
	bool changed = call->back_end != back_end || call->part.waits != part.waits ||
		       call->part.quiet != part.quiet;

	call->back_end = back_end;
	call->part = part;
	policy->back_ends[call->hook_number][call->call] = back_end;
	policy->parts[call->hook_number][call->call] = part;
	return changed;
}

bool plan_rely(struct enforcer_plan *plan, bool guard_is_there)
{
	bool changed = false;

	for (size_t p = 0; p < plan->count; p++)
		for (size_t c = 0; c < plan->policies[p].n_calls; c++) {
			struct enforcer_call *call = &plan->policies[p].calls[c];

			changed |= rely(&plan->policies[p], call, call->guard && guard_is_there);
		}
	return changed;
}

bool plan_relieve(struct enforcer_plan *plan)
{
	bool changed = false;

	for (size_t p = 0; p < plan->count; p++)
		for (size_t c = 0; c < plan->policies[p].n_calls; c++) {
			struct enforcer_call *call = &plan->policies[p].calls[c];

			if (!plan_stands_alone(call) || call->best == HOOKS_NONE)
				continue;
			call->guard = false;
			changed = true;
		}
	return changed;
}

static void policy_free(struct enforcer_policy *policy)
{
	for (size_t h = 0; policy->back_ends && h < policy->n_hooks; h++)
		free(policy->back_ends[h]);
	for (size_t h = 0; policy->parts && h < policy->n_hooks; h++)
		free(policy->parts[h]);
	free(policy->back_ends);
	free(policy->parts);
	free(policy->calls);
}

void enforcer_plan_free(struct enforcer_plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->count; i++)
		policy_free(&plan->policies[i]);
	free(plan->policies);
	free(plan);
}
