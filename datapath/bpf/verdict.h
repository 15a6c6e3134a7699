/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef BPF_VERDICT_H
#define BPF_VERDICT_H

/* The one way out: count it, tell it, and pass nothing that nobody allowed. */

#include "maps.h"
#include "packet.h"

/* With this much waiting in the ring its reader is woken; a wake-up an event costs 500 ns. */
#define WAKE_BYTES (CHQ_RING_BYTES / 16)

/* The reasons that drop, a bit each. */
#define X(name, action, text) | (CHQ_##action == CHQ_DROP ? 1ull << CHQ_##name : 0)
static const __u64 drop_reasons = 0 CHQ_REASONS(X);
#undef X

/* What no stage has decided is dropped, too. */
static __always_inline bool is_drop(__u32 reason)
{
	return reason == CHQ_UNDECIDED || (drop_reasons >> (reason & 63)) & 1;
}

static __always_inline __u32 now_tick(void)
{
	return bpf_ktime_get_coarse_ns() >> CHQ_TICK_SHIFT;
}

static __always_inline const struct chq_config *config(void)
{
	return bpf_map_lookup_elem(&chq_config, &(__u32){0});
}

/* One more from this CPU's budget of this tick? */
static __always_inline bool budget_spend(__u32 which, __u32 most, __u32 tick)
{
	struct chq_budget *budget = bpf_map_lookup_elem(&chq_budget, &which);

	if (chq_dry_run)
		return true;
	if (!budget)
		return false;
	if (budget->tick != tick) {
		budget->tick = tick;
		budget->spent = 0;
	}
	if (budget->spent >= most)
		return false;
	budget->spent++;
	return true;
}

static __always_inline void count(__u32 port, __u32 direction, __u32 reason, __u32 packets,
				  __u32 bytes)
{
	__u32 index = CHQ_COUNTER(port & (CHQ_PORT_MAX - 1), direction, reason);
	struct chq_counter *counter = bpf_map_lookup_elem(&chq_counters, &index);

	if (!counter)
		return;
	counter->packets += packets;
	counter->bytes += bytes;
}

static __always_inline void event_lost(__u32 reason)
{
	__u64 *lost = bpf_map_lookup_elem(&chq_lost, &reason);

	if (lost)
		*lost += 1;
}

static __always_inline void event_submit(struct chq_event *event)
{
	__u64 waiting = bpf_ringbuf_query(&chq_events, BPF_RB_AVAIL_DATA);

	bpf_ringbuf_submit(event, waiting >= WAKE_BYTES ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

static __always_inline void event_fill(struct chq_event *event, const struct packet *pkt,
				       __u32 bytes)
{
	event->time_ns = bpf_ktime_get_coarse_ns();
	event->source = pkt->source;
	event->target = pkt->target;
	event->sport_be = pkt->sport_be;
	event->dport_be = pkt->dport_be;
	event->protocol = pkt->protocol;
	event->tcp_flags = pkt->tcp_flags;
	event->icmp_type = pkt->icmp_type;
	event->icmp_code = pkt->icmp_code;
	event->source_identity = pkt->judged.source;
	event->target_identity = pkt->judged.target;
	event->generation = pkt->generation;
	event->origin_egress = pkt->judged.origin_egress;
	event->origin_ingress = pkt->judged.origin_ingress;
	event->ifindex = pkt->ifindex;
	event->length_bytes = bytes;
	event->port = pkt->port;
	event->vlan = pkt->arrival.vlan[0];
	event->reason = pkt->event_reason;
	event->kind = pkt->event - 1;
	event->direction = pkt->direction;
	event->decided = pkt->judged.decided;
	event->ethertype_known = pkt->family != 0;
	event->pad = 0;
	event->ethertype_be = pkt->ethertype_be;
}

__noinline int tell(struct packet *pkt, __u32 bytes)
{
	const struct chq_config *cfg = config();
	struct chq_event *event;

	if (!pkt || !cfg)
		return 0;
	if (!budget_spend(pkt->event_reason & (CHQ_REASON_LIMIT - 1), cfg->event_budget,
			  pkt->tick)) {
		event_lost(pkt->event_reason);
		return 0;
	}
	event = bpf_ringbuf_reserve(&chq_events, sizeof(*event), 0);
	if (!event) {
		event_lost(pkt->event_reason);
		return 0;
	}
	event_fill(event, pkt, bytes);
	event_submit(event);
	return 0;
}

#endif
