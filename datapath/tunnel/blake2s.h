/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_BLAKE2S_H
#define TUNNEL_BLAKE2S_H

#include <stddef.h>
#include <stdint.h>

/*
 * BLAKE2s (RFC 7693), which libsodium lacks. A handshake spends some 5 us here
 * and 100 us in X25519, so that portable C is fast enough.
 */
#define BLAKE2S_BLOCK_BYTES 64
#define BLAKE2S_HASH_BYTES  32

struct blake2s {
	uint32_t chain[8];
	uint64_t done_bytes;
	uint8_t block[BLAKE2S_BLOCK_BYTES];
	uint32_t held_bytes;
	uint32_t out_bytes;
};

/* `out_bytes` 1 to 32; `key_bytes` 0 to 32. */
void blake2s_init(struct blake2s *hash, size_t out_bytes, const void *key, size_t key_bytes);
void blake2s_update(struct blake2s *hash, const void *data, size_t length);
/* Writes out_bytes and wipes the state. */
void blake2s_final(struct blake2s *hash, uint8_t *ret);

#endif
