/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */

/* The gate's deny list: longest prefix, both families, tags. */

#include <netinet/in.h>

#include "steps.h"

#define FROM(from_, ...)  .frame = {.from = (from_), .to = DB, .dport = 80, __VA_ARGS__}
#define FROM6(from_, ...) .frame = {.from = (from_), .to = DB6, .dport = 80, __VA_ARGS__}
#define DROPS		  CHQ_DROP_DENY_LIST, IS(DROP)
#define PASSES		  CHQ_PASS_JUDGED, NO_EVENT

static void test_deny_list(void **state)
{
	static const struct step steps[] = {
		{"a /24", GATE(WAN), FROM("203.0.113.7", .hops = 64), DROPS},
		{"its neighbour", GATE(WAN), FROM("203.0.114.7", .hops = 64), PASSES},
		{"the one below", GATE(WAN), FROM("203.0.112.255", .hops = 64), PASSES},
		{"a /16's first", GATE(WAN), FROM("198.18.0.0", .hops = 64), DROPS},
		{"a /16's last", GATE(WAN), FROM("198.18.255.255", .hops = 64), DROPS},
		{"past it", GATE(WAN), FROM("198.19.0.0", .hops = 64), PASSES},
		{"a /32", GATE(WAN), FROM("192.0.2.77", .hops = 64), DROPS},
		{"beside it", GATE(WAN), FROM("192.0.2.78", .hops = 64), PASSES},
		{"a /30", GATE(WAN), FROM("192.0.2.130", .hops = 64), DROPS},
		{"past it", GATE(WAN), FROM("192.0.2.132", .hops = 64), PASSES},
		{"with a tag", GATE(WAN), FROM("203.0.113.7", .vlans = {20}), DROPS},
		{"with two", GATE(WAN), FROM("203.0.113.7", .vlans = {20, 30}), DROPS},
		{"with three: the checkpoint drops it", GATE(WAN),
		 FROM("203.0.113.7", .vlans = {20, 30, 40}), PASSES},
		{"with options", GATE(WAN), FROM("203.0.113.7", .options = {1}, .options_bytes = 4),
		 DROPS},
		{"a fragment", GATE(WAN),
		 FROM("203.0.113.7", .fragment_bytes = 800, .payload_bytes = 8), DROPS},
		{"ipv6", GATE(WAN), FROM6("2001:db8:bad::1", .hops = 64), DROPS},
		{"ipv6, one address", GATE(WAN), FROM6("2001:db8:1::bad", .hops = 64), DROPS},
		{"ipv6, another", GATE(WAN), FROM6("2001:db8:1::bae", .hops = 64), PASSES},
		{"ipv6 with a tag", GATE(WAN), FROM6("2001:db8:bad::1", .vlans = {20}), DROPS},
		{"arp", GATE(WAN), .frame = {.from = WEB, .ethertype = 0x0806, .payload_bytes = 28},
		 PASSES},
		{"cut", GATE(WAN), FROM("203.0.113.7", .cut_bytes = 21), PASSES},
	};
	gateway_deny(*state, "203.0.113.0/24");
	gateway_deny(*state, "198.18.0.0/16");
	gateway_deny(*state, "192.0.2.77/32");
	gateway_deny(*state, "192.0.2.128/30");
	gateway_deny(*state, "2001:db8:bad::/48");
	gateway_deny(*state, "2001:db8:1::bad/128");
	WALK(state, steps);
}

static void test_lists_belong_to_generations(void **state)
{
	static const struct step before[] = {
		{"listed", GATE(WAN), FROM("203.0.113.7", .hops = 64), DROPS},
	};
	static const struct step after[] = {
		{"not in the next one", GATE(WAN), FROM("203.0.113.7", .hops = 64), PASSES,
		 .flip = 2},
	};

	gateway_deny(*state, "203.0.113.0/24");
	WALK(state, before);
	WALK(state, after);
}

static void test_event(void **state)
{
	struct frame frame = {.from = "203.0.113.7", .to = DB, .dport = 80, .vlans = {20}};
	struct sending how = GATE(WAN);
	struct outcome seen;

	gateway_deny(*state, "203.0.113.0/24");
	gateway_send(*state, &how, &frame, &seen);
	assert_int_equal(seen.n_events, 1);
	assert_int_equal(seen.event.reason, CHQ_DROP_DENY_LIST);
	assert_int_equal(seen.event.port, 3);
	assert_int_equal(seen.event.protocol, IPPROTO_TCP);
	assert_int_equal(seen.event.vlan, CHQ_VLAN_TAG | 20);
	assert_int_equal(seen.event.length_bytes, 58);
	assert_memory_equal(seen.event.source.byte + 12, "\xcb\x00\x71\x07", 4);
}

/* Drops are counted all; events stop at the budget, and what is not told is counted as lost. */
static void test_budget(void **state)
{
	uint64_t lost = gateway_lost(*state, CHQ_DROP_DENY_LIST);
	struct frame frame = {.from = "203.0.113.7", .to = DB, .dport = 80};
	struct sending how = GATE(WAN);
	struct outcome seen;
	unsigned events = 0;

	gateway_deny(*state, "203.0.113.0/24");
	gateway_config(*state)->event_budget = 4;
	for (int i = 0; i < 60; i++) {
		gateway_send(*state, &how, &frame, &seen);
		assert_int_equal(seen.counted[CHQ_DROP_DENY_LIST], 1);
		events += seen.n_events;
	}
	assert_in_range(events, 4, 12);
	assert_int_equal(gateway_lost(*state, CHQ_DROP_DENY_LIST) - lost, 60 - events);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_deny_list, gateway_setup),
		cmocka_unit_test_setup(test_lists_belong_to_generations, gateway_setup),
		cmocka_unit_test_setup(test_event, gateway_setup),
		cmocka_unit_test_setup(test_budget, gateway_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
