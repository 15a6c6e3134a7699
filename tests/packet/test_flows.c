/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */

/* Conntrack: each transition of a flow, reloads, moves, pick-up, floods. */

#include <netinet/in.h>
#include <stdio.h>

#include "steps.h"

#define CLIENT 40000
#define OPEN(flags_, ...)            \
	.frame = {.from = WEB,       \
		  .to = WORLD,       \
		  .sport = CLIENT,   \
		  .dport = 80,       \
		  .flags = (flags_), \
		  __VA_ARGS__}
#define REPLY(flags_, ...)           \
	.frame = {.from = WORLD,     \
		  .to = WEB,         \
		  .sport = 80,       \
		  .dport = CLIENT,   \
		  .flags = (flags_), \
		  __VA_ARGS__}
#define OPEN6(flags_, ...)           \
	.frame = {.from = WEB6,      \
		  .to = WORLD6,      \
		  .sport = CLIENT,   \
		  .dport = 80,       \
		  .flags = (flags_), \
		  __VA_ARGS__}
#define REPLY6(flags_, ...)          \
	.frame = {.from = WORLD6,    \
		  .to = WEB6,        \
		  .sport = 80,       \
		  .dport = CLIENT,   \
		  .flags = (flags_), \
		  __VA_ARGS__}
#define ASK(...)                           \
	.frame = {.from = WEB,             \
		  .to = WORLD,             \
		  .protocol = IPPROTO_UDP, \
		  .sport = CLIENT,         \
		  .dport = 53,             \
		  __VA_ARGS__}
#define ANSWER(...)                        \
	.frame = {.from = WORLD,           \
		  .to = WEB,               \
		  .protocol = IPPROTO_UDP, \
		  .sport = 53,             \
		  .dport = CLIENT,         \
		  __VA_ARGS__}

/* The handshake that a test begins with. */
#define HANDSHAKE                                                                          \
	{"syn", AT(LAN), OPEN(S, .seq = 100), CHQ_PASS_ALLOWED, IS(NEW)},                  \
		{"syn-ack", AT(WAN), REPLY(S | A, .seq = 900, .ack = 101), CHQ_PASS_KNOWN, \
		 NO_EVENT},                                                                \
	{                                                                                  \
		"ack", AT(LAN), OPEN(A, .seq = 101, .ack = 901), CHQ_PASS_KNOWN, NO_EVENT  \
	}

static void expect_flows(struct gateway *gateway, unsigned proven, unsigned unproven)
{
	assert_int_equal(gateway_flows(gateway, true), proven);
	assert_int_equal(gateway_flows(gateway, false), unproven);
}

static void test_handshake(void **state)
{
	static const struct step steps[] = {
		HANDSHAKE,
		{"data", AT(LAN), OPEN(A | P, .payload_bytes = 100), CHQ_PASS_KNOWN, NO_EVENT},
		{"data back", AT(WAN), REPLY(A | P, .payload_bytes = 100), CHQ_PASS_KNOWN,
		 NO_EVENT},
	};
	struct chq_flow flow;

	WALK(state, steps);
	expect_flows(*state, 1, 0);
	assert_true(gateway_flow(*state, true, false, &flow));
	assert_int_equal(flow.state, CHQ_FLOW_ESTABLISHED);
	assert_int_equal(flow.flags, 0);
	assert_int_equal(flow.port[0], 1);
	assert_int_equal(flow.port[1], 3);
	assert_int_equal(flow.identity[0], 256);
	assert_int_equal(flow.identity[1], CHQ_ID_WORLD_IPV4);
	assert_int_equal(CHQ_FLOW_REASON(flow.verdict), CHQ_PASS_ALLOWED);
	assert_int_equal(CHQ_FLOW_GENERATION(flow.verdict), 1);
}

static void test_handshake_ipv6(void **state)
{
	static const struct step steps[] = {
		{"syn", AT(LAN), OPEN6(S, .seq = 100), CHQ_PASS_ALLOWED, IS(NEW)},
		{"syn again", AT(LAN), OPEN6(S, .seq = 100), CHQ_PASS_KNOWN, NO_EVENT},
		{"syn-ack", AT(WAN), REPLY6(S | A, .seq = 0xffffffff, .ack = 101), CHQ_PASS_KNOWN,
		 NO_EVENT},
		{"ack", AT(LAN), OPEN6(A, .seq = 101, .ack = 0), CHQ_PASS_KNOWN, NO_EVENT},
		{"data back", AT(WAN), REPLY6(A | P, .payload_bytes = 100), CHQ_PASS_KNOWN,
		 NO_EVENT},
	};
	struct chq_flow flow;

	WALK(state, steps);
	expect_flows(*state, 1, 0);
	assert_true(gateway_flow(*state, true, true, &flow));
	assert_int_equal(flow.flags & CHQ_FLOW_OPENER_1, CHQ_FLOW_OPENER_1);
	assert_int_equal(flow.identity[1], 256);
}

static void test_what_proves_nothing(void **state)
{
	static const struct step steps[] = {
		{"syn", AT(LAN), OPEN(S, .seq = 100), CHQ_PASS_ALLOWED, IS(NEW)},
		{"a blind ack before the answer", AT(LAN), OPEN(A, .ack = 901), CHQ_PASS_KNOWN,
		 NO_EVENT},
		{"syn-ack", AT(WAN), REPLY(S | A, .seq = 900), CHQ_PASS_KNOWN, NO_EVENT},
		{"a blind ack", AT(LAN), OPEN(A, .ack = 902), CHQ_PASS_KNOWN, NO_EVENT},
		{"an ack of the other end", AT(WAN), REPLY(A, .ack = 901), CHQ_PASS_KNOWN,
		 NO_EVENT},
		{"rst", AT(WAN), REPLY(R | A, .seq = 0), CHQ_PASS_KNOWN, IS(CLOSE),
		 CHQ_PASS_ALLOWED},
		{"the right ack, too late", AT(LAN), OPEN(A, .ack = 901), CHQ_PASS_KNOWN, NO_EVENT},
	};

	WALK(state, steps);
	expect_flows(*state, 0, 1);
}

static void test_closing(void **state)
{
	static const struct step steps[] = {
		HANDSHAKE,
		{"fin", AT(LAN), OPEN(F | A, .seq = 0), CHQ_PASS_KNOWN, NO_EVENT},
		{"fin again", AT(LAN), OPEN(F | A, .seq = 0), CHQ_PASS_KNOWN, NO_EVENT},
		{"data in the other half", AT(WAN), REPLY(A, .payload_bytes = 10), CHQ_PASS_KNOWN,
		 NO_EVENT},
		{"half closed for long", AT(WAN), REPLY(A, .payload_bytes = 10), CHQ_PASS_KNOWN,
		 NO_EVENT, .older_ticks = 4000},
		{"fin back", AT(WAN), REPLY(F | A, .seq = 0), CHQ_PASS_KNOWN, IS(CLOSE),
		 CHQ_PASS_ALLOWED},
		{"last ack", AT(LAN), OPEN(A, .seq = 0), CHQ_PASS_KNOWN, NO_EVENT},
		{"the tuple again", AT(LAN), OPEN(S, .seq = 0), CHQ_PASS_ALLOWED, IS(NEW)},
	};

	WALK(state, steps);
	expect_flows(*state, 0, 1);
}

static void test_closed_is_forgotten(void **state)
{
	static const struct step steps[] = {
		HANDSHAKE,
		{"rst", AT(WAN), REPLY(R, .seq = 0), CHQ_PASS_KNOWN, IS(CLOSE), CHQ_PASS_ALLOWED},
		{"rst again", AT(WAN), REPLY(R, .seq = 0), CHQ_PASS_KNOWN, NO_EVENT},
		{"long after", AT(WAN), REPLY(A, .seq = 0), CHQ_DROP_NO_RULE, .older_ticks = 100},
	};

	WALK(state, steps);
	expect_flows(*state, 0, 1);
}

static void test_tcp_timeouts(void **state)
{
	static const struct step steps[] = {
		{"syn", AT(LAN), OPEN(S, .seq = 0), CHQ_PASS_ALLOWED, IS(NEW)},
		{"answered in time", AT(WAN), REPLY(S | A, .seq = 0), CHQ_PASS_KNOWN, NO_EVENT,
		 .older_ticks = 190},
		{"answered too late", AT(WAN), REPLY(A, .seq = 0), CHQ_DROP_NO_RULE,
		 .older_ticks = 201},
		{"idle below the limit", AT(LAN), OPEN(S, .seq = 0), CHQ_PASS_ALLOWED, IS(NEW),
		 .fresh = true},
	};
	static const struct step idle[] = {
		HANDSHAKE,
		{"idle for long", AT(WAN), REPLY(A, .seq = 0), CHQ_PASS_KNOWN, NO_EVENT,
		 .older_ticks = 4900},
		{"for too long", AT(WAN), REPLY(A, .seq = 0), CHQ_DROP_NO_RULE,
		 .older_ticks = 5001},
	};

	WALK(state, steps);
	gateway_reset(*state);
	WALK(state, idle);
}

static void test_udp(void **state)
{
	static const struct step steps[] = {
		{"question", AT(LAN), ASK(.payload_bytes = 0), CHQ_PASS_ALLOWED, IS(NEW)},
		{"again", AT(LAN), ASK(.payload_bytes = 0), CHQ_PASS_KNOWN, NO_EVENT},
		{"answer", AT(WAN), ANSWER(.payload_bytes = 0), CHQ_PASS_KNOWN, NO_EVENT},
		{"long after", AT(WAN), ANSWER(.payload_bytes = 0), CHQ_PASS_KNOWN, NO_EVENT,
		 .older_ticks = 890},
		{"too long after", AT(WAN), ANSWER(.payload_bytes = 0), CHQ_DROP_NO_RULE,
		 .older_ticks = 901},
	};

	WALK(state, steps);
	expect_flows(*state, 0, 1);
}

static void test_udp_unanswered(void **state)
{
	static const struct step steps[] = {
		{"question", AT(LAN), ASK(.payload_bytes = 0), CHQ_PASS_ALLOWED, IS(NEW)},
		{"unanswered for too long", AT(WAN), ANSWER(.payload_bytes = 0), CHQ_DROP_NO_RULE,
		 .older_ticks = 221},
	};

	WALK(state, steps);
}

static void test_one_way_udp(void **state)
{
	static const struct step lasting[] = {
		{"first", AT(LAN), ASK(.payload_bytes = 0), CHQ_PASS_ALLOWED, IS(NEW)},
		{"after four seconds", AT(LAN), ASK(.payload_bytes = 0), CHQ_PASS_KNOWN, NO_EVENT,
		 .older_ticks = 30},
	};
	static const struct step proven[] = {
		{"after six seconds", AT(LAN), ASK(.payload_bytes = 0), CHQ_PASS_KNOWN, NO_EVENT,
		 .older_ticks = 15},
	};
	struct chq_flow flow;

	WALK(state, lasting);
	expect_flows(*state, 0, 1);
	gateway_config(*state)->oneway_budget = 0;
	WALK(state, proven);
	expect_flows(*state, 0, 1);
	gateway_config(*state)->oneway_budget = 1;
	WALK(state, proven);
	expect_flows(*state, 1, 0);
	assert_true(gateway_flow(*state, true, false, &flow));
	assert_int_equal(flow.flags & CHQ_FLOW_ONE_WAY, CHQ_FLOW_ONE_WAY);
}

#define ECHO(from_, to_, protocol_, type_) \
	.frame = {.from = (from_), .to = (to_), .protocol = (protocol_), .type = (type_), .id = 77}

static void test_ping(void **state)
{
	static const struct step steps[] = {
		{"request", AT(LAN), ECHO(WEB, WORLD, IPPROTO_ICMP, 8), CHQ_PASS_ALLOWED, IS(NEW)},
		{"reply", AT(WAN), ECHO(WORLD, WEB, IPPROTO_ICMP, 0), CHQ_PASS_KNOWN, NO_EVENT},
		{"request, ipv6", AT(LAN), ECHO(WEB6, WORLD6, IPPROTO_ICMPV6, 128),
		 CHQ_PASS_ALLOWED, IS(NEW)},
		{"reply, ipv6", AT(WAN), ECHO(WORLD6, WEB6, IPPROTO_ICMPV6, 129), CHQ_PASS_KNOWN,
		 NO_EVENT},
		{"a reply to nobody", AT(WAN), ECHO(WORLD2, WEB, IPPROTO_ICMP, 0),
		 CHQ_DROP_NO_RULE},
		{"long after", AT(WAN), ECHO(WORLD, WEB, IPPROTO_ICMP, 0), CHQ_DROP_NO_RULE,
		 .older_ticks = 221},
		{"timestamp request", AT(LAN), ECHO(DB, WORLD, IPPROTO_ICMP, 13),
		 CHQ_PASS_NO_POLICY, IS(NEW)},
		{"and again: judged each time", AT(LAN), ECHO(DB, WORLD, IPPROTO_ICMP, 13),
		 CHQ_PASS_NO_POLICY, IS(NEW)},
	};

	WALK(state, steps);
	expect_flows(*state, 1, 0);
}

static void test_other_protocols(void **state)
{
	static const struct step steps[] = {
		{"gre", AT(LAN),
		 .frame = {.from = DB, .to = WORLD, .protocol = IPPROTO_GRE, .payload_bytes = 8},
		 CHQ_PASS_NO_POLICY, IS(NEW)},
		{"back", AT(WAN),
		 .frame = {.from = WORLD, .to = DB, .protocol = IPPROTO_GRE, .payload_bytes = 8},
		 CHQ_PASS_KNOWN, NO_EVENT},
		{"sctp", AT(LAN),
		 .frame = {.from = DB,
			   .to = WORLD,
			   .protocol = IPPROTO_SCTP,
			   .sport = 7,
			   .dport = 9},
		 CHQ_PASS_NO_POLICY, IS(NEW)},
		{"sctp back", AT(WAN),
		 .frame = {.from = WORLD,
			   .to = DB,
			   .protocol = IPPROTO_SCTP,
			   .sport = 9,
			   .dport = 7},
		 CHQ_PASS_KNOWN, NO_EVENT},
	};

	WALK(state, steps);
	expect_flows(*state, 2, 0);
}

static void test_denied_is_remembered(void **state)
{
	static const struct step steps[] = {
		{"denied", AT(LAN), .frame = {.from = WEB, .to = WORLD, .sport = 5, .dport = 81},
		 CHQ_DROP_DENIED, IS(DROP)},
		{"denied again", AT(LAN),
		 .frame = {.from = WEB, .to = WORLD, .sport = 5, .dport = 81}, CHQ_DROP_DENIED,
		 IS(DROP)},
		{"denied, ipv6", AT(LAN),
		 .frame = {.from = WEB6, .to = WORLD6, .sport = 5, .dport = 81}, CHQ_DROP_DENIED,
		 IS(DROP)},
		{"denied again, ipv6", AT(LAN),
		 .frame = {.from = WEB6, .to = WORLD6, .sport = 5, .dport = 81}, CHQ_DROP_DENIED,
		 IS(DROP)},
		{"and no rule", AT(LAN),
		 .frame = {.from = WEB, .to = WORLD, .sport = 5, .dport = 83}, CHQ_DROP_NO_RULE,
		 IS(DROP)},
		{"and no rule again", AT(LAN),
		 .frame = {.from = WEB, .to = WORLD, .sport = 5, .dport = 83}, CHQ_DROP_NO_RULE,
		 IS(DROP)},
		{"judged anew in time", AT(LAN),
		 .frame = {.from = WEB, .to = WORLD, .sport = 5, .dport = 81}, CHQ_DROP_DENIED,
		 IS(DROP), .older_ticks = 41},
	};

	WALK(state, steps);
	expect_flows(*state, 0, 3);
}

/* What one end may not do says nothing of what the other may. */
static void test_denial_is_one_ends(void **state)
{
	static const struct step steps[] = {
		{"closed: web may not open", AT(LAN), OPEN(S, .seq = 0), CHQ_DROP_NO_RULE,
		 .flip_close = 2},
		{"open again: the memory is old", AT(LAN), OPEN(S, .seq = 0), CHQ_PASS_ALLOWED,
		 IS(NEW), .flip = 3},
		{"world's segment from port 81", AT(WAN),
		 .frame = {.from = WORLD, .to = WEB, .sport = 443, .dport = 80, .flags = A},
		 CHQ_DROP_NO_RULE},
		{"web's own on that tuple, denied on its own account", AT(LAN),
		 .frame = {.from = WEB, .to = WORLD, .sport = 80, .dport = 443}, CHQ_DROP_NO_RULE},
		{"world's segment to an open port of db", AT(WAN),
		 .frame = {.from = WORLD, .to = WEB, .sport = 80, .dport = 9999, .flags = A},
		 CHQ_DROP_NO_RULE},
		{"web opens that very tuple", AT(LAN),
		 .frame = {.from = WEB, .to = WORLD, .sport = 9999, .dport = 80}, CHQ_PASS_ALLOWED,
		 IS(NEW)},
		{"unasked echo reply", AT(WAN), ECHO(WORLD, WEB, IPPROTO_ICMP, 0),
		 CHQ_DROP_NO_RULE},
		{"web pings with that identifier", AT(LAN), ECHO(WEB, WORLD, IPPROTO_ICMP, 8),
		 CHQ_PASS_ALLOWED, IS(NEW)},
	};

	WALK(state, steps);
}

static void test_reload_denies(void **state)
{
	static const struct step steps[] = {
		HANDSHAKE,
		{"same policy, new generation", AT(LAN), OPEN(A, .seq = 0), CHQ_PASS_KNOWN,
		 IS(REJUDGED), CHQ_PASS_ALLOWED, .flip = 2},
		{"once", AT(LAN), OPEN(A, .seq = 0), CHQ_PASS_KNOWN, NO_EVENT},
		{"only a reply, after a reload", AT(WAN), REPLY(A, .seq = 0), CHQ_PASS_KNOWN,
		 IS(REJUDGED), CHQ_PASS_ALLOWED, .flip = 3},
		{"closed: the reply drops", AT(WAN), REPLY(A, .seq = 0), CHQ_DROP_NO_RULE, IS(DROP),
		 .flip_close = 4},
		{"closed: the opener drops", AT(LAN), OPEN(A, .seq = 0), CHQ_DROP_NO_RULE,
		 IS(DROP)},
		{"open again: it runs on", AT(WAN), REPLY(A, .seq = 0), CHQ_PASS_KNOWN,
		 IS(REJUDGED), CHQ_PASS_ALLOWED, .flip = 5},
		{"both ways", AT(LAN), OPEN(A, .seq = 0), CHQ_PASS_KNOWN, NO_EVENT},
	};

	WALK(state, steps);
	expect_flows(*state, 1, 0);
}

static void test_reload_reaches_unproven(void **state)
{
	static const struct step steps[] = {
		{"question", AT(LAN), ASK(.payload_bytes = 0), CHQ_PASS_ALLOWED, IS(NEW)},
		{"closed: no answer", AT(WAN), ANSWER(.payload_bytes = 0), CHQ_DROP_NO_RULE,
		 .flip_close = 2},
		{"closed: no question", AT(LAN), ASK(.payload_bytes = 0), CHQ_DROP_NO_RULE},
		{"open: a question", AT(LAN), ASK(.payload_bytes = 0), CHQ_PASS_ALLOWED, IS(NEW),
		 .flip = 3},
		{"answer", AT(WAN), ANSWER(.payload_bytes = 0), CHQ_PASS_KNOWN, NO_EVENT},
	};

	WALK(state, steps);
	expect_flows(*state, 1, 0);
}

static void test_older_generation_keeps_off(void **state)
{
	static const struct step steps[] = {
		HANDSHAKE,
		{"judged by 9", AT(LAN), OPEN(A, .seq = 0), CHQ_PASS_KNOWN, IS(REJUDGED),
		 CHQ_PASS_ALLOWED, .flip = 9},
		{"a straggler that read 8", AT(LAN), OPEN(A, .seq = 0), CHQ_PASS_KNOWN, NO_EVENT,
		 .flip_close = 8},
	};
	struct chq_flow flow;

	WALK(state, steps);
	assert_true(gateway_flow(*state, true, false, &flow));
	assert_int_equal(CHQ_FLOW_GENERATION(flow.verdict), 9);
}

/* The same for a denial, which is no proven flow. */
static void test_older_generation_keeps_denials(void **state)
{
	static const struct step steps[] = {
		{"denied by 9", AT(LAN), OPEN(S, .seq = 1), CHQ_DROP_NO_RULE, IS(DROP),
		 .flip_close = 9},
		{"a straggler that read 8", AT(LAN), OPEN(S, .seq = 1), CHQ_DROP_NO_RULE, IS(DROP),
		 .flip = 8},
	};
	struct chq_flow flow;

	WALK(state, steps);
	assert_true(gateway_flow(*state, false, false, &flow));
	assert_int_equal(CHQ_FLOW_GENERATION(flow.verdict), 9);
}

static void test_moves(void **state)
{
	static const struct step steps[] = {
		HANDSHAKE,
		{"its tuple from outside", AT(WAN), OPEN(A, .seq = 0), CHQ_DROP_SPOOFED_ENDPOINT},
		{"its tuple from the tunnel", AT(TUN), OPEN(A, .seq = 0),
		 CHQ_DROP_SPOOFED_ENDPOINT},
		{"another inside port", AT(LAN2), OPEN(A, .seq = 0), CHQ_PASS_KNOWN, NO_EVENT},
		{"and back", AT(LAN), OPEN(A, .seq = 0), CHQ_PASS_KNOWN, NO_EVENT},
		{"another vlan", AT(LAN), OPEN(A, .vlans = {20}), CHQ_PASS_KNOWN, NO_EVENT},
		{"its reply from inside: world may be there", AT(LAN2), REPLY(A, .seq = 0),
		 CHQ_PASS_KNOWN, NO_EVENT},
		{"moved while closed", AT(LAN2), OPEN(A, .seq = 0), CHQ_DROP_NO_RULE,
		 .flip_close = 2},
	};

	WALK(state, steps);
}

static void test_first_reply_is_guarded(void **state)
{
	static const struct step steps[] = {
		{"db asks a peer", AT(LAN),
		 .frame = {.from = DB, .to = PEER, .protocol = IPPROTO_UDP, .sport = 5, .dport = 6},
		 CHQ_PASS_NO_POLICY, IS(NEW)},
		{"a forged reply from outside", AT(WAN),
		 .frame = {.from = PEER, .to = DB, .protocol = IPPROTO_UDP, .sport = 6, .dport = 5},
		 CHQ_DROP_SPOOFED_PEER},
		{"the reply", AT(TUN),
		 .frame = {.from = PEER, .to = DB, .protocol = IPPROTO_UDP, .sport = 6, .dport = 5},
		 CHQ_PASS_KNOWN, NO_EVENT},
		{"db asks itself in web's name", AT(LAN),
		 .frame = {.from = DB, .to = OWN, .dport = 22}, CHQ_PASS_MANAGEMENT, IS(NEW)},
		{"a forged reply of the gateway", AT(WAN),
		 .frame = {.from = OWN, .to = DB, .sport = 22, .flags = S | A},
		 CHQ_DROP_SPOOFED_OWN},
	};

	WALK(state, steps);
}

static void test_pick_up(void **state)
{
	static const struct step closed[] = {
		{"running, as it stands", AT(LAN), OPEN(A, .seq = 0), CHQ_PASS_PICKED_UP, IS(NEW)},
		{"its reply", AT(WAN), REPLY(A, .seq = 0), CHQ_PASS_KNOWN, NO_EVENT},
		{"another's reply, window closed", AT(WAN),
		 .frame = {.from = WORLD2, .to = WEB, .sport = 80, .dport = 5, .flags = A},
		 CHQ_DROP_NO_RULE},
	};
	static const struct step open[] = {
		{"reply first", AT(WAN), REPLY(A, .seq = 0), CHQ_PASS_PICKED_UP, IS(NEW)},
		{"the opener", AT(LAN), OPEN(A, .seq = 0), CHQ_PASS_KNOWN, NO_EVENT},
		{"udp reply first", AT(WAN), ANSWER(.payload_bytes = 0), CHQ_PASS_PICKED_UP,
		 IS(NEW)},
		{"udp opener", AT(LAN), ASK(.payload_bytes = 0), CHQ_PASS_KNOWN, NO_EVENT},
		{"echo reply first", AT(WAN), ECHO(WORLD, WEB, IPPROTO_ICMP, 0), CHQ_PASS_PICKED_UP,
		 IS(NEW)},
		{"a rst is not picked up", AT(WAN),
		 .frame = {.from = WORLD2, .to = WEB, .sport = 80, .dport = 5, .flags = R},
		 CHQ_DROP_NO_RULE},
		{"nor a syn", AT(WAN),
		 .frame = {.from = WORLD2, .to = WEB, .sport = 80, .dport = 6}, CHQ_DROP_NO_RULE},
		{"nor what neither way may", AT(WAN),
		 .frame = {.from = WORLD2, .to = WEB, .sport = 81, .dport = 6, .flags = A},
		 CHQ_DROP_NO_RULE},
		{"nor a forged source", AT(WAN),
		 .frame = {.from = DB, .to = WEB, .sport = 80, .dport = 6, .flags = A},
		 CHQ_DROP_SPOOFED_ENDPOINT},
	};
	static const struct step reversed[] = {
		{"closed: the reply of a flow picked up", AT(WAN), REPLY(A, .seq = 0),
		 CHQ_DROP_NO_RULE, .flip_close = 2},
	};
	struct chq_flow flow;

	WALK(state, closed);
	assert_true(gateway_flow(*state, true, false, &flow));
	assert_int_equal(flow.flags & CHQ_FLOW_PICKED_UP, CHQ_FLOW_PICKED_UP);
	gateway_reset(*state);
	gateway_config(*state)->pickup_until_tick += 100000;
	WALK(state, open);
	gateway_config(*state)->pickup_until_tick -= 100000;
	WALK(state, reversed);
}

static void test_rst_of_no_flow(void **state)
{
	static const struct step steps[] = {
		{"allowed as it stands", AT(LAN), OPEN(R, .seq = 0), CHQ_PASS_ALLOWED, NO_EVENT},
		{"denied as it stands", AT(WAN), REPLY(R, .seq = 0), CHQ_DROP_NO_RULE},
	};

	WALK(state, steps);
	expect_flows(*state, 0, 0);
}

static void test_gateway_itself(void **state)
{
	static const struct step steps[] = {
		{"it opens", OUT(WAN, HERE),
		 .frame = {.from = OWN_WAN, .to = WORLD, .sport = 9, .dport = 80, .seq = 1},
		 CHQ_PASS_NO_POLICY, IS(NEW)},
		{"is answered", AT(WAN),
		 .frame = {.from = WORLD,
			   .to = OWN_WAN,
			   .sport = 80,
			   .dport = 9,
			   .flags = S | A,
			   .seq = 50},
		 CHQ_PASS_KNOWN, NO_EVENT},
		{"acks", OUT(WAN, HERE),
		 .frame = {.from = OWN_WAN,
			   .to = WORLD,
			   .sport = 9,
			   .dport = 80,
			   .flags = A,
			   .ack = 51},
		 CHQ_PASS_KNOWN, NO_EVENT},
		{"its flow's tuple from inside", AT(LAN),
		 .frame = {.from = OWN_WAN, .to = WORLD, .sport = 9, .dport = 80, .flags = A},
		 CHQ_DROP_SPOOFED_OWN},
		{"asked for ssh", AT(WAN),
		 .frame = {.from = WORLD, .to = OWN_WAN, .sport = 7, .dport = 22},
		 CHQ_PASS_MANAGEMENT, IS(NEW)},
		{"answers", OUT(WAN, HERE),
		 .frame = {.from = OWN_WAN, .to = WORLD, .sport = 22, .dport = 7, .flags = S | A},
		 CHQ_PASS_KNOWN, NO_EVENT},
		{"asked for what is closed", AT(WAN),
		 .frame = {.from = WORLD, .to = OWN_WAN, .sport = 7, .dport = 23},
		 CHQ_DROP_NO_RULE},
		{"opens to who lets nobody in", OUT(LAN, HERE),
		 .frame = {.from = OWN, .to = WEB, .sport = 7, .dport = 23}, CHQ_DROP_NO_RULE},
	};
	struct chq_flow flow;

	WALK(state, steps);
	assert_true(gateway_flow(*state, true, false, &flow));
	assert_int_equal(flow.flags & CHQ_FLOW_HOST, CHQ_FLOW_HOST);
}

/* A flood of SYNs to an open, allowed port, and of one-way UDP: what was proven stays. */
static void test_floods(void **state)
{
	static const struct step before[] = {HANDSHAKE};
	static const struct step after[] = {
		{"still known", AT(WAN), REPLY(A, .seq = 0), CHQ_PASS_KNOWN, NO_EVENT},
	};
	struct sending how = AT(WAN);
	struct outcome seen;

	WALK(state, before);
	gateway_config(*state)->event_budget = 1;
	for (int i = 0; i < 70000; i++) {
		char from[32];
		struct frame frame = {.from = from,
				      .to = i & 1 ? WEB : DB,
				      .sport = i,
				      .dport = 443,
				      .protocol = i & 1 ? IPPROTO_TCP : IPPROTO_UDP};

		snprintf(from, sizeof(from), "203.%d.%d.%d", i >> 16, (i >> 8) & 255, i & 255);
		gateway_run(*state, &how, &frame, &seen);
		assert_int_equal(seen.action, 0);
	}
	assert_int_equal(gateway_flows(*state, true), 1);
	assert_true(gateway_flows(*state, false) > 60000);
	WALK(state, after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_handshake, gateway_setup),
		cmocka_unit_test_setup(test_handshake_ipv6, gateway_setup),
		cmocka_unit_test_setup(test_what_proves_nothing, gateway_setup),
		cmocka_unit_test_setup(test_closing, gateway_setup),
		cmocka_unit_test_setup(test_closed_is_forgotten, gateway_setup),
		cmocka_unit_test_setup(test_tcp_timeouts, gateway_setup),
		cmocka_unit_test_setup(test_udp, gateway_setup),
		cmocka_unit_test_setup(test_udp_unanswered, gateway_setup),
		cmocka_unit_test_setup(test_one_way_udp, gateway_setup),
		cmocka_unit_test_setup(test_ping, gateway_setup),
		cmocka_unit_test_setup(test_other_protocols, gateway_setup),
		cmocka_unit_test_setup(test_denied_is_remembered, gateway_setup),
		cmocka_unit_test_setup(test_denial_is_one_ends, gateway_setup),
		cmocka_unit_test_setup(test_reload_denies, gateway_setup),
		cmocka_unit_test_setup(test_reload_reaches_unproven, gateway_setup),
		cmocka_unit_test_setup(test_older_generation_keeps_off, gateway_setup),
		cmocka_unit_test_setup(test_older_generation_keeps_denials, gateway_setup),
		cmocka_unit_test_setup(test_moves, gateway_setup),
		cmocka_unit_test_setup(test_first_reply_is_guarded, gateway_setup),
		cmocka_unit_test_setup(test_pick_up, gateway_setup),
		cmocka_unit_test_setup(test_rst_of_no_flow, gateway_setup),
		cmocka_unit_test_setup(test_gateway_itself, gateway_setup),
		cmocka_unit_test_setup(test_floods, gateway_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
