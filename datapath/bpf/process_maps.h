/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef BPF_PROCESS_MAPS_H
#define BPF_PROCESS_MAPS_H

/*
 * Maps of processes, which the programs of the hooks share: whoever loads them
 * hands them the pins.
 */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "chasqui/process.h"

/* With this much waiting in the ring its reader is woken; until then the clock does. */
#define PROC_WAKE_BYTES (CHQ_PROC_RING_BYTES / 16)

/* Which load of the programs acts; the daemon writes it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct chq_proc_cell);
} chq_proc_cell SEC(".maps");

/* pid -> process; the daemon writes what ran before. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, CHQ_PROCS_MAX);
	__type(key, __u32);
	__type(value, struct chq_process);
} chq_procs SEC(".maps");

/* Binary -> bits that it and all that it starts carry; the daemon writes it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, CHQ_FOLLOW_MAX);
	__type(key, struct chq_follow_key);
	__type(value, __u64);
} chq_follow SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, CHQ_PROC_RING_BYTES);
} chq_proc_events SEC(".maps");

/* What nobody will read, by enum chq_proc_loss. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CHQ_PROC_LOSSES);
	__type(key, __u32);
	__type(value, __u64);
} chq_proc_lost SEC(".maps");

static __always_inline void proc_lost(__u32 what)
{
	__u64 *count = bpf_map_lookup_elem(&chq_proc_lost, &what);

	if (count)
		++*count;
}

/* Into the ring, or counted as lost. The reader is woken past a threshold only. */
static __always_inline void proc_send(void *record, __u32 bytes, __u32 loss)
{
	__u64 waits = bpf_ringbuf_query(&chq_proc_events, BPF_RB_AVAIL_DATA);
	__u64 flags = waits < PROC_WAKE_BYTES ? BPF_RB_NO_WAKEUP : BPF_RB_FORCE_WAKEUP;

	if (bpf_ringbuf_output(&chq_proc_events, record, bytes, flags) < 0)
		proc_lost(loss);
}

#endif
