/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "enforcer/guard_rules.h"

#include <string.h>

#include "chasqui/guard.h"

static json_t *texts_of(enum tracing_operator op, json_t *values)
{
	return json_pack("{s:s s:o}", "op", tracing_operator_word(op), "values", values);
}

static json_t *paths_of(const struct tracing_selector *selector)
{
	json_t *all = json_array();

	for (size_t i = 0; i < selector->n_args; i++) {
		const struct tracing_match *match = &selector->args[i];
		json_t *values = json_array();

		for (size_t j = 0; j < match->n_values; j++)
			json_array_append_new(values, json_stringn(match->values[j].text,
								   match->values[j].length_bytes));
		json_array_append_new(all, texts_of(match->op, values));
	}
	return all;
}

static void add_binaries(json_t *to, const char *name, const struct tracing_binaries *binaries)
{
	json_t *values;

	if (!binaries->given)
		return;
	values = json_array();
	for (size_t i = 0; i < binaries->n_values; i++)
		json_array_append_new(values, json_string(binaries->values[i]));
	json_object_set_new(to, name, texts_of(binaries->op, values));
}

static json_t *numbers_of(const uint32_t *values, size_t n)
{
	json_t *all = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(all, json_integer(values[i]));
	return all;
}

static void add_process(json_t *to, const struct tracing_selector *selector)
{
	json_t *pids = json_array(), *namespaces = json_array(), *capabilities = json_array();

	for (size_t i = 0; i < selector->n_pids; i++)
		json_array_append_new(pids,
				      json_pack("{s:b s:b s:o}", "not", selector->pids[i].negated,
						"forks", selector->pids[i].follow_forks, "values",
						numbers_of(selector->pids[i].values,
							   selector->pids[i].n_values)));
	for (size_t i = 0; i < selector->n_namespaces; i++)
		json_array_append_new(namespaces,
				      json_pack("{s:i s:b s:b s:o}", "kind",
						(int)selector->namespaces[i].kind, "not",
						selector->namespaces[i].negated, "host",
						selector->namespaces[i].host, "values",
						numbers_of(selector->namespaces[i].values,
							   selector->namespaces[i].n_values)));
	for (size_t i = 0; i < selector->n_capabilities; i++)
		json_array_append_new(capabilities,
				      json_pack("{s:i s:b s:I}", "set",
						(int)selector->capabilities[i].set, "not",
						selector->capabilities[i].negated, "mask",
						(json_int_t)selector->capabilities[i].mask));
	json_object_set_new(to, "pids", pids);
	json_object_set_new(to, "namespaces", namespaces);
	json_object_set_new(to, "capabilities", capabilities);
}

static json_t *actions_of(const struct tracing_selector *selector)
{
	json_t *all = json_array();

	for (size_t i = 0; i < selector->n_actions; i++) {
		const struct tracing_action *action = &selector->actions[i];

		json_array_append_new(all,
				      json_pack("{s:s s:i s:i s:I s:i}", "do",
						tracing_action_word(action->kind), "error",
						action->error, "signal", (int)action->signal,
						"rate_limit_ms", (json_int_t)action->rate_limit_ms,
						"scope", (int)action->scope));
	}
	return all;
}

static json_t *selector_of(const struct tracing_selector *selector)
{
	json_t *json = json_pack("{s:o s:o}", "paths", paths_of(selector), "actions",
				 actions_of(selector));

	add_binaries(json, "binaries", &selector->binaries);
	add_binaries(json, "parents", &selector->parents);
	add_process(json, selector);
	return json;
}

/* What each argument is, for events: the file; for reading or writing; not known. */
static const char *argument_of(const struct tracing_hook *hook, const struct guard_call *call,
			       size_t i)
{
	if (hook->args[i].index == call->path_index)
		return "path";
	if (!strcmp(call->name, "security_file_permission") && hook->args[i].index == 1)
		return "mask";
	return "none";
}

static void add_shown(json_t *json, const struct tracing_hook *hook, const struct guard_call *call)
{
	json_t *args = json_array(), *labels = json_array(), *types = json_array(),
	       *tags = json_array();

	for (size_t i = 0; i < hook->n_args; i++) {
		json_array_append_new(args, json_string(argument_of(hook, call, i)));
		json_array_append_new(labels, json_string(hook->args[i].label));
		json_array_append_new(types, json_string(tracing_type_word(hook->args[i].type)));
	}
	for (size_t i = 0; i < hook->n_tags; i++)
		json_array_append_new(tags, json_string(hook->tags[i]));
	json_object_set_new(json, "args", args);
	json_object_set_new(json, "labels", labels);
	json_object_set_new(json, "types", types);
	json_object_set_new(json, "tags", tags);
	json_object_set_new(json, "message", json_string(hook->message ? hook->message : ""));
}

static json_t *hook_of(const struct tracing_hook *hook, const struct guard_call *call,
		       const char *name)
{
	json_t *selectors = json_array(), *json;
	bool covered = !strcmp(call->stage, "covered");

	for (size_t i = 0; !covered && i < hook->n_selectors; i++)
		json_array_append_new(selectors, selector_of(&hook->selectors[i]));
	json = json_pack("{s:s s:s s:s s:s s:o}", "function", call->name, "name", name, "kind",
			 hook->kind == TRACING_LSM ? "lsm" : "kprobe", "stage", call->stage,
			 "selectors", selectors);
	add_shown(json, hook, call);
	return json;
}

static json_t *policy_of(const struct enforcer_wish *wish, guard_serves_fn *serves, void *context)
{
	const struct tracing_policy *policy = wish->policy;
	json_t *hooks = json_array();
	char why[GUARD_WHY_BYTES];

	for (size_t i = 0; i < policy->n_hooks; i++)
		for (size_t j = 0; j < policy->hooks[i].n_calls; j++)
			if (!guard_can(policy, i, j, why) &&
			    (!serves || serves(context, policy, i, j)))
				json_array_append_new(hooks,
						      hook_of(&policy->hooks[i],
							      guard_call(&policy->hooks[i], j),
							      policy->hooks[i].calls[j].name));
	return json_pack("{s:s s:b s:s s:o}", "name", policy->name, "enabled", wish->enabled,
			 "mode", wish->mode == TRACING_MONITOR ? "monitor" : "enforce", "hooks",
			 hooks);
}

json_t *guard_rules(const struct enforcer_wish *wishes, size_t n_wishes, guard_serves_fn *serves,
		    void *context)
{
	json_t *policies = json_array();

	for (size_t i = 0; i < n_wishes; i++) {
		json_t *policy = policy_of(&wishes[i], serves, context);

		if (json_array_size(json_object_get(policy, "hooks")))
			json_array_append(policies, policy);
		json_decref(policy);
	}
	return json_pack("{s:i s:o}", "version", CHQ_GUARD_VERSION, "policies", policies);
}
