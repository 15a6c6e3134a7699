/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "guard/judge.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "guard/limit.h"

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), wanted = strlen(end);

	return length >= wanted && !strcmp(text + length - wanted, end);
}

static bool holds_for(enum tracing_operator op, const char *text, const char *value)
{
	switch (op) {
	case TRACING_OP_EQUAL:
	case TRACING_OP_NOT_EQUAL:
		return !strcmp(text, value);
	case TRACING_OP_PREFIX:
	case TRACING_OP_NOT_PREFIX:
		return !strncmp(text, value, strlen(value));
	case TRACING_OP_POSTFIX:
	case TRACING_OP_NOT_POSTFIX:
		return ends_with(text, value);
	default:
		return false;
	}
}

static bool negates(enum tracing_operator op)
{
	return op == TRACING_OP_NOT_EQUAL || op == TRACING_OP_NOT_PREFIX ||
	       op == TRACING_OP_NOT_POSTFIX;
}

/* Some name has some value; negated: none has any. */
static bool texts_hold(const struct texts *texts, const char *const *names, size_t n_names)
{
	for (size_t i = 0; i < n_names; i++)
		for (size_t j = 0; j < texts->n_values; j++)
			if (holds_for(texts->op, names[i], texts->values[j]))
				return !negates(texts->op);
	return negates(texts->op);
}

static bool pids_hold(const struct pids *pids, struct process *process)
{
	for (size_t i = 0; i < pids->n_values; i++)
		if (process_is(process, pids->values[i], pids->forks))
			return !pids->negated;
	return pids->negated;
}

static bool spaces_hold(const struct spaces *spaces, struct process *process)
{
	uint64_t own = process_namespace(process->pid, spaces->kind);
	bool found = spaces->host && own && own == process_namespace(1, spaces->kind);

	for (size_t i = 0; i < spaces->n_values; i++)
		found = found || own == spaces->values[i];
	return found != spaces->negated;
}

static bool powers_hold(const struct powers *powers, struct process *process)
{
	bool some = process_capabilities(process->pid, powers->set) & powers->mask;

	return some != powers->negated;
}

static bool process_holds(const struct selector *selector, struct process *process)
{
	const char *name;

	if (selector->binaries.given) {
		name = process_binary(process);
		if (!texts_hold(&selector->binaries, &name, 1))
			return false;
	}
	if (selector->parents.given) {
		name = process_parent(process);
		if (!texts_hold(&selector->parents, &name, 1))
			return false;
	}
	for (size_t i = 0; i < selector->n_pids; i++)
		if (!pids_hold(&selector->pids[i], process))
			return false;
	for (size_t i = 0; i < selector->n_namespaces; i++)
		if (!spaces_hold(&selector->namespaces[i], process))
			return false;
	for (size_t i = 0; i < selector->n_capabilities; i++)
		if (!powers_hold(&selector->capabilities[i], process))
			return false;
	return true;
}

static bool paths_hold(const struct selector *selector, const char *const *names, size_t n_names)
{
	for (size_t i = 0; i < selector->n_paths; i++)
		if (!texts_hold(&selector->paths[i], names, n_names))
			return false;
	return true;
}

static bool selector_holds(const struct selector *selector, const struct question *question)
{
	if (!paths_hold(selector, question->names, question->n_names))
		return false;
	return process_holds(selector, question->process);
}

static bool enforces(const struct selector *selector)
{
	for (size_t i = 0; i < selector->n_actions; i++)
		if (tracing_enforces(selector->actions[i].kind))
			return true;
	return false;
}

/* A process of ours is killed only by a selector that names it. */
static bool names_it(const struct selector *selector)
{
	bool named = selector->binaries.given && !negates(selector->binaries.op);

	for (size_t i = 0; i < selector->n_pids; i++)
		named = named || !selector->pids[i].negated;
	return named;
}

/* One action, done. True: it changed something. */
static bool enforce(const struct tracing_action *action, bool spared, struct answer *ret)
{
	switch (action->kind) {
	case TRACING_ACTION_SIGKILL:
		if (spared)
			return false;
		ret->kill = ret->deny = true;
		return true;
	case TRACING_ACTION_SIGNAL:
		if (spared)
			return false;
		ret->signal = action->signal;
		ret->kill = ret->kill || action->signal == SIGKILL;
		ret->deny = ret->deny || action->signal == SIGKILL;
		return true;
	case TRACING_ACTION_OVERRIDE:
		ret->deny = true;
		ret->error = -action->error;
		return true;
	default:
		return false;
	}
}

/* What would have been done is told and counted. */
static void watch(struct policy *policy, const struct selector *selector, bool spared,
		  enum tracing_action_kind *last)
{
	for (size_t i = 0; i < selector->n_actions; i++)
		if (tracing_enforces(selector->actions[i].kind))
			*last = selector->actions[i].kind;
	if (enforces(selector))
		*(spared ? &policy->counted.spared : &policy->counted.monitored) += 1;
}

/* Runs the actions of the selector that matched. *last: the last one that was done. */
static bool act(struct policy *policy, const struct selector *selector,
		const struct question *question, enum tracing_action_kind *last, struct answer *ret)
{
	bool spared = question->spared && !names_it(selector), done = false;

	if (policy->mode == TRACING_MONITOR) {
		watch(policy, selector, spared, last);
		return false;
	}
	for (size_t i = 0; i < selector->n_actions; i++)
		if (enforce(&selector->actions[i], spared, ret)) {
			*last = selector->actions[i].kind;
			done = true;
		}
	policy->counted.enforced += done;
	policy->counted.spared += spared && enforces(selector) && !done;
	return done;
}

static bool is_told(struct policy *policy, const struct selector *selector,
		    const struct question *question)
{
	for (size_t i = 0; i < selector->n_actions; i++) {
		const struct tracing_action *action = &selector->actions[i];

		if (action->kind == TRACING_ACTION_NO_POST)
			return false;
		if (action->kind != TRACING_ACTION_POST || !action->rate_limit_ms)
			continue;
		if (!limit_passes(action, question->process->pid, question->names[0],
				  question->now_ms)) {
			policy->counted.limited++;
			return false;
		}
	}
	return true;
}

static bool refuses(const struct policy *policy, const struct selector *selector)
{
	return enforces(selector) && policy->mode == TRACING_ENFORCE;
}

static bool is_asked(const struct policy *policy, const struct hook *hook,
		     const struct selector *selector, enum stage stage)
{
	if (hook->stage == stage)
		return true;
	/* What may not be read may not be opened either: opening can truncate, and what a
	 * descriptor is used for later is not always asked. */
	return hook->stage == STAGE_ACCESS && stage == STAGE_OPEN && refuses(policy, selector);
}

/* The kernel asks before a file is mapped or cut, too: the function is not called then. */
static bool is_beside(const struct hook *hook, const struct question *question)
{
	return hook->stage == STAGE_ACCESS && !question->written && process_maps(question->process);
}

static void judge_hook(struct policy *policy, const struct hook *hook,
		       const struct question *question, judge_told_fn *told, void *context,
		       struct answer *ret)
{
	for (size_t i = 0; i < hook->n_selectors; i++) {
		const struct selector *selector = &hook->selectors[i];
		enum tracing_action_kind last = TRACING_ACTION_POST;

		if (!selector_holds(selector, question))
			continue;
		if (!is_asked(policy, hook, selector, question->stage) ||
		    (refuses(policy, selector) ? question->written : is_beside(hook, question)))
			return;
		policy->counted.hits++;
		act(policy, selector, question, &last, ret);
		if (is_told(policy, selector, question)) {
			policy->counted.posts++;
			told(context, policy, hook, last);
		}
		return;
	}
}

void judge(struct rules *rules, const struct question *question, judge_told_fn *told, void *context,
	   struct answer *ret)
{
	*ret = (struct answer){.error = EPERM};
	for (size_t i = 0; i < rules->n_policies; i++) {
		struct policy *policy = &rules->policies[i];

		for (size_t j = 0; policy->enabled && j < policy->n_hooks; j++)
			if (policy->hooks[j].stage != STAGE_COVERED)
				judge_hook(policy, &policy->hooks[j], question, told, context, ret);
	}
}

static bool hook_speaks_of(const struct hook *hook, const char *const *names, size_t n_names)
{
	for (size_t i = 0; i < hook->n_selectors; i++)
		if (paths_hold(&hook->selectors[i], names, n_names))
			return true;
	return false;
}

bool judge_speaks_of(const struct rules *rules, const char *const *names, size_t n_names)
{
	for (size_t i = 0; i < rules->n_policies; i++)
		for (size_t j = 0; j < rules->policies[i].n_hooks; j++)
			if (hook_speaks_of(&rules->policies[i].hooks[j], names, n_names))
				return true;
	return false;
}
