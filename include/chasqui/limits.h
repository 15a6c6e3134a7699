/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef CHQ_LIMITS_H
#define CHQ_LIMITS_H

/* The layout of everything that is pinned; another number means another layout. */
#define CHQ_LAYOUT 2

/* Generations alternate between the slots; one is live, one is free. */
#define CHQ_SLOTS 2

/* Interface indexes that chq_link has room for. */
#define CHQ_IFINDEX_MAX 65536

/* Ports that the gateway can guard; 0 stands for "not one of ours". */
#define CHQ_PORT_MAX 256

/* Origin sets of a generation whose hits are told apart; those above share number 0. */
#define CHQ_HITS 32768

/*
 * Packets that may wait in each queue of a tunnel's device. Fewer would lose datagrams whenever a
 * sender has the CPU for a few milliseconds, of small ones some 300 in each; TCP alone fills some
 * 90, with 64 KiB each, whatever the limit.
 */
#define CHQ_TUNNEL_QUEUE_PACKETS 4000

/* Link protocols that the Gateway document may let through. */
#define CHQ_ETHERTYPES_MAX 16

/* Defaults; the Gateway document's limits change them. */
#define CHQ_FLOWS_DEFAULT      1048576
#define CHQ_UNPROVEN_DEFAULT   65536
#define CHQ_PREFIXES_DEFAULT   1048576
#define CHQ_IDENTITIES_DEFAULT 65536
#define CHQ_FRAGMENTS_DEFAULT  8192
#define CHQ_RING_BYTES	       (4 << 20)

#endif
