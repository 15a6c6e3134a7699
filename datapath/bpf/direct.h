/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef BPF_DIRECT_H
#define BPF_DIRECT_H

/*
 * The short way out: a packet of a proven flow leaves straight from the ingress
 * checkpoint, as the kernel's own stack would have sent it, and meets the egress
 * checkpoint of the port that it leaves by. Only while the daemon says that nothing
 * else of the kernel waits for forwarded packets (chq_config.direct_until_tick).
 *
 * Once a tick (134 ms), flow and direction the kernel is asked for the route and the packet
 * goes through its neighbour table, which so stays fresh; the others of the tick are
 * sent to the same place. Whatever a router does with a packet besides (options, fragments,
 * an ICMP error, a redirect, another table for a mark) stays the stack's.
 */

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>

#include "conntrack.h"
#include "maps.h"
#include "packet.h"
#include "verdict.h"

/* The kernel's numbers of families, whose header is not for programs. */
#define ROUTE_IPV4 2
#define ROUTE_IPV6 10

/* These choose the packet's priority for the qdisc as it leaves (the kernel's ip_tos2prio). */
#define TOS_PRIORITY_BITS 0x1c

/* The sum over a good header without options is 0xffff. */
static __always_inline bool ipv4_sum_ok(const struct iphdr *ip)
{
	const __u32 *word = (const void *)ip;
	__u64 sum = (__u64)word[0] + word[1] + word[2] + word[3] + word[4];

	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ((sum & 0xffff) + (sum >> 16)) == 0xffff;
}

/* RFC 1624: one less in the upper byte of its word is one more in the sum. */
static __always_inline void ipv4_ttl_less(struct iphdr *ip)
{
	__u32 sum = ip->check + bpf_htons(0x0100);

	ip->check = sum + (sum >> 16);
	ip->ttl--;
}

/*
 * One hop fewer to live; false: this one is not ours to send on. The hop limit of IPv6
 * is in no header's own sum, but in that which a card may have left beside the packet.
 */
static __always_inline bool hop_less(struct __sk_buff *skb, const struct packet *pkt)
{
	struct iphdr *ip = (void *)(long)skb->data + ETH_HLEN;
	__u8 hop_limit = pkt->hop_limit - 1;

	if (pkt->family == FAMILY_IPV6)
		return !bpf_skb_store_bytes(
			skb, ETH_HLEN + __builtin_offsetof(struct ipv6hdr, hop_limit), &hop_limit,
			sizeof(hop_limit), BPF_F_RECOMPUTE_CSUM);
	if ((void *)(ip + 1) > (void *)(long)skb->data_end || ip->tos & TOS_PRIORITY_BITS ||
	    !ipv4_sum_ok(ip))
		return false;
	ipv4_ttl_less(ip);
	return true;
}

/* Of a GSO packet each segment. Padding behind the IP packet counts, as it will be sent. */
static __always_inline bool fits(struct __sk_buff *skb, const struct chq_link *out, __u32 ifindex)
{
	__u32 measured = 0;

	if (skb->gso_size)
		return !bpf_check_mtu(skb, ifindex, &measured, 0, BPF_MTU_CHK_SEGS);
	return skb->len - ETH_HLEN <= out->mtu_bytes;
}

static __always_inline __u64 mac_number(const __u8 *mac)
{
	return mac[0] | (__u64)mac[1] << 8 | (__u64)mac[2] << 16 | (__u64)mac[3] << 24 |
	       (__u64)mac[4] << 32 | (__u64)mac[5] << 40;
}

static __always_inline void route_question(struct __sk_buff *skb, const struct packet *pkt,
					   struct bpf_fib_lookup *fib)
{
	fib->l4_protocol = pkt->protocol;
	fib->sport = pkt->sport_be;
	fib->dport = pkt->dport_be;
	fib->tot_len = 1; /* asks for the route's MTU */
	fib->ifindex = pkt->ifindex;
	if (pkt->family == FAMILY_IPV4) {
		fib->family = ROUTE_IPV4;
		fib->ipv4_src = pkt->source.word_be[3];
		fib->ipv4_dst = pkt->target.word_be[3];
		bpf_skb_load_bytes(skb, ETH_HLEN + __builtin_offsetof(struct iphdr, tos), &fib->tos,
				   sizeof(fib->tos));
		return;
	}
	fib->family = ROUTE_IPV6;
	bpf_skb_load_bytes(skb, ETH_HLEN, &fib->flowinfo, sizeof(fib->flowinfo));
	fib->flowinfo &= bpf_htonl(0x0fffffff);
	__builtin_memcpy(fib->ipv6_src, &pkt->source, sizeof(fib->ipv6_src));
	__builtin_memcpy(fib->ipv6_dst, &pkt->target, sizeof(fib->ipv6_dst));
}

/* What the route says, if the packets after this one can be sent without asking it. */
static __always_inline __u64 hop_of(const struct packet *pkt, const struct bpf_fib_lookup *fib)
{
	const struct chq_link *out = link_of(fib->ifindex);

	if (!out || !out->live || fib->ifindex == pkt->ifindex || fib->mtu_result != out->mtu_bytes)
		return CHQ_HOP_STACK;
	if (!out->ethernet)
		return CHQ_HOP(fib->ifindex, 0);
	if (mac_number(fib->smac) != mac_number(out->mac))
		return CHQ_HOP_STACK;
	return CHQ_HOP(fib->ifindex, mac_number(fib->dmac));
}

static __always_inline void hop_keep(const struct packet *pkt, __u64 hop)
{
	struct flow_key key = flow_key(pkt);
	struct chq_flow *flow = flow_proven(pkt->family, &key);

	if (flow && flow->seen_tick == pkt->tick)
		flow->hop[pkt->end & 1] = hop;
}

/* The first of its flow, direction and tick. A neighbour that is still looked for is the stack's.
 */
__noinline int leave_by_route(struct __sk_buff *skb, struct packet *pkt)
{
	struct bpf_fib_lookup fib = {};
	struct bpf_redir_neigh next = {};
	const struct chq_link *out;
	__u64 hop = CHQ_HOP_STACK;
	long found;

	if (!pkt)
		return TC_ACT_OK;
	route_question(skb, pkt, &fib);
	found = bpf_fib_lookup(skb, &fib, sizeof(fib), 0);
	if (found == BPF_FIB_LKUP_RET_NO_NEIGH)
		return TC_ACT_OK;
	if (found == BPF_FIB_LKUP_RET_SUCCESS)
		hop = hop_of(pkt, &fib);
	hop_keep(pkt, hop);
	out = link_of(CHQ_HOP_IFINDEX(hop));
	if (hop == CHQ_HOP_STACK || !out || !fits(skb, out, fib.ifindex) || !hop_less(skb, pkt))
		return TC_ACT_OK;
	if (!out->ethernet)
		return bpf_redirect(fib.ifindex, 0);
	next.nh_family = fib.family;
	__builtin_memcpy(next.ipv6_nh, fib.ipv6_dst, sizeof(next.ipv6_nh));
	return bpf_redirect_neigh(fib.ifindex, &next, sizeof(next), 0);
}

static __always_inline int leave_by_hop(struct __sk_buff *skb, const struct packet *pkt)
{
	__u32 ifindex = CHQ_HOP_IFINDEX(pkt->hop);
	const struct chq_link *out = link_of(ifindex);
	struct ethhdr *eth;
	__u64 mac;

	if (!out || !out->live || !fits(skb, out, ifindex) || !hop_less(skb, pkt))
		return TC_ACT_OK;
	eth = (void *)(long)skb->data;
	if (out->ethernet && (void *)(eth + 1) <= (void *)(long)skb->data_end) {
		mac = CHQ_HOP_MAC(pkt->hop);
		__builtin_memcpy(eth->h_dest, &mac, ETH_ALEN);
		__builtin_memcpy(eth->h_source, out->mac, ETH_ALEN);
	}
	return bpf_redirect(ifindex, 0);
}

static __always_inline bool may_leave_directly(const struct __sk_buff *skb,
					       const struct packet *pkt)
{
	const struct chq_config *cfg = config();

	return cfg && (__s32)(cfg->direct_until_tick - pkt->tick) > 0 && pkt->proven &&
	       pkt->plain && !pkt->no_ethernet && !pkt->arrival.vlan[0] &&
	       pkt->link_type == PACKET_HOST && pkt->hop_limit > 1 && pkt->hop != CHQ_HOP_STACK &&
	       !skb->mark && !chq_dry_run;
}

/* The last step of a packet that may pass: TC_ACT_OK gives it to the kernel's stack. */
static __always_inline int leave_directly(struct __sk_buff *skb, struct packet *pkt)
{
	if (!may_leave_directly(skb, pkt))
		return TC_ACT_OK;
	return pkt->hop ? leave_by_hop(skb, pkt) : leave_by_route(skb, pkt);
}

#endif
