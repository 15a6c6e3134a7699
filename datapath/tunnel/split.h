/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_SPLIT_H
#define TUNNEL_SPLIT_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* UDP segmentation, newer than Debian 12's header. */
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

/*
 * One read from the TUN: a packet, or up to 64 KiB of one flow that the kernel
 * leaves to us to cut (TSO, USO) and to give checksums.
 */
struct super {
	uint8_t *packet;
	uint32_t length;
	uint32_t count;		/* of packets in it */
	uint32_t segment_bytes; /* payload of each but the last */
	uint32_t header_bytes;	/* IP and TCP or UDP; 0 where it is one packet already */
	uint32_t transport_at;
	bool udp;
};

/* Checks everything. -EBADMSG where header and packet do not fit each other. */
int super_open(struct super *ret, const struct virtio_net_hdr *header, uint8_t *packet,
	       uint32_t length);

/* The bytes of packet `i`, before padding. */
uint32_t super_length(const struct super *super, uint32_t i);

/* Writes packet `i`, whole and with right checksums. */
void super_write(const struct super *super, uint32_t i, uint8_t *ret);

#endif
