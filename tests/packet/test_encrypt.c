/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */

/* What may be seen on the wire, what comes out of the tunnel, and the tunnel's own packets. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "steps.h"

#define PEERS	CHQ_SECURES_PEERS
#define STRICTS (CHQ_SECURES_PEERS | CHQ_SECURES_STRICT)

#define TCP(from_, to_) .frame = {.from = (from_), .to = (to_), .sport = 40000, .dport = 443}
#define SEG(from_, sport_, to_, dport_, flags_) \
	.frame = {.from = (from_),              \
		  .to = (to_),                  \
		  .sport = (sport_),            \
		  .dport = (dport_),            \
		  .flags = (flags_)}
#define VLAN(from_, to_) \
	.frame = {.from = (from_), .to = (to_), .sport = 40000, .dport = 443, .vlans = {20, 30}}
#define UDP(from_, sport_, to_, dport_)    \
	.frame = {.from = (from_),         \
		  .to = (to_),             \
		  .protocol = IPPROTO_UDP, \
		  .sport = (sport_),       \
		  .dport = (dport_),       \
		  .payload_bytes = 148}

static void test_peer_in_clear(void **state)
{
	static const struct step steps[] = {
		{"a peer's target leaves outside", OUT(WAN, LAN), TCP(DB, PEER),
		 CHQ_DROP_PEER_CLEAR, .secures = PEERS},
		{"... ipv6", OUT(WAN, LAN), TCP(DB6, PEER6), CHQ_DROP_PEER_CLEAR, .secures = PEERS},
		{"... by an inside port", OUT(LAN2, LAN), TCP(DB, PEER), CHQ_DROP_PEER_CLEAR,
		 .secures = PEERS},
		{"... the gateway's own", OUT(WAN, HERE), TCP(OWN_WAN, PEER), CHQ_DROP_PEER_CLEAR,
		 .secures = PEERS},
		{"... from an unguarded interface", OUT(WAN, ODD), TCP(WORLD, PEER),
		 CHQ_DROP_PEER_CLEAR, .secures = PEERS},
		{"... tagged", OUT(WAN, LAN), VLAN(DB, PEER), CHQ_DROP_PEER_CLEAR,
		 .secures = PEERS},
		{"... tagged, ipv6", OUT(WAN, LAN), VLAN(DB6, PEER6), CHQ_DROP_PEER_CLEAR,
		 .secures = PEERS},
		{"... tagged, by an inside port", OUT(LAN2, LAN), VLAN(DB, PEER),
		 CHQ_DROP_PEER_CLEAR, .secures = PEERS},
		{"... the same, ipv6", OUT(LAN2, LAN), VLAN(DB6, PEER6), CHQ_DROP_PEER_CLEAR,
		 .secures = PEERS},
		{"... from the tunnel itself", OUT(WAN, TUN), TCP(PEER, "10.99.4.4"),
		 CHQ_DROP_PEER_CLEAR, .secures = PEERS},
		{"a peer's target by the tunnel", OUT(TUN, LAN), TCP(DB, PEER), CHQ_PASS_JUDGED,
		 NO_EVENT, .secures = PEERS},
		{"... ipv6", OUT(TUN, LAN), TCP(DB6, PEER6), CHQ_PASS_JUDGED, NO_EVENT,
		 .secures = PEERS},
		{"... the gateway's own", OUT(TUN, HERE), TCP(OWN, PEER), CHQ_PASS_NO_POLICY,
		 IS(NEW), .secures = PEERS},
		{"another target outside", OUT(WAN, LAN), TCP(DB, WORLD), CHQ_PASS_JUDGED, NO_EVENT,
		 .secures = PEERS},
		{"... ipv6", OUT(WAN, LAN), TCP(DB6, WORLD6), CHQ_PASS_JUDGED, NO_EVENT,
		 .secures = PEERS},
		{"no IP at all", OUT(WAN, LAN),
		 .frame = {.ethertype = 0x88cc, .payload_bytes = 40, .fill = 7}, CHQ_PASS_JUDGED,
		 NO_EVENT, .secures = PEERS},
		{"an error about it, too", OUT(WAN, HERE),
		 .frame = {.from = OWN_WAN, .to = PEER, .protocol = IPPROTO_ICMP, .type = 8},
		 CHQ_DROP_PEER_CLEAR, .secures = PEERS},
	};

	WALK_EACH(state, steps);
}

/* A reload does not leave a flow in the clear that runs there. */
static void test_running_flow(void **state)
{
	static const struct step steps[] = {
		{"the gateway opens", OUT(WAN, HERE), SEG(OWN_WAN, 9, PEER, 80, S),
		 CHQ_PASS_NO_POLICY, IS(NEW)},
		{"goes on", OUT(WAN, HERE), SEG(OWN_WAN, 9, PEER, 80, S), CHQ_PASS_KNOWN, NO_EVENT},
		{"a reload knows the peer", OUT(WAN, HERE), SEG(OWN_WAN, 9, PEER, 80, S),
		 CHQ_DROP_PEER_CLEAR, .secures = PEERS},
	};

	WALK(state, steps);
}

static void test_sources(void **state)
{
	static const struct step steps[] = {
		{"a peer out of the tunnel", AT(TUN), TCP(PEER, DB), CHQ_PASS_NO_POLICY, IS(NEW),
		 .secures = PEERS},
		{"... ipv6", AT(TUN), TCP(PEER6, DB6), CHQ_PASS_NO_POLICY, IS(NEW),
		 .secures = PEERS},
		{"the world out of the tunnel", AT(TUN), TCP(WORLD, DB), CHQ_DROP_TUNNEL_SOURCE,
		 .secures = PEERS},
		{"... ipv6", AT(TUN), TCP(WORLD6, DB6), CHQ_DROP_TUNNEL_SOURCE, .secures = PEERS},
		{"an endpoint of ours out of it", AT(TUN), TCP(WEB, DB), CHQ_DROP_SPOOFED_ENDPOINT,
		 .secures = PEERS},
		{"the gateway itself out of it", AT(TUN), TCP(OWN, DB), CHQ_DROP_SPOOFED_OWN,
		 .secures = PEERS},
		{"a peer in the clear", AT(WAN), TCP(PEER, DB), CHQ_DROP_SPOOFED_PEER,
		 .secures = PEERS},
		{"... ipv6", AT(WAN), TCP(PEER6, DB6), CHQ_DROP_SPOOFED_PEER, .secures = PEERS},
		{"... from inside", AT(LAN), TCP(PEER, DB), CHQ_DROP_SPOOFED_PEER,
		 .secures = PEERS},
		{"... by the port that checks no sources", AT(LAX), TCP(PEER, DB),
		 CHQ_DROP_SPOOFED_PEER, .secures = PEERS},
		{"others by that port", AT(LAX), TCP(WEB, DB), CHQ_DROP_NO_RULE, .secures = PEERS},
	};

	WALK_EACH(state, steps);
}

static void test_tunnel_down(void **state)
{
	static const struct step steps[] = {
		{"to a peer", AT(LAN), TCP(DB, PEER), CHQ_PASS_NO_POLICY, IS(NEW),
		 .secures = PEERS},
		{"its engine dies", AT(LAN), TCP(DB, PEER), CHQ_DROP_ENCRYPTION,
		 .tunnel_down = true},
		{"a new flow", AT(LAN), SEG(DB, 5, PEER, 80, S), CHQ_DROP_ENCRYPTION},
		{"a new flow, ipv6", AT(LAN), SEG(DB6, 5, PEER6, 80, S), CHQ_DROP_ENCRYPTION},
		{"what was judged leaves by it", OUT(TUN, LAN), TCP(DB, PEER), CHQ_DROP_ENCRYPTION},
		{"the gateway's own, too", OUT(TUN, HERE), TCP(OWN, PEER), CHQ_DROP_ENCRYPTION},
		{"nobody's business", AT(LAN), TCP(DB, WORLD), CHQ_PASS_NO_POLICY, IS(NEW)},
		{"another is started", AT(LAN), TCP(DB, PEER), CHQ_PASS_KNOWN, NO_EVENT,
		 .tunnel_up = true},
		{"and leaves", OUT(TUN, LAN), TCP(DB, PEER), CHQ_PASS_JUDGED, NO_EVENT},
	};

	WALK(state, steps);
}

static void test_strict(void **state)
{
	static const struct step steps[] = {
		{"between two prefixes, outside", OUT(WAN, LAN), TCP(STRICT, STRICT2),
		 CHQ_DROP_ENCRYPTION, .secures = STRICTS},
		{"... ipv6", OUT(WAN, LAN), TCP(STRICT6, STRICT7), CHQ_DROP_ENCRYPTION,
		 .secures = STRICTS},
		{"... tagged", OUT(WAN, LAN), VLAN(STRICT, STRICT2), CHQ_DROP_ENCRYPTION,
		 .secures = STRICTS},
		{"... the gateway's own", OUT(WAN, HERE), TCP(OWN_WAN, STRICT2),
		 CHQ_DROP_ENCRYPTION, .secures = STRICTS},
		{"... translated on its way", OUT(WAN, LAN), TCP(OWN, STRICT2), CHQ_DROP_ENCRYPTION,
		 .secures = STRICTS},
		{"... to a peer, too", OUT(WAN, LAN), TCP(STRICT, "10.99.77.1"),
		 CHQ_DROP_ENCRYPTION, .secures = STRICTS},
		{"... by the tunnel", OUT(TUN, LAN), TCP(STRICT, STRICT2), CHQ_PASS_JUDGED,
		 NO_EVENT, .secures = STRICTS},
		{"... to an inside port", OUT(LAN2, LAN), TCP(STRICT2, STRICT), CHQ_PASS_JUDGED,
		 NO_EVENT, .secures = STRICTS},
		{"to an exception", OUT(WAN, LAN), TCP(STRICT, LOOSE), CHQ_PASS_JUDGED, NO_EVENT,
		 .secures = STRICTS},
		{"from an exception", OUT(WAN, LAN), TCP(LOOSE, STRICT), CHQ_PASS_JUDGED, NO_EVENT,
		 .secures = STRICTS},
		{"from elsewhere", OUT(WAN, LAN), TCP(DB, STRICT2), CHQ_PASS_JUDGED, NO_EVENT,
		 .secures = STRICTS},
		{"to elsewhere", OUT(WAN, LAN), TCP(STRICT, WORLD), CHQ_PASS_JUDGED, NO_EVENT,
		 .secures = STRICTS},
		{"comes in, in the clear", AT(WAN), TCP(STRICT2, STRICT), CHQ_DROP_ENCRYPTION,
		 .secures = STRICTS},
		{"... ipv6", AT(WAN), TCP(STRICT7, STRICT6), CHQ_DROP_ENCRYPTION,
		 .secures = STRICTS},
		{"comes in from an exception", AT(WAN), TCP(LOOSE, STRICT), CHQ_PASS_NO_POLICY,
		 IS(NEW), .secures = STRICTS},
		{"inside to inside", AT(LAN), TCP(STRICT, STRICT2), CHQ_PASS_NO_POLICY, IS(NEW),
		 .secures = STRICTS},
	};

	WALK_EACH(state, steps);
}

/* Under a policy that closes the gateway to all of this, and with everything strict. */
static void test_outer(void **state)
{
	static const struct step steps[] = {
		{"a peer's handshake", AT(WAN), UDP(OUTER, 51820, OWN_WAN, 51820), CHQ_PASS_TUNNEL,
		 IS(NEW), .secures = STRICTS, .strict_all = true},
		{"the answer", OUT(WAN, HERE), UDP(OWN_WAN, 51820, OUTER, 51820), CHQ_PASS_KNOWN,
		 NO_EVENT},
		{"ours, first", OUT(WAN, HERE), UDP(OWN_WAN, 51820, OUTER, 7), CHQ_PASS_TUNNEL,
		 IS(NEW)},
		{"a reload", OUT(WAN, HERE), UDP(OWN_WAN, 51820, OUTER, 7), CHQ_PASS_KNOWN,
		 IS(REJUDGED), CHQ_PASS_TUNNEL, .flip = 3},
		{"ipv6", AT(WAN), UDP(OUTER6, 9, OWN6, 51820), CHQ_PASS_TUNNEL, IS(NEW),
		 .secures = STRICTS, .strict_all = true, .fresh = true},
		{"ipv6, ours", OUT(WAN, HERE), UDP(OWN6, 51820, OUTER6, 51820), CHQ_PASS_TUNNEL,
		 IS(NEW)},
	};

	WALK(state, steps);
}

static void test_not_outer(void **state)
{
	static const struct step steps[] = {
		{"not a peer", AT(WAN), UDP(WORLD, 51820, OWN_WAN, 51820), CHQ_DROP_NO_RULE,
		 .secures = PEERS},
		{"another port of ours", AT(WAN), UDP(OUTER, 51820, OWN_WAN, 51821),
		 CHQ_DROP_NO_RULE, .secures = PEERS},
		{"not to us", AT(WAN), UDP(OUTER, 51820, WEB, 51820), CHQ_DROP_NO_RULE,
		 .secures = PEERS},
		{"not UDP", AT(WAN), SEG(OUTER, 51820, OWN_WAN, 51820, S), CHQ_DROP_NO_RULE,
		 .secures = PEERS},
		{"another port of ours under strict", OUT(WAN, HERE),
		 UDP(OWN_WAN, 51821, OUTER, 51820), CHQ_DROP_ENCRYPTION, .secures = STRICTS,
		 .strict_all = true},
		{"somebody else under strict", OUT(WAN, HERE), UDP(OWN_WAN, 51820, WORLD, 51820),
		 CHQ_DROP_ENCRYPTION, .secures = STRICTS, .strict_all = true},
		{"TCP of that port under strict", OUT(WAN, HERE),
		 SEG(OWN_WAN, 51820, OUTER, 51820, S), CHQ_DROP_ENCRYPTION, .secures = STRICTS,
		 .strict_all = true},
		{"forwarded, in its name, under strict", OUT(WAN, LAN),
		 UDP(OWN_WAN, 51820, OUTER, 51820), CHQ_DROP_ENCRYPTION, .secures = STRICTS,
		 .strict_all = true},
		{"neighbours still find each other", OUT(WAN, HERE),
		 .frame = {.from = OWN_LL,
			   .to = "ff02::1:ff00:9",
			   .protocol = IPPROTO_ICMPV6,
			   .type = 135,
			   .hops = 255},
		 CHQ_PASS_NEIGHBOUR, NO_EVENT, .secures = STRICTS, .strict_all = true},
	};

	WALK_EACH(state, steps);
}

static void test_any_peer(void **state)
{
	struct chq_tunnel tunnel = {
		.ifindex = TUN, .listen_port_be = htons(OUTER_PORT), .up = 1, .any_peer = 1};
	static const struct step steps[] = {
		{"whoever it is", AT(WAN), UDP(WORLD, 51820, OWN_WAN, 51820), CHQ_PASS_TUNNEL,
		 IS(NEW)},
		{"to whomever", OUT(WAN, HERE), UDP(OWN_WAN, 51820, WORLD2, 1), CHQ_PASS_TUNNEL,
		 IS(NEW)},
		{"but not out of the tunnel", AT(TUN),
		 .frame = {.from = PEER,
			   .to = OWN_WAN,
			   .protocol = IPPROTO_UDP,
			   .dport = OUTER_PORT},
		 CHQ_DROP_NO_RULE},
	};

	gateway_tunnel(*state, &tunnel);
	WALK(state, steps);
}

/* Which addresses are Peers' changes between generations: a denial must not outlast it. */
static void test_peer_becomes_known(void **state)
{
	struct chq_tunnel strangers = {.ifindex = TUN,
				       .listen_port_be = htons(OUTER_PORT),
				       .up = 1},
			  anybody = strangers;
	static const struct step denied[] = {
		{"a stranger", AT(WAN), UDP(WORLD, 51820, OWN_WAN, 51820), CHQ_DROP_NO_RULE,
		 IS(DROP)},
		{"once more", AT(WAN), UDP(WORLD, 51820, OWN_WAN, 51820), CHQ_DROP_NO_RULE,
		 IS(DROP)},
	};
	static const struct step known[] = {
		{"a peer", AT(WAN), UDP(WORLD, 51820, OWN_WAN, 51820), CHQ_PASS_TUNNEL, IS(NEW)},
		{"is answered", OUT(WAN, HERE), UDP(OWN_WAN, 51820, WORLD, 51820), CHQ_PASS_KNOWN,
		 NO_EVENT},
		{"goes on", AT(WAN), UDP(WORLD, 51820, OWN_WAN, 51820), CHQ_PASS_KNOWN, NO_EVENT},
	};
	static const struct step gone[] = {
		{"is none any more", AT(WAN), UDP(WORLD, 51820, OWN_WAN, 51820), CHQ_DROP_NO_RULE,
		 IS(DROP), .flip = 2},
	};
	static const struct step again[] = {
		{"and one again", AT(WAN), UDP(WORLD, 51820, OWN_WAN, 51820), CHQ_PASS_KNOWN,
		 IS(REJUDGED), CHQ_PASS_TUNNEL},
	};

	anybody.any_peer = 1;
	WALK(state, denied);
	gateway_tunnel(*state, &anybody);
	WALK(state, known);
	gateway_tunnel(*state, &strangers);
	WALK(state, gone);
	gateway_tunnel(*state, &anybody);
	WALK(state, again);
}

#define TEST(name) cmocka_unit_test_setup(name, gateway_setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_peer_in_clear),      TEST(test_running_flow), TEST(test_sources),
		TEST(test_tunnel_down),	       TEST(test_strict),	TEST(test_outer),
		TEST(test_peer_becomes_known), TEST(test_not_outer),	TEST(test_any_peer),
	};

	return cmocka_run_group_tests_name("encrypt", tests, NULL, NULL);
}
