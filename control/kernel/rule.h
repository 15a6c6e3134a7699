/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef KERNEL_RULE_H
#define KERNEL_RULE_H

#include <stddef.h>
#include <stdint.h>

#include "chasqui/policy.h"
#include "kernel/netlink.h"
#include "kernel/refusal.h"

/*
 * Rules (rtnetlink, RTM_NEWRULE; ip-rule(8)) for prefixes that hold the way to a Peer itself, such
 * as 0.0.0.0/0: their routes stand in a table of their own, which the tunnel's own packets, by
 * their mark, pass over. Before it the main table is asked for anything longer, so that the
 * networks that the gateway is in stay where they are. They carry ROUTE_PROTOCOL; nobody else's
 * rule is touched.
 */
#define RULE_TABLE	   6700
#define RULE_MARK	   0x63687100 /* where the Gateway document has no fwmark */
#define RULE_PRIORITY	   30000      /* the mark; then two for each prefix */
#define RULE_PREFIXES_MOST 64

/* Ours become those for `list`, longer prefixes first; none: all go. */
int rules_set(struct netlink *nl, uint32_t mark, const struct chq_prefix *list, size_t count,
	      struct refusal *refusal);

#endif
