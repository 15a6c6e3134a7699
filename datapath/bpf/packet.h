/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef BPF_PACKET_H
#define BPF_PACKET_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "chasqui/event.h"
#include "chasqui/flow.h"
#include "chasqui/policy.h"

#define FAMILY_IPV4 4
#define FAMILY_IPV6 6

#define IPPROTO_VRRP_ 112
#define IPPROTO_OSPF_ 89

#define TCP_FIN	  0x01
#define TCP_SYN	  0x02
#define TCP_RST	  0x04
#define TCP_ACK	  0x10
#define TCP_FLAGS (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK)

enum fragment_part { FRAGMENT_NONE, FRAGMENT_FIRST, FRAGMENT_LATER };

/* What the policy has to say of a flow, and who its ends are. */
struct judgement {
	chq_identity source, target;
	__u32 origin_egress, origin_ingress;
	__u8 reason;	   /* enum chq_reason */
	__u8 decided;	   /* enum chq_direction; 0xff = neither policy */
	__u8 audit_reason; /* PASS_AUDIT: the drop it would have been */
	__u8 flags;	   /* CHQ_DECISION_REJECT */
	__u8 source_kind, target_kind;
	__u8 pad[2];
};

/* Everything that the stages know of a packet. Host order where no name says _be. */
struct packet {
	union { /* of its flow, ends sorted */
		struct chq_flow4 key4;
		struct chq_flow6 key6;
		__u64 aligned;
	};
	struct chq_addr source, target;
	struct chq_arrival arrival; /* ifindex 0: the gateway itself sent it */
	__u32 generation, slot;
	__u32 tick;
	__u32 aim; /* CHQ_TARGET_* */
	__u32 seq, ack;
	__u32 ifindex; /* of the program */
	__u32 fragment_id_be;
	__u32 l4_bytes; /* from the transport header to the end of the IP packet */
	__u16 l3_offset, l4_offset;
	__u16 fragment_bytes; /* FRAGMENT_LATER: offset in the datagram */
	__u16 port;	      /* number, for counters */
	__be16 ethertype_be;
	__be16 sport_be, dport_be; /* as in the key; ICMP echo: the identifier in both */
	__u8 protocol;
	__u8 tcp_flags;
	__u8 icmp_type, icmp_code;
	__u8 family; /* FAMILY_*, 0 = not IP */
	__u8 end;    /* which end of the key sends it */
	__u8 hop_limit;
	__u8 fragment;	    /* enum fragment_part */
	__u8 direction;	    /* enum chq_direction */
	__u8 link_type;	    /* of the frame: PACKET_HOST, PACKET_BROADCAST ... */
	__u8 event;	    /* enum chq_event_kind + 1; 0 = nothing to tell */
	__u8 event_reason;  /* AUDIT: the drop it would have been */
	__u8 to_link;	    /* multicast or broadcast, judged as aimed at the gateway */
	__u8 no_ethernet;   /* a device without Ethernet headers */
	__u8 crosses_again; /* egress after translation: its arrival was checked where it came in */
	__u8 reject;
	__u8 secures; /* CHQ_SECURES_* of the generation */
	__u8 plain;   /* no tag in the packet, no IP options, no extension headers, no fragment */
	__u8 proven;  /* a proven flow that runs has let it pass */
	__u64 hop;    /* CHQ_HOP of that flow */
	struct judgement judged;
};

static __always_inline bool same_addr(const struct chq_addr *a, const struct chq_addr *b)
{
	return a->word_be[0] == b->word_be[0] && a->word_be[1] == b->word_be[1] &&
	       a->word_be[2] == b->word_be[2] && a->word_be[3] == b->word_be[3];
}

static __always_inline void map_ipv4(struct chq_addr *ret, __be32 addr_be)
{
	ret->word_be[0] = 0;
	ret->word_be[1] = 0;
	ret->word_be[2] = bpf_htonl(0xffff);
	ret->word_be[3] = addr_be;
}

static __always_inline bool is_mapped(const struct chq_addr *addr)
{
	return !addr->word_be[0] && !addr->word_be[1] && addr->word_be[2] == bpf_htonl(0xffff);
}

static __always_inline bool is_icmp(const struct packet *pkt)
{
	return pkt->protocol == IPPROTO_ICMP || pkt->protocol == IPPROTO_ICMPV6;
}

static __always_inline bool has_ports(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

static __always_inline bool is_echo(__u8 protocol, __u8 type)
{
	return protocol == IPPROTO_ICMP	    ? type == 8 || type == 0
	       : protocol == IPPROTO_ICMPV6 ? type == 128 || type == 129
					    : false;
}

static __always_inline bool is_echo_reply(const struct packet *pkt)
{
	return pkt->protocol == IPPROTO_ICMP	 ? pkt->icmp_type == 0
	       : pkt->protocol == IPPROTO_ICMPV6 ? pkt->icmp_type == 129
						 : false;
}

/* Destination unreachable, time exceeded, parameter problem, packet too big, source quench. */
static __always_inline bool is_icmp_error(const struct packet *pkt)
{
	if (pkt->protocol == IPPROTO_ICMP)
		return pkt->icmp_type == 3 || pkt->icmp_type == 4 || pkt->icmp_type == 11 ||
		       pkt->icmp_type == 12;
	return pkt->protocol == IPPROTO_ICMPV6 && pkt->icmp_type >= 1 && pkt->icmp_type <= 4;
}

/* What a flow is aimed at, from the protocol and the port or ICMP type. */
static __always_inline __u32 aim_of(__u8 protocol, __be16 dport_be, __u8 icmp_type)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return CHQ_TARGET_TCP + bpf_ntohs(dport_be);
	case IPPROTO_UDP:
		return CHQ_TARGET_UDP + bpf_ntohs(dport_be);
	case IPPROTO_SCTP:
		return CHQ_TARGET_SCTP + bpf_ntohs(dport_be);
	case IPPROTO_ICMP:
		return CHQ_TARGET_ICMP + icmp_type;
	case IPPROTO_ICMPV6:
		return CHQ_TARGET_ICMPV6 + icmp_type;
	default:
		return CHQ_TARGET_OTHER + protocol;
	}
}

/*
 * Keys are written and addresses compared eight bytes at a time: the hash reads a key back at once,
 * and a CPU stalls where it must put one load together from several stores.
 */
static __always_inline __u64 key_addresses(__be32 addr0_be, __be32 addr1_be)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return addr0_be | (__u64)addr1_be << 32;
#else
	return (__u64)addr0_be << 32 | addr1_be;
#endif
}

/* Both ports and the protocol, as the last eight bytes of either key. */
static __always_inline __u64 key_tail(__be16 port0_be, __be16 port1_be, __u8 protocol)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return port0_be | (__u64)port1_be << 16 | (__u64)protocol << 32;
#else
	return (__u64)port0_be << 48 | (__u64)port1_be << 32 | (__u64)protocol << 24;
#endif
}

/* The key of the flow between two ends, and which of its ends is the first one given. */
static __always_inline __u8 key4_sort(struct chq_flow4 *key, __be32 from_be, __be32 to_be,
				      __be16 from_port_be, __be16 to_port_be, __u8 protocol)
{
	__u64 from = (__u64)bpf_ntohl(from_be) << 16 | bpf_ntohs(from_port_be);
	__u64 to = (__u64)bpf_ntohl(to_be) << 16 | bpf_ntohs(to_port_be);
	__u64 *half = (__u64 *)key;

	if (from > to) {
		half[0] = key_addresses(to_be, from_be);
		half[1] = key_tail(to_port_be, from_port_be, protocol);
		return 1;
	}
	half[0] = key_addresses(from_be, to_be);
	half[1] = key_tail(from_port_be, to_port_be, protocol);
	return 0;
}

static __always_inline __u8 key6_sort(struct chq_flow6 *key, const struct chq_addr *from_addr,
				      const struct chq_addr *to_addr, __be16 from_port_be,
				      __be16 to_port_be, __u8 protocol)
{
	__u64 from[2], to[2], *half = (__u64 *)key;
	bool end;

	__builtin_memcpy(from, from_addr, sizeof(from));
	__builtin_memcpy(to, to_addr, sizeof(to));
	end = from[0] != to[0]	 ? bpf_be64_to_cpu(from[0]) > bpf_be64_to_cpu(to[0])
	      : from[1] != to[1] ? bpf_be64_to_cpu(from[1]) > bpf_be64_to_cpu(to[1])
				 : bpf_ntohs(from_port_be) > bpf_ntohs(to_port_be);
	if (end) {
		half[0] = to[0];
		half[1] = to[1];
		half[2] = from[0];
		half[3] = from[1];
		half[4] = key_tail(to_port_be, from_port_be, protocol);
	} else {
		half[0] = from[0];
		half[1] = from[1];
		half[2] = to[0];
		half[3] = to[1];
		half[4] = key_tail(from_port_be, to_port_be, protocol);
	}
	return end;
}

/* Its flow's key, and what it is aimed at. */
static __always_inline void packet_key(struct packet *pkt)
{
	pkt->aim = aim_of(pkt->protocol, pkt->dport_be, pkt->icmp_type);
	if (pkt->family == FAMILY_IPV4)
		pkt->end = key4_sort(&pkt->key4, pkt->source.word_be[3], pkt->target.word_be[3],
				     pkt->sport_be, pkt->dport_be, pkt->protocol);
	else
		pkt->end = key6_sort(&pkt->key6, &pkt->source, &pkt->target, pkt->sport_be,
				     pkt->dport_be, pkt->protocol);
}

#endif
