/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_MERGE_H
#define TUNNEL_MERGE_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

/*
 * Packets on their way into the TUN: those of one flow that follow each other become one
 * of up to 64 KiB, for the kernel to take at once (as its own GRO would). Packets stay where
 * they are; only the first one's header is changed. One thread's own; a fixed size.
 */
#define MERGE_ITEMS 64
#define MERGE_PARTS 66 /* header, first packet, payloads */

struct merge_item {
	struct virtio_net_hdr header;
	struct iovec parts[MERGE_PARTS];
	uint32_t part_count;
	uint32_t bytes;		/* of the IP packet */
	uint32_t payload_bytes; /* of each but the last */
	uint32_t header_bytes;
	uint32_t next_sequence;
	uint32_t hash;
	uint8_t transport_at;
	uint8_t protocol; /* 0: not for merging */
	bool closed;
};

struct merge {
	const int *fds; /* queues of the TUN */
	uint32_t fd_count;
	bool header; /* the TUN takes virtio_net_hdr */
	bool udp;    /* and UDP in segments */
	uint32_t count;
	struct merge_item items[MERGE_ITEMS];
	uint64_t lost;
};

/* `packet` has exactly `length` bytes, checked; it must stay until the flush. */
void merge_add(struct merge *merge, uint8_t *packet, uint32_t length);
void merge_flush(struct merge *merge);

#endif
