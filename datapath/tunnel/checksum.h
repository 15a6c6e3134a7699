/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_CHECKSUM_H
#define TUNNEL_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/*
 * The Internet checksum (RFC 1071). A sum is unfolded and in the byte order of
 * memory, so it may be stored as it is once folded.
 */
uint64_t checksum_add(uint64_t sum, const void *data, size_t length);
uint16_t checksum_fold(uint64_t sum);

/* The sum of TCP's and UDP's pseudo header; `packet` begins with an IPv4 or IPv6 header. */
uint64_t checksum_pseudo(const uint8_t *packet, uint8_t protocol, uint32_t length);

/* Writes an IPv4 header's own. */
void checksum_header4(uint8_t *packet, size_t header_bytes);

#endif
