/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef BPF_LINK_H
#define BPF_LINK_H

/*
 * What is the link's own business, and addresses that may not stand where they
 * stand. The manual's table of packets (chasqui-packets(7)) has a row for each
 * question here. Only packets of no known flow come by: none of these makes one.
 */

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "maps.h"
#include "packet.h"
#include "policy.h"

/* Let through without being asked: EAPOL, the slow protocols (LACP), LLDP. */
static __always_inline bool ethertype_is_builtin(__be16 type_be)
{
	return type_be == bpf_htons(0x888e) || type_be == bpf_htons(0x8809) ||
	       type_be == bpf_htons(0x88cc);
}

static __always_inline bool ethertype_is_listed(__be16 type_be)
{
	const struct chq_config *cfg = config();

	if (!cfg)
		return false;
	for (__u32 i = 0; i < CHQ_ETHERTYPES_MAX; i++)
		if (i < cfg->ethertypes && cfg->ethertype_be[i] == type_be)
			return true;
	return false;
}

/* Below 1536 the field is a length, and 802.2 follows: of these only spanning tree. */
static __always_inline bool is_spanning_tree(struct __sk_buff *skb, const struct packet *pkt)
{
	__u8 sap[2];

	return bpf_ntohs(pkt->ethertype_be) < 0x600 &&
	       !bpf_skb_load_bytes(skb, pkt->l3_offset, sap, sizeof(sap)) && sap[0] == 0x42 &&
	       sap[1] == 0x42;
}

static __always_inline enum chq_reason check_ethertype(struct __sk_buff *skb,
						       const struct packet *pkt)
{
	if (pkt->family)
		return CHQ_UNDECIDED;
	if (pkt->ethertype_be == bpf_htons(ETH_P_ARP))
		return CHQ_PASS_NEIGHBOUR;
	if (ethertype_is_builtin(pkt->ethertype_be) || is_spanning_tree(skb, pkt) ||
	    ethertype_is_listed(pkt->ethertype_be))
		return CHQ_PASS_ETHERTYPE;
	return CHQ_DROP_ETHERTYPE;
}

static __always_inline bool is_own(const struct packet *pkt, const struct chq_addr *addr)
{
	const struct chq_entry *entry = entry_of(pkt->slot, addr);

	return entry && entry->kind == CHQ_KIND_OWN;
}

/* Aimed at what stands on the link, so no router carries it further. */
static __always_inline bool is_udp(const struct packet *pkt, __u16 from, __u16 to)
{
	return pkt->protocol == IPPROTO_UDP && pkt->sport_be == bpf_htons(from) &&
	       pkt->dport_be == bpf_htons(to);
}

static __always_inline bool ipv4_may_stand(__u32 addr)
{
	return addr >> 24 && addr >> 24 != 127 && addr >> 28 < 14;
}

static __always_inline enum chq_reason check_ipv4(struct packet *pkt)
{
	__u32 source = bpf_ntohl(pkt->source.word_be[3]),
	      target = bpf_ntohl(pkt->target.word_be[3]);
	bool multicast = target >> 28 == 14, broadcast = target == 0xffffffff;

	if (broadcast &&
	    (is_udp(pkt, 67, 68) || (is_udp(pkt, 68, 67) && (!source || ipv4_may_stand(source)))))
		return CHQ_PASS_LINK;
	if (multicast && pkt->protocol == IPPROTO_IGMP && pkt->hop_limit == 1 &&
	    (!source || ipv4_may_stand(source)))
		return CHQ_PASS_LINK;
	if (!ipv4_may_stand(source) || source == target ||
	    (!ipv4_may_stand(target) && !multicast && !broadcast))
		return CHQ_DROP_MARTIAN;
	if (broadcast || target >> 8 == 0xe00000)
		pkt->to_link = pkt->arrival.ifindex != 0;
	else if (multicast)
		return pkt->arrival.ifindex ? CHQ_DROP_MULTICAST : CHQ_UNDECIDED;
	else if (pkt->link_type == PACKET_BROADCAST && pkt->arrival.ifindex &&
		 !is_own(pkt, &pkt->target))
		return CHQ_DROP_MULTICAST;
	if ((source >> 16 == 0xa9fe || target >> 16 == 0xa9fe) && pkt->arrival.ifindex &&
	    !pkt->to_link && !is_own(pkt, &pkt->target))
		return CHQ_DROP_LINK_LOCAL;
	return CHQ_UNDECIDED;
}

static __always_inline bool ipv6_is_multicast(const struct chq_addr *addr)
{
	return addr->byte[0] == 0xff;
}

static __always_inline bool ipv6_is_link_local(const struct chq_addr *addr)
{
	return addr->byte[0] == 0xfe && (addr->byte[1] & 0xc0) == 0x80;
}

static __always_inline bool ipv6_is_link_multicast(const struct chq_addr *addr)
{
	return addr->byte[0] == 0xff && (addr->byte[1] & 0x0f) == 2;
}

static __always_inline bool ipv6_is_unspecified(const struct chq_addr *addr)
{
	return !addr->word_be[0] && !addr->word_be[1] && !addr->word_be[2] && !addr->word_be[3];
}

static __always_inline bool ipv6_is_loopback(const struct chq_addr *addr)
{
	return !addr->word_be[0] && !addr->word_be[1] && !addr->word_be[2] &&
	       addr->word_be[3] == bpf_htonl(1);
}

static __always_inline bool role_is_outside(const struct packet *pkt)
{
	__u32 slot = pkt->slot, ifindex = pkt->arrival.ifindex;
	void *ports = bpf_map_lookup_elem(&chq_ports, &slot);
	const struct chq_port *port;

	if (!ports)
		return true;
	port = bpf_map_lookup_elem(ports, &ifindex);
	return !port || port->role == CHQ_OUTSIDE;
}

/* Router solicitation to redirect, types 133 to 137: on-link by their hop limit, and not for
 * others. */
static __always_inline enum chq_reason check_neighbour(struct packet *pkt)
{
	bool here = ipv6_is_link_multicast(&pkt->target) || ipv6_is_link_local(&pkt->target);

	if (pkt->hop_limit != 255 || pkt->icmp_code || pkt->fragment)
		return CHQ_DROP_ND_FORGED;
	if (pkt->arrival.ifindex && !here && !is_own(pkt, &pkt->target))
		return CHQ_DROP_ND_FORGED;
	if (pkt->icmp_type == 135 || pkt->icmp_type == 136)
		return CHQ_PASS_NEIGHBOUR;
	if (pkt->icmp_type != 133 && pkt->arrival.ifindex && role_is_outside(pkt))
		return CHQ_DROP_RA_OUTSIDE;
	return CHQ_PASS_LINK;
}

static __always_inline bool is_mld(const struct packet *pkt)
{
	return pkt->protocol == IPPROTO_ICMPV6 && pkt->hop_limit == 1 &&
	       ((pkt->icmp_type >= 130 && pkt->icmp_type <= 132) || pkt->icmp_type == 143) &&
	       ipv6_is_multicast(&pkt->target) &&
	       (ipv6_is_link_local(&pkt->source) || ipv6_is_unspecified(&pkt->source));
}

static __always_inline bool is_dhcpv6(const struct packet *pkt)
{
	return (is_udp(pkt, 546, 547) || is_udp(pkt, 547, 546)) &&
	       ipv6_is_link_local(&pkt->source) &&
	       (ipv6_is_link_local(&pkt->target) || ipv6_is_link_multicast(&pkt->target));
}

static __always_inline enum chq_reason check_ipv6_scope(struct packet *pkt)
{
	const struct chq_addr *source = &pkt->source, *target = &pkt->target;

	if (ipv6_is_multicast(source) || ipv6_is_unspecified(source) || ipv6_is_loopback(source) ||
	    ipv6_is_unspecified(target) || ipv6_is_loopback(target) || same_addr(source, target) ||
	    (ipv6_is_multicast(target) && (target->byte[1] & 0x0f) < 2))
		return CHQ_DROP_MARTIAN;
	if (ipv6_is_link_multicast(target))
		pkt->to_link = pkt->arrival.ifindex != 0;
	else if (ipv6_is_multicast(target))
		return pkt->arrival.ifindex ? CHQ_DROP_MULTICAST : CHQ_UNDECIDED;
	if ((ipv6_is_link_local(source) || ipv6_is_link_local(target)) && pkt->arrival.ifindex &&
	    !pkt->to_link && !is_own(pkt, target))
		return CHQ_DROP_LINK_LOCAL;
	return CHQ_UNDECIDED;
}

static __always_inline enum chq_reason check_ipv6(struct packet *pkt)
{
	if (pkt->protocol == IPPROTO_ICMPV6 && pkt->icmp_type >= 133 && pkt->icmp_type <= 137 &&
	    pkt->fragment != FRAGMENT_LATER)
		return check_neighbour(pkt);
	if (is_mld(pkt) || is_dhcpv6(pkt))
		return CHQ_PASS_LINK;
	return check_ipv6_scope(pkt);
}

/* UNDECIDED leaves it to the policies; to_link then says that the gateway is meant. */
__noinline int check_link(struct __sk_buff *skb, struct packet *pkt)
{
	enum chq_reason why;

	if (!pkt)
		return CHQ_DROP_INTERNAL;
	why = check_ethertype(skb, pkt);
	if (why)
		return why;
	return pkt->family == FAMILY_IPV4 ? check_ipv4(pkt) : check_ipv6(pkt);
}

#endif
