/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef KERNEL_DEVICE_H
#define KERNEL_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chasqui/policy.h"
#include "kernel/link.h"
#include "kernel/refusal.h"

/* The network device of a tunnel: made, addressed and removed over rtnetlink. */

/* What we write into a device of ours, so that nobody else's is touched. */
#define DEVICE_ALIAS "chasqui tunnel"

#define KIND_WIREGUARD "wireguard"
#define KIND_TUN       "tun"

struct device_seen {
	unsigned ifindex; /* 0: there is none */
	char kind[16];
	bool ours; /* it has our alias */
	bool up, running;
	bool carrier; /* of a TUN: some process has a queue of it */
	uint32_t mtu_bytes;
	uint64_t rx_frame_errors; /* kind wireguard: packets with a source that is not the peer's */
};
int device_find(struct netlink *nl, const char *name, struct device_seen *ret);

/* Kind wireguard, down, with our alias. -EOPNOTSUPP: this kernel has none. */
int device_make_wireguard(struct netlink *nl, const char *name, struct refusal *refusal);

/*
 * A persistent TUN of bare IP packets with offload headers and several queues, down, with our
 * alias; made when it is not there yet. `*ret_fd` is its first queue, for an engine, which opens
 * the others. -EBUSY: one has it.
 */
int device_open_tun(struct netlink *nl, const char *name, int *ret_fd, struct refusal *refusal);

/* Writes our alias into a device that somebody else made. */
int device_adopt(struct netlink *nl, unsigned ifindex, struct refusal *refusal);

int device_delete(struct netlink *nl, unsigned ifindex, struct refusal *refusal);
int device_set_up(struct netlink *nl, unsigned ifindex, bool up, struct refusal *refusal);
int device_set_mtu(struct netlink *nl, unsigned ifindex, uint32_t mtu_bytes,
		   struct refusal *refusal);

/* Exactly these addresses, with the length of their link's prefix in length_bits (mapped form). */
struct device_address {
	struct chq_addr addr;
	uint32_t length_bits;
};
int device_set_addresses(struct netlink *nl, unsigned ifindex, const struct device_address *list,
			 size_t count, struct refusal *refusal);

#endif
