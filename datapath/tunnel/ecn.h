/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_ECN_H
#define TUNNEL_ECN_H

#include <stdbool.h>
#include <stdint.h>

#include "checksum.h"

/* Says in an IP packet's header that there was congestion (RFC 3168). False where its ends do not
 * listen. */
static inline bool ecn_tell_congestion(uint8_t *packet)
{
	if (packet[0] >> 4 == 6) {
		if (!(packet[1] & 0x30))
			return false;
		packet[1] |= 0x30;
		return true;
	}
	if (!(packet[1] & 3))
		return false;
	packet[1] |= 3;
	checksum_header4(packet, (packet[0] & 15u) * 4);
	return true;
}

#endif
