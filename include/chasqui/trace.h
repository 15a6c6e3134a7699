/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef CHQ_TRACE_H
#define CHQ_TRACE_H

#include <linux/types.h>

#include "chasqui/policy.h"

/*
 * chq_trace, one element: what a dry run of the checkpoint found, stage by stage.
 * Only the load whose chq_dry_run is 1 writes it, and it writes nothing else.
 */
struct chq_trace {
	struct chq_addr source, target;
	__u64 flow_verdict; /* CHQ_FLOW_VERDICT, where there is a flow */
	__u32 generation;
	__u32 aim; /* CHQ_TARGET_* */
	chq_identity source_identity, target_identity;
	struct chq_decision egress, ingress; /* reason UNDECIDED: not asked */
	__be16 sport_be, dport_be;
	__u16 port;  /* number of the port it came in by */
	__u8 family; /* 4, 6; 0 = not IP */
	__u8 protocol;
	__u8 flow;		       /* enum chq_trace_flow */
	__u8 flow_state;	       /* enum chq_flow_state */
	__u8 source_kind, target_kind; /* enum chq_entry_kind */
	__u8 judged;		       /* the policies were asked, or the guard of the source */
	__u8 guard;   /* reason by which the source was refused; 0 = it belongs there */
	__u8 reason;  /* of the packet */
	__u8 decided; /* enum chq_direction; 0xff = neither policy */
	__u8 audit_reason;
	__u8 reject;
	__u8 pad[6];
};

enum chq_trace_flow { CHQ_TRACE_NO_FLOW, CHQ_TRACE_PROVEN, CHQ_TRACE_UNPROVEN };

_Static_assert(sizeof(struct chq_trace) == 96, "chq_trace is a map value");

#endif
