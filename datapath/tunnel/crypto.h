/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_CRYPTO_H
#define TUNNEL_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The wall around the cryptographic libraries: what the handshake needs, one
 * message at a time. Transport, where speed matters, uses aead.h.
 */
#define KEY_BYTES    32
#define HASH_BYTES   32
#define TAG_BYTES    16
#define MAC_BYTES    16
#define XNONCE_BYTES 24

/* One piece of a hash's input. */
struct piece {
	const void *data;
	size_t length;
};

/* HASH(a || b). */
void crypt_hash(uint8_t ret[HASH_BYTES], struct piece a, struct piece b);

/* Keyed BLAKE2s with 16 bytes of output; `key_bytes` is 16 or 32. */
void crypt_mac(uint8_t ret[MAC_BYTES], const uint8_t *key, size_t key_bytes, struct piece a,
	       struct piece b);

/* HKDF over HMAC-BLAKE2s: `count` (1 to 3) outputs of 32 bytes, one after the other. `ret` may
 * overlap key. */
void crypt_kdf(uint8_t *ret, int count, const uint8_t *key, size_t key_bytes, struct piece input);

/* ChaCha20-Poly1305 with a counter as nonce. `ret` holds length + TAG_BYTES. */
void crypt_seal(uint8_t *ret, const uint8_t key[KEY_BYTES], uint64_t counter, struct piece text,
		struct piece aad);
/* `text` includes the tag; `ret` holds length - TAG_BYTES. -EBADMSG where it is not authentic. */
int crypt_open(uint8_t *ret, const uint8_t key[KEY_BYTES], uint64_t counter, struct piece text,
	       struct piece aad);

void crypt_xseal(uint8_t *ret, const uint8_t key[KEY_BYTES], const uint8_t nonce[XNONCE_BYTES],
		 struct piece text, struct piece aad);
int crypt_xopen(uint8_t *ret, const uint8_t key[KEY_BYTES], const uint8_t nonce[XNONCE_BYTES],
		struct piece text, struct piece aad);

/* X25519. -EKEYREJECTED where the shared secret is all zero. */
int crypt_dh(uint8_t ret[KEY_BYTES], const uint8_t secret[KEY_BYTES],
	     const uint8_t public[KEY_BYTES]);
void crypt_public(uint8_t ret[KEY_BYTES], const uint8_t secret[KEY_BYTES]);
void crypt_clamp(uint8_t secret[KEY_BYTES]);

bool crypt_same(const void *a, const void *b, size_t length); /* in constant time */
bool crypt_is_zero(const void *data, size_t length);
void crypt_wipe(void *data, size_t length);
void crypt_random(void *ret, size_t length);

/* Prepares the libraries and holds every primitive against known answers: -EIO where one fails. */
int crypt_start(void);

#endif
