/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "guard/rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chasqui/guard.h"
#include "guard/selectors.h"
#include "util/cleanup.h"

static const char *const stages[STAGE_MAX] = {"access", "open", "exec", "covered"};

static int read_stage(const char *word, enum stage *ret)
{
	for (unsigned i = 0; i < STAGE_MAX; i++)
		if (!strcmp(word, stages[i])) {
			*ret = i;
			return 0;
		}
	return -EINVAL;
}

static bool known(const char *function)
{
#define X(name, path, stage) || !strcmp(function, name)
	return false CHQ_GUARD_CALLS(X);
#undef X
}

static int read_hook(json_t *json, struct hook *ret)
{
	const char *function, *kind, *stage;
	json_t *selectors, *selector;
	size_t i;

	if (json_unpack(json, "{s:s s:s s:s s:o}", "function", &function, "kind", &kind, "stage",
			&stage, "selectors", &selectors))
		return -EINVAL;
	if (!known(function) || read_stage(stage, &ret->stage) ||
	    json_array_size(selectors) > TRACING_SELECTORS_MOST)
		return -EINVAL;
	ret->function = strdup(function);
	ret->lsm = !strcmp(kind, "lsm");
	ret->shown = json_copy(json);
	json_object_del(ret->shown, "selectors");
	json_array_foreach(selectors, i, selector)
	{
		int err = selector_read(selector, &ret->selectors[i]);

		ret->n_selectors = i + 1;
		if (err)
			return err;
	}
	return ret->function && ret->shown ? 0 : -ENOMEM;
}

static int read_policy(json_t *json, char *why, struct policy *ret)
{
	const char *name, *mode;
	int enabled;
	json_t *hooks, *hook;
	size_t i;

	if (json_unpack(json, "{s:s s:b s:s s:o}", "name", &name, "enabled", &enabled, "mode",
			&mode, "hooks", &hooks) ||
	    !json_is_array(hooks)) {
		snprintf(why, 256, "a policy needs name, enabled, mode and hooks");
		return -EINVAL;
	}
	ret->name = strdup(name);
	ret->enabled = enabled;
	ret->mode = strcmp(mode, "monitor") ? TRACING_ENFORCE : TRACING_MONITOR;
	ret->hooks = calloc(json_array_size(hooks) + 1, sizeof(*ret->hooks));
	if (!ret->name || !ret->hooks)
		return -ENOMEM;
	json_array_foreach(hooks, i, hook)
	{
		int err = read_hook(hook, &ret->hooks[i]);

		ret->n_hooks = i + 1;
		if (err) {
			snprintf(why, 256, "policy %s, hook %zu is none that the guard knows", name,
				 i + 1);
			return err;
		}
	}
	return 0;
}

int rules_read(json_t *document, char *why, struct rules **ret)
{
	cleanup(rules_free_p) struct rules *rules = calloc(1, sizeof(*rules));
	json_t *policies, *policy;
	int version;
	size_t i;

	if (json_unpack(document, "{s:i s:o}", "version", &version, "policies", &policies) ||
	    version != CHQ_GUARD_VERSION || !json_is_array(policies)) {
		snprintf(why, 256, "a document of rules of version %d was expected",
			 CHQ_GUARD_VERSION);
		return -EINVAL;
	}
	if (!rules)
		return -ENOMEM;
	rules->document = json_incref(document);
	rules->policies = calloc(json_array_size(policies) + 1, sizeof(*rules->policies));
	if (!rules->policies)
		return -ENOMEM;
	json_array_foreach(policies, i, policy)
	{
		int err;

		rules->n_policies = i + 1;
		err = read_policy(policy, why, &rules->policies[i]);
		if (err)
			return err;
	}
	*ret = give(rules);
	return 0;
}

static void hook_clear(struct hook *hook)
{
	for (size_t i = 0; i < hook->n_selectors; i++)
		selector_clear(&hook->selectors[i]);
	json_decref(hook->shown);
	free(hook->function);
}

void rules_free(struct rules *rules)
{
	if (!rules)
		return;
	for (size_t i = 0; i < rules->n_policies; i++) {
		struct policy *policy = &rules->policies[i];

		for (size_t j = 0; j < policy->n_hooks; j++)
			hook_clear(&policy->hooks[j]);
		free(policy->hooks);
		free(policy->name);
	}
	free(rules->policies);
	json_decref(rules->document);
	free(rules);
}

void rules_free_p(struct rules **rules)
{
	rules_free(*rules);
}

struct policy *rules_find(const struct rules *rules, const char *name)
{
	for (size_t i = 0; i < rules->n_policies; i++)
		if (!strcmp(rules->policies[i].name, name))
			return &rules->policies[i];
	return NULL;
}

bool rules_set(struct rules *rules, const char *name, bool enabled, const char *mode)
{
	struct policy *policy = rules_find(rules, name);
	json_t *json;

	if (!policy)
		return false;
	policy->enabled = enabled;
	policy->mode = strcmp(mode, "monitor") ? TRACING_ENFORCE : TRACING_MONITOR;
	json = json_array_get(json_object_get(rules->document, "policies"),
			      (size_t)(policy - rules->policies));
	json_object_set_new(json, "enabled", json_boolean(enabled));
	json_object_set_new(json, "mode", json_string(mode));
	return true;
}

void rules_inherit(struct rules *rules, const struct rules *older)
{
	for (size_t i = 0; i < rules->n_policies; i++) {
		const struct policy *before = rules_find(older, rules->policies[i].name);

		if (before)
			rules->policies[i].counted = before->counted;
	}
}

bool rules_have(const struct rules *rules, enum stage stage)
{
	for (size_t i = 0; i < rules->n_policies; i++)
		for (size_t j = 0; j < rules->policies[i].n_hooks; j++)
			if (rules->policies[i].hooks[j].stage == stage)
				return true;
	return false;
}

static bool only_watches(const struct hook *hook)
{
	for (size_t i = 0; i < hook->n_selectors; i++) {
		const struct selector *selector = &hook->selectors[i];
		bool enforces = false;

		for (size_t j = 0; j < selector->n_actions; j++)
			enforces = enforces || tracing_enforces(selector->actions[j].kind);
		if (!enforces)
			return true;
	}
	return false;
}

bool rules_watch(const struct rules *rules)
{
	for (size_t i = 0; i < rules->n_policies; i++) {
		const struct policy *policy = &rules->policies[i];

		for (size_t j = 0; j < policy->n_hooks; j++)
			if (policy->hooks[j].stage == STAGE_ACCESS &&
			    (policy->mode == TRACING_MONITOR || only_watches(&policy->hooks[j])))
				return true;
	}
	return false;
}

/* A Prefix with several values reaches as far as the shortest. */
static size_t shortest(const struct texts *texts)
{
	size_t least = SIZE_MAX;

	for (size_t i = 0; i < texts->n_values; i++)
		least = strlen(texts->values[i]) < least ? strlen(texts->values[i]) : least;
	return least;
}

/*
 * Of a selector's filters, which all hold, one says where to look: an Equal, else the Prefix that
 * reaches least far.
 */
static const struct texts *place_of(const struct selector *selector)
{
	const struct texts *best = NULL;

	for (size_t i = 0; i < selector->n_paths; i++) {
		const struct texts *paths = &selector->paths[i];

		if (paths->op == TRACING_OP_EQUAL)
			return paths;
		if (paths->op == TRACING_OP_PREFIX && (!best || shortest(paths) > shortest(best)))
			best = paths;
	}
	return best;
}

static void hook_paths(const struct hook *hook, rules_path_fn *fn, void *context)
{
	for (size_t i = 0; i < hook->n_selectors; i++) {
		const struct texts *place = place_of(&hook->selectors[i]);

		for (size_t j = 0; place && j < place->n_values; j++)
			fn(context, place->values[j], place->op == TRACING_OP_PREFIX);
	}
}

void rules_paths(const struct rules *rules, rules_path_fn *fn, void *context)
{
	for (size_t i = 0; i < rules->n_policies; i++)
		for (size_t j = 0; j < rules->policies[i].n_hooks; j++)
			hook_paths(&rules->policies[i].hooks[j], fn, context);
}
