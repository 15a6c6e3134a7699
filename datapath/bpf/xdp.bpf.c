/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */

/*
 * The gate: drops what comes from the live generation's deny list, before the
 * kernel makes an skb of it. All else passes on to the checkpoint, uncounted.
 */

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "maps.h"
#include "packet.h"
#include "verdict.h"

/* The clock is read for every 64th drop only once the tick's budget of events is spent. */
#define CLOCK_EVERY 64

/* Where a packet's headers are, once they are in reach. */
struct frame {
	void *l3, *end;
	__be16 type_be;
	__u16 vlan[2];
};

struct vlan_tag {
	__be16 control, type_be;
};

static __always_inline bool is_vlan(__be16 type_be)
{
	return type_be == bpf_htons(ETH_P_8021Q) || type_be == bpf_htons(ETH_P_8021AD);
}

static __always_inline bool frame_find(struct xdp_md *ctx, struct frame *ret)
{
	void *pos = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = pos;

	if (pos + sizeof(*eth) > end)
		return false;
	ret->type_be = eth->h_proto;
	pos += sizeof(*eth);
#pragma unroll
	for (int i = 0; i < 2; i++) {
		struct vlan_tag *tag = pos;

		if (!is_vlan(ret->type_be))
			break;
		if (pos + sizeof(*tag) > end)
			return false;
		ret->vlan[i] = (bpf_ntohs(tag->control) & 0xfff) | CHQ_VLAN_TAG;
		ret->type_be = tag->type_be;
		pos += sizeof(*tag);
	}
	ret->l3 = pos;
	ret->end = end;
	return true;
}

static __always_inline bool listed(__u32 slot, const struct chq_addr *source)
{
	void *table = bpf_map_lookup_elem(&chq_deny, &slot);
	struct chq_prefix key = {.length_bits = 128, .addr = *source};

	return table && bpf_map_lookup_elem(table, &key);
}

static __always_inline bool listed4(__u32 slot, __be32 source_be)
{
	void *cells = bpf_map_lookup_elem(&chq_deny4, &slot);
	__u32 cell = bpf_ntohl(source_be) >> 8, word = cell / 32;
	struct chq_addr source;
	const __u64 *bits;

	if (!cells)
		return false;
	bits = bpf_map_lookup_elem(cells, &word);
	if (!bits)
		return false;
	switch (*bits >> (cell % 32 * 2) & 3) {
	case CHQ_DENY_NONE:
		return false;
	case CHQ_DENY_ALL:
		return true;
	}
	map_ipv4(&source, source_be);
	return listed(slot, &source);
}

static __always_inline void gate_fill(struct chq_event *event, const struct frame *frame)
{
	struct iphdr *ip4 = frame->l3;
	struct ipv6hdr *ip6 = frame->l3;

	if (frame->type_be == bpf_htons(ETH_P_IP) && frame->l3 + sizeof(*ip4) <= frame->end) {
		map_ipv4(&event->source, ip4->saddr);
		map_ipv4(&event->target, ip4->daddr);
		event->protocol = ip4->protocol;
	} else if (frame->l3 + sizeof(*ip6) <= frame->end) {
		event->source = *(struct chq_addr *)&ip6->saddr;
		event->target = *(struct chq_addr *)&ip6->daddr;
		event->protocol = ip6->nexthdr;
	}
	event->vlan = frame->vlan[0];
	event->ethertype_known = 1;
	event->ethertype_be = frame->type_be;
}

static __always_inline void gate_tell(struct xdp_md *ctx, const struct frame *frame, __u64 live,
				      __u16 port)
{
	struct chq_event *event = bpf_ringbuf_reserve(&chq_events, sizeof(*event), 0);

	if (!event) {
		event_lost(CHQ_DROP_DENY_LIST);
		return;
	}
	__builtin_memset(event, 0, sizeof(*event));
	gate_fill(event, frame);
	event->time_ns = bpf_ktime_get_coarse_ns();
	event->generation = CHQ_LIVE_GENERATION(live);
	event->ifindex = ctx->ingress_ifindex;
	event->length_bytes = bpf_xdp_get_buff_len(ctx);
	event->port = port;
	event->kind = CHQ_EVENT_DROP;
	event->reason = CHQ_DROP_DENY_LIST;
	event->decided = 0xff;
	event_submit(event);
}

/* May this drop still be told? What is not is counted as lost. */
static __always_inline bool gate_budget(void)
{
	struct chq_budget *budget = bpf_map_lookup_elem(&chq_budget, &(__u32){CHQ_DROP_DENY_LIST});
	const struct chq_config *cfg = config();

	if (!budget || !cfg)
		return false;
	if (budget->spent++ < cfg->event_budget)
		return true;
	if (budget->spent % CLOCK_EVERY == 0 && budget->tick != now_tick()) {
		budget->tick = now_tick();
		budget->spent = 0;
	}
	event_lost(CHQ_DROP_DENY_LIST);
	return false;
}

static __always_inline int gate_drop(struct xdp_md *ctx, const struct frame *frame, __u64 live)
{
	__u32 ifindex = ctx->ingress_ifindex;
	const struct chq_link *link = bpf_map_lookup_elem(&chq_link, &ifindex);
	__u16 port = link ? link->port : 0;

	count(port, CHQ_INGRESS, CHQ_DROP_DENY_LIST, 1, bpf_xdp_get_buff_len(ctx));
	if (gate_budget())
		gate_tell(ctx, frame, live, port);
	return XDP_DROP;
}

SEC("xdp.frags")
int chq_gate(struct xdp_md *ctx)
{
	const struct chq_cell *cell = bpf_map_lookup_elem(&chq_cell, &(__u32){0});
	struct frame frame = {};
	__u64 live;

	if (!cell || !frame_find(ctx, &frame))
		return XDP_PASS;
	live = *(const volatile __u64 *)&cell->live;
	if (!live)
		return XDP_PASS;
	if (frame.type_be == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = frame.l3;

		if (frame.l3 + sizeof(*ip) <= frame.end && listed4(CHQ_LIVE_SLOT(live), ip->saddr))
			return gate_drop(ctx, &frame, live);
	} else if (frame.type_be == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = frame.l3;

		if (frame.l3 + sizeof(*ip) <= frame.end &&
		    listed(CHQ_LIVE_SLOT(live), (struct chq_addr *)&ip->saddr))
			return gate_drop(ctx, &frame, live);
	}
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
