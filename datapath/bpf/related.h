/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef BPF_RELATED_H
#define BPF_RELATED_H

/*
 * ICMP errors. One passes when the packet that it quotes belongs to a flow that
 * is known and allowed, when it goes to that packet's sender, and when that end
 * of the flow has sent anything.
 */

#include "conntrack.h"
#include "packet.h"
#include "parse.h"

/* The quoted packet: its ends, and where its transport header is. */
struct quote {
	struct chq_addr source, target;
	struct walk l4;
	__u8 pad[4];
};

static __always_inline bool quote_ipv4(struct __sk_buff *skb, __u32 offset, struct quote *quote)
{
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, offset, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5 ||
	    ip.frag_off & bpf_htons(IP_FRAGMENT_BITS))
		return false;
	map_ipv4(&quote->source, ip.saddr);
	map_ipv4(&quote->target, ip.daddr);
	quote->l4.protocol = ip.protocol;
	quote->l4.offset = offset + ip.ihl * 4;
	return true;
}

static __always_inline bool quote_ipv6(struct __sk_buff *skb, __u32 offset, struct quote *quote)
{
	struct ipv6hdr ip;

	if (bpf_skb_load_bytes(skb, offset, &ip, sizeof(ip)) || ip.version != 6)
		return false;
	quote->source = *(struct chq_addr *)&ip.saddr;
	quote->target = *(struct chq_addr *)&ip.daddr;
	quote->l4.protocol = ip.nexthdr;
	quote->l4.offset = offset + sizeof(ip);
	return !walk_extensions(skb, &quote->l4) && !(quote->l4.fragment_be & 0xfff8);
}

/* Makes the quoted packet's flow the packet's own: its key, and the end that sent the quoted one.
 */
static __always_inline bool quote_key(struct __sk_buff *skb, struct packet *pkt,
				      struct quote *quote)
{
	__be16 half[4] = {};
	__be16 from_be = 0, to_be = 0;
	__u8 type;

	if (quote->l4.offset + sizeof(half) > quote->l4.end ||
	    bpf_skb_load_bytes(skb, quote->l4.offset, half, sizeof(half)))
		return false;
	type = ((__u8 *)half)[0];
	if (has_ports(quote->l4.protocol)) {
		from_be = half[0];
		to_be = half[1];
	} else if (quote->l4.protocol == IPPROTO_ICMP || quote->l4.protocol == IPPROTO_ICMPV6) {
		if (!is_echo(quote->l4.protocol, type))
			return false;
		from_be = to_be = half[2];
	}
	if (pkt->family == FAMILY_IPV4)
		pkt->end = key4_sort(&pkt->key4, quote->source.word_be[3], quote->target.word_be[3],
				     from_be, to_be, quote->l4.protocol);
	else
		pkt->end = key6_sort(&pkt->key6, &quote->source, &quote->target, from_be, to_be,
				     quote->l4.protocol);
	return true;
}

__noinline int quote_find(struct __sk_buff *skb, struct packet *pkt, struct quote *quote)
{
	__u32 offset;
	bool read;

	if (!pkt || !quote)
		return false;
	offset = pkt->l4_offset + 8;
	quote->l4.end = pkt->l4_offset + pkt->l4_bytes;
	read = pkt->family == FAMILY_IPV4 ? quote_ipv4(skb, offset, quote)
					  : quote_ipv6(skb, offset, quote);
	return read && same_addr(&pkt->target, &quote->source) && quote_key(skb, pkt, quote);
}

/* The quoted flow, judged by the live generation with its opener's tuple. */
static __always_inline bool quoted_flow_allowed(struct packet *pkt, const struct quote *quote,
						struct chq_flow *flow, bool proven)
{
	const struct chq_config *cfg = config();
	__u8 opener = opener_of(flow), protocol = quote->l4.protocol;
	struct question q = {.slot = pkt->slot, .guard = 1, .secures = pkt->secures};
	bool forward = opener == pkt->end, ipv4 = pkt->family == FAMILY_IPV4;
	__u8 other = (opener ^ 1) & 1;

	if (!cfg || flow->state == CHQ_FLOW_DENIED ||
	    pkt->tick - flow->seen_tick > timeout_of(cfg, protocol, flow->state, proven) ||
	    !arrival_seen(&flow->arrival[pkt->end & 1]))
		return false;
	if (flow_current(pkt, flow) || flow->flags & CHQ_FLOW_TRANSLATED)
		return true;
	q.source = forward ? quote->source : quote->target;
	q.target = forward ? quote->target : quote->source;
	q.ifindex = flow->arrival[opener].ifindex;
	q.sport_be = ipv4 ? pkt->key4.port_be[opener & 1] : pkt->key6.port_be[opener & 1];
	q.aim = aim_of(protocol, ipv4 ? pkt->key4.port_be[other] : pkt->key6.port_be[other],
		       protocol == IPPROTO_ICMP ? 8 : 128);
	return !is_drop(judge(&q, &pkt->judged));
}

__noinline int check_related(struct __sk_buff *skb, struct packet *pkt)
{
	struct quote quote = {};
	struct chq_flow *flow;
	struct flow_key key;
	bool proven = true;
	int why;

	if (!pkt)
		return CHQ_DROP_INTERNAL;
	if (!quote_find(skb, pkt, &quote))
		return CHQ_DROP_ICMP_UNRELATED;
	if (!pkt->crosses_again) {
		why = guard_address(&pkt->source, pkt->slot, pkt->arrival.ifindex);
		if (why)
			return why;
	}
	key = flow_key(pkt);
	flow = flow_proven(pkt->family, &key);
	if (!flow) {
		proven = false;
		flow = flow_unproven(pkt->family, &key);
	}
	if (!flow || !quoted_flow_allowed(pkt, &quote, flow, proven))
		return CHQ_DROP_ICMP_UNRELATED;
	return CHQ_PASS_RELATED;
}

#endif
