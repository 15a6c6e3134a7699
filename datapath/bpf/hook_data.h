/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef BPF_HOOK_DATA_H
#define BPF_HOOK_DATA_H

/*
 * What a buffer with maxData has more than an event has room for: a record of its own, before the
 * event's (struct chq_hook_data). Only of hits that are told; straight into the ring, as no other
 * memory of a program is that large.
 */

#include "hook_act.h"

/* As many as it can lie on, the first and the last not all of it. */
#define DATA_PAGES (CHQ_DATA_MOST / MEMORY_PAGE + 2)

struct page_walk {
	struct bpf_dynptr *ring;
	const void *from;
	__u32 done, wanted;
};

/* Page by page, so that one that cannot be read takes nothing from those before it. */
static long copy_page(__u32 step, void *data)
{
	struct page_walk *walk = data;
	const void *from = walk->from + walk->done;
	__u32 part = walk->wanted - walk->done, page = left_of_page(from);
	void *to =
		bpf_dynptr_data(walk->ring, sizeof(struct chq_hook_data) + walk->done, MEMORY_PAGE);

	(void)step;
	part = at_most(part < page ? part : page, MEMORY_PAGE);
	if (!part || !to || read_memory(to, part, from))
		return 1;
	walk->done += part;
	return 0;
}

/* The reader is woken as by send_event(). */
static __always_inline void submit(struct bpf_dynptr *ring)
{
	__u64 waits = bpf_ringbuf_query(&chq_proc_events, BPF_RB_AVAIL_DATA);

	bpf_ringbuf_submit_dynptr(ring,
				  waits < PROC_WAKE_BYTES ? BPF_RB_NO_WAKEUP : BPF_RB_FORCE_WAKEUP);
}

/* The last page is reserved as a whole, whatever is in it. False: the ring has no room. */
static __always_inline bool send_rest(struct chq_hook_data *data, const void *from, __u32 wanted)
{
	__u32 room = sizeof(*data) + wanted + MEMORY_PAGE;
	struct bpf_dynptr ring;
	struct page_walk walk = {&ring, from + data->first_byte, 0, wanted};

	if (bpf_ringbuf_reserve_dynptr(&chq_proc_events, room, 0, &ring)) {
		bpf_ringbuf_discard_dynptr(&ring, 0);
		return false;
	}
	bpf_loop(DATA_PAGES, copy_page, &walk, 0);
	data->data_bytes = walk.done;
	data->head.size_bytes = sizeof(*data) + data->data_bytes;
	if (data->data_bytes && !bpf_dynptr_write(&ring, 0, data, sizeof(*data), 0))
		submit(&ring);
	else
		bpf_ringbuf_discard_dynptr(&ring, BPF_RB_NO_WAKEUP);
	return true;
}

/* 1: it is lost. As read_argument(): not static, numbers and not pointers. */
__noinline int send_data(__u32 place, __u32 hook_number, __u32 position)
{
	struct work *work = bpf_map_lookup_elem(&chq_work, &place);
	const struct chq_hook *hook = bpf_map_lookup_elem(&chq_hooks, &hook_number);
	struct chq_hook_data data = {};
	const struct argument *argument;
	__u32 whole;

	if (!work || !hook || position >= CHQ_HOOK_ARGS)
		return 0;
	argument = &work->arguments[position];
	whole = at_most(argument->number, CHQ_DATA_MOST);
	if (argument->absent || argument->bytes >= whole)
		return 0;
	data.head = work->hit.record.event.head;
	data.head.kind = CHQ_PROC_DATA;
	data.set = chq_set;
	data.hook = hook_number;
	data.position = position;
	data.first_byte = argument->bytes;
	return !send_rest(&data, (void *)raw_argument(work, &hook->args[position]),
			  whole - argument->bytes);
}

/* Of all arguments that were read now: before the call, or at its return. */
static __noinline void send_all_data(struct work *work, const struct deed *deed, bool at_return)
{
	const struct chq_hook *hook = deed->hook;
	__u32 n = hook->n_args;

	for (__u32 i = 0; i < CHQ_HOOK_ARGS; i++) {
		const struct chq_arg_spec *spec = &hook->args[i];

		if (i >= n || spec->max_bytes != CHQ_DATA_MOST || !!spec->at_return != at_return ||
		    work->arguments[i].number <= work->arguments[i].bytes || !tells())
			continue;
		if (send_data(work->place, deed->hook_number, i)) {
			deed->count->lost++;
			proc_lost(CHQ_LOST_HOOK);
		}
	}
}

#endif
