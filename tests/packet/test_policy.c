/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */

/* Who may send what to whom, and where it is judged. */

#include <netinet/in.h>
#include <string.h>

#include "steps.h"

#define TCP(from_, to_, dport_) \
	.frame = {.from = (from_), .to = (to_), .sport = 40000, .dport = (dport_)}
#define SEG(from_, sport_, to_, dport_, flags_) \
	.frame = {.from = (from_),              \
		  .to = (to_),                  \
		  .sport = (sport_),            \
		  .dport = (dport_),            \
		  .flags = (flags_)}

static void test_both_directions(void **state)
{
	static const struct step steps[] = {
		{"no policy selects either", AT(LAN), TCP(DB, WORLD, 9), CHQ_PASS_NO_POLICY,
		 IS(NEW)},
		{"egress allows", AT(LAN), TCP(WEB, WORLD, 80), CHQ_PASS_ALLOWED, IS(NEW)},
		{"egress denies", AT(LAN), TCP(WEB, WORLD, 81), CHQ_DROP_DENIED},
		{"egress has no rule", AT(LAN), TCP(WEB, WORLD, 83), CHQ_DROP_NO_RULE},
		{"ingress allows", AT(WAN), TCP(WORLD, WEB, 443), CHQ_PASS_ALLOWED, IS(NEW)},
		{"ingress has no rule", AT(WAN), TCP(WORLD, WEB, 80), CHQ_DROP_NO_RULE},
		{"a pair says otherwise", AT(LAN), TCP(DB, WEB, 80), CHQ_PASS_ALLOWED, IS(NEW)},
		{"egress allows, ingress of the gateway does not", AT(LAN), TCP(WEB, OWN, 80),
		 CHQ_DROP_NO_RULE},
		{"management", AT(WAN), TCP(WORLD, OWN_WAN, 22), CHQ_PASS_MANAGEMENT, IS(NEW)},
		{"allowed, ipv6", AT(LAN), TCP(WEB6, WORLD6, 80), CHQ_PASS_ALLOWED, IS(NEW)},
		{"denied, ipv6", AT(LAN), TCP(WEB6, WORLD6, 81), CHQ_DROP_DENIED},
		{"ingress, ipv6", AT(WAN), TCP(WORLD6, WEB6, 443), CHQ_PASS_ALLOWED, IS(NEW)},
		{"the protocol counts", AT(LAN),
		 .frame = {.from = WEB, .to = WORLD, .protocol = IPPROTO_UDP, .dport = 80},
		 CHQ_DROP_NO_RULE},
		{"icmp by its type", AT(LAN),
		 .frame = {.from = WEB, .to = WORLD, .protocol = IPPROTO_ICMP, .type = 13},
		 CHQ_DROP_NO_RULE},
		{"a peer behind the tunnel", AT(TUN), TCP(PEER, DB, 5), CHQ_PASS_NO_POLICY,
		 IS(NEW)},
	};

	WALK_EACH(state, steps);
}

static void test_event_carries(void **state)
{
	struct frame frame = {.from = WEB, .to = WORLD, .sport = 7, .dport = 81, .vlans = {20}};
	struct sending how = AT(LAN);
	struct outcome seen;

	gateway_send(*state, &how, &frame, &seen);
	assert_int_equal(seen.n_events, 1);
	assert_int_equal(seen.event.source_identity, 256);
	assert_int_equal(seen.event.target_identity, CHQ_ID_WORLD_IPV4);
	assert_int_equal(seen.event.origin_egress, 8);
	assert_int_equal(seen.event.decided, CHQ_EGRESS);
	assert_int_equal(seen.event.direction, CHQ_INGRESS);
	assert_int_equal(seen.event.port, 1);
	assert_int_equal(seen.event.vlan, CHQ_VLAN_TAG | 20);
	assert_int_equal(seen.event.generation, 1);
	assert_int_equal(seen.event.protocol, IPPROTO_TCP);
	assert_int_equal(seen.event.tcp_flags, S);
	assert_int_equal(seen.event.sport_be, htons(7));
	assert_int_equal(seen.event.dport_be, htons(81));
	assert_int_equal(seen.event.length_bytes, 14 + 4 + 40);
	assert_int_equal(seen.event.ethertype_known, 1);
	assert_memory_equal(seen.event.source.byte + 12, "\x0a\x0a\x00\x05", 4);
}

static void test_audit(void **state)
{
	static const struct step steps[] = {
		{"would be denied", AT(LAN), TCP(WATCHED, WORLD, 81), CHQ_PASS_AUDIT, IS(AUDIT),
		 CHQ_DROP_DENIED},
		{"its flow is known", AT(LAN), TCP(WATCHED, WORLD, 81), CHQ_PASS_KNOWN, NO_EVENT},
		{"has no rule", AT(LAN), TCP(WATCHED, WORLD, 83), CHQ_PASS_AUDIT, IS(AUDIT),
		 CHQ_DROP_NO_RULE},
		{"allowed all the same", AT(LAN), TCP(WATCHED, WORLD, 80), CHQ_PASS_ALLOWED,
		 IS(NEW)},
		{"the other end's policy drops for good", AT(LAN), TCP(WATCHED, OWN, 81),
		 CHQ_DROP_NO_RULE},
	};

	WALK(state, steps);
}

static void test_spoofing(void **state)
{
	static const struct step steps[] = {
		{"endpoint from outside", AT(WAN), TCP(DB, WORLD, 80), CHQ_DROP_SPOOFED_ENDPOINT},
		{"endpoint from the tunnel", AT(TUN), TCP(DB, WORLD, 80),
		 CHQ_DROP_SPOOFED_ENDPOINT},
		{"endpoint from outside, ipv6", AT(WAN), TCP(DB6, WORLD6, 80),
		 CHQ_DROP_SPOOFED_ENDPOINT},
		{"endpoint of another port", AT(LAN), TCP(PINNED, WORLD, 80),
		 CHQ_DROP_SPOOFED_ENDPOINT},
		{"endpoint of its port", AT(LAN2), TCP(PINNED, WORLD, 80), CHQ_PASS_NO_POLICY,
		 IS(NEW)},
		{"peer from outside", AT(WAN), TCP(PEER, DB, 80), CHQ_DROP_SPOOFED_PEER},
		{"peer from inside", AT(LAN), TCP(PEER, DB, 80), CHQ_DROP_SPOOFED_PEER},
		{"peer from outside, ipv6", AT(WAN), TCP(PEER6, DB6, 80), CHQ_DROP_SPOOFED_PEER},
		{"own from outside", AT(WAN), TCP(OWN_WAN, DB, 80), CHQ_DROP_SPOOFED_OWN},
		{"own from inside", AT(LAN), TCP(OWN, WORLD, 80), CHQ_DROP_SPOOFED_OWN},
		{"own from inside, ipv6", AT(LAN), TCP(OWN6, WORLD6, 80), CHQ_DROP_SPOOFED_OWN},
		{"endpoint from an unguarded interface", OUT(WAN, ODD), TCP(DB, WORLD, 80),
		 CHQ_DROP_SPOOFED_ENDPOINT},
		{"the gateway in an endpoint's name", OUT(WAN, HERE), TCP(DB, WORLD, 80),
		 CHQ_DROP_SPOOFED_ENDPOINT},
		{"the gateway in a peer's name", OUT(LAN, HERE), TCP(PEER, DB, 80),
		 CHQ_DROP_SPOOFED_PEER},
		{"world from inside", AT(LAN), TCP(WORLD, WORLD2, 80), CHQ_PASS_NO_POLICY, IS(NEW)},
	};

	WALK_EACH(state, steps);
}

static void test_where_it_leaves(void **state)
{
	static const struct step steps[] = {
		{"judged where it came in", OUT(WAN, LAN), TCP(WEB, WORLD, 81), CHQ_PASS_JUDGED,
		 NO_EVENT},
		{"not judged there", OUT(LAN, ODD), TCP(WORLD, WEB, 80), CHQ_DROP_NO_RULE},
		{"not judged there, allowed", OUT(LAN, ODD), TCP(WORLD, WEB, 443), CHQ_PASS_ALLOWED,
		 IS(NEW)},
		{"known there", OUT(LAN, ODD), TCP(WORLD, WEB, 443), CHQ_PASS_KNOWN, NO_EVENT},
		{"its reply comes in by a port", AT(LAN), SEG(WEB, 443, WORLD, 40000, S | A),
		 CHQ_PASS_KNOWN, NO_EVENT},
	};
	struct chq_link dead = {.port = 1, .live = 0, .role = CHQ_INSIDE};
	static const struct step lost[] = {
		{"its checkpoint is gone: judged here", OUT(WAN, LAN), TCP(WEB, WORLD, 81),
		 CHQ_DROP_DENIED},
	};

	WALK(state, steps);
	gateway_link(*state, LAN, &dead);
	WALK(state, lost);
}

/* Masquerade behind us: web's packets leave with the gateway's address and another port. */
static void test_translation(void **state)
{
	static const struct step steps[] = {
		{"web asks", AT(LAN), SEG(WEB, 5, WORLD, 80, S), CHQ_PASS_ALLOWED, IS(NEW)},
		{"and leaves as the gateway", OUT(WAN, LAN), SEG(OWN_WAN, 1005, WORLD, 80, S),
		 CHQ_PASS_JUDGED, NO_EVENT},
		{"the answer arrives", AT(WAN), SEG(WORLD, 80, OWN_WAN, 1005, S | A),
		 CHQ_PASS_TRANSLATED, NO_EVENT},
		{"and leaves to web", OUT(LAN, WAN), SEG(WORLD, 80, WEB, 5, S | A), CHQ_PASS_KNOWN,
		 NO_EVENT},
		{"web acks", AT(LAN),
		 .frame = {.from = WEB, .to = WORLD, .sport = 5, .dport = 80, .flags = A, .ack = 1},
		 CHQ_PASS_KNOWN, NO_EVENT},
		{"as the gateway", OUT(WAN, LAN),
		 .frame = {.from = OWN_WAN,
			   .to = WORLD,
			   .sport = 1005,
			   .dport = 80,
			   .flags = A,
			   .ack = 1},
		 CHQ_PASS_JUDGED, NO_EVENT},
	};
	static const struct step after[] = {
		{"closed: the reply arrives still", AT(WAN), SEG(WORLD, 80, OWN_WAN, 1005, A),
		 CHQ_PASS_TRANSLATED, ANY_EVENT, .flip_close = 2},
		{"closed: and does not reach web", OUT(LAN, WAN), SEG(WORLD, 80, WEB, 5, A),
		 CHQ_DROP_NO_RULE},
		{"nobody's reply", AT(WAN), SEG(WORLD, 80, OWN_WAN, 1006, A), CHQ_DROP_NO_RULE},
		{"translated to whom nobody judged", OUT(LAN, WAN), SEG(WORLD, 80, WEB, 7, A),
		 CHQ_DROP_NO_RULE},
		{"what was judged before and is judged again", OUT(LAN, WAN), TCP(WORLD, WEB, 443),
		 CHQ_PASS_ALLOWED, IS(NEW)},
	};

	assert_false(gateway_translates(*state, WAN));
	WALK(state, steps);
	assert_true(gateway_translates(*state, WAN));
	assert_int_equal(gateway_flows(*state, true), 2);
	WALK(state, after);
}

static void test_translated_udp_and_ping(void **state)
{
	static const struct step steps[] = {
		{"ping", AT(LAN),
		 .frame = {.from = WEB, .to = WORLD, .protocol = IPPROTO_ICMP, .type = 8, .id = 3},
		 CHQ_PASS_ALLOWED, IS(NEW)},
		{"as the gateway", OUT(WAN, LAN),
		 .frame = {.from = OWN_WAN,
			   .to = WORLD,
			   .protocol = IPPROTO_ICMP,
			   .type = 8,
			   .id = 4},
		 CHQ_PASS_JUDGED, NO_EVENT},
		{"its reply", AT(WAN),
		 .frame = {.from = WORLD,
			   .to = OWN_WAN,
			   .protocol = IPPROTO_ICMP,
			   .type = 0,
			   .id = 4},
		 CHQ_PASS_TRANSLATED, NO_EVENT},
		{"to web", OUT(LAN, WAN),
		 .frame = {.from = WORLD, .to = WEB, .protocol = IPPROTO_ICMP, .type = 0, .id = 3},
		 CHQ_PASS_KNOWN, NO_EVENT},
		{"dns", AT(LAN),
		 .frame = {.from = WEB,
			   .to = WORLD,
			   .protocol = IPPROTO_UDP,
			   .sport = 3,
			   .dport = 53},
		 CHQ_PASS_ALLOWED, IS(NEW)},
		{"as the gateway", OUT(WAN, LAN),
		 .frame = {.from = OWN_WAN,
			   .to = WORLD,
			   .protocol = IPPROTO_UDP,
			   .sport = 4,
			   .dport = 53},
		 CHQ_PASS_JUDGED, NO_EVENT},
		{"its reply", AT(WAN),
		 .frame = {.from = WORLD,
			   .to = OWN_WAN,
			   .protocol = IPPROTO_UDP,
			   .sport = 53,
			   .dport = 4},
		 CHQ_PASS_TRANSLATED, NO_EVENT},
		{"to web", OUT(LAN, WAN),
		 .frame = {.from = WORLD,
			   .to = WEB,
			   .protocol = IPPROTO_UDP,
			   .sport = 53,
			   .dport = 3},
		 CHQ_PASS_KNOWN, NO_EVENT},
	};

	WALK(state, steps);
}

/* A packet that goes back out of the port it came by (an answer of ours) is no translation. */
static void test_answer_is_no_translation(void **state)
{
	static const struct step steps[] = {
		{"a rst of ours", OUT(WAN, WAN), SEG(OWN_WAN, 23, WORLD, 7, R | A), CHQ_PASS_JUDGED,
		 NO_EVENT},
		{"opens nothing", AT(WAN), SEG(WORLD, 7, OWN_WAN, 23, A), CHQ_DROP_NO_RULE},
	};

	WALK(state, steps);
	assert_false(gateway_translates(*state, WAN));
}

static void test_segments_count(void **state)
{
	static const struct step steps[] = {
		{"a packet of 40 segments",
		 {.at = LAN, .segments = 40},
		 TCP(DB, WORLD, 80),
		 CHQ_PASS_NO_POLICY,
		 IS(NEW)},
		{"its flow",
		 {.at = LAN, .segments = 40},
		 TCP(DB, WORLD, 80),
		 CHQ_PASS_KNOWN,
		 NO_EVENT},
		{"denied",
		 {.at = LAN, .segments = 3},
		 TCP(WEB, WORLD, 81),
		 CHQ_DROP_DENIED,
		 IS(DROP)},
	};

	WALK(state, steps);
}

static void test_budget(void **state)
{
	uint64_t lost = gateway_lost(*state, CHQ_DROP_DENIED);
	struct sending how = AT(LAN);
	struct outcome seen;
	unsigned events = 0;

	gateway_config(*state)->event_budget = 3;
	for (int i = 0; i < 50; i++) {
		struct frame frame = {.from = WEB, .to = WORLD, .sport = i, .dport = 81};

		gateway_send(*state, &how, &frame, &seen);
		assert_int_equal(seen.counted[CHQ_DROP_DENIED], 1);
		events += seen.n_events;
	}
	assert_in_range(events, 3, 49);
	assert_int_equal(gateway_lost(*state, CHQ_DROP_DENIED) - lost, 50 - events);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_both_directions, gateway_setup),
		cmocka_unit_test_setup(test_event_carries, gateway_setup),
		cmocka_unit_test_setup(test_audit, gateway_setup),
		cmocka_unit_test_setup(test_spoofing, gateway_setup),
		cmocka_unit_test_setup(test_where_it_leaves, gateway_setup),
		cmocka_unit_test_setup(test_translation, gateway_setup),
		cmocka_unit_test_setup(test_translated_udp_and_ping, gateway_setup),
		cmocka_unit_test_setup(test_answer_is_no_translation, gateway_setup),
		cmocka_unit_test_setup(test_segments_count, gateway_setup),
		cmocka_unit_test_setup(test_budget, gateway_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
