/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "chasqui/guard.h"
#include "enforcer/guard_rules.h"

/* What fanotify leaves open, of each stage. */
static const char limits_access[] =
	"a descriptor or mapping from before the policy; truncate(2) on file systems without FAN_PRE_ACCESS (tmpfs, overlayfs, all before Linux 6.14); refused already when it is opened";
static const char limits_open[] = "a descriptor or mapping from before the policy";
static const char limits_exec[] = "a program that runs already";

/* What it does not see of it, where nothing is refused. */
static const char unseen_access[] =
	"only watched; not seen: reading by a descriptor from before the policy. Without FAN_PRE_ACCESS (tmpfs, overlayfs, all before Linux 6.14) writing and truncating are told when they are done";
static const char unseen_open[] = "only watched";
static const char unseen_exec[] = "only watched";
static const char unseen_covered[] = "";

static const char limits_covered[] =
	"by itself nothing: the file cannot be opened; its directory entry can be renamed, linked and removed, the file stays guarded under each name";

#define X(name, index, stage) {name, index, #stage, limits_##stage, unseen_##stage},
static const struct guard_call known[] = {CHQ_GUARD_CALLS(X)};
#undef X

#define KNOWN (sizeof(known) / sizeof(known[0]))

const struct guard_call *guard_call(const struct tracing_hook *hook, size_t call)
{
	static const char prefix[] = "security_";
	const char *name;

	if ((hook->kind != TRACING_KPROBE && hook->kind != TRACING_LSM) || hook->syscall ||
	    call >= hook->n_calls)
		return NULL;
	name = hook->calls[call].name;
	for (size_t i = 0; i < KNOWN; i++) {
		const char *own = known[i].name;

		if (hook->kind == TRACING_LSM)
			own += sizeof(prefix) - 1;
		/* The hook of LSM behind security_bprm_check() has a name of its own. */
		if (!strcmp(name, own) ||
		    (hook->kind == TRACING_LSM && !strcmp(own, "bprm_check") &&
		     !strcmp(name, "bprm_check_security")))
			return &known[i];
	}
	return NULL;
}

int guard_path_arg(const struct tracing_hook *hook, const struct guard_call *call)
{
	for (size_t i = 0; i < hook->n_args; i++)
		if (hook->args[i].index == call->path_index)
			return (int)i;
	return -1;
}

static bool is_path_operator(enum tracing_operator op)
{
	return op == TRACING_OP_EQUAL || op == TRACING_OP_NOT_EQUAL || op == TRACING_OP_PREFIX ||
	       op == TRACING_OP_NOT_PREFIX || op == TRACING_OP_POSTFIX ||
	       op == TRACING_OP_NOT_POSTFIX;
}

/* Directories that hold the whole machine, or no files of anybody. */
static const char *prefix_refusal(const char *text)
{
	static const char *const none[] = {"/proc", "/sys", "/dev"};

	if (!strcmp(text, "/") || *text != '/')
		return "a Prefix must name a directory: every file of the machine would be asked about";
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		size_t length = strlen(none[i]);

		if (!strncmp(text, none[i], length) && (!text[length] || text[length] == '/'))
			return "fanotify is not asked about files of proc, sysfs and devices";
	}
	return NULL;
}

/* *placed: it says where to look. */
static const char *match_refusal(const struct tracing_match *match, int path_arg, bool *placed)
{
	const char *why = NULL;

	if ((int)match->arg != path_arg)
		return "fanotify tells the file, not the other arguments: a filter on one of them cannot be judged";
	if (!is_path_operator(match->op))
		return "of a path, fanotify's listener judges Equal, Prefix, Postfix and their negations";
	if (match->op == TRACING_OP_EQUAL)
		*placed = true;
	for (size_t i = 0; match->op == TRACING_OP_PREFIX && !why && i < match->n_values; i++)
		why = prefix_refusal(match->values[i].text);
	if (match->op == TRACING_OP_PREFIX)
		*placed = true;
	return why;
}

static const char *action_refusal(const struct tracing_action *action)
{
	switch (action->kind) {
	case TRACING_ACTION_NOTIFY_ENFORCER:
		return "NotifyEnforcer needs a BPF program on the function";
	case TRACING_ACTION_OVERRIDE:
		return action->error
			       ? NULL
			       : "fanotify cannot make a call succeed: argError must not be 0";
	default:
		return NULL;
	}
}

static const char *selector_refusal(const struct tracing_selector *selector, int path_arg)
{
	const char *why = NULL;
	bool placed = false;

	if (selector->n_returns || selector->n_return_actions)
		return "fanotify asks before the call: there is no return value to be judged";
	if (selector->binaries.follow_children || selector->parents.follow_children)
		return "followChildren needs a BPF program that sees each fork";
	for (size_t i = 0; i < selector->n_pids; i++)
		if (selector->pids[i].in_namespace)
			return "isNamespacePID needs a BPF program: fanotify tells pids of the guard's own namespace";
	for (size_t i = 0; i < selector->n_capabilities; i++)
		if (selector->capabilities[i].in_namespace)
			return "isNamespaceCapability needs a BPF program";
	for (size_t i = 0; !why && i < selector->n_args; i++)
		why = match_refusal(&selector->args[i], path_arg, &placed);
	for (size_t i = 0; !why && i < selector->n_actions; i++)
		why = action_refusal(&selector->actions[i]);
	if (!why && !placed)
		why = "each selector needs an Equal or a Prefix on the file: fanotify marks files, and without one every open of the machine would be asked about";
	return why;
}

bool guard_tells(const struct tracing_policy *policy, size_t hook, size_t call)
{
	const struct guard_call *own = guard_call(&policy->hooks[hook], call);

	return own && strcmp(own->stage, "covered") != 0;
}

static bool is_access_or_open(const struct guard_call *call)
{
	return call && (!strcmp(call->stage, "access") || !strcmp(call->stage, "open"));
}

/* Does a hook of the policy keep the file from being opened? */
static bool is_covered(const struct tracing_policy *policy)
{
	for (size_t i = 0; i < policy->n_hooks; i++)
		for (size_t j = 0; j < policy->hooks[i].n_calls; j++)
			if (is_access_or_open(guard_call(&policy->hooks[i], j)))
				return true;
	return false;
}

static const char *hook_refusal(const struct tracing_policy *policy,
				const struct tracing_hook *hook, const struct guard_call *call)
{
	int path_arg = guard_path_arg(hook, call);
	const char *why = NULL;

	if (!strcmp(call->stage, "covered"))
		return is_covered(policy)
			       ? NULL
			       : "fanotify cannot tell it from other accesses: it is served beside security_file_permission or security_file_open of the same policy only";
	if (path_arg < 0)
		return "the file is not among the hook's args";
	if (hook->returns)
		return "fanotify asks before the call: there is no return value to be told";
	if (!hook->n_selectors)
		return "each hook needs a selector with an Equal or a Prefix on the file";
	for (size_t i = 0; !why && i < hook->n_selectors; i++)
		why = selector_refusal(&hook->selectors[i], path_arg);
	return why;
}

int guard_can(const struct tracing_policy *policy, size_t hook, size_t call,
	      char why[GUARD_WHY_BYTES])
{
	const struct guard_call *own = guard_call(&policy->hooks[hook], call);
	const char *refusal = own ? hook_refusal(policy, &policy->hooks[hook], own)
				  : "fanotify has no permission event for it";

	if (!refusal)
		return 0;
	snprintf(why, GUARD_WHY_BYTES, "%s", refusal);
	return -EOPNOTSUPP;
}

const char *guard_limits(const struct tracing_policy *policy, size_t hook, size_t call, bool told)
{
	const struct guard_call *own = guard_call(&policy->hooks[hook], call);

	if (!own)
		return "";
	return told ? own->unseen : own->limits;
}
