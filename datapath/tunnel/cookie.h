/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_COOKIE_H
#define TUNNEL_COOKIE_H

#include <stdbool.h>
#include <stdint.h>

#include "message.h"

/*
 * Under load: mac1 says that the sender knows our public key, mac2 that it also
 * hears what we send to the address it claims. Time and secrets come from the caller.
 */
#define COOKIE_SECRET_NS (120 * 1000000000ULL) /* the checker's secret, before it is changed */
#define COOKIE_USE_NS	 (115 * 1000000000ULL) /* a cookie we were given; less, for the way here */

/* What a cookie is bound to: address and port, as they stand in the packet. */
#define COOKIE_SOURCE_MAX 18
struct cookie_source {
	uint8_t bytes[COOKIE_SOURCE_MAX];
	uint8_t length;
};

/* The keys that a public key gives for macs and cookies. */
struct cookie_keys {
	uint8_t mac1[KEY_BYTES];
	uint8_t cookie[KEY_BYTES];
};

/* Checks what others send to us. */
struct cookie_checker {
	struct cookie_keys keys;
	uint8_t secret[KEY_BYTES];
	uint64_t secret_ns; /* when it was set; 0 = never */
};

/* What we know for sending to one peer. */
struct cookie_jar {
	struct cookie_keys keys;
	uint8_t cookie[MAC_BYTES];
	uint64_t cookie_ns; /* when it came; 0 = there is none */
	uint8_t mac1_sent[MAC_BYTES];
	bool mac1_waits; /* a reply to it may still be believed */
};

void cookie_keys_set(struct cookie_keys *keys, const uint8_t public[KEY_BYTES]);

/* `message` of `length` bytes ends in struct message_macs. */
bool cookie_mac1_right(const struct cookie_checker *checker, const uint8_t *message, size_t length);
bool cookie_mac2_right(const struct cookie_checker *checker, const uint8_t *message, size_t length,
		       const struct cookie_source *source, uint64_t now_ns);

/* True when cookie_set_secret is due. */
bool cookie_secret_old(const struct cookie_checker *checker, uint64_t now_ns);
void cookie_set_secret(struct cookie_checker *checker, const uint8_t secret[KEY_BYTES],
		       uint64_t now_ns);

/* `sender` is the index of the message that is refused. */
void cookie_reply(const struct cookie_checker *checker, uint32_t sender, const uint8_t *message,
		  size_t length, const struct cookie_source *source,
		  const uint8_t nonce[XNONCE_BYTES], struct message_cookie *ret);

void cookie_add_macs(struct cookie_jar *jar, uint8_t *message, size_t length, uint64_t now_ns);
int cookie_take(struct cookie_jar *jar, const struct message_cookie *reply, uint64_t now_ns);

#endif
