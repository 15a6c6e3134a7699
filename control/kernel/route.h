/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef KERNEL_ROUTE_H
#define KERNEL_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chasqui/policy.h"
#include "kernel/netlink.h"
#include "kernel/refusal.h"

/*
 * Routes into the tunnel. Behind each stands a blackhole of worse metric, so that with the device
 * down or gone what is bound for a Peer goes nowhere instead of by the default route. They
 * carry a protocol number of ours; nobody else's route is touched.
 */
#define ROUTE_PROTOCOL	       67 /* "chasqui"; of none of those in rt_protos */
#define ROUTE_METRIC	       1
#define ROUTE_METRIC_BLACKHOLE 2147483648u

struct routes_wish {
	const struct chq_prefix *list;
	size_t count;
	size_t aside; /* so many at its beginning stand in RULE_TABLE, with rules (kernel/rule.h) */
	uint32_t mark; /* of the tunnel's own packets; 0 only where none stands aside */
};

/*
 * Our routes and rules become those to the wish's prefixes: into `ifindex` (0: none, the device is
 * down) and the blackholes. What is there already is left alone; new blackholes come first and old
 * ones go last. NULL: all go.
 */
int routes_set(struct netlink *nl, unsigned ifindex, const struct routes_wish *wish,
	       struct refusal *refusal);

/*
 * The MTU on the way to an address: of the route or else of the interface it leaves
 * by. 0: there is no way. `ret_ifindex` may be NULL.
 */
uint32_t route_mtu(struct netlink *nl, const struct chq_addr *to, uint32_t fwmark,
		   unsigned *ret_ifindex);

#endif
