/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef BPF_ENCRYPT_H
#define BPF_ENCRYPT_H

/*
 * What may be seen on the wire. A Peer's prefix is reached through the tunnel alone,
 * in every mode; so is everything between the prefixes of strict encryption. Nothing here is
 * asked while the generation has neither (packet.secures).
 */

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "maps.h"
#include "packet.h"
#include "parse.h"
#include "policy.h"

/* Network addresses of a packet that no stage has parsed, ethertype_be 0: not IP. */
static __always_inline bool read_near(struct __sk_buff *skb, struct packet *pkt)
{
	void *head = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ethhdr *eth = head;
	struct ipv6hdr *ip6;
	struct iphdr *ip4;

	pkt->ethertype_be = skb->protocol;
	if (!pkt->no_ethernet) {
		if (head + sizeof(*eth) > end)
			return false;
		pkt->ethertype_be = eth->h_proto;
		head += sizeof(*eth);
	}
	ip4 = head;
	if (pkt->ethertype_be == bpf_htons(ETH_P_IP) && head + sizeof(*ip4) <= end) {
		pkt->family = FAMILY_IPV4;
		map_ipv4(&pkt->source, ip4->saddr);
		map_ipv4(&pkt->target, ip4->daddr);
		return true;
	}
	ip6 = head;
	if (pkt->ethertype_be == bpf_htons(ETH_P_IPV6) && head + sizeof(*ip6) <= end) {
		pkt->family = FAMILY_IPV6;
		__builtin_memcpy(pkt->source.byte, &ip6->saddr, sizeof(pkt->source));
		__builtin_memcpy(pkt->target.byte, &ip6->daddr, sizeof(pkt->target));
		return true;
	}
	return false;
}

/* The same behind tags, or when the header is not linear. */
__noinline int read_far(struct __sk_buff *skb, struct packet *pkt)
{
	struct ipv6hdr ip6;
	struct iphdr ip4;

	if (!pkt)
		return CHQ_DROP_INTERNAL;
	if (parse_link(skb, pkt))
		return CHQ_DROP_TRUNCATED;
	if (pkt->ethertype_be == bpf_htons(ETH_P_IP)) {
		if (!load(skb, pkt->l3_offset, &ip4, sizeof(ip4)))
			return CHQ_DROP_TRUNCATED;
		pkt->family = FAMILY_IPV4;
		map_ipv4(&pkt->source, ip4.saddr);
		map_ipv4(&pkt->target, ip4.daddr);
	} else if (pkt->ethertype_be == bpf_htons(ETH_P_IPV6)) {
		if (!load(skb, pkt->l3_offset, &ip6, sizeof(ip6)))
			return CHQ_DROP_TRUNCATED;
		pkt->family = FAMILY_IPV6;
		__builtin_memcpy(pkt->source.byte, &ip6.saddr, sizeof(pkt->source));
		__builtin_memcpy(pkt->target.byte, &ip6.daddr, sizeof(pkt->target));
	}
	return CHQ_UNDECIDED;
}

static __always_inline const struct chq_tunnel *the_tunnel(void)
{
	return bpf_map_lookup_elem(&chq_tunnel, &(__u32){0});
}

/* The link's own business: nobody carries it further. */
static __always_inline bool stays_on_link(int why)
{
	return why == CHQ_PASS_NEIGHBOUR || why == CHQ_PASS_LINK || why == CHQ_PASS_ETHERTYPE;
}

/*
 * The engine's, as its packet says: from the gateway and its port to a Peer. What else
 * is between those two is encrypted, too: nobody but the engine holds the port.
 */
static __always_inline bool is_outer_out(struct __sk_buff *skb, const struct packet *pkt)
{
	const struct chq_tunnel *tunnel = the_tunnel();
	struct chq_addr other = pkt->target;

	if (!tunnel || !tunnel->listen_port_be || pkt->protocol != IPPROTO_UDP ||
	    pkt->sport_be != tunnel->listen_port_be || skb->ingress_ifindex)
		return false;
	return tunnel->any_peer || bpf_map_lookup_elem(&chq_outer, &other);
}

/* Is what was translated here what the prefixes speak of? Nobody can tell: then it is. */
static __always_inline bool source_is_strict(struct __sk_buff *skb, const struct packet *pkt)
{
	struct chq_encrypt source;

	if (encrypt_find(pkt->slot, &pkt->source, &source) && source.strict)
		return true;
	return skb->ingress_ifindex && is_own_host(pkt->slot, &pkt->source);
}

/* It is about to leave by a port that is not the tunnel. */
static __always_inline int check_clear(struct __sk_buff *skb, const struct packet *pkt, __u8 role)
{
	struct chq_encrypt target;

	if (!pkt->family || !encrypt_find(pkt->slot, &pkt->target, &target))
		return CHQ_UNDECIDED;
	if (target.strict && role == CHQ_OUTSIDE && source_is_strict(skb, pkt))
		return is_outer_out(skb, pkt) ? CHQ_UNDECIDED : CHQ_DROP_ENCRYPTION;
	if (target.tunnel_peer && !is_outer_out(skb, pkt))
		return CHQ_DROP_PEER_CLEAR;
	return CHQ_UNDECIDED;
}

/* The last word on what leaves. Most of it was judged where it came in, and is read here first. */
static __always_inline int check_leaving(struct __sk_buff *skb, struct packet *pkt, int why,
					 __u8 role)
{
	const struct chq_tunnel *tunnel;
	int err;

	if (role == CHQ_TUNNEL) {
		tunnel = the_tunnel();
		return tunnel && tunnel->up ? why : CHQ_DROP_ENCRYPTION;
	}
	if (stays_on_link(why))
		return why;
	if (!pkt->ethertype_be && !read_near(skb, pkt)) {
		err = read_far(skb, pkt);
		if (err)
			return err;
	}
	return check_clear(skb, pkt, role) ?: why;
}

/*
 * With no tunnel its routes are blackholes, which say nothing: what is bound for a
 * Peer drops here, where it is counted and told.
 */
static __always_inline int check_arriving(const struct packet *pkt, int why)
{
	const struct chq_tunnel *tunnel = the_tunnel();
	struct chq_encrypt target;

	if ((tunnel && tunnel->up) || !pkt->family || stays_on_link(why))
		return why;
	if (!encrypt_find(pkt->slot, &pkt->target, &target) || !target.tunnel_peer)
		return why;
	return CHQ_DROP_ENCRYPTION;
}

#endif
