/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "frame.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <string.h>

struct writer {
	uint8_t *pos, *end;
};

static uint8_t *put(struct writer *out, size_t bytes)
{
	uint8_t *at = out->pos;

	assert(at + bytes <= out->end);
	memset(at, 0, bytes);
	out->pos += bytes;
	return at;
}

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = value >> 8;
	at[1] = value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

uint32_t sum16(const uint8_t *bytes, size_t count, uint32_t seed)
{
	for (size_t i = 0; i + 1 < count; i += 2)
		seed += bytes[i] << 8 | bytes[i + 1];
	if (count & 1)
		seed += bytes[count - 1] << 8;
	while (seed >> 16)
		seed = (seed & 0xffff) + (seed >> 16);
	return seed;
}

static bool is_ipv6(const struct frame *frame)
{
	return strchr(frame->from, ':');
}

static uint8_t protocol_of(const struct frame *frame)
{
	return frame->protocol ? frame->protocol : IPPROTO_TCP;
}

static void put_tcp(struct writer *out, const struct frame *frame)
{
	uint8_t *tcp = put(out, 20);

	put16(tcp, frame->sport);
	put16(tcp + 2, frame->dport);
	put32(tcp + 4, frame->seq);
	put32(tcp + 8, frame->ack);
	tcp[12] = 5 << 4;
	tcp[13] = frame->flags ? frame->flags : S;
}

static void put_udp(struct writer *out, const struct frame *frame)
{
	uint8_t *udp = put(out, 8);

	put16(udp, frame->sport);
	put16(udp + 2, frame->dport);
	put16(udp + 4, 8 + frame->payload_bytes);
}

static void put_ip(struct writer *out, const struct frame *frame);

static void put_icmp(struct writer *out, const struct frame *frame)
{
	uint8_t *icmp = put(out, 8);

	icmp[0] = frame->type;
	icmp[1] = frame->code;
	put16(icmp + 4, frame->id);
	if (frame->quoted)
		put_ip(out, frame->quoted);
}

static void put_payload(struct writer *out, const struct frame *frame)
{
	uint8_t protocol = protocol_of(frame);

	if (!frame->fragment_bytes) {
		if (protocol == IPPROTO_TCP)
			put_tcp(out, frame);
		else if (protocol == IPPROTO_UDP)
			put_udp(out, frame);
		else if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6)
			put_icmp(out, frame);
		else if (protocol == IPPROTO_SCTP) {
			uint8_t *sctp = put(out, 12);

			put16(sctp, frame->sport);
			put16(sctp + 2, frame->dport);
		}
	}
	memset(put(out, frame->payload_bytes), frame->fill, frame->payload_bytes);
}

static void put_ipv4(struct writer *out, const struct frame *frame)
{
	size_t header = 20 + frame->options_bytes;
	uint8_t *ip = put(out, header);

	ip[0] = 4 << 4 | header / 4;
	put16(ip + 4, frame->datagram);
	put16(ip + 6, frame->fragment_bytes / 8 | (frame->more ? 0x2000 : 0));
	ip[8] = frame->hops ? frame->hops : 64;
	ip[9] = protocol_of(frame);
	inet_pton(AF_INET, frame->from, ip + 12);
	inet_pton(AF_INET, frame->to, ip + 16);
	memcpy(ip + 20, frame->options, frame->options_bytes);
	put_payload(out, frame);
	put16(ip + 2, out->pos - ip);
	put16(ip + 10, ~sum16(ip, header, 0));
}

static uint8_t *put_extension(struct writer *out, uint8_t *next, const struct extension *extension)
{
	uint8_t *head = put(out, 8 + extension->more_bytes);

	*next = extension->type;
	head[1] = extension->type == IPPROTO_AH ? extension->more_bytes / 4
						: extension->more_bytes / 8;
	if (extension->length_field)
		head[1] = extension->length_field;
	head[2] = extension->third;
	head[3] = extension->fourth;
	return head;
}

static uint8_t *put_fragment(struct writer *out, uint8_t *next, const struct frame *frame)
{
	uint8_t *head = put(out, 8);

	*next = IPPROTO_FRAGMENT;
	put16(head + 2, frame->fragment_bytes | frame->more);
	put32(head + 4, frame->datagram);
	return head;
}

static void put_ipv6(struct writer *out, const struct frame *frame)
{
	uint8_t *ip = put(out, 40), *next = ip + 6;

	ip[0] = 6 << 4;
	ip[7] = frame->hops ? frame->hops : 64;
	inet_pton(AF_INET6, frame->from, ip + 8);
	inet_pton(AF_INET6, frame->to, ip + 24);
	for (int i = 0; i < frame->n_extensions; i++)
		next = put_extension(out, next, &frame->extensions[i]);
	if (frame->fragment_bytes || frame->more || frame->atomic)
		next = put_fragment(out, next, frame);
	*next = protocol_of(frame);
	put_payload(out, frame);
	put16(ip + 4, out->pos - ip - 40);
}

static void put_ip(struct writer *out, const struct frame *frame)
{
	uint8_t *ip = out->pos;

	if (is_ipv6(frame))
		put_ipv6(out, frame);
	else
		put_ipv4(out, frame);
	for (int i = 0; i < 4 && (frame->pokes[i].offset || frame->pokes[i].value); i++)
		ip[frame->pokes[i].offset] = frame->pokes[i].value;
}

static void put_ethernet(struct writer *out, const struct frame *frame, uint16_t type)
{
	uint8_t *eth = put(out, 12);

	memset(eth, frame->broadcast ? 0xff : 0x02, 6);
	if (frame->multicast)
		eth[0] = 0x33;
	memset(eth + 6, 0x06, 6);
	for (int i = 0; i < 3 && frame->vlans[i]; i++) {
		uint8_t *tag = put(out, 4);

		put16(tag, frame->vlans[i + 1] ? 0x88a8 : 0x8100);
		put16(tag + 2, frame->vlans[i]);
	}
	put16(put(out, 2), type);
}

size_t frame_bytes(const struct frame *frame, uint8_t *ret, size_t most)
{
	struct writer out = {ret, ret + most};

	if (!frame->no_ethernet)
		put_ethernet(&out, frame,
			     frame->ethertype ? frame->ethertype
			     : is_ipv6(frame) ? 0x86dd
					      : 0x0800);
	if (frame->ethertype)
		memset(put(&out, frame->payload_bytes), frame->fill, frame->payload_bytes);
	else
		put_ip(&out, frame);
	return out.pos - ret - frame->cut_bytes;
}
