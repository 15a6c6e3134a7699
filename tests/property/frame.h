/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef PROPERTY_FRAME_H
#define PROPERTY_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "chasqui/policy.h"

#define FRAME_BYTES 128

/*
 * The first packet of a flow to `aim` (CHQ_TARGET_*), with an Ethernet header:
 * a SYN, a datagram, an INIT, an ICMP message, or some bytes of another protocol.
 * Returns its length.
 */
size_t frame_make(uint8_t frame[FRAME_BYTES], const struct chq_addr *source,
		  const struct chq_addr *target, uint32_t aim, uint16_t source_port);

#endif
