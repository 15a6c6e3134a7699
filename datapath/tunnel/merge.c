/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "merge.h"

#include <errno.h>
#include <netinet/in.h>

#include "bytes.h"
#include "checksum.h"
#include "split.h"

#define TCP_ACK 0x10
#define TCP_PSH 0x08

/* What a packet is, as far as merging asks. */
struct shape {
	uint8_t *packet;
	uint32_t length;
	uint32_t header_bytes;
	uint32_t payload_bytes;
	uint32_t hash;
	uint8_t transport_at;
	uint8_t protocol; /* 0: neither TCP nor UDP, or a fragment */
	bool fit;	  /* may be part of a train */
};

static bool shape_ip(struct shape *shape)
{
	const uint8_t *packet = shape->packet;
	bool is4 = packet[0] >> 4 == 4;

	shape->transport_at = is4 ? 20 : 40;
	shape->protocol = is4 ? packet[9] : packet[6];
	if (is4 && (packet[0] != 0x45 || get_be16(packet + 6) & 0x3fff))
		return false;
	return shape->protocol == IPPROTO_TCP || shape->protocol == IPPROTO_UDP;
}

static bool shape_tcp(struct shape *shape)
{
	const uint8_t *tcp = shape->packet + shape->transport_at;
	uint32_t room = shape->length - shape->transport_at, tcp_bytes;

	if (room < 20)
		return false;
	tcp_bytes = (tcp[12] >> 4) * 4u;
	if (tcp_bytes < 20 || tcp_bytes > room)
		return false;
	shape->header_bytes = shape->transport_at + tcp_bytes;
	shape->payload_bytes = room - tcp_bytes;
	return (tcp[13] & ~TCP_PSH) == TCP_ACK && shape->payload_bytes;
}

static bool shape_udp(struct shape *shape)
{
	const uint8_t *udp = shape->packet + shape->transport_at;
	uint32_t room = shape->length - shape->transport_at;

	if (room < 8)
		return false;
	shape->header_bytes = shape->transport_at + 8;
	shape->payload_bytes = room - 8;
	return get_be16(udp + 4) == room && get_be16(udp + 6) && shape->payload_bytes;
}

static uint32_t hash_of(const struct shape *shape)
{
	const uint8_t *addresses = shape->packet + (shape->transport_at == 20 ? 12 : 8);
	uint32_t hash = get_le32(shape->packet + shape->transport_at) * 0x9e3779b1u;

	for (int i = 0; i < shape->transport_at - (shape->transport_at == 20 ? 12 : 8); i += 4)
		hash = (hash ^ get_le32(addresses + i)) * 0x85ebca6bu;
	return hash ^ hash >> 15;
}

static struct shape shape_of(const struct merge *merge, uint8_t *packet, uint32_t length)
{
	struct shape shape = {.packet = packet, .length = length};

	if (!shape_ip(&shape) || length < shape.transport_at + 8u) {
		shape.protocol = 0;
		return shape;
	}
	shape.hash = hash_of(&shape);
	if (!merge->header)
		return shape;
	shape.fit =
		shape.protocol == IPPROTO_TCP ? shape_tcp(&shape) : merge->udp && shape_udp(&shape);
	return shape;
}

/* A train gets one new checksum, so a packet with a wrong one may not hide in it. */
static bool checksum_right(const struct shape *shape)
{
	uint32_t bytes = shape->length - shape->transport_at;
	uint64_t sum = checksum_pseudo(shape->packet, shape->protocol, bytes);

	return checksum_fold(checksum_add(sum, shape->packet + shape->transport_at, bytes)) ==
	       0xffff;
}

static bool same_flow(const uint8_t *a, const uint8_t *b, const struct shape *shape)
{
	uint32_t from = shape->transport_at == 20 ? 12 : 8;

	return (a[0] ^ b[0]) < 16 && !memcmp(a + from, b + from, shape->transport_at - from + 4);
}

static struct merge_item *find(struct merge *merge, const struct shape *shape)
{
	for (uint32_t i = merge->count; i-- > 0;) {
		struct merge_item *item = &merge->items[i];

		if (item->hash == shape->hash && item->protocol == shape->protocol &&
		    item->transport_at == shape->transport_at &&
		    same_flow(item->parts[1].iov_base, shape->packet, shape))
			return item;
	}
	return NULL;
}

/* All that a merged packet says only once must be equal: class, lifetime, DF; acknowledged,
 * reserved, window, options. */
static bool same_header(const struct merge_item *item, const struct shape *shape)
{
	const uint8_t *a = item->parts[1].iov_base, *b = shape->packet;
	uint32_t at = shape->transport_at;

	if (item->header_bytes != shape->header_bytes)
		return false;
	if (at == 20 ? a[1] != b[1] || a[6] != b[6] || a[8] != b[8]
		     : memcmp(a, b, 4) || a[7] != b[7])
		return false;
	if (shape->protocol == IPPROTO_UDP)
		return true;
	return !memcmp(a + at + 8, b + at + 8, 5) && !memcmp(a + at + 14, b + at + 14, 2) &&
	       !memcmp(a + at + 20, b + at + 20, shape->header_bytes - at - 20);
}

static bool may_join(const struct merge_item *item, const struct shape *shape)
{
	if (item->closed || !shape->fit || item->part_count == MERGE_PARTS ||
	    shape->payload_bytes > item->payload_bytes ||
	    item->bytes + shape->payload_bytes > UINT16_MAX || !same_header(item, shape))
		return false;
	return shape->protocol == IPPROTO_UDP ||
	       get_be32(shape->packet + shape->transport_at + 4) == item->next_sequence;
}

static void join(struct merge_item *item, const struct shape *shape)
{
	uint8_t *first = item->parts[1].iov_base;

	item->parts[item->part_count++] =
		(struct iovec){shape->packet + shape->header_bytes, shape->payload_bytes};
	item->bytes += shape->payload_bytes;
	item->next_sequence += shape->payload_bytes;
	if (shape->payload_bytes < item->payload_bytes)
		item->closed = true;
	/* As its sender may (RFC 9293, 3.9.1): one push for all, at the end. */
	if (shape->protocol == IPPROTO_TCP)
		first[shape->transport_at + 13] |=
			shape->packet[shape->transport_at + 13] & TCP_PSH;
}

static void begin(struct merge *merge, const struct shape *shape)
{
	struct merge_item *item;

	if (merge->count == MERGE_ITEMS)
		merge_flush(merge);
	item = &merge->items[merge->count++];
	item->header = (struct virtio_net_hdr){};
	item->parts[1] = (struct iovec){shape->packet, shape->length};
	item->part_count = 2;
	item->bytes = shape->length;
	item->payload_bytes = shape->payload_bytes;
	item->header_bytes = shape->header_bytes;
	item->hash = shape->hash;
	item->transport_at = shape->transport_at;
	item->protocol = shape->protocol;
	item->closed = !shape->fit;
	if (!shape->fit || shape->protocol == IPPROTO_UDP)
		return;
	item->next_sequence =
		get_be32(shape->packet + shape->transport_at + 4) + shape->payload_bytes;
}

void merge_add(struct merge *merge, uint8_t *packet, uint32_t length)
{
	struct shape shape = shape_of(merge, packet, length);
	struct merge_item *item = shape.protocol ? find(merge, &shape) : NULL;

	if (shape.fit && !checksum_right(&shape))
		shape.fit = false;
	if (item && may_join(item, &shape)) {
		join(item, &shape);
		return;
	}
	/* What comes later in the flow may not overtake this one. */
	if (item)
		item->closed = true;
	begin(merge, &shape);
}

/* The first packet's header now speaks for all; the kernel asks for the pseudo header's sum. */
static void finish_train(struct merge_item *item)
{
	uint8_t *packet = item->parts[1].iov_base, *transport = packet + item->transport_at;
	bool is4 = item->transport_at == 20, udp = item->protocol == IPPROTO_UDP;
	uint32_t transport_bytes = item->bytes - item->transport_at;
	uint16_t sum;

	if (is4) {
		put_be16(packet + 2, item->bytes);
		checksum_header4(packet, 20);
	} else {
		put_be16(packet + 4, item->bytes - 40);
	}
	if (udp)
		put_be16(transport + 4, transport_bytes);
	sum = checksum_fold(checksum_pseudo(packet, item->protocol, transport_bytes));
	memcpy(transport + (udp ? 6 : 16), &sum, sizeof(sum));

	item->header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	item->header.gso_type = udp   ? VIRTIO_NET_HDR_GSO_UDP_L4
				: is4 ? VIRTIO_NET_HDR_GSO_TCPV4
				      : VIRTIO_NET_HDR_GSO_TCPV6;
	item->header.hdr_len = htole16(item->header_bytes);
	item->header.gso_size = htole16(item->payload_bytes);
	item->header.csum_start = htole16(item->transport_at);
	item->header.csum_offset = htole16(udp ? 6 : 16);
}

/*
 * The kernel gives us a flow's answers in the queue where we wrote the flow: ports spread over all
 * but the first, which is for what has none, so that ICMP waits behind no bulk.
 */
static int queue_of(const struct merge *merge, const struct merge_item *item)
{
	if (!item->protocol || merge->fd_count == 1)
		return merge->fds[0];
	return merge->fds[1 + item->hash % (merge->fd_count - 1)];
}

/* A kernel that cannot take this train: its packets one by one, with the first one's header mended
 * for each. */
static void write_singly(struct merge *merge, struct merge_item *item)
{
	static __thread uint8_t gathered[UINT16_MAX + 1], whole[sizeof(*item) + UINT16_MAX];
	struct virtio_net_hdr *header = (struct virtio_net_hdr *)whole;
	uint32_t length = 0;
	struct super super;

	for (uint32_t i = 1; i < item->part_count; i++) {
		memcpy(gathered + length, item->parts[i].iov_base, item->parts[i].iov_len);
		length += item->parts[i].iov_len;
	}
	if (super_open(&super, &item->header, gathered, length))
		return;
	*header = (struct virtio_net_hdr){};
	for (uint32_t i = 0; i < super.count; i++) {
		super_write(&super, i, whole + sizeof(*header));
		if (write(queue_of(merge, item), whole, sizeof(*header) + super_length(&super, i)) <
		    0)
			merge->lost++;
	}
}

static void write_item(struct merge *merge, struct merge_item *item)
{
	int skip = merge->header ? 0 : 1;

	if (item->part_count > 2)
		finish_train(item);
	item->parts[0] = (struct iovec){&item->header, sizeof(item->header)};
	if (writev(queue_of(merge, item), item->parts + skip, (int)item->part_count - skip) >= 0)
		return;
	if (errno == EINVAL && item->part_count > 2) {
		/* Vendor kernels refuse some trains of UDP: do without from now on. */
		if (item->protocol == IPPROTO_UDP)
			merge->udp = false;
		write_singly(merge, item);
		return;
	}
	merge->lost++;
}

void merge_flush(struct merge *merge)
{
	for (uint32_t i = 0; i < merge->count; i++)
		write_item(merge, &merge->items[i]);
	merge->count = 0;
}
