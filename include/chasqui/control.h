/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef CHQ_CONTROL_H
#define CHQ_CONTROL_H

#include <linux/types.h>

#include "chasqui/limits.h"

/* A tick is 2^27 ns (134 ms) of CLOCK_MONOTONIC's coarse reading: what flows remember of time. */
#define CHQ_TICK_SHIFT 27

/*
 * chq_cell, one element, mapped into user space: which generation is live. Read
 * once a packet. The one aligned store to `live` is the reload.
 */
struct chq_cell {
	__u64 live; /* secures << 40 | generation << 8 | slot; 0 = none yet: everything is dropped
		     */
};

#define CHQ_LIVE_SLOT(live)	   ((__u32)((live)&0xff))
#define CHQ_LIVE_GENERATION(live)  ((__u32)((live) >> 8))
#define CHQ_LIVE_SECURES(live)	   ((__u8)((live) >> 40))
#define CHQ_LIVE(generation, slot) ((__u64)(generation) << 8 | (slot))

/* What a generation keeps off the wire: whether its chq_encrypt has to be asked. */
#define CHQ_SECURES_PEERS  1 /* prefixes behind tunnel peers */
#define CHQ_SECURES_STRICT 2 /* what goes between the prefixes of strict encryption */

#define CHQ_LIVE_WITH(live, secures) ((live) | (__u64)(secures) << 40)

/* Idle times after which a flow is no longer known, in ticks. */
enum chq_timeout {
	CHQ_TIMEOUT_TCP_SYN, /* until the opener's ACK */
	CHQ_TIMEOUT_TCP_ESTABLISHED,
	CHQ_TIMEOUT_TCP_CLOSING, /* after both FINs, or a RST */
	CHQ_TIMEOUT_UDP_NEW,	 /* until an answer */
	CHQ_TIMEOUT_UDP,
	CHQ_TIMEOUT_ICMP,
	CHQ_TIMEOUT_OTHER,
	CHQ_TIMEOUT_DENIED, /* how long a denial is remembered */
	CHQ_TIMEOUT_FRAGMENT,
	CHQ_TIMEOUT_MAX
};

/*
 * Which of own_filter's bits stands for an address, by its four words XORed: most packets
 * that leave are seen not to be the gateway's own without a look-up.
 */
#define CHQ_OWN_WORDS	  8
#define CHQ_OWN_BIT(word) (((__u32)(word)*0x9e3779b1u) >> 23)

/* chq_config, one element, mapped into user space: settings that no verdict hangs on. */
struct chq_config {
	__u32 timeout_ticks[CHQ_TIMEOUT_MAX];
	__u32 pickup_until_tick; /* until then a running flow may be picked up from its reply */
	__u32 event_budget;	 /* events a tick, CPU and reason */
	__u32 reject_budget;	 /* answers to denied packets a tick and CPU */
	__u32 oneway_budget;	 /* lasting one-way UDP flows promoted a tick and CPU */
	__u32 ethertypes;	 /* how many of these are let through besides the built-in list */
	__be16 ethertype_be[CHQ_ETHERTYPES_MAX];
	/* Bit CHQ_OWN_BIT of each of the gateway's own addresses, and perhaps more. */
	__u64 own_filter[CHQ_OWN_WORDS];
	/*
	 * Until then packets of known flows may leave straight from the checkpoint: the daemon has
	 * seen that nothing else in the kernel waits for them, and looks again before.
	 */
	__u32 direct_until_tick;
};

/*
 * chq_link, an array indexed by interface index: written by the daemon when a
 * checkpoint is attached, and for what stands on a guarded port (a VLAN device on
 * it). What came in by a link that is not `live` is judged where it leaves.
 */
struct chq_link {
	__u16 port;	 /* number of the port it is or stands on; 0 = none */
	__u8 live;	 /* 1 = our ingress checkpoint sees all that comes in by it */
	__u8 translates; /* set by the egress checkpoint: source translation seen behind it */
	__u8 role; /* enum chq_role, for egress; the generation's chq_ports decides at ingress */
	__u8 ethernet; /* frames on it have Ethernet headers */
	__u16 mtu_bytes;
	__u8 mac[6];
	__u8 pad[2];
};

/*
 * chq_tunnel, one element, mapped into user space: the tunnel as it is now, not as a
 * generation wants it. The daemon writes it when the device, the engine or its port changes.
 */
struct chq_tunnel {
	__u32 ifindex;	       /* of its device; 0 = there is none */
	__be16 listen_port_be; /* its own packets' local UDP port; 0 = none are exempt */
	__u8 up;	       /* the link is up and its engine runs */
	__u8 any_peer;	       /* a Peer's outer address is not known before it speaks */
};

/*
 * chq_outer, key struct chq_addr, value __u32: addresses that Peers are reached at outside
 * the tunnel. What goes between them and the listen port is the tunnel's own.
 */
#define CHQ_OUTER_MAX 131072

/* chq_counters: per CPU, index CHQ_COUNTER(port, direction, reason). Exact. */
struct chq_counter {
	__u64 packets; /* a GSO packet counts all its segments */
	__u64 bytes;
};

#define CHQ_COUNTER(port, direction, reason) \
	((((__u32)(port)*2 + (direction)) * CHQ_REASON_LIMIT) + (reason))
#define CHQ_COUNTERS (CHQ_PORT_MAX * 2 * CHQ_REASON_LIMIT)

/* chq_meta, one element: what the pins are, so that a start knows what it may take over. */
struct chq_meta {
	__u32 layout; /* CHQ_LAYOUT */
	__u32 pad;
	__u64 netns_cookie; /* of the network namespace that they guard */
	__u64 generation;   /* highest number given out; generations only rise */
	__u32 flows, unproven, fragments, pad2;
	__u64 started_ns; /* CLOCK_REALTIME of the first attach */
};

/* chq_portname, an array: port number -> name, so that numbers keep their meaning over restarts. */
struct chq_portname {
	char name[16]; /* IFNAMSIZ */
};

_Static_assert(sizeof(struct chq_link) == 16, "chq_link is a map value");
_Static_assert(sizeof(struct chq_tunnel) == 8, "chq_tunnel is a map value");

#endif
