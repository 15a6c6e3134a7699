// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "enforcer/enforcer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "enforcer/plan.h"
#include "enforcer/spare.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/standby.h"

enum { GUARD_RETRY_S = 10, GUARD_PATIENCE_S = 2, SPARE_EVERY_S = 5, NET_SETTLES_S = 3 };

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

int enforcer_open(const struct enforcer_options *options, struct enforcer **ret)
{
	struct enforcer *enforcer = calloc(1, sizeof(*enforcer));
	int err;

	if (!enforcer)
		return -ENOMEM;
	enforcer->options = *options;
	err = guard_client_open(options->run_directory, &enforcer->guard);
	if (err) {
		free(enforcer);
		return err;
	}
	err = hooks_open(options->pin_directory, enforcer->no_hooks, &enforcer->hooks);
	if (err) {
		enforcer->hooks = NULL;
		log_warn("hooks of BPF cannot be used: %s",
			 *enforcer->no_hooks ? enforcer->no_hooks : strerror(-err));
		if (!*enforcer->no_hooks)
			snprintf(enforcer->no_hooks, sizeof(enforcer->no_hooks), "%s",
				 strerror(-err));
	}
	*ret = enforcer;
	return 0;
}

void enforcer_spare(const struct enforcer_options *options)
{
	struct guard_client *guard = NULL;
	struct hooks *hooks = NULL;

	if (access(options->pin_directory, F_OK) == 0 &&
	    hooks_open(options->pin_directory, NULL, &hooks) < 0)
		hooks = NULL;
	if (guard_client_open(options->run_directory, &guard) == 0)
		guard_client_work(guard);
	spare_tell(hooks, guard);
	guard_client_close(guard);
	hooks_close(hooks);
}

/* It is wanted when somebody is missing who would otherwise see to it. */
static void spread_net(struct enforcer *enforcer, bool wanted)
{
	int err = enforcer->hooks ? hooks_stand_by(enforcer->hooks, wanted) : 0;

	if (err)
		log_error("the programs behind chasqui-guard cannot be %s: %s",
			  wanted ? "attached" : "taken off", strerror(-err));
}

bool enforcer_net_is_attached(const struct enforcer *enforcer)
{
	char directory[PATH_MAX] = "";

	if (enforcer->hooks)
		hooks_set_directory(enforcer->hooks, directory);
	return *directory && standby_is_attached(directory);
}

void enforcer_close(struct enforcer *enforcer)
{
	if (!enforcer)
		return;
	if (enforcer->live)
		spread_net(enforcer, true);
	enforcer_plan_free(enforcer->live);
	for (size_t i = 0; i < enforcer->n_overrides; i++)
		free(enforcer->overrides[i].name);
	free(enforcer->overrides);
	hooks_close(enforcer->hooks);
	guard_client_close(enforcer->guard);
	free(enforcer);
}

struct hooks *enforcer_hooks(struct enforcer *enforcer, const char **why)
{
	*why = enforcer->no_hooks;
	return enforcer->hooks;
}

struct guard_client *enforcer_guard(struct enforcer *enforcer)
{
	return enforcer->guard;
}

bool enforcer_wants_guard(const struct enforcer *enforcer)
{
	return enforcer->live && enforcer->live->guard;
}

bool enforcer_guards(const struct enforcer *enforcer, const struct enforcer_policy *policy,
		     const struct enforcer_call *call)
{
	return plan_guard_acts(policy, call) && guard_client_connected(enforcer->guard);
}

/* ---- what was said at run time ---- */

static struct enforcer_override *find_override(const struct enforcer *enforcer, const char *name)
{
	for (size_t i = 0; i < enforcer->n_overrides; i++)
		if (strcmp(enforcer->overrides[i].name, name) == 0)
			return &enforcer->overrides[i];
	return NULL;
}

int enforcer_override(struct enforcer *enforcer, const struct enforcer_override *override)
{
	struct enforcer_override *found = find_override(enforcer, override->name);
	char *name = found ? found->name : strdup(override->name);

	if (!found && name) {
		found = reallocarray(enforcer->overrides, enforcer->n_overrides + 1,
				     sizeof(*found));
		if (!found) {
			free(name);
			return -ENOMEM;
		}
		enforcer->overrides = found;
		found += enforcer->n_overrides++;
	}
	if (!name)
		return -ENOMEM;
	*found = *override;
	found->name = name;
	return 0;
}

const struct enforcer_override *enforcer_overrides(const struct enforcer *enforcer, size_t *count)
{
	*count = enforcer->n_overrides;
	return enforcer->overrides;
}

/* Those of policies that are gone: a policy that comes back under the name is a new one. */
static void forget_overrides(struct enforcer *enforcer)
{
	size_t kept = 0;

	for (size_t i = 0; i < enforcer->n_overrides; i++)
		if (enforcer_find(enforcer, enforcer->overrides[i].name))
			enforcer->overrides[kept++] = enforcer->overrides[i];
		else
			free(enforcer->overrides[i].name);
	enforcer->n_overrides = kept;
}

/* ---- planning ---- */

static void make_wish(struct enforcer *enforcer, const struct tracing_policy *policy,
		      struct enforcer_wish *ret)
{
	const struct enforcer_override *override = find_override(enforcer, policy->name);
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
	ret->waits = calloc(policy->n_hooks + 1, sizeof(*ret->waits));
	if (!ret->calls || !ret->back_ends || !ret->waits)
		return -ENOMEM;
	ret->n_hooks = policy->n_hooks;
	for (size_t h = 0; h < policy->n_hooks; h++) {
		ret->back_ends[h] =
			calloc(plan_calls(&policy->hooks[h]) + 1, sizeof(**ret->back_ends));
		ret->waits[h] = calloc(plan_calls(&policy->hooks[h]) + 1, sizeof(**ret->waits));
		if (!ret->back_ends[h] || !ret->waits[h])
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

static bool has_guard_call(const struct enforcer_policy *policy)
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
		if (has_guard_call(&plan->policies[i])) {
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

/*
 * Where BPF programs can stand in for the guard, its absence is loud but no reason to serve
 * nothing. What it cannot watch (too many directories, say) does not keep it from the rest.
 * *there: it serves its part of the plan.
 */
static int apply_guard(struct enforcer *enforcer, struct enforcer_plan *plan,
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

static int apply_hooks(struct enforcer *enforcer, const struct enforcer_plan *plan,
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
			.waits = (const bool *const *)plan->policies[i].waits,
		};
	err = hooks_apply(enforcer->hooks, policies, plan->count, words, at);
	if (err) {
		snprintf(why, ENFORCER_WHY_BYTES, "%s", *words ? words : strerror(-err));
		return err;
	}
	hooks_set_directory(enforcer->hooks, directory);
	guard_client_net(enforcer->guard, directory);
	/* Until it is known that nobody needs it. */
	spread_net(enforcer, true);
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
		    a->calls[i].waits != b->calls[i].waits ||
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
	err = apply_guard(enforcer, plan, why, at, &there);
	if (err)
		return err;
	plan_rely(plan, there);
	spare_tell(enforcer->hooks, enforcer->guard);
	err = apply_hooks(enforcer, plan, why, at);
	if (!err) /* the first set has brought the map along */
		spare_tell(enforcer->hooks, enforcer->guard);
	if (!err || !enforcer->live)
		return err;
	if (apply_guard(enforcer, enforcer->live, back, &nowhere, &there) < 0)
		log_error("the guard could not be given its old rules back: %s", back);
	return err;
}

void enforcer_keep(struct enforcer *enforcer, struct enforcer_plan *plan)
{
	enforcer_plan_free(enforcer->live);
	enforcer->live = plan;
	forget_overrides(enforcer);
}

int enforcer_undo(struct enforcer *enforcer, char why[ENFORCER_WHY_BYTES])
{
	struct place at;

	return enforcer_apply(enforcer, enforcer->live ? enforcer->live : &nothing, why, &at);
}

/* No guard is there: there is nothing that it would have to forget. */
static int empty_guard(const char *run_directory)
{
	struct guard_client *guard = NULL;
	struct place at;
	char why[GUARD_WHY_BYTES];
	int err = guard_client_open(run_directory, &guard);

	if (!err) {
		guard_client_work(guard);
		err = guard_client_apply(guard, NULL, 0, NULL, NULL, why, &at);
	}
	guard_client_close(guard);
	return err == -ENOTCONN ? 0 : err;
}

int enforcer_detach(const struct enforcer_options *options)
{
	struct hooks *hooks = NULL;
	int err = empty_guard(options->run_directory);

	if (err || access(options->pin_directory, F_OK) < 0)
		return err;
	err = hooks_open(options->pin_directory, NULL, &hooks);
	if (!err)
		err = hooks_detach(hooks);
	hooks_close(hooks);
	return err;
}

/* ---- the live set ---- */

size_t enforcer_count(const struct enforcer *enforcer)
{
	return enforcer->live ? enforcer->live->count : 0;
}

const struct enforcer_policy *enforcer_at(const struct enforcer *enforcer, size_t i)
{
	return &enforcer->live->policies[i];
}

static struct enforcer_policy *find(const struct enforcer *enforcer, const char *name)
{
	for (size_t i = 0; i < enforcer_count(enforcer); i++)
		if (strcmp(enforcer->live->policies[i].wish.policy->name, name) == 0)
			return &enforcer->live->policies[i];
	return NULL;
}

const struct enforcer_policy *enforcer_find(const struct enforcer *enforcer, const char *name)
{
	return find(enforcer, name);
}

/* Both sides, the stricter state first; what failed is taken back. */
static int switch_policy(struct enforcer *enforcer, struct enforcer_policy *policy, bool enabled,
			 enum tracing_mode mode, char why[ENFORCER_WHY_BYTES])
{
	const char *name = policy->wish.policy->name;
	struct enforcer_wish before = policy->wish;
	int err = 0;

	policy->wish.enabled = enabled;
	policy->wish.mode = mode;
	if (enforcer->hooks)
		err = hooks_set_mode(enforcer->hooks, name, enabled, mode);
	if (!err && has_guard_call(policy)) {
		err = guard_client_set(enforcer->guard, name, plan_guard_enabled(policy), mode);
		if (err == -ENOTCONN) /* it is told when it is there again */
			err = 0;
		if (err && enforcer->hooks)
			hooks_set_mode(enforcer->hooks, name, before.enabled, before.mode);
		if (err)
			snprintf(why, ENFORCER_WHY_BYTES, "the guard: %s", strerror(-err));
	} else if (err) {
		snprintf(why, ENFORCER_WHY_BYTES, "%s", strerror(-err));
	}
	if (err)
		policy->wish = before;
	return err;
}

/* Another mode may be served by others: then the whole set is made anew, without a gap. */
static int replan(struct enforcer *enforcer, char why[ENFORCER_WHY_BYTES])
{
	const struct enforcer_plan *live = enforcer->live;
	struct enforcer_plan *plan;
	struct place at;
	int err = enforcer_plan(enforcer, live->policies[0].wish.policy, live->count, why, &at,
				&plan);

	if (err)
		return err;
	err = enforcer_apply(enforcer, plan, why, &at);
	if (err)
		enforcer_plan_free(plan);
	else
		enforcer_keep(enforcer, plan);
	return err;
}

static struct enforcer_override said_of(const struct enforcer_wish *wish)
{
	return (struct enforcer_override){
		.name = (char *)wish->policy->name,
		.disabled = !wish->enabled,
		.mode_given = wish->policy->enforces && wish->mode != wish->policy->mode,
		.mode = wish->mode,
	};
}

static int set_wish(struct enforcer *enforcer, struct enforcer_policy *policy, bool enabled,
		    enum tracing_mode mode, char why[ENFORCER_WHY_BYTES])
{
	const struct enforcer_wish before = policy->wish;
	struct enforcer_wish wish = before;
	struct enforcer_override override;
	int err;

	wish.enabled = enabled;
	wish.mode = mode;
	override = said_of(&wish);
	err = enforcer_override(enforcer, &override);
	if (err)
		return err;
	if (mode != before.mode && has_guard_call(policy))
		err = replan(enforcer, why);
	else
		err = switch_policy(enforcer, policy, enabled, mode, why);
	override = said_of(&before);
	if (err)
		enforcer_override(enforcer, &override);
	return err;
}

int enforcer_set_enabled(struct enforcer *enforcer, const char *name, bool enabled,
			 char why[ENFORCER_WHY_BYTES])
{
	struct enforcer_policy *policy = find(enforcer, name);

	if (!policy)
		return -ENOENT;
	return set_wish(enforcer, policy, enabled, policy->wish.mode, why);
}

int enforcer_set_mode(struct enforcer *enforcer, const char *name, enum tracing_mode mode,
		      char why[ENFORCER_WHY_BYTES])
{
	struct enforcer_policy *policy = find(enforcer, name);

	if (!policy)
		return -ENOENT;
	if (!policy->wish.policy->enforces && mode == TRACING_ENFORCE)
		return -EINVAL;
	return set_wish(enforcer, policy, policy->wish.enabled, mode, why);
}

int enforcer_counters(struct enforcer *enforcer, const char *name, struct hooks_counters *ret)
{
	const struct enforcer_policy *policy = find(enforcer, name);
	struct guard_counters guard = {};

	if (!policy)
		return -ENOENT;
	*ret = (struct hooks_counters){};
	if (enforcer->hooks)
		hooks_counters(enforcer->hooks, name, ret);
	if (has_guard_call(policy) && guard_client_counters(enforcer->guard, name, &guard) == 0) {
		ret->hits += guard.hits;
		ret->posts += guard.posts;
		ret->lost += guard.lost;
		ret->limited += guard.limited;
		ret->enforced += guard.enforced;
		ret->monitored += guard.monitored;
		ret->spared += guard.spared;
	}
	return 0;
}

/* Tells the guard its rules anew; where that changes who serves what, the programs follow. */
static void renew_guard(struct enforcer *enforcer)
{
	char why[ENFORCER_WHY_BYTES] = "";
	struct place at;
	bool there;
	int err = apply_guard(enforcer, enforcer->live, why, &at, &there);

	if (err)
		log_error("%s", why);
	if (plan_rely(enforcer->live, there) && apply_hooks(enforcer, enforcer->live, why, &at) < 0)
		log_error("%s", why);
}

/* A guard that went away comes back with the rules it keeps itself; ours are said again after. */
static void watch_guard(struct enforcer *enforcer)
{
	bool there = guard_client_connected(enforcer->guard);
	bool wanted = enforcer_wants_guard(enforcer);

	if (there && !enforcer->guard_was_there) {
		spare_tell(enforcer->hooks, enforcer->guard);
		if (wanted)
			renew_guard(enforcer);
	}
	enforcer->absent_s = there ? 0 : enforcer->absent_s + 1;
	/* A moment for one that hands over to its successor. */
	if (wanted && enforcer->absent_s % GUARD_RETRY_S == GUARD_PATIENCE_S) {
		log_error("chasqui-guard is gone; it is started again");
		renew_guard(enforcer);
		there = guard_client_connected(enforcer->guard);
	}
	enforcer->guard_was_there = there;
}

/*
 * Also for descriptors from before their marks, of which the guard is not asked; what it says of
 * them is some seconds old.
 */
static void watch_net(struct enforcer *enforcer)
{
	struct guard_status status;

	guard_client_status(enforcer->guard, &status);
	if (enforcer->net_settles_s)
		enforcer->net_settles_s--;
	spread_net(enforcer, !status.connected || status.held || enforcer->net_settles_s);
}

void enforcer_hear_guard(struct enforcer *enforcer)
{
	bool before = guard_client_connected(enforcer->guard);

	guard_client_read(enforcer->guard);
	if (before && !guard_client_connected(enforcer->guard))
		spread_net(enforcer, true);
}

void enforcer_tick(struct enforcer *enforcer)
{
	guard_client_work(enforcer->guard);
	watch_guard(enforcer);
	if (enforcer_wants_guard(enforcer))
		watch_net(enforcer);
	if (enforcer_count(enforcer) && enforcer->ticks % SPARE_EVERY_S == 0)
		spare_tell(enforcer->hooks, enforcer->guard);
	enforcer->ticks++;
}
