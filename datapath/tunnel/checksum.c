/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "checksum.h"

#include "bytes.h"

/* Half of these bytes' time would go into additions; with vectors it is the memory's. */
#if defined(__x86_64__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define VECTORS __attribute__((optimize("O3"), target_clones("default", "avx2", "arch=x86-64-v4")))
#else
#define VECTORS
#endif

/* Many 32-bit words added in 64-bit lanes cannot overflow: a packet has 16,384 at most. */
VECTORS static uint64_t add_words(const uint8_t *from, size_t count)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i++) {
		uint32_t word;

		memcpy(&word, from + 4 * i, sizeof(word));
		sum += word;
	}
	return sum;
}

uint64_t checksum_add(uint64_t sum, const void *data, size_t length)
{
	const uint8_t *from = data;
	uint32_t rest = 0;

	sum += add_words(from, length / 4);
	memcpy(&rest, from + (length & ~3UL), length & 3);
	return sum + rest;
}

uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

uint64_t checksum_pseudo(const uint8_t *packet, uint8_t protocol, uint32_t length)
{
	uint64_t sum = (uint64_t)htobe32(length) + htobe16(protocol);

	return packet[0] >> 4 == 4 ? checksum_add(sum, packet + 12, 8)
				   : checksum_add(sum, packet + 8, 32);
}

void checksum_header4(uint8_t *packet, size_t header_bytes)
{
	uint16_t sum;

	memset(packet + 10, 0, 2);
	sum = ~checksum_fold(checksum_add(0, packet, header_bytes));
	memcpy(packet + 10, &sum, sizeof(sum));
}
