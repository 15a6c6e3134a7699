/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_NOISE_H
#define TUNNEL_NOISE_H

#include <stdbool.h>
#include <stdint.h>

#include "crypto.h"
#include "message.h"

/*
 * The handshake, Noise_IKpsk2: three messages in, two keys out. Pure: ephemeral
 * keys, indices and timestamps come from the caller, so that known answers can be
 * replayed. A message that is refused changes nothing.
 */

/* Ourselves. */
struct noise_self {
	bool has_key;
	uint8_t secret[KEY_BYTES];
	uint8_t public[KEY_BYTES];
};

enum noise_state {
	NOISE_NOTHING,
	NOISE_INITIATION_SENT,
	NOISE_INITIATION_SEEN,
};

/* One peer, and how far the handshake with it is. */
struct noise_peer {
	uint8_t public[KEY_BYTES];
	uint8_t preshared[KEY_BYTES];
	uint8_t shared[KEY_BYTES]; /* DH of both static keys */
	bool shared_known;	   /* it is computed at first use: 33 us for each of many peers */

	enum noise_state state;
	uint8_t hash[HASH_BYTES];
	uint8_t chain[HASH_BYTES];
	uint8_t ephemeral[KEY_BYTES]; /* ours, secret */
	uint8_t their_ephemeral[KEY_BYTES];
	uint32_t local_index;
	uint32_t remote_index;
	uint8_t greatest_timestamp[TIMESTAMP_BYTES];
	uint64_t accepted_ns; /* when the last initiation was; 0 = never */
};

/* What a finished handshake leaves: seals what we send, opens what we receive. */
struct noise_keys {
	uint8_t send[KEY_BYTES];
	uint8_t receive[KEY_BYTES];
};

/* An initiation opened as far as one can without knowing who sent it. */
struct noise_opened {
	uint8_t hash[HASH_BYTES];
	uint8_t chain[HASH_BYTES];
	uint8_t their_static[KEY_BYTES];
};

/* An accepted initiation more often than this from one peer is a flood. */
#define INITIATION_GAP_NS (20 * 1000000ULL)

/* A secret of all zero means that there is none. */
void noise_set_self(struct noise_self *self, const uint8_t secret[KEY_BYTES]);

/* The shared secret depends on our own key: forget it, and the handshake, when that changes. */
void noise_forget(struct noise_peer *peer);

/* Fills all but the macs. -ENOKEY without a key, -EKEYREJECTED where the peer's key is worthless.
 */
int noise_initiate(struct noise_peer *peer, const struct noise_self *self,
		   const uint8_t ephemeral[KEY_BYTES], uint32_t index,
		   const uint8_t timestamp[TIMESTAMP_BYTES], struct message_initiation *ret);

int noise_open_initiation(const struct noise_self *self, const struct message_initiation *message,
			  struct noise_opened *ret);

/* -EALREADY for a timestamp that is not new, -EAGAIN for a flood. */
int noise_accept_initiation(struct noise_peer *peer, const struct noise_self *self,
			    const struct noise_opened *opened,
			    const struct message_initiation *message, uint64_t now_ns);

int noise_respond(struct noise_peer *peer, const uint8_t ephemeral[KEY_BYTES], uint32_t index,
		  struct message_response *ret, struct noise_keys *keys);

int noise_accept_response(struct noise_peer *peer, const struct noise_self *self,
			  const struct message_response *message, struct noise_keys *keys);

/* TAI64N, rounded down to 2^24 ns so that it says less about our clock. */
void noise_timestamp(uint8_t ret[TIMESTAMP_BYTES], uint64_t unix_s, uint32_t ns);

#endif
