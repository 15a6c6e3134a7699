// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "enforcer/enforcer_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "enforcer/spare.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/standby.h"

enum { GUARD_RETRY_S = 10, SPARE_EVERY_S = 5 };

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
void enforcer_spread_net(struct enforcer *enforcer, bool wanted)
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
		enforcer_spread_net(enforcer, true);
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

struct enforcer_policy *enforcer_live_policy(const struct enforcer *enforcer, const char *name)
{
	for (size_t i = 0; i < enforcer_count(enforcer); i++)
		if (strcmp(enforcer->live->policies[i].wish.policy->name, name) == 0)
			return &enforcer->live->policies[i];
	return NULL;
}

const struct enforcer_policy *enforcer_find(const struct enforcer *enforcer, const char *name)
{
	return enforcer_live_policy(enforcer, name);
}

int enforcer_counters(struct enforcer *enforcer, const char *name, struct hooks_counters *ret)
{
	const struct enforcer_policy *policy = enforcer_find(enforcer, name);
	struct guard_counters guard = {};

	if (!policy)
		return -ENOENT;
	*ret = (struct hooks_counters){};
	if (enforcer->hooks)
		hooks_counters(enforcer->hooks, name, ret);
	if (enforcer_has_guard_call(policy) &&
	    guard_client_counters(enforcer->guard, name, &guard) == 0) {
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

/* ---- once a second ---- */

/* Tells the guard its rules anew; where that changes who serves what, the programs follow. */
static void renew_guard(struct enforcer *enforcer)
{
	char why[ENFORCER_WHY_BYTES] = "";
	struct place at;
	bool there;
	int err = enforcer_apply_guard(enforcer, enforcer->live, why, &at, &there);

	if (err)
		log_error("%s", why);
	if (plan_rely(enforcer->live, there) &&
	    enforcer_apply_hooks(enforcer, enforcer->live, why, &at) < 0)
		log_error("%s", why);
}

/* After 2, 4 and 8 seconds, and then every 10: one may just hand over to its successor. */
static bool is_due(unsigned absent_s)
{
	return absent_s == 2 || absent_s == 4 || absent_s == 8 ||
	       (absent_s && absent_s % GUARD_RETRY_S == 0);
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
	if (wanted && is_due(enforcer->absent_s)) {
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
	enforcer_spread_net(enforcer, !status.connected || status.held || enforcer->net_settles_s);
}

void enforcer_hear_guard(struct enforcer *enforcer)
{
	bool before = guard_client_connected(enforcer->guard);

	guard_client_read(enforcer->guard);
	if (before && !guard_client_connected(enforcer->guard))
		enforcer_spread_net(enforcer, true);
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
