/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef ENFORCER_ENFORCER_H
#define ENFORCER_ENFORCER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "enforcer/guard_client.h"
#include "enforcer/hooks.h"
#include "enforcer/wish.h"

/*
 * The enforcer as the daemon sees it: a set of TracingPolicies, each of whose hooks is
 * served by BPF programs, by the guard, or by both. What is applied goes on without us.
 */
struct enforcer;

#define ENFORCER_WHY_BYTES 512

struct enforcer_options {
	const char *pin_directory; /* of a bpffs, for our programs alone */
	const char *run_directory, *state_directory;
	const char *guard_program; /* NULL: beside our own */
};

/*
 * 0 also when this kernel has no BPF for us: then policies are refused that the guard alone
 * cannot serve. Strings of `options` must live as long as it does.
 */
int enforcer_open(const struct enforcer_options *options, struct enforcer **ret);
/*
 * Tells the hooks that go on from before, and the guard, whom to spare: before anything else, as
 * a policy may protect what the caller reads when it starts.
 */
void enforcer_spare(const struct enforcer_options *options);

/* NULL is fine. Nothing is detached: what waits behind the guard is attached before we go. */
void enforcer_close(struct enforcer *enforcer);

/* Who serves one call of a hook. */
struct enforcer_call {
	const struct tracing_hook *hook;
	size_t hook_number, call;     /* in the policy; in the hook */
	enum hooks_back_end best;     /* of the BPF programs: what serves it without the guard */
	enum hooks_back_end behind;   /* the guard; NONE: it stands alone */
	enum hooks_back_end back_end; /* the program that serves it now */
	bool guard;
	struct hooks_part part; /* of that program, behind the guard */
	bool missing; /* the kernel has no such function, and the policy says that this may be */
};

struct enforcer_policy {
	struct enforcer_wish wish;
	struct enforcer_call *calls;
	size_t n_calls;
	enum hooks_back_end **back_ends; /* by hook, then by call: what the calls say */
	struct hooks_part **parts;	 /* the same */
	size_t n_hooks;			 /* so that it can be freed after its document */
};

/*
 * One change: plan, apply, then keep or undo. Planning chooses and changes nothing;
 * `policies` must live as long as the plan, and longer when it is kept. -EOPNOTSUPP: `why` says
 * what is missing, `*at` of which hook.
 */
struct enforcer_plan;
int enforcer_plan(struct enforcer *enforcer, const struct tracing_policy *policies, size_t count,
		  char why[ENFORCER_WHY_BYTES], struct place *at, struct enforcer_plan **ret);
void enforcer_plan_free(struct enforcer_plan *plan); /* NULL is fine */

/*
 * On an error nothing has changed, and `why` says more. In the plan is said who serves each call
 * then: where the guard cannot be had, BPF programs alone.
 */
int enforcer_apply(struct enforcer *enforcer, struct enforcer_plan *plan,
		   char why[ENFORCER_WHY_BYTES], struct place *at);

/* What was applied is live from now on; takes the plan. */
void enforcer_keep(struct enforcer *enforcer, struct enforcer_plan *plan);

/* Back to the plan that was kept last, after an apply that something else has foiled. */
int enforcer_undo(struct enforcer *enforcer, char why[ENFORCER_WHY_BYTES]);

/* Takes all hooks away, the pins too, and the guard's rules. Needs no daemon. */
int enforcer_detach(const struct enforcer_options *options);

/* The live set, in the order of the documents. */
size_t enforcer_count(const struct enforcer *enforcer);
const struct enforcer_policy *enforcer_at(const struct enforcer *enforcer, size_t i);
const struct enforcer_policy *enforcer_find(const struct enforcer *enforcer, const char *name);

/*
 * Switches a live policy at once. -ENOENT: there is none of that name; -EINVAL: it has no action
 * that could be enforced.
 */
int enforcer_set_enabled(struct enforcer *enforcer, const char *name, bool enabled,
			 char why[ENFORCER_WHY_BYTES]);
int enforcer_set_mode(struct enforcer *enforcer, const char *name, enum tracing_mode mode,
		      char why[ENFORCER_WHY_BYTES]);

/* What was said at run time about a policy; it holds over reloads, by its name. */
struct enforcer_override {
	char *name;
	bool disabled;
	bool mode_given;
	enum tracing_mode mode;
};
int enforcer_override(struct enforcer *enforcer, const struct enforcer_override *override);
const struct enforcer_override *enforcer_overrides(const struct enforcer *enforcer, size_t *count);

/* Of all back ends together. -ENOENT: no such policy. */
int enforcer_counters(struct enforcer *enforcer, const char *name, struct hooks_counters *ret);

/* Keeps the guard alive and the list of spared processes fresh; to be called once a second. */
void enforcer_tick(struct enforcer *enforcer);

/* Are the programs that wait behind the guard attached? */
bool enforcer_net_is_attached(const struct enforcer *enforcer);

/* For those who read events; NULL: this kernel has no BPF for us, and `why` has its words. */
struct hooks *enforcer_hooks(struct enforcer *enforcer, const char **why);
struct guard_client *enforcer_guard(struct enforcer *enforcer); /* never NULL */
bool enforcer_wants_guard(const struct enforcer *enforcer);

/* The guard's descriptor is readable: takes its events, and sees to it when it has gone. */
void enforcer_hear_guard(struct enforcer *enforcer);

/* Does the guard serve the call at this moment? Not when BPF programs do in its stead. */
bool enforcer_guards(const struct enforcer *enforcer, const struct enforcer_policy *policy,
		     const struct enforcer_call *call);

/* The name of a call for people: "security_file_open", "raw_syscalls/sys_enter", "/bin/x:main". */
const char *enforcer_call_name(const struct enforcer_call *call, char *text, size_t size);

#endif
