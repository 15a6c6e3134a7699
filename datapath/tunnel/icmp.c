/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "worker.h"

#include "checksum.h"

/* Not more than a hundred a second, ten at once. */
#define COST_NS	  (10 * NS_PER_MS)
#define BUCKET_NS (10 * COST_NS)

#define QUOTE_BYTES	  128
#define UNREACHABLE	  3 /* ICMP: destination unreachable, */
#define UNREACHABLE_HOST  1 /* host */
#define UNREACHABLE6	  1 /* ICMPv6: destination unreachable, */
#define UNREACHABLE6_ADDR 3 /* address */

static bool may_tell(struct worker *worker)
{
	uint64_t tokens = worker->unreachable_tokens + worker->now_ns - worker->unreachable_ns;

	if (tokens > BUCKET_NS)
		tokens = BUCKET_NS;
	worker->unreachable_ns = worker->now_ns;
	worker->unreachable_tokens = tokens < COST_NS ? tokens : tokens - COST_NS;
	return tokens >= COST_NS;
}

static uint32_t answer4(uint8_t *ret, const uint8_t *packet, uint32_t quoted)
{
	uint32_t length = 28 + quoted;
	uint16_t sum;

	memset(ret, 0, 28);
	ret[0] = 0x45;
	put_be16(ret + 2, length);
	ret[8] = 64;
	ret[9] = 1;
	memcpy(ret + 12, packet + 16, 4);
	memcpy(ret + 16, packet + 12, 4);
	checksum_header4(ret, 20);
	ret[20] = UNREACHABLE;
	ret[21] = UNREACHABLE_HOST;
	memcpy(ret + 28, packet, quoted);
	sum = ~checksum_fold(checksum_add(0, ret + 20, length - 20));
	memcpy(ret + 22, &sum, sizeof(sum));
	return length;
}

static uint32_t answer6(uint8_t *ret, const uint8_t *packet, uint32_t quoted)
{
	uint32_t length = 48 + quoted;
	uint16_t sum;

	memset(ret, 0, 48);
	ret[0] = 0x60;
	put_be16(ret + 4, length - 40);
	ret[6] = 58;
	ret[7] = 64;
	memcpy(ret + 8, packet + 24, 16);
	memcpy(ret + 24, packet + 8, 16);
	ret[40] = UNREACHABLE6;
	ret[41] = UNREACHABLE6_ADDR;
	memcpy(ret + 48, packet, quoted);
	sum = ~checksum_fold(
		checksum_add(checksum_pseudo(ret, 58, length - 40), ret + 40, length - 40));
	memcpy(ret + 42, &sum, sizeof(sum));
	return length;
}

/* RFC 1122, 3.2.2: no error about an error, a fragment's rest, or many; RFC 4443, 2.4 likewise. */
static bool deserves_answer(const uint8_t *packet, uint32_t length)
{
	if (packet[0] >> 4 == 4) {
		bool first = !(get_be16(packet + 6) & 0x1fff);
		uint32_t header = (packet[0] & 15u) * 4;

		if (!first || packet[16] >= 224 || !get_be32(packet + 12))
			return false;
		return packet[9] != 1 || (length > header && packet[header] != UNREACHABLE &&
					  packet[header] != 11 && packet[header] != 12);
	}
	if (packet[24] == 0xff || packet[8] == 0xff || crypt_is_zero(packet + 8, 16))
		return false;
	return packet[6] != 58 || (length > 40 && packet[40] >= 128);
}

void icmp_unreachable(struct worker *worker, const uint8_t *packet, uint32_t length)
{
	uint8_t answer[sizeof(struct virtio_net_hdr) + 48 + QUOTE_BYTES] = {};
	size_t header_bytes = worker->device->tun.header ? sizeof(struct virtio_net_hdr) : 0;
	uint32_t quoted = min_size(length, QUOTE_BYTES);

	if (!deserves_answer(packet, length) || !may_tell(worker))
		return;
	if (packet[0] >> 4 == 4)
		length = answer4(answer + header_bytes, packet, quoted);
	else
		length = answer6(answer + header_bytes, packet, quoted);
	if (write(worker->queues[0], answer, header_bytes + length) < 0)
		count_drop(worker->device, DROP_LOST);
}
