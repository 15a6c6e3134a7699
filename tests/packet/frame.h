/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef PACKET_FRAME_H
#define PACKET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A packet as a test says it: what is not said is as it mostly is. Addresses with a
 * colon make it IPv6.
 */

enum { F = 0x01, S = 0x02, R = 0x04, P = 0x08, A = 0x10 }; /* TCP flags */

struct extension {
	uint8_t type;	    /* IPPROTO_HOPOPTS ... */
	uint8_t more_bytes; /* beyond the first eight; a multiple of 8 (AH: of 4) */
	uint8_t third, fourth;
	uint8_t length_field; /* instead of the right one, when not 0 */
};

struct poke { /* one byte that is not as it should be, counted from the IP header; 0 = no more */
	uint16_t offset;
	uint8_t value;
};

struct frame {
	const char *from, *to;
	uint8_t protocol; /* 0 = TCP */
	uint16_t sport, dport;
	uint8_t flags; /* TCP; 0 = SYN */
	uint32_t seq, ack;
	uint8_t type, code; /* ICMP */
	uint16_t id;	    /* ICMP echo */
	uint16_t payload_bytes;
	uint8_t hops;	    /* 0 = 64 */
	uint16_t vlans[4];  /* 0 = no more */
	uint16_t ethertype; /* not 0: no IP at all, payload_bytes of `fill` */
	uint8_t fill;
	uint16_t fragment_bytes; /* offset */
	bool more, atomic;	 /* atomic: an IPv6 fragment header that fragments nothing */
	uint32_t datagram;
	uint8_t options[40], options_bytes; /* IPv4 */
	struct extension extensions[10];
	uint8_t n_extensions;
	const struct frame *quoted; /* in an ICMP error */
	struct poke pokes[4];
	uint16_t cut_bytes; /* cut off at the end */
	bool broadcast, multicast, no_ethernet;
};

/* Returns how many bytes it wrote. */
size_t frame_bytes(const struct frame *frame, uint8_t *ret, size_t most);

/* Internet checksum over bytes, folded; 0xffff-complement not yet taken. */
uint32_t sum16(const uint8_t *bytes, size_t count, uint32_t seed);

#endif
