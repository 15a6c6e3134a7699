// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "enforcer/enforcer_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct enforcer_override *enforcer_find_override(const struct enforcer *enforcer, const char *name)
{
	for (size_t i = 0; i < enforcer->n_overrides; i++)
		if (strcmp(enforcer->overrides[i].name, name) == 0)
			return &enforcer->overrides[i];
	return NULL;
}

int enforcer_override(struct enforcer *enforcer, const struct enforcer_override *override)
{
	struct enforcer_override *found = enforcer_find_override(enforcer, override->name);
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
void enforcer_forget_overrides(struct enforcer *enforcer)
{
	size_t kept = 0;

	for (size_t i = 0; i < enforcer->n_overrides; i++)
		if (enforcer_find(enforcer, enforcer->overrides[i].name))
			enforcer->overrides[kept++] = enforcer->overrides[i];
		else
			free(enforcer->overrides[i].name);
	enforcer->n_overrides = kept;
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
	if (!err && enforcer_has_guard_call(policy)) {
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
	if (mode != before.mode && enforcer_has_guard_call(policy))
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
	struct enforcer_policy *policy = enforcer_live_policy(enforcer, name);

	if (!policy)
		return -ENOENT;
	return set_wish(enforcer, policy, enabled, policy->wish.mode, why);
}

int enforcer_set_mode(struct enforcer *enforcer, const char *name, enum tracing_mode mode,
		      char why[ENFORCER_WHY_BYTES])
{
	struct enforcer_policy *policy = enforcer_live_policy(enforcer, name);

	if (!policy)
		return -ENOENT;
	if (!policy->wish.policy->enforces && mode == TRACING_ENFORCE)
		return -EINVAL;
	return set_wish(enforcer, policy, policy->wish.enabled, mode, why);
}
