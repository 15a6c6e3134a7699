/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef BPF_PARSE_H
#define BPF_PARSE_H

/*
 * Bytes -> struct packet; the only file that reads packet memory, but for the
 * answers in reject.h. parse_fast() knows the common shape and leaves the rest to
 * parse_slow(), which reads through an skb's fragments, so that nothing is called
 * truncated that is only not linear.
 */

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "packet.h"
#include "verdict.h"

#define VLAN_TAGS_MAX	 2
#define EXTENSIONS_MAX	 8
#define IP_FRAGMENT_BITS 0x1fff
#define IP_MORE_BIT	 0x2000

/* Bit n is set when TCP flags n (FIN 1, SYN 2, RST 4, ACK 16) make sense together. */
static const __u32 tcp_flags_good = 1u << TCP_SYN | 1u << (TCP_SYN | TCP_ACK) | 1u << TCP_RST |
				    1u << (TCP_RST | TCP_ACK) | 1u << (TCP_FIN | TCP_ACK) |
				    1u << TCP_ACK;

static __always_inline bool tcp_flags_ok(__u8 flags)
{
	return tcp_flags_good >> (flags & TCP_FLAGS) & 1;
}

static __always_inline bool is_vlan(__be16 ethertype_be)
{
	return ethertype_be == bpf_htons(ETH_P_8021Q) || ethertype_be == bpf_htons(ETH_P_8021AD);
}

/* A GSO packet longer than its 16-bit length field can say leaves that field 0 ("BIG TCP"). */
static __always_inline __u32 claimed_bytes(const struct __sk_buff *skb, __u32 claimed, __u32 left)
{
	return claimed || skb->gso_segs <= 1 ? claimed : left;
}

/*
 * Ethernet without a tag in the packet, IPv4 without options or IPv6 without
 * extensions, a whole TCP or UDP header, all linear. False: ask parse_slow().
 * What is malformed is left to it, too.
 */
static __always_inline bool parse_fast_tcp(struct packet *pkt, void *l4, void *end)
{
	struct tcphdr *tcp = l4;

	if (l4 + sizeof(*tcp) > end)
		return false;
	pkt->tcp_flags = ((__u8 *)l4)[13];
	pkt->seq = bpf_ntohl(tcp->seq);
	pkt->ack = bpf_ntohl(tcp->ack_seq);
	pkt->sport_be = tcp->source;
	pkt->dport_be = tcp->dest;
	pkt->aim = CHQ_TARGET_TCP + bpf_ntohs(tcp->dest);
	return tcp->doff >= 5 && (__u32)tcp->doff * 4 <= pkt->l4_bytes &&
	       tcp_flags_ok(pkt->tcp_flags);
}

static __always_inline bool parse_fast_udp(struct packet *pkt, void *l4, void *end)
{
	struct udphdr *udp = l4;

	if (l4 + sizeof(*udp) > end)
		return false;
	pkt->sport_be = udp->source;
	pkt->dport_be = udp->dest;
	pkt->aim = CHQ_TARGET_UDP + bpf_ntohs(udp->dest);
	return bpf_ntohs(udp->len) >= sizeof(*udp) && bpf_ntohs(udp->len) <= pkt->l4_bytes;
}

static __always_inline bool parse_fast_l4(struct packet *pkt, void *l4, void *end)
{
	if (pkt->protocol == IPPROTO_TCP)
		return parse_fast_tcp(pkt, l4, end);
	if (pkt->protocol == IPPROTO_UDP)
		return parse_fast_udp(pkt, l4, end);
	return false;
}

static __always_inline bool parse_fast_ipv4(struct __sk_buff *skb, struct packet *pkt, void *l3,
					    void *end)
{
	struct iphdr *ip = l3;
	__u32 total;

	if (l3 + sizeof(*ip) > end)
		return false;
	total = bpf_ntohs(ip->tot_len);
	if (*(__u8 *)l3 != 0x45 || total < sizeof(*ip) || total > skb->len - pkt->l3_offset ||
	    ip->frag_off & bpf_htons(IP_FRAGMENT_BITS | IP_MORE_BIT))
		return false;
	pkt->family = FAMILY_IPV4;
	pkt->protocol = ip->protocol;
	pkt->hop_limit = ip->ttl;
	pkt->l4_offset = pkt->l3_offset + sizeof(*ip);
	pkt->l4_bytes = total - sizeof(*ip);
	map_ipv4(&pkt->source, ip->saddr);
	map_ipv4(&pkt->target, ip->daddr);
	if (!parse_fast_l4(pkt, l3 + sizeof(*ip), end))
		return false;
	pkt->end = key4_sort(&pkt->key4, ip->saddr, ip->daddr, pkt->sport_be, pkt->dport_be,
			     pkt->protocol);
	return true;
}

static __always_inline bool parse_fast_ipv6(struct __sk_buff *skb, struct packet *pkt, void *l3,
					    void *end)
{
	struct ipv6hdr *ip = l3;
	__u32 length;

	if (l3 + sizeof(*ip) > end)
		return false;
	length = bpf_ntohs(ip->payload_len);
	if (*(__u8 *)l3 >> 4 != 6 || !length || length + sizeof(*ip) > skb->len - pkt->l3_offset)
		return false;
	pkt->family = FAMILY_IPV6;
	pkt->protocol = ip->nexthdr;
	pkt->hop_limit = ip->hop_limit;
	pkt->l4_offset = pkt->l3_offset + sizeof(*ip);
	pkt->l4_bytes = length;
	__builtin_memcpy(pkt->source.byte, &ip->saddr, sizeof(pkt->source));
	__builtin_memcpy(pkt->target.byte, &ip->daddr, sizeof(pkt->target));
	if (is_mapped((struct chq_addr *)&ip->saddr) || is_mapped((struct chq_addr *)&ip->daddr))
		return false;
	if (!parse_fast_l4(pkt, l3 + sizeof(*ip), end))
		return false;
	pkt->end =
		key6_sort(&pkt->key6, (struct chq_addr *)&ip->saddr, (struct chq_addr *)&ip->daddr,
			  pkt->sport_be, pkt->dport_be, pkt->protocol);
	return true;
}

static __always_inline bool parse_fast(struct __sk_buff *skb, struct packet *pkt)
{
	void *head = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ethhdr *eth = head;

	if (skb->vlan_present)
		pkt->arrival.vlan[0] = (skb->vlan_tci & 0xfff) | CHQ_VLAN_TAG;
	if (pkt->no_ethernet) {
		pkt->ethertype_be = skb->protocol;
		pkt->l3_offset = 0;
	} else {
		if (head + sizeof(*eth) > end)
			return false;
		pkt->ethertype_be = eth->h_proto;
		pkt->l3_offset = sizeof(*eth);
		head += sizeof(*eth);
	}
	if (pkt->ethertype_be == bpf_htons(ETH_P_IP))
		return parse_fast_ipv4(skb, pkt, head, end);
	if (pkt->ethertype_be == bpf_htons(ETH_P_IPV6))
		return parse_fast_ipv6(skb, pkt, head, end);
	return false;
}

/* The slow way: each header through the helper, which reads wherever an skb keeps its bytes. */
static __always_inline bool load(struct __sk_buff *skb, __u32 offset, void *ret, __u32 bytes)
{
	return !bpf_skb_load_bytes(skb, offset, ret, bytes);
}

static __always_inline enum chq_reason parse_link(struct __sk_buff *skb, struct packet *pkt)
{
	__u32 offset = 2 * ETH_ALEN;
	__u32 tags = 0;
	__be16 type[3];

	if (skb->vlan_present)
		pkt->arrival.vlan[tags++] = (skb->vlan_tci & 0xfff) | CHQ_VLAN_TAG;
	if (pkt->no_ethernet) {
		pkt->ethertype_be = skb->protocol;
		pkt->l3_offset = 0;
		return CHQ_UNDECIDED;
	}
	if (!load(skb, offset, type, sizeof(type[0])))
		return CHQ_DROP_TRUNCATED;
#pragma unroll
	for (int i = 0; i < VLAN_TAGS_MAX + 1; i++) {
		if (!is_vlan(type[0]))
			break;
		if (tags >= VLAN_TAGS_MAX)
			return CHQ_DROP_VLAN_DEPTH;
		if (!load(skb, offset, type, sizeof(type)))
			return CHQ_DROP_TRUNCATED;
		pkt->arrival.vlan[tags ? 1 : 0] = (bpf_ntohs(type[1]) & 0xfff) | CHQ_VLAN_TAG;
		tags++;
		type[0] = type[2];
		offset += 4;
	}
	pkt->ethertype_be = type[0];
	pkt->l3_offset = offset + 2;
	return CHQ_UNDECIDED;
}

/* Loose and strict source routes; everything else in there is the end systems' business. */
static __always_inline enum chq_reason ipv4_options(struct __sk_buff *skb, __u32 offset, __u32 end)
{
	for (int i = 0; i < 40; i++) {
		__u8 option[2] = {};

		if (offset >= end)
			break;
		if (!load(skb, offset, option, 1))
			return CHQ_DROP_TRUNCATED;
		if (option[0] == 0)
			break;
		if (option[0] == 1) {
			offset++;
			continue;
		}
		if (offset + 2 > end || !load(skb, offset, option, 2) || option[1] < 2 ||
		    offset + option[1] > end)
			return CHQ_DROP_IPV4_HEADER;
		if (option[0] == 131 || option[0] == 137)
			return CHQ_DROP_SOURCE_ROUTE;
		offset += option[1];
	}
	return CHQ_UNDECIDED;
}

static __always_inline void fragment_fields(struct packet *pkt, __u32 bytes, bool more, __u32 id_be)
{
	pkt->fragment = bytes ? FRAGMENT_LATER : more ? FRAGMENT_FIRST : FRAGMENT_NONE;
	pkt->fragment_bytes = bytes;
	pkt->fragment_id_be = id_be;
}

static __always_inline enum chq_reason parse_ipv4(struct __sk_buff *skb, struct packet *pkt)
{
	__u32 left = skb->len - pkt->l3_offset;
	__u32 header, total, fragment;
	enum chq_reason why;
	struct iphdr ip;

	if (skb->len < pkt->l3_offset || !load(skb, pkt->l3_offset, &ip, sizeof(ip)))
		return CHQ_DROP_TRUNCATED;
	header = ip.ihl * 4;
	total = claimed_bytes(skb, bpf_ntohs(ip.tot_len), left);
	if (ip.version != 4 || header < sizeof(ip) || total < header)
		return CHQ_DROP_IPV4_HEADER;
	if (total > left)
		return CHQ_DROP_TRUNCATED;
	pkt->family = FAMILY_IPV4;
	pkt->protocol = ip.protocol;
	pkt->hop_limit = ip.ttl;
	map_ipv4(&pkt->source, ip.saddr);
	map_ipv4(&pkt->target, ip.daddr);
	why = ipv4_options(skb, pkt->l3_offset + sizeof(ip), pkt->l3_offset + header);
	if (why)
		return why;
	pkt->l4_offset = pkt->l3_offset + header;
	pkt->l4_bytes = total - header;
	fragment = bpf_ntohs(ip.frag_off);
	fragment_fields(pkt, (fragment & IP_FRAGMENT_BITS) * 8, fragment & IP_MORE_BIT, ip.id);
	return CHQ_UNDECIDED;
}

/* False: it cannot. True: look it up. Reads what lies linear and without a tag, as nearly all does.
 */
static __always_inline bool source_may_be_own(const struct __sk_buff *skb, bool no_ethernet)
{
	void *l3 = (void *)(long)skb->data + (no_ethernet ? 0 : ETH_HLEN);
	void *end = (void *)(long)skb->data_end;
	const struct chq_config *cfg = config();
	__u32 word_be, bit;

	if (!cfg)
		return true;
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		if (l3 + sizeof(struct iphdr) > end)
			return true;
		word_be = ((struct iphdr *)l3)->saddr ^ bpf_htonl(0xffff);
	} else if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		const struct in6_addr *source = &((struct ipv6hdr *)l3)->saddr;

		if (l3 + sizeof(struct ipv6hdr) > end)
			return true;
		word_be = source->s6_addr32[0] ^ source->s6_addr32[1] ^ source->s6_addr32[2] ^
			  source->s6_addr32[3];
	} else {
		return true;
	}
	bit = CHQ_OWN_BIT(word_be);
	return cfg->own_filter[bit / 64 & (CHQ_OWN_WORDS - 1)] >> (bit & 63) & 1;
}

/* Where a walk along extension headers stands. */
struct walk {
	__u32 offset, end;
	__u32 fragment_id_be;
	__u16 fragment_be; /* offset and more-bit of the fragment header */
	__u8 protocol;
	__u8 fragmented; /* there was a fragment header */
};

static __always_inline bool is_extension(__u8 protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
	       protocol == IPPROTO_DSTOPTS || protocol == IPPROTO_FRAGMENT ||
	       protocol == IPPROTO_AH;
}

/* One extension header. A routing header with a stop left to make hides where it will go. */
static __always_inline enum chq_reason walk_extension(struct __sk_buff *skb, struct walk *walk,
						      bool first)
{
	__u32 bytes;
	__u8 head[8];

	if (walk->protocol == IPPROTO_HOPOPTS && !first)
		return CHQ_DROP_EXTENSION;
	if (walk->offset + sizeof(head) > walk->end)
		return CHQ_DROP_TRUNCATED;
	if (!load(skb, walk->offset, head, sizeof(head)))
		return CHQ_DROP_TRUNCATED;
	bytes = walk->protocol == IPPROTO_AH ? (head[1] + 2) * 4 : (head[1] + 1) * 8;
	if (walk->protocol == IPPROTO_FRAGMENT) {
		if (walk->fragmented)
			return CHQ_DROP_EXTENSION;
		bytes = 8;
		walk->fragmented = 1;
		walk->fragment_be = (__u16)head[2] << 8 | head[3];
		__builtin_memcpy(&walk->fragment_id_be, head + 4, 4);
	}
	if (walk->protocol == IPPROTO_ROUTING && (head[2] == 0 || head[3] != 0))
		return CHQ_DROP_SOURCE_ROUTE;
	if (walk->offset + bytes > walk->end)
		return CHQ_DROP_TRUNCATED;
	walk->offset += bytes;
	walk->protocol = head[0];
	return CHQ_UNDECIDED;
}

/* A later fragment's next header is in another packet: the walk ends at its fragment header. */
__noinline int walk_extensions(struct __sk_buff *skb, struct walk *walk)
{
	if (!walk)
		return CHQ_DROP_INTERNAL;
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		enum chq_reason why;

		if (!is_extension(walk->protocol) || walk->fragment_be & 0xfff8)
			return CHQ_UNDECIDED;
		why = walk_extension(skb, walk, i == 0);
		if (why)
			return why;
	}
	return is_extension(walk->protocol) ? CHQ_DROP_EXTENSION : CHQ_UNDECIDED;
}

static __always_inline enum chq_reason parse_ipv6(struct __sk_buff *skb, struct packet *pkt)
{
	__u32 left = skb->len - pkt->l3_offset;
	struct walk walk = {};
	struct ipv6hdr ip;
	__u32 length;
	int why;

	if (skb->len < pkt->l3_offset || !load(skb, pkt->l3_offset, &ip, sizeof(ip)))
		return CHQ_DROP_TRUNCATED;
	length = claimed_bytes(skb, bpf_ntohs(ip.payload_len), left - sizeof(ip));
	if (ip.version != 6 || (!length && ip.nexthdr == IPPROTO_HOPOPTS))
		return CHQ_DROP_IPV6_HEADER;
	if (length + sizeof(ip) > left)
		return CHQ_DROP_TRUNCATED;
	pkt->family = FAMILY_IPV6;
	pkt->protocol = ip.nexthdr;
	pkt->hop_limit = ip.hop_limit;
	pkt->source = *(struct chq_addr *)&ip.saddr;
	pkt->target = *(struct chq_addr *)&ip.daddr;
	if (is_mapped(&pkt->source) || is_mapped(&pkt->target))
		return CHQ_DROP_MAPPED;
	walk.offset = pkt->l3_offset + sizeof(ip);
	walk.end = walk.offset + length;
	walk.protocol = ip.nexthdr;
	why = walk_extensions(skb, &walk);
	pkt->protocol = walk.protocol;
	if (why)
		return why;
	pkt->l4_offset = walk.offset;
	pkt->l4_bytes = walk.end - walk.offset;
	if (walk.fragmented)
		fragment_fields(pkt, walk.fragment_be & 0xfff8, walk.fragment_be & 1,
				walk.fragment_id_be);
	return CHQ_UNDECIDED;
}

/* Bytes that a transport header has at least. */
static __always_inline __u32 l4_least_bytes(__u8 protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return sizeof(struct tcphdr);
	case IPPROTO_SCTP:
		return 12;
	case IPPROTO_UDP:
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 8;
	default:
		return 0;
	}
}

static __always_inline enum chq_reason parse_tcp(struct __sk_buff *skb, struct packet *pkt)
{
	struct tcphdr tcp;

	if (!load(skb, pkt->l4_offset, &tcp, sizeof(tcp)))
		return CHQ_DROP_TRUNCATED;
	pkt->sport_be = tcp.source;
	pkt->dport_be = tcp.dest;
	pkt->tcp_flags = ((__u8 *)&tcp)[13];
	pkt->seq = bpf_ntohl(tcp.seq);
	pkt->ack = bpf_ntohl(tcp.ack_seq);
	if (tcp.doff < 5)
		return CHQ_DROP_L4_HEADER;
	if ((__u32)tcp.doff * 4 > pkt->l4_bytes)
		return pkt->fragment ? CHQ_DROP_FRAGMENT_TINY : CHQ_DROP_L4_HEADER;
	return tcp_flags_ok(pkt->tcp_flags) ? CHQ_UNDECIDED : CHQ_DROP_TCP_FLAGS;
}

/* UDP, SCTP and ICMP all have what we want in their first eight bytes. */
static __always_inline enum chq_reason parse_short(struct __sk_buff *skb, struct packet *pkt)
{
	__be16 half[4];
	__u32 length;

	if (!load(skb, pkt->l4_offset, half, sizeof(half)))
		return CHQ_DROP_TRUNCATED;
	if (is_icmp(pkt)) {
		pkt->icmp_type = ((__u8 *)half)[0];
		pkt->icmp_code = ((__u8 *)half)[1];
		if (is_echo(pkt->protocol, pkt->icmp_type))
			pkt->sport_be = pkt->dport_be = half[2];
		return CHQ_UNDECIDED;
	}
	pkt->sport_be = half[0];
	pkt->dport_be = half[1];
	if (pkt->protocol != IPPROTO_UDP)
		return CHQ_UNDECIDED;
	length = claimed_bytes(skb, bpf_ntohs(half[2]), pkt->l4_bytes);
	if (length < sizeof(struct udphdr) || (!pkt->fragment && length > pkt->l4_bytes))
		return CHQ_DROP_L4_HEADER;
	return CHQ_UNDECIDED;
}

static __always_inline enum chq_reason parse_l4(struct __sk_buff *skb, struct packet *pkt)
{
	if ((pkt->family == FAMILY_IPV4 && pkt->protocol == IPPROTO_ICMPV6) ||
	    (pkt->family == FAMILY_IPV6 && pkt->protocol == IPPROTO_ICMP))
		return CHQ_DROP_L4_HEADER;
	if (pkt->fragment == FRAGMENT_LATER)
		return pkt->fragment_bytes < l4_least_bytes(pkt->protocol)
			       ? CHQ_DROP_FRAGMENT_OVERLAP
			       : CHQ_UNDECIDED;
	if (pkt->l4_bytes < l4_least_bytes(pkt->protocol))
		return pkt->fragment ? CHQ_DROP_FRAGMENT_TINY : CHQ_DROP_TRUNCATED;
	if (pkt->protocol == IPPROTO_TCP)
		return parse_tcp(skb, pkt);
	if (l4_least_bytes(pkt->protocol))
		return parse_short(skb, pkt);
	return CHQ_UNDECIDED;
}

__noinline int parse_slow(struct __sk_buff *skb, struct packet *pkt)
{
	int why;

	if (!pkt)
		return CHQ_DROP_INTERNAL;
	pkt->family = 0;
	pkt->arrival.vlan[0] = 0;
	pkt->sport_be = pkt->dport_be = 0;
	pkt->tcp_flags = 0;
	why = parse_link(skb, pkt);
	if (why)
		return why;
	if (pkt->ethertype_be == bpf_htons(ETH_P_IP))
		why = parse_ipv4(skb, pkt);
	else if (pkt->ethertype_be == bpf_htons(ETH_P_IPV6))
		why = parse_ipv6(skb, pkt);
	else
		return CHQ_UNDECIDED;
	why = why ?: parse_l4(skb, pkt);
	if (!why)
		packet_key(pkt);
	return why;
}

#endif
