/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Any datagram at all: what is not authentic changes nothing. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../datapath/tunnel/cookie.h"
#include "../../datapath/tunnel/noise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct noise_self self;
static struct noise_peer peer;
static struct cookie_checker checker;
static struct cookie_jar jar;

static void make_state(void)
{
	uint8_t secret[KEY_BYTES] = {1}, timestamp[TIMESTAMP_BYTES] = {1};
	struct message_initiation message;

	if (crypt_start())
		abort();
	noise_set_self(&self, secret);
	secret[0] = 8;
	crypt_public(peer.public, secret);
	cookie_keys_set(&checker.keys, self.public);
	cookie_keys_set(&jar.keys, peer.public);
	cookie_set_secret(&checker, secret, 1);
	if (noise_initiate(&peer, &self, secret, 7, timestamp, &message))
		abort();
	cookie_add_macs(&jar, (uint8_t *)&message, sizeof(message), 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cookie_source source = {{10, 0, 0, 1, 0, 9}, 6};
	struct noise_peer before;
	struct noise_opened opened;
	struct noise_keys keys;
	struct message_cookie reply;
	uint8_t nonce[XNONCE_BYTES] = {};

	if (!self.has_key)
		make_state();
	before = peer;
	switch (message_type(data, size)) {
	case MESSAGE_INITIATION:
		/* The macs may be anything: what is behind them must hold by itself. */
		cookie_mac1_right(&checker, data, size);
		cookie_mac2_right(&checker, data, size, &source, 2);
		cookie_reply(&checker, 1, data, size, &source, nonce, &reply);
		if (!noise_open_initiation(&self, (const void *)data, &opened) &&
		    !noise_accept_initiation(&peer, &self, &opened, (const void *)data, 1000))
			peer = before;
		break;
	case MESSAGE_RESPONSE:
		if (!noise_accept_response(&peer, &self, (const void *)data, &keys))
			peer = before;
		break;
	case MESSAGE_COOKIE:
		cookie_take(&jar, (const void *)data, 5);
		break;
	}
	peer.shared_known = before.shared_known;
	memcpy(peer.shared, before.shared, KEY_BYTES);
	if (before.state != peer.state || memcmp(before.hash, peer.hash, HASH_BYTES) ||
	    memcmp(before.chain, peer.chain, HASH_BYTES) ||
	    before.remote_index != peer.remote_index ||
	    memcmp(before.greatest_timestamp, peer.greatest_timestamp, TIMESTAMP_BYTES))
		abort();
	return 0;
}
