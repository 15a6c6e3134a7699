/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef CHQ_FLOW_H
#define CHQ_FLOW_H

#include <linux/types.h>

#include "chasqui/policy.h"

/*
 * The key of a flow. The two ends are sorted, so that both directions find it in
 * one look-up: end 0 has the smaller address (compared as bytes in network
 * order), and with equal addresses the smaller port. ICMP echo: both ports are the
 * identifier. Protocols without ports: 0.
 */
struct chq_flow4 {
	__be32 addr[2];
	__be16 port_be[2];
	__u8 protocol; /* IPPROTO_* */
	__u8 pad[3];   /* 0 */
};

struct chq_flow6 {
	struct chq_addr addr[2];
	__be16 port_be[2];
	__u8 protocol;
	__u8 pad[3];
};

enum chq_flow_state {
	CHQ_FLOW_NEW,	   /* seen from the opener only */
	CHQ_FLOW_ANSWERED, /* TCP: a SYN-ACK came back, its number is kept */
	CHQ_FLOW_ESTABLISHED,
	CHQ_FLOW_CLOSING, /* one FIN */
	CHQ_FLOW_CLOSED,  /* both FINs or a RST */
	CHQ_FLOW_DENIED,  /* remembered so that a repeated denial is cheap */
};

/* Flags of a flow. */
#define CHQ_FLOW_OPENER_1   0x01 /* end 1 of the key opened it, else end 0 */
#define CHQ_FLOW_PICKED_UP  0x02 /* was running before it was watched */
#define CHQ_FLOW_TRANSLATED 0x04 /* its source was translated: judged by the flow behind it */
#define CHQ_FLOW_ONE_WAY    0x08 /* lasting UDP that nobody answers */
#define CHQ_FLOW_REJECT	    0x10 /* its denial is answered */
#define CHQ_FLOW_FIN_0	    0x20 /* FIN seen from end 0 */
#define CHQ_FLOW_FIN_1	    0x40 /* FIN seen from end 1 */
#define CHQ_FLOW_HOST	    0x80 /* the gateway itself opened it (judged at egress) */

/* Where one direction of a flow comes in. Another place means full judgement. */
struct chq_arrival {
	__u32 ifindex; /* 0 = not seen yet, or the gateway itself */
	__u16 vlan[2]; /* tag control 12 bits | 0x1000 when there is a tag; outer, inner */
};

#define CHQ_VLAN_TAG	 0x1000
#define CHQ_VLAN_UNKNOWN 0xffff /* vlan[0] of an end that has not sent yet (ifindex 0) */

/*
 * How long a flow may be idle, by its protocol and state:
 * DENIED in chq_new4/6: DENIED; in chq_flow4/6 as ESTABLISHED (a running flow that a
 * reload denied may be allowed by the next). TCP: NEW and ANSWERED: TCP_SYN;
 * ESTABLISHED and CLOSING: TCP_ESTABLISHED; CLOSED: TCP_CLOSING. UDP and SCTP: NEW:
 * UDP_NEW; else UDP. ICMP, ICMPv6: ICMP. All others: OTHER.
 */

/* Value of chq_flow4/6 (proven) and chq_new4/6 (unproven and denied). */
struct chq_flow {
	/* What a known packet reads comes first, to lie in as few cache lines as can be. */
	__u64 verdict; /* CHQ_FLOW_VERDICT; an older generation never overwrites a newer */
	struct chq_arrival arrival[2]; /* by the end that sends */
	__u64 hop[2];		       /* CHQ_HOP, by the end that sends; 0 = to be looked up */
	__u32 seen_tick;
	__u8 state;    /* enum chq_flow_state */
	__u8 flags;    /* CHQ_FLOW_* */
	__u16 port[2]; /* port numbers of the arrivals, for counters */
	__u16 pad;
	__u32 opened_tick;
	__u32 answer_seq;	  /* TCP, ANSWERED: the SYN-ACK's sequence number + 1 */
	chq_identity identity[2]; /* of end 0 and end 1 when it was judged */
	__u32 pad2;
};

/*
 * Where packets of a proven flow leave straight from the checkpoint: the device and, on
 * Ethernet, who stands there (MAC in the upper six bytes, its first byte lowest). It holds
 * for the tick in which it was looked up.
 */
#define CHQ_HOP(ifindex, mac) ((__u64)(mac) << 16 | (ifindex))
#define CHQ_HOP_IFINDEX(hop)  ((__u32)((hop)&0xffff))
#define CHQ_HOP_MAC(hop)      ((hop) >> 16)
#define CHQ_HOP_STACK	      CHQ_HOP(0, 1) /* not straight: through the kernel's stack */

/* generation (32 bits), origin set (24), reason (8) */
#define CHQ_FLOW_VERDICT(generation, origin, reason) \
	((__u64)(generation) << 32 | (__u64)((origin)&0xffffff) << 8 | (reason))
#define CHQ_FLOW_GENERATION(verdict) ((__u32)((verdict) >> 32))
#define CHQ_FLOW_ORIGIN(verdict)     ((__u32)(verdict) >> 8)
#define CHQ_FLOW_REASON(verdict)     ((__u8)(verdict))

/* chq_frags: a datagram's later fragments get the ports of its first. */
struct chq_fragment {
	struct chq_addr source, target;
	__u32 id_be;
	__u32 protocol;
};

struct chq_fragment_ports {
	__be16 port_be[2]; /* source, target; ICMP: type in the low byte of [0] and identifier in
			      [1] */
	__u32 seen_tick;
};

_Static_assert(sizeof(struct chq_flow4) == 16, "chq_flow4 is a map key");
_Static_assert(sizeof(struct chq_flow6) == 40, "chq_flow6 is a map key");
_Static_assert(sizeof(struct chq_flow) == 72, "chq_flow is a map value");
_Static_assert(sizeof(struct chq_fragment) == 40, "chq_fragment is a map key");

#endif
