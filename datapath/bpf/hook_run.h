/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef BPF_HOOK_RUN_H
#define BPF_HOOK_RUN_H

/* A point was reached: each of its visits in turn, as asked for by chasqui/hook.h. */

#include "hook_data.h"

/* Brings what the point offers into the form that the hook asks for. False: nothing is there. */
static __always_inline bool adapt(struct work *work, const struct chq_visit *visit)
{
	__u32 fd = work->result;

	if (visit->fd_arg != CHQ_FD_RETURNED)
		fd = work->raw[slot(visit->fd_arg)];
	else if (work->result < 0)
		return false;
	__builtin_memcpy(work->hit.args, work->raw, sizeof(work->hit.args));
	switch (visit->adapter) {
	case CHQ_AS_FILE_MASK:
		work->hit.args[1] = visit->mask;
		work->hit.args[0] = (__u64)file_of_fd(fd);
		return work->hit.args[0];
	case CHQ_AS_MMAP:
		work->hit.args[1] = work->raw[2];
		work->hit.args[2] = work->raw[3];
		work->hit.args[0] = (__u64)file_of_fd(fd);
		return work->hit.args[0];
	case CHQ_AS_FILE:
		work->hit.args[0] = (__u64)file_of_fd(fd);
		return work->hit.args[0];
	case CHQ_AS_FD_INSTALL:
		work->hit.args[0] = fd;
		work->hit.args[1] = (__u64)file_of_fd(fd);
		return work->hit.args[1];
	case CHQ_AS_LSM_MMAP:
		work->hit.args[2] = work->raw[3];
		return true;
	case CHQ_AS_EXEC:
		work->hit.args[0] = work->raw[2];
		return true;
	case CHQ_AS_WITH_MASK:
		work->hit.args[1] = visit->mask;
		return true;
	default:
		return true;
	}
}

struct argument_walk {
	struct work *work;
	const struct chq_hook *hook;
	__u32 hook_number;
	bool at_return;
};

static long collect(__u32 step, void *data)
{
	struct argument_walk *walk = data;
	const struct chq_arg_spec *spec;

	if (step >= CHQ_HOOK_ARGS)
		return 1;
	spec = &walk->hook->args[step];
	if (!!spec->at_return != walk->at_return)
		return 0;
	read_argument(walk->work->place, walk->hook_number, step);
	return 0;
}

static __always_inline void collect_all(struct work *work, const struct deed *deed, bool at_return)
{
	struct argument_walk walk = {work, deed->hook, deed->hook_number, at_return};

	bpf_loop(deed->hook->n_args, collect, &walk, 0);
}

struct visit_walk {
	struct work *work;
	__u32 first;
};

/* Until the function returns the record waits. */
static __always_inline void keep(struct work *work, const struct deed *deed)
{
	struct pending_key key = {
		.thread = bpf_get_current_pid_tgid(),
		.hook = deed->hook_number,
	};

	work->hit.selector = deed->selector_number;
	work->hit.monitored = deed->monitored;
	work->hit.spared = deed->spared;
	if (bpf_map_update_elem(&chq_pending, &key, &work->hit, BPF_ANY) < 0)
		deed->count->lost++;
}

static __noinline void act(struct work *work, struct deed *deed)
{
	deed->count->hits++;
	deed->spared = !deed->selector->names_process && is_spared();
	deed->post = true;
	do_acts(work, deed);
	if (!deed->post)
		return;
	begin_event(work, deed);
	send_all_data(work, deed, false);
	if (deed->hook->returns)
		keep(work, deed);
	else
		send_event(work, deed->count);
}

/* Policy, counters and hook of a visit. False: the policy is off. */
static __always_inline bool begin_deed(struct deed *deed, __u32 hook_number)
{
	const struct chq_hook *hook = bpf_map_lookup_elem(&chq_hooks, &hook_number);
	const struct chq_policy_state *state;
	__u32 policy;

	if (!hook)
		return false;
	policy = hook->policy;
	state = bpf_map_lookup_elem(&chq_policies, &policy);
	deed->count = bpf_map_lookup_elem(&chq_counts, &policy);
	if (!state || !deed->count || state->mode == CHQ_POLICY_OFF)
		return false;
	deed->hook = hook;
	deed->hook_number = hook_number;
	deed->monitored = state->mode == CHQ_POLICY_MONITOR;
	return true;
}

static __always_inline void visit_hook(struct work *work, const struct chq_visit *visit)
{
	struct deed deed = {};

	if (!adapt(work, visit) || !begin_deed(&deed, visit->hook))
		return;
	work->hit.data_bytes = 0;
	collect_all(work, &deed, false);
	if (!select(work, deed.hook, &deed.selector_number))
		return;
	deed.selector = bpf_map_lookup_elem(&chq_selectors, &deed.selector_number);
	if (deed.selector)
		act(work, &deed);
}

static long visit_one(__u32 step, void *data)
{
	struct visit_walk *walk = data;
	__u32 number = walk->first + step;
	const struct chq_visit *visit = bpf_map_lookup_elem(&chq_visits, &number);

	if (visit)
		visit_hook(walk->work, visit);
	return !visit;
}

/* The hit that waited goes on with what the function returned. */
static __noinline void finish_hit(struct work *work, struct deed *deed)
{
	struct chq_hook_event *event = &work->hit.record.event;

	if (deed->selector->n_return_filters &&
	    !filters_hold(work, deed->selector->first_return_filter,
			  deed->selector->n_return_filters))
		return;
	deed->post = true;
	deed->action = CHQ_ACT_POST;
	deed->spared = work->hit.spared;
	do_return_acts(work, deed);
	event->return_action = deed->action;
	event->result = work->result;
	event->flags |= CHQ_HOOK_RESULT;
	collect_all(work, deed, true);
	if (!deed->post)
		return;
	send_all_data(work, deed, true);
	send_event(work, deed->count);
}

static __always_inline void return_to_hook(struct work *work, __u32 hook_number)
{
	struct pending_key key = {.thread = bpf_get_current_pid_tgid(), .hook = hook_number};
	const struct hit *hit = bpf_map_lookup_elem(&chq_pending, &key);
	struct deed deed = {};

	if (!hit)
		return;
	bpf_probe_read_kernel(&work->hit, sizeof(work->hit), hit);
	bpf_map_delete_elem(&chq_pending, &key);
	if (!begin_deed(&deed, hook_number))
		return;
	deed.selector_number = work->hit.selector;
	deed.selector = bpf_map_lookup_elem(&chq_selectors, &deed.selector_number);
	if (deed.selector)
		finish_hit(work, &deed);
}

static long return_to_one(__u32 step, void *data)
{
	struct visit_walk *walk = data;
	__u32 number = walk->first + step;
	const struct chq_visit *visit = bpf_map_lookup_elem(&chq_visits, &number);

	if (visit)
		return_to_hook(walk->work, visit->hook);
	return !visit;
}

/* What a program was called with. */
struct call {
	__u64 args[CHQ_HOOK_SLOTS];
	__s64 result;
	const void *context; /* perf tracepoints: the record */
};

static __always_inline void count_run(__u32 number, bool missed)
{
	struct chq_point_count *count = bpf_map_lookup_elem(&chq_point_count, &number);

	if (!count)
		return;
	count->runs++;
	count->missed += missed;
}

/* Returns the -errno that the call is to end with, or 0. */
static __always_inline int run_point(__u32 number, const struct call *call)
{
	const struct chq_point *point = bpf_map_lookup_elem(&chq_points, &number);
	struct visit_walk walk = {};
	int verdict;

	if (!point || !concerns(point, call->args, call->result))
		return 0;
	walk.work = work_take();
	count_run(number, !walk.work);
	if (!walk.work)
		return 0;
	walk.first = point->first_visit;
	__builtin_memcpy(walk.work->raw, call->args, sizeof(call->args));
	walk.work->result = call->result;
	walk.work->context = call->context;
	walk.work->path_of = 0;
	walk.work->verdict = 0;
	if (point->flags & CHQ_POINT_RETURN)
		bpf_loop(point->n_visits, return_to_one, &walk, 0);
	else
		bpf_loop(point->n_visits, visit_one, &walk, 0);
	verdict = walk.work->verdict;
	work_give(walk.work);
	return verdict;
}

#endif
