/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef BPF_REJECT_H
#define BPF_REJECT_H

/*
 * Answers to denied packets: the packet itself is rewritten into a RST or an ICMP
 * "administratively prohibited" and sent back out of the port that it came in by.
 * Only packets with a plain IP header are answered, within the budget; its VLAN
 * tags stay as they are.
 */

#include <linux/if_packet.h>
#include <linux/pkt_cls.h>

#include "packet.h"
#include "parse.h"
#include "verdict.h"

/* Destination unreachable: communication administratively prohibited. */
#define ICMP4_UNREACHABLE 3
#define ICMP4_PROHIBITED  13
#define ICMP6_UNREACHABLE 1
#define ICMP6_PROHIBITED  1

#define QUOTED_BYTES 8 /* of the denied packet's transport header */

/* Both answers in both families; each begins with its IP header. */
struct rst4 {
	struct iphdr ip;
	struct tcphdr tcp;
};

struct rst6 {
	struct ipv6hdr ip;
	struct tcphdr tcp;
};

struct icmp_error {
	__u8 type, code;
	__sum16 check;
	__be32 unused;
};

struct refusal4 {
	struct iphdr ip;
	struct icmp_error icmp;
	struct iphdr quoted_ip;
	__u8 quoted[QUOTED_BYTES];
};

struct refusal6 {
	struct ipv6hdr ip;
	struct icmp_error icmp;
	struct ipv6hdr quoted_ip;
	__u8 quoted[QUOTED_BYTES];
};

static __always_inline __u16 csum_fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static __always_inline __u32 csum_of(void *data, __u32 bytes, __u32 seed)
{
	return bpf_csum_diff(NULL, 0, data, bytes, seed);
}

/* The addresses lie one behind the other; the rest of a pseudo header is added as a seed. */
static __always_inline __u32 csum_pseudo4(struct iphdr *ip, __u16 bytes)
{
	return csum_of(&ip->saddr, 8, bpf_htons(bytes) + bpf_htons(ip->protocol));
}

static __always_inline __u32 csum_pseudo6(struct ipv6hdr *ip, __u16 bytes)
{
	return csum_of(&ip->saddr, 32, bpf_htons(bytes) + bpf_htons(ip->nexthdr));
}

static __always_inline void ip4_answer(struct iphdr *ret, const struct iphdr *ip, __u8 protocol,
				       __u16 bytes)
{
	*ret = (struct iphdr){
		.version = 4,
		.ihl = 5,
		.tot_len = bpf_htons(bytes),
		.frag_off = bpf_htons(0x4000),
		.ttl = 64,
		.protocol = protocol,
		.saddr = ip->daddr,
		.daddr = ip->saddr,
	};
	ret->check = csum_fold(csum_of(ret, sizeof(*ret), 0));
}

static __always_inline void ip6_answer(struct ipv6hdr *ret, const struct ipv6hdr *ip, __u8 protocol,
				       __u16 bytes)
{
	*ret = (struct ipv6hdr){
		.version = 6,
		.payload_len = bpf_htons(bytes),
		.nexthdr = protocol,
		.hop_limit = 64,
		.saddr = ip->daddr,
		.daddr = ip->saddr,
	};
}

/* RFC 9293, 3.10.7.1: the answer to a segment of no connection. */
static __always_inline void tcp_answer(struct tcphdr *ret, const struct tcphdr *tcp,
				       const struct packet *pkt)
{
	__u32 length = pkt->l4_bytes - tcp->doff * 4 + tcp->syn + tcp->fin;

	*ret = (struct tcphdr){
		.source = tcp->dest,
		.dest = tcp->source,
		.seq = tcp->ack ? tcp->ack_seq : 0,
		.ack_seq = tcp->ack ? 0 : bpf_htonl(pkt->seq + length),
		.doff = 5,
		.rst = 1,
		.ack = !tcp->ack,
	};
}

/*
 * A sender on this machine leaves its checksum to the device, which then fills it
 * in when the answer is sent, at the place of the old transport header's. Seen by
 * what the helper does to a checksum that is still to be made: nothing.
 */
static __always_inline bool csum_is_partial(struct __sk_buff *skb, __u32 offset)
{
	__sum16 before = 0, after = 0;

	bpf_skb_store_bytes(skb, offset, &before, sizeof(before), 0);
	bpf_l4_csum_replace(skb, offset, 0, bpf_htons(1), sizeof(__u16));
	bpf_skb_load_bytes(skb, offset, &after, sizeof(after));
	return after == before;
}

/* Puts the checksum in; for a device to finish, the pseudo header's part of it alone. */
static __always_inline bool csum_finish(struct __sk_buff *skb, __u32 l4, __u32 field,
					__u32 device_field, __u32 pseudo, __u32 full)
{
	__sum16 zero = 0, sum = csum_fold(full);

	if (csum_is_partial(skb, l4 + device_field)) {
		sum = ~csum_fold(pseudo);
		field = device_field;
	} else {
		bpf_skb_store_bytes(skb, l4 + device_field, &zero, sizeof(zero), 0);
	}
	return !bpf_skb_store_bytes(skb, l4 + field, &sum, sizeof(sum), 0);
}

static __always_inline bool put(struct __sk_buff *skb, const struct packet *pkt, void *answer,
				__u32 bytes)
{
	return !bpf_skb_change_tail(skb, pkt->l3_offset + bytes, 0) &&
	       !bpf_skb_store_bytes(skb, pkt->l3_offset, answer, bytes, 0);
}

__noinline int reject_tcp4(struct __sk_buff *skb, struct packet *pkt)
{
	struct rst4 old, new;
	__u32 pseudo;

	if (!pkt)
		return false;
	if (!load(skb, pkt->l3_offset, &old, sizeof(old)))
		return false;
	ip4_answer(&new.ip, &old.ip, IPPROTO_TCP, sizeof(new));
	tcp_answer(&new.tcp, &old.tcp, pkt);
	pseudo = csum_pseudo4(&new.ip, sizeof(new.tcp));
	return put(skb, pkt, &new, sizeof(new)) &&
	       csum_finish(skb, pkt->l3_offset + sizeof(new.ip), 16, 16, pseudo,
			   csum_of(&new.tcp, sizeof(new.tcp), pseudo));
}

__noinline int reject_tcp6(struct __sk_buff *skb, struct packet *pkt)
{
	struct rst6 old, new;
	__u32 pseudo;

	if (!pkt)
		return false;
	if (!load(skb, pkt->l3_offset, &old, sizeof(old)))
		return false;
	ip6_answer(&new.ip, &old.ip, IPPROTO_TCP, sizeof(new.tcp));
	tcp_answer(&new.tcp, &old.tcp, pkt);
	pseudo = csum_pseudo6(&new.ip, sizeof(new.tcp));
	return put(skb, pkt, &new, sizeof(new)) &&
	       csum_finish(skb, pkt->l3_offset + sizeof(new.ip), 16, 16, pseudo,
			   csum_of(&new.tcp, sizeof(new.tcp), pseudo));
}

__noinline int reject_other4(struct __sk_buff *skb, struct packet *pkt)
{
	struct refusal4 new = {.icmp = {.type = ICMP4_UNREACHABLE, .code = ICMP4_PROHIBITED}};

	if (!pkt)
		return false;
	if (!load(skb, pkt->l3_offset, &new.quoted_ip, sizeof(new.quoted_ip) + QUOTED_BYTES))
		return false;
	ip4_answer(&new.ip, &new.quoted_ip, IPPROTO_ICMP, sizeof(new));
	return put(skb, pkt, &new, sizeof(new)) &&
	       csum_finish(skb, pkt->l3_offset + sizeof(new.ip), 2, 6, 0,
			   csum_of(&new.icmp, sizeof(new) - sizeof(new.ip), 0));
}

__noinline int reject_other6(struct __sk_buff *skb, struct packet *pkt)
{
	struct refusal6 new = {.icmp = {.type = ICMP6_UNREACHABLE, .code = ICMP6_PROHIBITED}};
	__u32 pseudo;

	if (!pkt)
		return false;
	if (!load(skb, pkt->l3_offset, &new.quoted_ip, sizeof(new.quoted_ip) + QUOTED_BYTES))
		return false;
	ip6_answer(&new.ip, &new.quoted_ip, IPPROTO_ICMPV6, sizeof(new) - sizeof(new.ip));
	pseudo = csum_pseudo6(&new.ip, sizeof(new) - sizeof(new.ip));
	return put(skb, pkt, &new, sizeof(new)) &&
	       csum_finish(skb, pkt->l3_offset + sizeof(new.ip), 2, 6, pseudo,
			   csum_of(&new.icmp, sizeof(new) - sizeof(new.ip), pseudo));
}

static __always_inline bool turn_frame(struct __sk_buff *skb, const struct packet *pkt)
{
	__u8 old[2 * ETH_ALEN], new[2 * ETH_ALEN];

	if (pkt->no_ethernet)
		return true;
	if (!load(skb, 0, old, sizeof(old)))
		return false;
	__builtin_memcpy(new, old + ETH_ALEN, ETH_ALEN);
	__builtin_memcpy(new + ETH_ALEN, old, ETH_ALEN);
	return !bpf_skb_store_bytes(skb, 0, new, sizeof(new), 0);
}

static __always_inline bool has_plain_header(const struct packet *pkt)
{
	return pkt->l4_offset - pkt->l3_offset ==
	       (pkt->family == FAMILY_IPV4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));
}

/* RFC 1122, 3.2.2 and RFC 4443, 2.4: who gets no answer, and what cannot be answered in place. */
static __always_inline bool may_reject(const struct packet *pkt)
{
	if (pkt->direction != CHQ_INGRESS || pkt->fragment || pkt->to_link || pkt->link_type == 1 ||
	    pkt->link_type == 2 || !has_plain_header(pkt) || pkt->l4_bytes < QUOTED_BYTES ||
	    is_icmp_error(pkt))
		return false;
	if (pkt->protocol == IPPROTO_TCP)
		return !(pkt->tcp_flags & TCP_RST);
	return pkt->protocol != IPPROTO_SCTP;
}

static __always_inline bool reject_bytes4(struct __sk_buff *skb, struct packet *pkt)
{
	return pkt->protocol == IPPROTO_TCP ? reject_tcp4(skb, pkt) : reject_other4(skb, pkt);
}

static __always_inline bool reject_bytes6(struct __sk_buff *skb, struct packet *pkt)
{
	return pkt->protocol == IPPROTO_TCP ? reject_tcp6(skb, pkt) : reject_other6(skb, pkt);
}

/* TC_ACT_REDIRECT when the answer is on its way, else TC_ACT_SHOT. */
__noinline int reject(struct __sk_buff *skb, struct packet *pkt)
{
	const struct chq_config *cfg = config();
	bool made;

	if (!pkt || !cfg || !may_reject(pkt) ||
	    !budget_spend(BUDGET_REJECT, cfg->reject_budget, pkt->tick))
		return TC_ACT_SHOT;
	made = pkt->family == FAMILY_IPV4 ? reject_bytes4(skb, pkt) : reject_bytes6(skb, pkt);
	if (!made || !turn_frame(skb, pkt))
		return TC_ACT_SHOT;
	return bpf_redirect(pkt->ifindex, 0);
}

#endif
