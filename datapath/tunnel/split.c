/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "split.h"

#include <errno.h>
#include <netinet/in.h>

#include "bytes.h"
#include "checksum.h"

enum {
	TCP_SEQUENCE = 4,
	TCP_OFFSET = 12,
	TCP_FLAGS = 13,
	TCP_CHECKSUM = 16,
	UDP_LENGTH = 4,
	UDP_CHECKSUM = 6,
};

#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_CWR 0x80

static bool is_ip(const uint8_t *packet, uint32_t length)
{
	if (length < 20)
		return false;
	if (packet[0] >> 4 == 4)
		return (packet[0] & 15u) * 4 >= 20 && (packet[0] & 15u) * 4 <= length;
	return packet[0] >> 4 == 6 && length >= 40;
}

/* The kernel has put the pseudo header's sum where the checksum goes. */
static int finish_checksum(const struct virtio_net_hdr *header, uint8_t *packet, uint32_t length)
{
	uint32_t start = le16toh(header->csum_start), at = start + le16toh(header->csum_offset);
	uint16_t sum;

	if (!(header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return 0;
	if (start >= length || at + 2 > length)
		return -EBADMSG;
	sum = ~checksum_fold(checksum_add(0, packet + start, length - start));
	sum = sum ?: 0xffff;
	memcpy(packet + at, &sum, sizeof(sum));
	return 0;
}

static int open_segments(struct super *super, const struct virtio_net_hdr *header)
{
	uint32_t start = le16toh(header->csum_start), transport_bytes = super->udp ? 8 : 20;
	uint32_t ip_bytes = super->packet[0] >> 4 == 6 ? 40 : (super->packet[0] & 15u) * 4;

	super->transport_at = start;
	super->segment_bytes = le16toh(header->gso_size);
	if (start < ip_bytes || start + transport_bytes > super->length || !super->segment_bytes)
		return -EBADMSG;
	if (!super->udp) {
		transport_bytes = (super->packet[start + TCP_OFFSET] >> 4) * 4u;
		if (transport_bytes < 20 || start + transport_bytes > super->length)
			return -EBADMSG;
	}
	/* hdr_len is not to be trusted for forwarded packets. */
	super->header_bytes = start + transport_bytes;
	super->count = (super->length - super->header_bytes + super->segment_bytes - 1) /
		       super->segment_bytes;
	return super->count ? 0 : -EBADMSG;
}

int super_open(struct super *ret, const struct virtio_net_hdr *header, uint8_t *packet,
	       uint32_t length)
{
	struct super super = {.packet = packet, .length = length, .count = 1};
	int type = header->gso_type & ~VIRTIO_NET_HDR_GSO_ECN, err;

	if (!is_ip(packet, length))
		return -EBADMSG;
	switch (type) {
	case VIRTIO_NET_HDR_GSO_NONE:
		err = finish_checksum(header, packet, length);
		break;
	case VIRTIO_NET_HDR_GSO_TCPV4:
	case VIRTIO_NET_HDR_GSO_TCPV6:
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		super.udp = type == VIRTIO_NET_HDR_GSO_UDP_L4;
		err = open_segments(&super, header);
		break;
	default:
		err = -EBADMSG;
	}
	if (!err)
		*ret = super;
	return err;
}

static uint32_t payload_bytes(const struct super *super, uint32_t i)
{
	uint32_t all = super->length - super->header_bytes, from = i * super->segment_bytes;

	return min_size(super->segment_bytes, all - from);
}

uint32_t super_length(const struct super *super, uint32_t i)
{
	return super->header_bytes ? super->header_bytes + payload_bytes(super, i) : super->length;
}

static void fix_ip(const struct super *super, uint32_t i, uint8_t *packet, uint32_t length)
{
	if (packet[0] >> 4 == 6) {
		put_be16(packet + 4, length - 40);
		return;
	}
	put_be16(packet + 2, length);
	put_be16(packet + 4, get_be16(super->packet + 4) + i);
	checksum_header4(packet, (packet[0] & 15u) * 4);
}

static void fix_tcp(const struct super *super, uint32_t i, uint8_t *tcp)
{
	put_be32(tcp + TCP_SEQUENCE, get_be32(tcp + TCP_SEQUENCE) + i * super->segment_bytes);
	if (i > 0)
		tcp[TCP_FLAGS] &= ~TCP_CWR;
	if (i + 1 < super->count)
		tcp[TCP_FLAGS] &= ~(TCP_FIN | TCP_PSH);
}

static void fix_checksum(const struct super *super, uint8_t *packet, uint32_t length)
{
	uint32_t transport_bytes = length - super->transport_at;
	uint8_t *transport = packet + super->transport_at;
	uint8_t *place = transport + (super->udp ? UDP_CHECKSUM : TCP_CHECKSUM);
	uint64_t sum =
		checksum_pseudo(packet, super->udp ? IPPROTO_UDP : IPPROTO_TCP, transport_bytes);
	uint16_t folded;

	memset(place, 0, 2);
	folded = ~checksum_fold(checksum_add(sum, transport, transport_bytes));
	if (super->udp && !folded)
		folded = 0xffff;
	memcpy(place, &folded, sizeof(folded));
}

void super_write(const struct super *super, uint32_t i, uint8_t *ret)
{
	uint32_t length = super_length(super, i), payload = length - super->header_bytes;

	if (!super->header_bytes) {
		memcpy(ret, super->packet, length);
		return;
	}
	memcpy(ret, super->packet, super->header_bytes);
	memcpy(ret + super->header_bytes,
	       super->packet + super->header_bytes + (size_t)i * super->segment_bytes, payload);
	fix_ip(super, i, ret, length);
	if (super->udp)
		put_be16(ret + super->transport_at + UDP_LENGTH, length - super->transport_at);
	else
		fix_tcp(super, i, ret + super->transport_at);
	fix_checksum(super, ret, length);
}
