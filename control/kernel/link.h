/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef KERNEL_LINK_H
#define KERNEL_LINK_H

#include <stdbool.h>
#include <stddef.h>

#include "kernel/netlink.h"

/* One network interface of our namespace. */
struct link {
	unsigned ifindex;
	char name[16];
	char kind[16];	     /* "bridge", "bond", "vrf", "vlan", "veth", ...; "" for a card */
	unsigned short type; /* ARPHRD_* */
	unsigned master;     /* the bridge, bond or VRF that it belongs to; 0 = none */
	unsigned lower; /* what it stands on, for a VLAN device; 0 = nothing of this namespace */
	unsigned mtu_bytes;
	unsigned char mac[6]; /* 0 where there is none of six bytes */
	bool up;
	unsigned xdp_id; /* program attached at XDP; 0 = none */
	bool xdp_native;
};

struct links {
	struct link *list; /* by ifindex */
	size_t count;
};

int links_read(struct netlink *nl, struct links *ret);
void links_free(struct links *links);
const struct link *links_find(const struct links *links, unsigned ifindex);
const struct link *links_named(const struct links *links, const char *name);

/* It carries bare IP packets, without Ethernet headers. */
bool link_is_l3(const struct link *link);

/*
 * Whether a checkpoint on it sees all that comes in by it. If not, `why` says in one
 * sentence which interface should be the port instead.
 */
bool link_can_be_port(const struct links *links, const struct link *link, char *why, size_t size);

#endif
