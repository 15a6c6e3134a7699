/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "cookie.h"

#include <errno.h>

#include "bytes.h"

void cookie_keys_set(struct cookie_keys *keys, const uint8_t public[KEY_BYTES])
{
	struct piece key = {public, KEY_BYTES};

	crypt_hash(keys->mac1, (struct piece){"mac1----", 8}, key);
	crypt_hash(keys->cookie, (struct piece){"cookie--", 8}, key);
}

static struct message_macs *macs_of(uint8_t *message, size_t length)
{
	return (struct message_macs *)(message + length - sizeof(struct message_macs));
}

/* mac1 covers what stands before it, mac2 also mac1. */
static void mac1_of(uint8_t *ret, const uint8_t *key, const uint8_t *message, size_t length)
{
	crypt_mac(ret, key, KEY_BYTES,
		  (struct piece){message, length - sizeof(struct message_macs)}, (struct piece){});
}

static void mac2_of(uint8_t *ret, const uint8_t *cookie, const uint8_t *message, size_t length)
{
	crypt_mac(ret, cookie, MAC_BYTES, (struct piece){message, length - MAC_BYTES},
		  (struct piece){});
}

bool cookie_mac1_right(const struct cookie_checker *checker, const uint8_t *message, size_t length)
{
	uint8_t wanted[MAC_BYTES];

	mac1_of(wanted, checker->keys.mac1, message, length);
	return crypt_same(wanted, macs_of((uint8_t *)message, length)->mac1, MAC_BYTES);
}

static void cookie_for(const struct cookie_checker *checker, const struct cookie_source *source,
		       uint8_t *ret)
{
	crypt_mac(ret, checker->secret, KEY_BYTES, (struct piece){source->bytes, source->length},
		  (struct piece){});
}

bool cookie_mac2_right(const struct cookie_checker *checker, const uint8_t *message, size_t length,
		       const struct cookie_source *source, uint64_t now_ns)
{
	uint8_t cookie[MAC_BYTES], wanted[MAC_BYTES];

	if (cookie_secret_old(checker, now_ns))
		return false;
	cookie_for(checker, source, cookie);
	mac2_of(wanted, cookie, message, length);
	return crypt_same(wanted, macs_of((uint8_t *)message, length)->mac2, MAC_BYTES);
}

bool cookie_secret_old(const struct cookie_checker *checker, uint64_t now_ns)
{
	return !checker->secret_ns || now_ns >= checker->secret_ns + COOKIE_SECRET_NS;
}

void cookie_set_secret(struct cookie_checker *checker, const uint8_t secret[KEY_BYTES],
		       uint64_t now_ns)
{
	memcpy(checker->secret, secret, KEY_BYTES);
	checker->secret_ns = now_ns ?: 1;
}

void cookie_reply(const struct cookie_checker *checker, uint32_t sender, const uint8_t *message,
		  size_t length, const struct cookie_source *source,
		  const uint8_t nonce[XNONCE_BYTES], struct message_cookie *ret)
{
	uint8_t cookie[MAC_BYTES];

	*ret = (struct message_cookie){.type = {MESSAGE_COOKIE}};
	put_le32(ret->receiver, sender);
	memcpy(ret->nonce, nonce, XNONCE_BYTES);
	cookie_for(checker, source, cookie);
	crypt_xseal(ret->sealed_cookie, checker->keys.cookie, nonce,
		    (struct piece){cookie, MAC_BYTES},
		    (struct piece){macs_of((uint8_t *)message, length)->mac1, MAC_BYTES});
}

void cookie_add_macs(struct cookie_jar *jar, uint8_t *message, size_t length, uint64_t now_ns)
{
	struct message_macs *macs = macs_of(message, length);

	mac1_of(macs->mac1, jar->keys.mac1, message, length);
	memcpy(jar->mac1_sent, macs->mac1, MAC_BYTES);
	jar->mac1_waits = true;
	if (jar->cookie_ns && now_ns < jar->cookie_ns + COOKIE_USE_NS)
		mac2_of(macs->mac2, jar->cookie, message, length);
	else
		memset(macs->mac2, 0, MAC_BYTES);
}

int cookie_take(struct cookie_jar *jar, const struct message_cookie *reply, uint64_t now_ns)
{
	uint8_t cookie[MAC_BYTES];

	if (!jar->mac1_waits)
		return -EPROTO;
	if (crypt_xopen(cookie, jar->keys.cookie, reply->nonce,
			(struct piece){reply->sealed_cookie, sizeof(reply->sealed_cookie)},
			(struct piece){jar->mac1_sent, MAC_BYTES}))
		return -EBADMSG;
	memcpy(jar->cookie, cookie, MAC_BYTES);
	jar->cookie_ns = now_ns ?: 1;
	jar->mac1_waits = false;
	return 0;
}
