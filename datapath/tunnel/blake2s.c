/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "blake2s.h"

#include <sodium.h>

#include "bytes.h"

/* RFC 7693, 2.6: the same words as SHA-256's initial values. */
static const uint32_t first_chain[8] = {
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
	0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

/* RFC 7693, 2.7: in which order each round takes the words of the message. */
static const uint8_t word_order[10][16] = {
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	{14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
	{11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
	{7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
	{9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
	{2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
	{12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
	{13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
	{6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
	{10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

static inline uint32_t rotate(uint32_t word, int right)
{
	return word >> right | word << (32 - right);
}

static inline void mix(uint32_t *v, int a, int b, int c, int d, uint32_t x, uint32_t y)
{
	v[a] += v[b] + x;
	v[d] = rotate(v[d] ^ v[a], 16);
	v[c] += v[d];
	v[b] = rotate(v[b] ^ v[c], 12);
	v[a] += v[b] + y;
	v[d] = rotate(v[d] ^ v[a], 8);
	v[c] += v[d];
	v[b] = rotate(v[b] ^ v[c], 7);
}

static void round_of(uint32_t *v, const uint32_t *word, const uint8_t *order)
{
	mix(v, 0, 4, 8, 12, word[order[0]], word[order[1]]);
	mix(v, 1, 5, 9, 13, word[order[2]], word[order[3]]);
	mix(v, 2, 6, 10, 14, word[order[4]], word[order[5]]);
	mix(v, 3, 7, 11, 15, word[order[6]], word[order[7]]);
	mix(v, 0, 5, 10, 15, word[order[8]], word[order[9]]);
	mix(v, 1, 6, 11, 12, word[order[10]], word[order[11]]);
	mix(v, 2, 7, 8, 13, word[order[12]], word[order[13]]);
	mix(v, 3, 4, 9, 14, word[order[14]], word[order[15]]);
}

static void compress(struct blake2s *hash, const uint8_t *block, uint32_t last)
{
	uint32_t v[16], word[16];

	for (int i = 0; i < 16; i++)
		word[i] = get_le32(block + 4 * i);
	memcpy(v, hash->chain, sizeof(hash->chain));
	memcpy(v + 8, first_chain, sizeof(first_chain));
	v[12] ^= (uint32_t)hash->done_bytes;
	v[13] ^= (uint32_t)(hash->done_bytes >> 32);
	v[14] ^= last;
	for (int i = 0; i < 10; i++)
		round_of(v, word, word_order[i]);
	for (int i = 0; i < 8; i++)
		hash->chain[i] ^= v[i] ^ v[i + 8];
}

void blake2s_init(struct blake2s *hash, size_t out_bytes, const void *key, size_t key_bytes)
{
	memset(hash, 0, sizeof(*hash));
	memcpy(hash->chain, first_chain, sizeof(first_chain));
	hash->chain[0] ^= 0x01010000u ^ (uint32_t)key_bytes << 8 ^ (uint32_t)out_bytes;
	hash->out_bytes = out_bytes;
	if (key_bytes) {
		memcpy(hash->block, key, key_bytes);
		hash->held_bytes = BLAKE2S_BLOCK_BYTES;
	}
}

/* The last block is marked, so a full one is kept until it is known not to be the last. */
void blake2s_update(struct blake2s *hash, const void *data, size_t length)
{
	const uint8_t *from = data;

	while (length > 0) {
		size_t part;

		if (hash->held_bytes == BLAKE2S_BLOCK_BYTES) {
			hash->done_bytes += BLAKE2S_BLOCK_BYTES;
			compress(hash, hash->block, 0);
			hash->held_bytes = 0;
		}
		part = min_size(length, BLAKE2S_BLOCK_BYTES - hash->held_bytes);
		memcpy(hash->block + hash->held_bytes, from, part);
		hash->held_bytes += part;
		from += part;
		length -= part;
	}
}

void blake2s_final(struct blake2s *hash, uint8_t *ret)
{
	uint8_t full[BLAKE2S_HASH_BYTES];

	hash->done_bytes += hash->held_bytes;
	memset(hash->block + hash->held_bytes, 0, BLAKE2S_BLOCK_BYTES - hash->held_bytes);
	compress(hash, hash->block, ~0u);
	for (int i = 0; i < 8; i++)
		put_le32(full + 4 * i, hash->chain[i]);
	memcpy(ret, full, hash->out_bytes);
	sodium_memzero(full, sizeof(full));
	sodium_memzero(hash, sizeof(*hash));
}
