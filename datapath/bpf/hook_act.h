/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef BPF_HOOK_ACT_H
#define BPF_HOOK_ACT_H

/* What a hit leads to: signals, an errno, an event. */

#include "hook_select.h"

/* Which set these programs are of, and which hook a policy's `enforcers` serve. */
const volatile __u64 chq_set = 0;

#define SIGKILL 9
#define EPERM	1

/* How a hit is acted upon. */
struct deed {
	const struct chq_hook *hook;
	const struct chq_selector *selector;
	struct chq_policy_count *count;
	__u32 hook_number, selector_number;
	bool monitored, spared, post;
	__u8 action; /* the last one, enum chq_action_kind */
};

#define TICK_NS 10000000 /* of start times in /proc */

/* Pid 1 is never ended; others of the gateway's own only where a selector names processes. */
static __noinline bool is_spared(void)
{
	struct task_struct *task = BPF_CORE_READ(this_task(), group_leader);
	struct chq_spared_key key = {
		.pid = pid_of(task, true),
		.pid_namespace = namespace_of(task, CHQ_NS_PID),
	};
	const __u64 *started = bpf_map_lookup_elem(&chq_spared, &key);

	if (BPF_CORE_READ(task, tgid) == 1)
		return true;
	return started && *started == BPF_CORE_READ(task, start_boottime) / TICK_NS;
}

/* As one number: the arguments as they are in the record, their first bytes. */
static __noinline __u64 what_was_hit(struct work *work)
{
	__u64 sum = 14695981039346656037ull;

	for (__u32 i = 0; i < 64; i++) {
		if (8 * i >= work->hit.data_bytes)
			break;
		sum = (sum ^ *(__u64 *)&work->hit.record.data[8 * i]) * 1099511628211ull;
	}
	return sum;
}

static __noinline bool too_soon(struct work *work, const struct deed *deed,
				const struct chq_act *act)
{
	struct rate_key key = {
		.hook = deed->hook_number,
		.selector = deed->selector_number,
		.what = what_was_hit(work),
	};
	__u64 now = bpf_ktime_get_ns(), *last;

	if (act->scope == CHQ_RATE_THREAD)
		key.who = bpf_get_current_pid_tgid();
	else if (act->scope == CHQ_RATE_PROCESS)
		key.who = bpf_get_current_pid_tgid() >> 32;
	last = bpf_map_lookup_elem(&chq_rates, &key);
	if (last && now - *last < act->rate_ns)
		return true;
	bpf_map_update_elem(&chq_rates, &key, &now, BPF_ANY);
	return false;
}

/* What the functions that NotifyEnforcer acts on are to return to this thread. */
static __always_inline void notify(const struct chq_act *act)
{
	struct notice notice = {.error = act->error, .set = chq_set};
	__u64 thread = bpf_get_current_pid_tgid();

	if (act->signal)
		bpf_send_signal(act->signal);
	if (act->error)
		bpf_map_update_elem(&chq_notices, &thread, &notice, BPF_ANY);
}

/* Where the call can be refused as well, it is: a signal alone does not stop what is under way. */
static __always_inline void end_process(struct work *work)
{
	bpf_send_signal(SIGKILL);
	if (!work->verdict)
		work->verdict = -EPERM;
}

static __always_inline void enforce(struct work *work, struct deed *deed, const struct chq_act *act)
{
	if (deed->spared) {
		deed->count->spared++;
		return;
	}
	if (deed->monitored) {
		deed->count->monitored++;
		return;
	}
	deed->count->enforced++;
	if (act->kind == CHQ_ACT_SIGKILL)
		end_process(work);
	else if (act->kind == CHQ_ACT_SIGNAL)
		bpf_send_signal(act->signal);
	else if (act->kind == CHQ_ACT_NOTIFY)
		notify(act);
	else if (!work->verdict)
		work->verdict = act->error;
}

static __noinline void do_act(struct work *work, struct deed *deed, const struct chq_act *act)
{
	deed->action = act->kind;
	if (act->kind == CHQ_ACT_NOPOST) {
		deed->post = false;
	} else if (act->kind != CHQ_ACT_POST) {
		enforce(work, deed, act);
	} else if (act->rate_ns && too_soon(work, deed, act)) {
		deed->post = false;
		deed->count->limited++;
	}
}

static __noinline void do_acts(struct work *work, struct deed *deed)
{
	__u32 n = deed->selector->n_acts;

	deed->action = CHQ_ACT_POST;
	for (__u32 i = 0; i < CHQ_HOOK_ACTIONS; i++) {
		if (i < n)
			do_act(work, deed, &deed->selector->acts[i]);
	}
}

static __noinline void do_return_acts(struct work *work, struct deed *deed)
{
	__u32 n = deed->selector->n_return_acts;

	for (__u32 i = 0; i < CHQ_HOOK_ACTIONS; i++) {
		if (i < n)
			do_act(work, deed, &deed->selector->return_acts[i]);
	}
}

static __always_inline void begin_event(struct work *work, const struct deed *deed)
{
	struct chq_hook_event *event = &work->hit.record.event;
	__u64 ids = bpf_get_current_pid_tgid();
	__u32 pid = ids >> 32;
	const struct chq_process *process = bpf_map_lookup_elem(&chq_procs, &pid);

	__builtin_memset(event, 0, sizeof(*event));
	event->head.kind = CHQ_PROC_HOOK;
	event->head.time_ns = bpf_ktime_get_boot_ns();
	event->head.started_ns = process ? process->started_ns : 0;
	event->head.pid = pid;
	event->head.tid = ids;
	event->set = chq_set;
	event->hook = deed->hook_number;
	event->action = deed->action;
	event->selector = deed->selector_number - deed->hook->first_selector;
	event->flags =
		(deed->monitored ? CHQ_HOOK_MONITORED : 0) | (deed->spared ? CHQ_HOOK_SPARED : 0);
}

/* One set tells at a time, so that replacing it tells nothing twice. */
static __always_inline bool tells(void)
{
	const struct chq_hook_cell *cell = bpf_map_lookup_elem(&chq_hook_cell, &(__u32){0});

	return cell && cell->set == chq_set;
}

static __noinline void send_event(struct work *work, struct chq_policy_count *count)
{
	struct chq_hook_event *event = &work->hit.record.event;
	__u32 bytes = work->hit.data_bytes;
	__u64 waits, flags;

	if (bytes > DATA_BYTES + CHQ_DATA_BYTES || !tells())
		return;
	event->args_bytes = bytes;
	event->head.size_bytes = sizeof(*event) + bytes;
	waits = bpf_ringbuf_query(&chq_proc_events, BPF_RB_AVAIL_DATA);
	flags = waits < PROC_WAKE_BYTES ? BPF_RB_NO_WAKEUP : BPF_RB_FORCE_WAKEUP;
	if (bpf_ringbuf_output(&chq_proc_events, event, sizeof(*event) + bytes, flags) < 0) {
		count->lost++;
		proc_lost(CHQ_LOST_HOOK);
	} else {
		count->posts++;
	}
}

#endif
