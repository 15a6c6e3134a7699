/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef CHQ_EVENT_H
#define CHQ_EVENT_H

#include <linux/types.h>

#include "chasqui/policy.h"

/* Append only: the number is the wire format.  X(name, the word in text and JSON) */
#define CHQ_EVENTS(X)                                                \
	X(NEW, "new")		/* a flow was judged and passes */   \
	X(DROP, "drop")		/* a packet was dropped */           \
	X(CLOSE, "close")	/* a flow ended by FIN or RST */     \
	X(AUDIT, "audit")	/* a policy would have dropped it */ \
	X(REJUDGED, "rejudged") /* a running flow was judged by a new generation, and passes */

enum chq_event_kind {
#define X(name, word) CHQ_EVENT_##name,
	CHQ_EVENTS(X)
#undef X
		CHQ_EVENT_MAX
};

/* One record in the chq_events ring buffer: one packet, one decision. */
struct chq_event {
	__u64 time_ns; /* CLOCK_MONOTONIC, coarse */
	struct chq_addr source, target;
	__be16 sport_be, dport_be; /* ICMP: identifier in sport_be */
	__u8 protocol;		   /* IPPROTO_* */
	__u8 tcp_flags;
	__u8 icmp_type, icmp_code;
	chq_identity source_identity, target_identity;
	__u32 generation;
	__u32 origin_egress, origin_ingress; /* of the sender's and of the receiver's policies */
	__u32 ifindex;
	__u32 length_bytes;
	__u16 port;	      /* number of the port */
	__u16 vlan;	      /* outer tag, as in chq_arrival */
	__u8 kind;	      /* enum chq_event_kind */
	__u8 reason;	      /* enum chq_reason; AUDIT: the drop it would have been */
	__u8 direction;	      /* enum chq_direction: where on the port */
	__u8 decided;	      /* enum chq_direction of the policy that decided; 0xff = none */
	__u8 ethertype_known; /* 0: not IP, ethertype_be says what */
	__u8 pad;
	__be16 ethertype_be;
};

/* chq_lost: per CPU, index = reason: events that the budget or a full ring swallowed. */

_Static_assert(sizeof(struct chq_event) == 88, "chq_event is a wire format");

#endif
