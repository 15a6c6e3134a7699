// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "enforcer/enforcer_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enforcer/spare.h"
#include "util/cleanup.h"
#include "util/log.h"

/* So long what waits stays attached after a change. */
enum { NET_SETTLES_S = 3 };

/* ---- planning ---- */

static void make_wish(struct enforcer *enforcer, const struct tracing_policy *policy,
		      struct enforcer_wish *ret)
{
	const struct enforcer_override *override = enforcer_find_override(enforcer, policy->name);
	const struct enforcer_policy *before = enforcer_find(enforcer, policy->name);

	ret->policy = policy;
	ret->id = before ? before->wish.id : ++enforcer->last_id;
	ret->enabled = !override || !override->disabled;
	ret->mode = override && override->mode_given ? override->mode : policy->mode;
	if (!policy->enforces)
		ret->mode = TRACING_MONITOR;
}

static int make_room(const struct tracing_policy *policy, struct enforcer_policy *ret)
{
	size_t calls = 0;

	for (size_t h = 0; h < policy->n_hooks; h++)
		calls += plan_calls(&policy->hooks[h]);
	ret->calls = calloc(calls + 1, sizeof(*ret->calls));
	ret->back_ends = calloc(policy->n_hooks + 1, sizeof(*ret->back_ends));
	ret->parts = calloc(policy->n_hooks + 1, sizeof(*ret->parts));
	if (!ret->calls || !ret->back_ends || !ret->parts)
		return -ENOMEM;
	ret->n_hooks = policy->n_hooks;
	for (size_t h = 0; h < policy->n_hooks; h++) {
		ret->back_ends[h] =
			calloc(plan_calls(&policy->hooks[h]) + 1, sizeof(**ret->back_ends));
		ret->parts[h] = calloc(plan_calls(&policy->hooks[h]) + 1, sizeof(**ret->parts));
		if (!ret->back_ends[h] || !ret->parts[h])
			return -ENOMEM;
	}
	return 0;
}

static struct place place_of(const struct enforcer_call *call)
{
	if (call->call < call->hook->n_calls)
		return call->hook->calls[call->call].at;
	return call->hook->at;
}

static int plan_policy(struct enforcer *enforcer, struct enforcer_plan *plan,
		       struct enforcer_policy *ret, char why[ENFORCER_WHY_BYTES], struct place *at)
{
	const struct tracing_policy *policy = ret->wish.policy;
	int err = make_room(policy, ret);

	for (size_t h = 0; !err && h < policy->n_hooks; h++)
		for (size_t c = 0; !err && c < plan_calls(&policy->hooks[h]); c++) {
			struct enforcer_call *call = &ret->calls[ret->n_calls++];

			*call = (struct enforcer_call){
				.hook = &policy->hooks[h], .hook_number = h, .call = c};
			*at = place_of(call);
			err = plan_call(enforcer->hooks, enforcer->no_hooks, &ret->wish, call, why);
			plan->guard = plan->guard || call->guard;
			plan->guard_must = plan->guard_must || plan_needs_guard(call);
		}
	return err;
}

int enforcer_plan(struct enforcer *enforcer, const struct tracing_policy *policies, size_t count,
		  char why[ENFORCER_WHY_BYTES], struct place *at, struct enforcer_plan **ret)
{
	struct enforcer_plan *plan = calloc(1, sizeof(*plan));
	int err = 0;

	*why = '\0';
	*at = (struct place){};
	if (!plan)
		return -ENOMEM;
	plan->policies = calloc(count + 1, sizeof(*plan->policies));
	if (!plan->policies)
		err = -ENOMEM;
	for (size_t i = 0; !err && i < count; i++) {
		make_wish(enforcer, &policies[i], &plan->policies[i].wish);
		plan->count++;
		err = plan_policy(enforcer, plan, &plan->policies[i], why, at);
	}
	if (err) {
		enforcer_plan_free(plan);
		return err;
	}
	plan_rely(plan, true);
	*ret = plan;
	return 0;
}

/* ---- applying ---- */

static bool guard_serves(void *context, const struct tracing_policy *policy, size_t hook,
			 size_t call)
{
	const struct enforcer_plan *plan = context;

	for (size_t i = 0; i < plan->count; i++) {
		const struct enforcer_policy *row = &plan->policies[i];

		for (size_t c = 0; row->wish.policy == policy && c < row->n_calls; c++)
			if (row->calls[c].hook_number == hook && row->calls[c].call == call)
				return plan_guard_serves(row, &row->calls[c]);
	}
	return false;
}

bool enforcer_has_guard_call(const struct enforcer_policy *policy)
{
	for (size_t i = 0; i < policy->n_calls; i++)
		if (policy->calls[i].guard)
			return true;
	return false;
}

/* The policies that have something for the guard, each switched as the guard is to see it. */
static int tell_guard(struct enforcer *enforcer, const struct enforcer_plan *plan,
		      char why[ENFORCER_WHY_BYTES], struct place *at)
{
	cleanup_free struct enforcer_wish *wishes = calloc(plan->count + 1, sizeof(*wishes));
	char words[GUARD_WHY_BYTES] = "";
	size_t count = 0;
	int err;

	if (!wishes)
		return -ENOMEM;
	for (size_t i = 0; i < plan->count; i++)
		if (enforcer_has_guard_call(&plan->policies[i])) {
			wishes[count] = plan->policies[i].wish;
			wishes[count++].enabled = plan_guard_enabled(&plan->policies[i]);
		}
	err = guard_client_apply(enforcer->guard, wishes, count, guard_serves, (void *)plan, words,
				 at);
	if (err)
		snprintf(why, ENFORCER_WHY_BYTES, "the guard: %s", *words ? words : strerror(-err));
	return err;
}

static int start_guard(struct enforcer *enforcer)
{
	const struct enforcer_options *options = &enforcer->options;
	int err;

	guard_client_work(enforcer->guard);
	if (guard_client_connected(enforcer->guard))
		return 0;
	err = guard_start(options->guard_program, options->run_directory, options->state_directory);
	if (err)
		log_error("chasqui-guard cannot be started: %s", strerror(-err));
	return err;
}

/* Also when it is to do nothing: it may have to drop its rules. */
static int ask_guard(struct enforcer *enforcer, const struct enforcer_plan *plan,
		     char why[ENFORCER_WHY_BYTES], struct place *at)
{
	int err = plan->guard ? start_guard(enforcer) : 0;

	if (!err)
		err = tell_guard(enforcer, plan, why, at);
	else
		snprintf(why, ENFORCER_WHY_BYTES, "chasqui-guard cannot be started: %s",
			 strerror(-err));
	return !plan->guard && err == -ENOTCONN ? 0 : err;
}

int enforcer_apply_guard(struct enforcer *enforcer, struct enforcer_plan *plan,
			 char why[ENFORCER_WHY_BYTES], struct place *at, bool *there)
{
	int err = ask_guard(enforcer, plan, why, at);
	bool goes_on = err && err != -EOPNOTSUPP && !plan->guard_must;

	if (goes_on && guard_client_connected(enforcer->guard) && plan_relieve(plan)) {
		log_warn("%s; what is only watched is left to BPF programs", why);
		err = ask_guard(enforcer, plan, why, at);
	}
	if (err && goes_on)
		log_error("%s; BPF programs serve alone, files are protected by killing", why);
	*there = !err;
	return goes_on ? 0 : err;
}

int enforcer_apply_hooks(struct enforcer *enforcer, const struct enforcer_plan *plan,
			 char why[ENFORCER_WHY_BYTES], struct place *at)
{
	cleanup_free struct hooks_policy *policies = calloc(plan->count + 1, sizeof(*policies));
	char words[HOOKS_WHY_BYTES] = "", directory[PATH_MAX];
	int err;

	if (!policies)
		return -ENOMEM;
	if (!enforcer->hooks)
		return 0;
	for (size_t i = 0; i < plan->count; i++)
		policies[i] = (struct hooks_policy){
			.policy = plan->policies[i].wish.policy,
			.enabled = plan->policies[i].wish.enabled,
			.mode = plan->policies[i].wish.mode,
			.back_ends =
				(const enum hooks_back_end *const *)plan->policies[i].back_ends,
			.parts = (const struct hooks_part *const *)plan->policies[i].parts,
		};
	err = hooks_apply(enforcer->hooks, policies, plan->count, words, at);
	if (err) {
		snprintf(why, ENFORCER_WHY_BYTES, "%s", *words ? words : strerror(-err));
		return err;
	}
	hooks_set_directory(enforcer->hooks, directory);
	guard_client_net(enforcer->guard, directory);
	/* Until it is known that nobody needs it. */
	enforcer_spread_net(enforcer, true);
	enforcer->net_settles_s = NET_SETTLES_S;
	return 0;
}

static struct enforcer_plan nothing;

static bool same_policy(const struct enforcer_policy *a, const struct enforcer_policy *b)
{
	if (strcmp(a->wish.policy->name, b->wish.policy->name) != 0 ||
	    a->wish.policy->hash != b->wish.policy->hash || a->wish.mode != b->wish.mode ||
	    a->wish.enabled != b->wish.enabled || a->n_calls != b->n_calls)
		return false;
	for (size_t i = 0; i < a->n_calls; i++)
		if (a->calls[i].back_end != b->calls[i].back_end ||
		    a->calls[i].part.waits != b->calls[i].part.waits ||
		    a->calls[i].guard != b->calls[i].guard)
			return false;
	return true;
}

/* Most changes are of the network: hooks that stay as they are, are left alone. */
static bool is_live(const struct enforcer *enforcer, const struct enforcer_plan *plan)
{
	const struct enforcer_plan *live = enforcer->live;

	if (!live || !live->count || live->count != plan->count ||
	    (enforcer->hooks && !hooks_live(enforcer->hooks)) ||
	    (live->guard && !guard_client_connected(enforcer->guard)))
		return false;
	for (size_t i = 0; i < plan->count; i++)
		if (!same_policy(&live->policies[i], &plan->policies[i]))
			return false;
	return true;
}

int enforcer_apply(struct enforcer *enforcer, struct enforcer_plan *plan,
		   char why[ENFORCER_WHY_BYTES], struct place *at)
{
	char back[ENFORCER_WHY_BYTES];
	struct place nowhere;
	bool there;
	int err;

	*why = '\0';
	*at = (struct place){};
	if (plan != enforcer->live && is_live(enforcer, plan))
		return 0;
	err = enforcer_apply_guard(enforcer, plan, why, at, &there);
	if (err)
		return err;
	plan_rely(plan, there);
	spare_tell(enforcer->hooks, enforcer->guard);
	err = enforcer_apply_hooks(enforcer, plan, why, at);
	if (!err) /* the first set has brought the map along */
		spare_tell(enforcer->hooks, enforcer->guard);
	if (!err || !enforcer->live)
		return err;
	if (enforcer_apply_guard(enforcer, enforcer->live, back, &nowhere, &there) < 0)
		log_error("the guard could not be given its old rules back: %s", back);
	return err;
}

void enforcer_keep(struct enforcer *enforcer, struct enforcer_plan *plan)
{
	enforcer_plan_free(enforcer->live);
	enforcer->live = plan;
	enforcer_forget_overrides(enforcer);
}

int enforcer_undo(struct enforcer *enforcer, char why[ENFORCER_WHY_BYTES])
{
	struct place at;

	return enforcer_apply(enforcer, enforcer->live ? enforcer->live : &nothing, why, &at);
}
