/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_MESSAGE_H
#define TUNNEL_MESSAGE_H

#include <stdint.h>

#include "crypto.h"

/* WireGuard's four messages as they lie on the wire; numbers in them are little-endian. */

enum message_type {
	MESSAGE_INITIATION = 1,
	MESSAGE_RESPONSE = 2,
	MESSAGE_COOKIE = 3,
	MESSAGE_DATA = 4,
};

#define TIMESTAMP_BYTES 12

/* The last two fields of both handshake messages. */
struct message_macs {
	uint8_t mac1[MAC_BYTES];
	uint8_t mac2[MAC_BYTES];
};

struct message_initiation {
	uint8_t type[4];
	uint8_t sender[4];
	uint8_t ephemeral[KEY_BYTES];
	uint8_t sealed_static[KEY_BYTES + TAG_BYTES];
	uint8_t sealed_timestamp[TIMESTAMP_BYTES + TAG_BYTES];
	struct message_macs macs;
};

struct message_response {
	uint8_t type[4];
	uint8_t sender[4];
	uint8_t receiver[4];
	uint8_t ephemeral[KEY_BYTES];
	uint8_t sealed_nothing[TAG_BYTES];
	struct message_macs macs;
};

struct message_cookie {
	uint8_t type[4];
	uint8_t receiver[4];
	uint8_t nonce[XNONCE_BYTES];
	uint8_t sealed_cookie[MAC_BYTES + TAG_BYTES];
};

/* The sealed packet follows, then its tag. */
struct message_data {
	uint8_t type[4];
	uint8_t receiver[4];
	uint8_t counter[8];
};

#define DATA_OVERHEAD_BYTES (sizeof(struct message_data) + TAG_BYTES)

_Static_assert(sizeof(struct message_initiation) == 148, "initiation on the wire");
_Static_assert(sizeof(struct message_response) == 92, "response on the wire");
_Static_assert(sizeof(struct message_cookie) == 64, "cookie reply on the wire");
_Static_assert(sizeof(struct message_data) == 16, "transport header on the wire");

/* 0 where the length does not fit the type, or where the reserved bytes are not zero. */
static inline int message_type(const uint8_t *message, size_t length)
{
	if (length < DATA_OVERHEAD_BYTES || message[1] || message[2] || message[3])
		return 0;
	switch (message[0]) {
	case MESSAGE_INITIATION:
		return length == sizeof(struct message_initiation) ? MESSAGE_INITIATION : 0;
	case MESSAGE_RESPONSE:
		return length == sizeof(struct message_response) ? MESSAGE_RESPONSE : 0;
	case MESSAGE_COOKIE:
		return length == sizeof(struct message_cookie) ? MESSAGE_COOKIE : 0;
	case MESSAGE_DATA:
		return MESSAGE_DATA;
	}
	return 0;
}

#endif
