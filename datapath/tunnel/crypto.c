/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "crypto.h"

#include <errno.h>
#include <sodium.h>

#include "blake2s.h"
#include "bytes.h"

void crypt_hash(uint8_t ret[HASH_BYTES], struct piece a, struct piece b)
{
	struct blake2s hash;

	blake2s_init(&hash, HASH_BYTES, NULL, 0);
	blake2s_update(&hash, a.data, a.length);
	blake2s_update(&hash, b.data, b.length);
	blake2s_final(&hash, ret);
}

void crypt_mac(uint8_t ret[MAC_BYTES], const uint8_t *key, size_t key_bytes, struct piece a,
	       struct piece b)
{
	struct blake2s hash;

	blake2s_init(&hash, MAC_BYTES, key, key_bytes);
	blake2s_update(&hash, a.data, a.length);
	blake2s_update(&hash, b.data, b.length);
	blake2s_final(&hash, ret);
}

/* RFC 2104 over the unkeyed hash; no key here is longer than a block. */
static void hmac(uint8_t ret[HASH_BYTES], const uint8_t *key, size_t key_bytes, struct piece a,
		 struct piece b)
{
	uint8_t pad[BLAKE2S_BLOCK_BYTES] = {}, inner[HASH_BYTES];
	struct blake2s hash;

	if (key_bytes)
		memcpy(pad, key, key_bytes);
	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36;
	blake2s_init(&hash, HASH_BYTES, NULL, 0);
	blake2s_update(&hash, pad, sizeof(pad));
	blake2s_update(&hash, a.data, a.length);
	blake2s_update(&hash, b.data, b.length);
	blake2s_final(&hash, inner);

	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36 ^ 0x5c;
	crypt_hash(ret, (struct piece){pad, sizeof(pad)}, (struct piece){inner, sizeof(inner)});
	sodium_memzero(pad, sizeof(pad));
	sodium_memzero(inner, sizeof(inner));
}

void crypt_kdf(uint8_t *ret, int count, const uint8_t *key, size_t key_bytes, struct piece input)
{
	uint8_t secret[HASH_BYTES], last[HASH_BYTES];
	size_t last_bytes = 0;

	hmac(secret, key, key_bytes, input, (struct piece){});
	for (int i = 1; i <= count; i++) {
		uint8_t number = i;

		hmac(last, secret, sizeof(secret), (struct piece){last, last_bytes},
		     (struct piece){&number, 1});
		last_bytes = sizeof(last);
		memcpy(ret + (size_t)(i - 1) * HASH_BYTES, last, sizeof(last));
	}
	sodium_memzero(secret, sizeof(secret));
	sodium_memzero(last, sizeof(last));
}

void crypt_seal(uint8_t *ret, const uint8_t key[KEY_BYTES], uint64_t counter, struct piece text,
		struct piece aad)
{
	uint8_t nonce[12] = {};

	put_le64(nonce + 4, counter);
	crypto_aead_chacha20poly1305_ietf_encrypt(ret, NULL, text.data, text.length, aad.data,
						  aad.length, NULL, nonce, key);
}

int crypt_open(uint8_t *ret, const uint8_t key[KEY_BYTES], uint64_t counter, struct piece text,
	       struct piece aad)
{
	uint8_t nonce[12] = {};

	put_le64(nonce + 4, counter);
	if (crypto_aead_chacha20poly1305_ietf_decrypt(ret, NULL, NULL, text.data, text.length,
						      aad.data, aad.length, nonce, key))
		return -EBADMSG;
	return 0;
}

void crypt_xseal(uint8_t *ret, const uint8_t key[KEY_BYTES], const uint8_t nonce[XNONCE_BYTES],
		 struct piece text, struct piece aad)
{
	crypto_aead_xchacha20poly1305_ietf_encrypt(ret, NULL, text.data, text.length, aad.data,
						   aad.length, NULL, nonce, key);
}

int crypt_xopen(uint8_t *ret, const uint8_t key[KEY_BYTES], const uint8_t nonce[XNONCE_BYTES],
		struct piece text, struct piece aad)
{
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(ret, NULL, NULL, text.data, text.length,
						       aad.data, aad.length, nonce, key))
		return -EBADMSG;
	return 0;
}

int crypt_dh(uint8_t ret[KEY_BYTES], const uint8_t secret[KEY_BYTES],
	     const uint8_t public[KEY_BYTES])
{
	if (crypto_scalarmult_curve25519(ret, secret, public) || sodium_is_zero(ret, KEY_BYTES))
		return -EKEYREJECTED;
	return 0;
}

void crypt_public(uint8_t ret[KEY_BYTES], const uint8_t secret[KEY_BYTES])
{
	crypto_scalarmult_curve25519_base(ret, secret);
}

void crypt_clamp(uint8_t secret[KEY_BYTES])
{
	secret[0] &= 248;
	secret[31] = (secret[31] & 127) | 64;
}

bool crypt_same(const void *a, const void *b, size_t length)
{
	if (length == crypto_verify_16_BYTES)
		return crypto_verify_16(a, b) == 0;
	return sodium_memcmp(a, b, length) == 0;
}

bool crypt_is_zero(const void *data, size_t length)
{
	return sodium_is_zero(data, length);
}

void crypt_wipe(void *data, size_t length)
{
	sodium_memzero(data, length);
}

void crypt_random(void *ret, size_t length)
{
	randombytes_buf(ret, length);
}

/* RFC 7693, appendix B. */
static bool hash_is_right(void)
{
	static const uint8_t wanted[HASH_BYTES] = {
		0x50, 0x8c, 0x5e, 0x8c, 0x32, 0x7c, 0x14, 0xe2, 0xe1, 0xa7, 0x2b,
		0xa3, 0x4e, 0xeb, 0x45, 0x2f, 0x37, 0x45, 0x8b, 0x20, 0x9e, 0xd6,
		0x3a, 0x29, 0x4d, 0x99, 0x9b, 0x4c, 0x86, 0x67, 0x59, 0x82,
	};
	uint8_t got[HASH_BYTES];

	crypt_hash(got, (struct piece){"ab", 2}, (struct piece){"c", 1});
	return memcmp(got, wanted, sizeof(got)) == 0;
}

/* RFC 7748, 6.1: both sides come to the shared secret that stands there. */
static bool dh_is_right(void)
{
	static const uint8_t alice[KEY_BYTES] = {
		0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1,
		0x72, 0x51, 0xb2, 0x66, 0x45, 0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0,
		0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a,
	};
	static const uint8_t bob[KEY_BYTES] = {
		0x5d, 0xab, 0x08, 0x7e, 0x62, 0x4a, 0x8a, 0x4b, 0x79, 0xe1, 0x7f,
		0x8b, 0x83, 0x80, 0x0e, 0xe6, 0x6f, 0x3b, 0xb1, 0x29, 0x26, 0x18,
		0xb6, 0xfd, 0x1c, 0x2f, 0x8b, 0x27, 0xff, 0x88, 0xe0, 0xeb,
	};
	static const uint8_t wanted[KEY_BYTES] = {
		0x4a, 0x5d, 0x9d, 0x5b, 0xa4, 0xce, 0x2d, 0xe1, 0x72, 0x8e, 0x3b,
		0xf4, 0x80, 0x35, 0x0f, 0x25, 0xe0, 0x7e, 0x21, 0xc9, 0x47, 0xd1,
		0x9e, 0x33, 0x76, 0xf0, 0x9b, 0x3c, 0x1e, 0x16, 0x17, 0x42,
	};
	uint8_t public_of_alice[KEY_BYTES], public_of_bob[KEY_BYTES], one[KEY_BYTES],
		other[KEY_BYTES];

	crypt_public(public_of_alice, alice);
	crypt_public(public_of_bob, bob);
	if (crypt_dh(one, alice, public_of_bob) || crypt_dh(other, bob, public_of_alice))
		return false;
	return !memcmp(one, wanted, KEY_BYTES) && !memcmp(other, wanted, KEY_BYTES);
}

/* The cookie reply of our own transcript (tests/tunnel/kat.h has the whole of it). */
static bool xaead_is_right(void)
{
	static const uint8_t wanted[MAC_BYTES + TAG_BYTES] = {
		0x8d, 0xf4, 0xba, 0x77, 0x24, 0x50, 0x3c, 0xb7, 0xb8, 0x86, 0x84,
		0x09, 0xbb, 0xb2, 0x20, 0xea, 0x9e, 0xbd, 0xe5, 0x62, 0x65, 0x0c,
		0x41, 0x64, 0x9a, 0x6a, 0xea, 0x34, 0x30, 0x27, 0xce, 0xd0,
	};
	static const uint8_t key[KEY_BYTES] = {
		0xe0, 0x15, 0x37, 0x55, 0xcb, 0x4e, 0xe6, 0x0e, 0xd4, 0x72, 0xfa,
		0x40, 0xfa, 0x20, 0xe1, 0x22, 0x04, 0x46, 0xcc, 0x45, 0x8f, 0xce,
		0x98, 0x53, 0x6e, 0xf5, 0x06, 0xf2, 0x78, 0x6e, 0xef, 0xc2,
	};
	static const uint8_t cookie[MAC_BYTES] = {0xc5, 0xbf, 0x62, 0x96, 0x2a, 0x63, 0xaa, 0xa8,
						  0x49, 0x85, 0xbe, 0x73, 0xae, 0x85, 0x5b, 0x86};
	static const uint8_t mac1[MAC_BYTES] = {0x77, 0xa3, 0x8a, 0x94, 0x8f, 0x54, 0x64, 0xb4,
						0x6f, 0xa6, 0xf4, 0x33, 0xbd, 0xd2, 0xd7, 0xc7};
	uint8_t nonce[XNONCE_BYTES], got[MAC_BYTES + TAG_BYTES];

	for (size_t i = 0; i < sizeof(nonce); i++)
		nonce[i] = 0xa0 + i;
	crypt_xseal(got, key, nonce, (struct piece){cookie, sizeof(cookie)},
		    (struct piece){mac1, sizeof(mac1)});
	return memcmp(got, wanted, sizeof(got)) == 0;
}

int crypt_start(void)
{
	if (sodium_init() < 0)
		return -EIO;
	return hash_is_right() && dh_is_right() && xaead_is_right() ? 0 : -EIO;
}
