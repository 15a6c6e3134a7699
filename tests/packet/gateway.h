/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef PACKET_GATEWAY_H
#define PACKET_GATEWAY_H

/*
 * A gateway for tests: the programs in the kernel, attached to nothing, over a
 * generation made by hand.
 *
 *	interface  port  role
 *	LAN    2    1    inside, links[].live
 *	LAN2   3    2    inside
 *	WAN    4    3    outside
 *	TUN    5    4    tunnel
 *	ODD    6    -    guarded by nobody
 *	LAX    7    5    inside, checks no sources
 *
 * `web` (10.10.0.5, fd00:10::5) may open TCP 80 and UDP 53, and ping; TCP 81 is denied
 * by a rule, TCP 82 too and answered. It may be reached on TCP 443 and by a ping of `db`.
 * `db` (10.10.0.6, fd00:10::6) is selected by no policy. `pinned` (10.10.0.7) belongs to LAN2.
 * `watched` (10.10.0.8) has web's policies in audit mode.
 * 10.99.0.0/16 and fd99::/16 are a peer's, and the tunnel is up. 10.77.0.0/16 and fd77::/16 are
 * prefixes of strict encryption, once gateway_secures() says so, 10.77.9.0/24 is not; 10.77.0.5 and
 * fd77::5 are endpoints there. The tunnel's own port is 51820, its peer is at 203.0.113.9. The
 *gateway is 10.10.0.1, 192.0.2.1, fd00:10::1, fe80::1; it may be reached on TCP 22 (management) and
 *by OSPF, and may do all it likes. Other addresses are the world's.
 */

#include <stdbool.h>
#include <stdint.h>

#include "chasqui/control.h"
#include "chasqui/event.h"
#include "chasqui/flow.h"
#include "chasqui/policy.h"
#include "frame.h"

enum { HERE, LO, LAN, LAN2, WAN, TUN, ODD, LAX };

#define WEB	"10.10.0.5"
#define DB	"10.10.0.6"
#define PINNED	"10.10.0.7"
#define WATCHED "10.10.0.8"
#define PEER	"10.99.0.1"
#define OWN	"10.10.0.1"
#define OWN_WAN "192.0.2.1"
#define WORLD	"198.51.100.1"
#define WORLD2	"198.51.100.2"

#define WEB6   "fd00:10::5"
#define DB6    "fd00:10::6"
#define PEER6  "fd99::1"
#define OWN6   "fd00:10::1"
#define OWN_LL "fe80::1"
#define WORLD6 "2001:db8::1"

#define STRICT	"10.77.0.5"
#define STRICT2 "10.77.0.99"
#define LOOSE	"10.77.9.1"
#define STRICT6 "fd77::5"
#define STRICT7 "fd77::99"

#define OUTER	   "203.0.113.9"
#define OUTER6	   "2001:db8:9::9"
#define OUTER_PORT 51820

struct gateway;

/* `unproven`: how many of these flows there may be; 0 = as many as the default. */
int gateway_new(unsigned unproven, struct gateway **ret);
void gateway_free(struct gateway *gateway); /* accepts NULL */

/* No flows, no fragments, budgets unspent, generation 1 live, nothing may be picked up. */
void gateway_reset(struct gateway *gateway);

/* Generation `number` goes live; with `closed` web may open nothing in it. */
void gateway_flip(struct gateway *gateway, uint32_t number, bool closed);
void gateway_unready(struct gateway *gateway); /* no generation at all */

/* What generations care for from the next flip on, CHQ_SECURES_*; 0 after a reset. */
void gateway_secures(struct gateway *gateway, uint8_t secures);
/* 0.0.0.0/0 and ::/0 are prefixes of strict encryption in the live generation. */
void gateway_strict_all(struct gateway *gateway);
void gateway_tunnel(struct gateway *gateway, const struct chq_tunnel *tunnel);

/* All flows and fragments are this much older. */
void gateway_age(struct gateway *gateway, uint32_t ticks);

/* Every flow and fragment; the generation and the settings stay. */
void gateway_forget(struct gateway *gateway);

/*
 * A generation with `count` more endpoints from the address `first` on, each an identity and a
 * class of its own with a pair and a rule set towards another; and as many prefixes. Among
 * themselves all may use TCP 80, by a rule of both ends, and nothing else.
 */
void gateway_crowd(struct gateway *gateway, uint32_t first, uint32_t count);

struct chq_config *gateway_config(struct gateway *gateway);
void gateway_link(struct gateway *gateway, uint32_t ifindex, const struct chq_link *link);
void gateway_deny(struct gateway *gateway, const char *prefix);
void gateway_host_delete(struct gateway *gateway, const char *addr); /* of the live generation */
bool gateway_translates(struct gateway *gateway, uint32_t ifindex);

/* Flows that are proven, or unproven and denied, in both families. */
unsigned gateway_flows(struct gateway *gateway, bool proven);
/* The one flow there is in a table; false when there is none. */
bool gateway_flow(struct gateway *gateway, bool proven, bool ipv6, struct chq_flow *ret);

struct sending {
	uint32_t at;   /* interface */
	bool leaves;   /* by it, else it arrives */
	uint32_t from; /* leaves: where it had come in; HERE = the gateway's own */
	uint16_t segments;
	bool gate; /* to XDP's program */
};

struct outcome {
	int action; /* what the program returned */
	uint8_t bytes[2048];
	unsigned n_bytes;
	unsigned n_events;
	struct chq_event event;		    /* the last */
	uint64_t counted[CHQ_REASON_LIMIT]; /* by reason, at the port where it stands */
};

void gateway_send(struct gateway *gateway, const struct sending *how, const struct frame *frame,
		  struct outcome *ret);
/* The same without looking at counters and events, for floods. */
void gateway_run(struct gateway *gateway, const struct sending *how, const struct frame *frame,
		 struct outcome *ret);
uint64_t gateway_lost(struct gateway *gateway, enum chq_reason reason);

/* Descriptors for who runs the programs himself. */
int gateway_program(struct gateway *gateway, const char *name);
int gateway_map(struct gateway *gateway, const char *name);

#endif
