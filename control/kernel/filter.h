/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef KERNEL_FILTER_H
#define KERNEL_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "chasqui/verdict.h"
#include "kernel/netlink.h"

/*
 * Our filters have a fixed place, so that a new program replaces the old one
 * without a packet in between. It is also the place that `tc filter add` without a
 * preference gives to the first filter, so what was attached by hand is found again.
 */
#define FILTER_HANDLE	1
#define FILTER_PRIORITY 49152

struct filter {
	bool present;
	uint32_t program_id;
	char name[64]; /* TCA_BPF_NAME */
};

/* Makes the qdisc unless it is there. -EEXIST: another kind stands in its place. */
int clsact_make(struct netlink *nl, unsigned ifindex, bool *ret_made);
/* Which interfaces have one. */
int clsact_present(struct netlink *nl, unsigned ifindex, bool *ret);
/* Removes it when no filter is left in it. */
int clsact_remove_empty(struct netlink *nl, unsigned ifindex);

/* Puts the program into our place, over whatever of ours is there. */
int filter_set(struct netlink *nl, unsigned ifindex, enum chq_direction direction, int program_fd,
	       const char *name);
/* What stands in our place. */
int filter_get(struct netlink *nl, unsigned ifindex, enum chq_direction direction,
	       struct filter *ret);
int filter_delete(struct netlink *nl, unsigned ifindex, enum chq_direction direction);

struct filter_count {
	unsigned all;
	unsigned before; /* of these, asked before ours (a lower priority) */
};

/* How many filters of anyone there are, by direction; none where they cannot be read. */
void filters_count(struct netlink *nl, unsigned ifindex, struct filter_count ret[2]);

#endif
