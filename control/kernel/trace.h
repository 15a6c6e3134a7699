/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef KERNEL_TRACE_H
#define KERNEL_TRACE_H

#include "chasqui/trace.h"
#include "kernel/datapath.h"

/* A packet that nobody sends: the first of a flow, as its opener would send it. */
struct trace_packet {
	struct chq_addr source, target; /* of one family */
	uint32_t aim;			/* CHQ_TARGET_* */
	uint16_t sport;
	unsigned ifindex; /* where it comes in; with `own`, where it leaves */
	bool own;	  /* the gateway itself sends it */
};

/*
 * Runs it through the live maps by a second load of the checkpoint, whose constant
 * chq_dry_run turns every store off: no flow, event or counter is left behind.
 */
int datapath_trace(struct datapath *datapath, const struct trace_packet *packet,
		   struct chq_trace *ret);

#endif
