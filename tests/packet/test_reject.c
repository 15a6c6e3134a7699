/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */

/* Answers to denied packets, byte by byte. */

#include <netinet/in.h>
#include <string.h>

#include "steps.h"

#define REFUSED(...)  .frame = {.from = WEB, .to = WORLD, .sport = 5, .dport = 82, __VA_ARGS__}
#define REFUSED6(...) .frame = {.from = WEB6, .to = WORLD6, .sport = 5, .dport = 82, __VA_ARGS__}

static void test_who_is_answered(void **state)
{
	static const struct step steps[] = {
		{"syn", AT(LAN), REFUSED(.flags = S), CHQ_DROP_DENIED, IS(DROP), .answered = true},
		{"syn again", AT(LAN), REFUSED(.flags = S), CHQ_DROP_DENIED, IS(DROP),
		 .answered = true},
		{"syn, ipv6", AT(LAN), REFUSED6(.flags = S), CHQ_DROP_DENIED, IS(DROP),
		 .answered = true},
		{"udp", AT(LAN), REFUSED(.protocol = IPPROTO_UDP), CHQ_DROP_DENIED, IS(DROP),
		 .answered = true},
		{"udp, ipv6", AT(LAN), REFUSED6(.protocol = IPPROTO_UDP), CHQ_DROP_DENIED, IS(DROP),
		 .answered = true},
		{"a rst is not", AT(LAN), REFUSED(.flags = R), CHQ_DROP_DENIED},
		{"a fragment is not", AT(LAN),
		 REFUSED(.protocol = IPPROTO_UDP, .more = true, .payload_bytes = 1000),
		 CHQ_DROP_DENIED},
		{"what another rule denies is not", AT(LAN),
		 .frame = {.from = WEB, .to = WORLD, .dport = 81}, CHQ_DROP_DENIED},
		{"by the port's wish, also without a rule", AT(LAN2),
		 .frame = {.from = WEB, .to = WORLD, .dport = 83}, CHQ_DROP_NO_RULE, IS(DROP),
		 .answered = true},
		{"ping, by the port's wish", AT(LAN2),
		 .frame = {.from = DB, .to = OWN, .protocol = IPPROTO_ICMP, .type = 8},
		 CHQ_DROP_NO_RULE, IS(DROP), .answered = true},
		{"gre, by the port's wish", AT(LAN2),
		 .frame = {.from = WEB, .to = WORLD, .protocol = IPPROTO_GRE, .payload_bytes = 8},
		 CHQ_DROP_NO_RULE, IS(DROP), .answered = true},
		{"multicast is not", AT(LAN2),
		 .frame = {.from = DB, .to = "224.0.0.251", .protocol = IPPROTO_UDP, .dport = 5353},
		 CHQ_DROP_NO_RULE},
		{"broadcast is not", AT(LAN2),
		 .frame = {.from = DB, .to = OWN, .dport = 9, .broadcast = true}, CHQ_DROP_NO_RULE},
		{"an icmp error is not", AT(LAN2),
		 .frame = {.from = DB, .to = OWN, .protocol = IPPROTO_ICMP, .type = 3},
		 CHQ_DROP_ICMP_UNRELATED},
		{"forged sources are not", AT(LAN2), .frame = {.from = PEER, .to = OWN, .dport = 9},
		 CHQ_DROP_SPOOFED_PEER},
		{"what leaves is not", OUT(LAN2, HERE),
		 .frame = {.from = OWN, .to = WEB, .dport = 9}, CHQ_DROP_NO_RULE},
	};

	WALK(state, steps);
}

/* A running flow that a reload denies is told so, too. */
static void test_reload(void **state)
{
	static const struct step steps[] = {
		{"opens", AT(LAN2), .frame = {.from = WEB, .to = WORLD, .sport = 5, .dport = 80},
		 CHQ_PASS_ALLOWED, IS(NEW)},
		{"closed", AT(LAN2),
		 .frame = {.from = WEB, .to = WORLD, .sport = 5, .dport = 80, .flags = A},
		 CHQ_DROP_NO_RULE, IS(DROP), .flip_close = 2, .answered = true},
		{"still closed", AT(LAN2),
		 .frame = {.from = WEB, .to = WORLD, .sport = 5, .dport = 80, .flags = A},
		 CHQ_DROP_NO_RULE, IS(DROP), .answered = true},
	};

	WALK(state, steps);
}

static void test_budget(void **state)
{
	static const struct step steps[] = {
		{"nobody, without a budget", AT(LAN), REFUSED(.flags = S), CHQ_DROP_DENIED},
	};

	gateway_config(*state)->reject_budget = 0;
	WALK(state, steps);
}

static uint16_t at16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

static uint32_t at32(const uint8_t *at)
{
	return (uint32_t)at16(at) << 16 | at16(at + 2);
}

/* The checksum of TCP, UDP and ICMPv6: over both addresses, length, protocol and all that follows.
 */
static uint32_t pseudo_sum(const uint8_t *addresses, size_t bytes, uint8_t protocol,
			   const uint8_t *l4, size_t count)
{
	uint32_t seed = sum16(addresses, bytes, protocol + count);

	return sum16(l4, count, seed);
}

/* Sends, and gives the answer from its IP header on. */
static const uint8_t *answer(void **state, const struct frame *frame, struct outcome *seen,
			     size_t link_bytes, size_t ip_bytes)
{
	static const uint8_t turned[12] = {6, 6, 6, 6, 6, 6, 2, 2, 2, 2, 2, 2};
	struct sending how = AT(LAN);

	gateway_send(*state, &how, frame, seen);
	assert_int_equal(seen->action, 7);
	assert_int_equal(seen->n_bytes, link_bytes + ip_bytes);
	assert_memory_equal(seen->bytes, turned, sizeof(turned));
	return seen->bytes + link_bytes;
}

static void check_rst4(const uint8_t *ip)
{
	static const uint8_t head[] = {0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, IPPROTO_TCP};

	assert_memory_equal(ip, head, sizeof(head));
	assert_memory_equal(ip + 12, "\xc6\x33\x64\x01\x0a\x0a\x00\x05", 8);
	assert_int_equal(sum16(ip, 20, 0), 0xffff);
	assert_int_equal(pseudo_sum(ip + 12, 8, IPPROTO_TCP, ip + 20, 20), 0xffff);
	assert_int_equal(at16(ip + 20), 82);
	assert_int_equal(at16(ip + 22), 5);
	assert_int_equal(ip[32], 0x50);
}

static void test_rst_of_syn(void **state)
{
	struct frame frame = {.from = WEB,
			      .to = WORLD,
			      .sport = 5,
			      .dport = 82,
			      .flags = S,
			      .seq = 0xfffffff0,
			      .payload_bytes = 33};
	struct outcome seen;
	const uint8_t *ip = answer(state, &frame, &seen, 14, 40);

	check_rst4(ip);
	assert_int_equal(at32(ip + 24), 0);
	assert_int_equal(at32(ip + 28), 0xfffffff0u + 33 + 1);
	assert_int_equal(ip[33], R | A);
}

static void test_rst_of_ack(void **state)
{
	struct frame frame = {.from = WEB,
			      .to = WORLD,
			      .sport = 5,
			      .dport = 82,
			      .flags = A,
			      .seq = 7,
			      .ack = 0x12345678,
			      .payload_bytes = 1000,
			      .vlans = {20}};
	struct outcome seen;
	const uint8_t *ip = answer(state, &frame, &seen, 18, 40);

	check_rst4(ip);
	assert_int_equal(at32(seen.bytes + 12), 0x81000014);
	assert_int_equal(at32(ip + 24), 0x12345678);
	assert_int_equal(at32(ip + 28), 0);
	assert_int_equal(ip[33], R);
}

static void test_rst_ipv6(void **state)
{
	struct frame frame = {
		.from = WEB6, .to = WORLD6, .sport = 5, .dport = 82, .flags = S, .seq = 9};
	struct outcome seen;
	const uint8_t *ip = answer(state, &frame, &seen, 14, 60);

	assert_int_equal(at32(ip), 0x60000000);
	assert_int_equal(at32(ip + 4), 20 << 16 | IPPROTO_TCP << 8 | 64);
	assert_int_equal(pseudo_sum(ip + 8, 32, IPPROTO_TCP, ip + 40, 20), 0xffff);
	assert_int_equal(at16(ip + 40), 82);
	assert_int_equal(at32(ip + 48), 10);
	assert_int_equal(ip[53], R | A);
}

static void test_unreachable(void **state)
{
	struct frame frame = {.from = WEB,
			      .to = WORLD,
			      .protocol = IPPROTO_UDP,
			      .sport = 5,
			      .dport = 82,
			      .payload_bytes = 500,
			      .datagram = 0x1234};
	uint8_t sent[2048];
	struct outcome seen;
	const uint8_t *ip;

	frame_bytes(&frame, sent, sizeof(sent));
	ip = answer(state, &frame, &seen, 14, 56);
	assert_int_equal(ip[9], IPPROTO_ICMP);
	assert_int_equal(at16(ip + 2), 56);
	assert_int_equal(sum16(ip, 20, 0), 0xffff);
	assert_int_equal(at16(ip + 20), 3 << 8 | 13);
	assert_int_equal(at32(ip + 24), 0);
	assert_int_equal(sum16(ip + 20, 36, 0), 0xffff);
	assert_memory_equal(ip + 28, sent + 14, 28);
}

static void test_unreachable_ipv6(void **state)
{
	struct frame frame = {.from = WEB6,
			      .to = WORLD6,
			      .protocol = IPPROTO_UDP,
			      .sport = 5,
			      .dport = 82,
			      .vlans = {20, 30}};
	uint8_t sent[2048];
	struct outcome seen;
	const uint8_t *ip;

	frame_bytes(&frame, sent, sizeof(sent));
	ip = answer(state, &frame, &seen, 22, 96);
	assert_int_equal(at32(ip + 4), 56 << 16 | IPPROTO_ICMPV6 << 8 | 64);
	assert_int_equal(at16(ip + 40), 1 << 8 | 1);
	assert_int_equal(at32(ip + 44), 0);
	assert_int_equal(pseudo_sum(ip + 8, 32, IPPROTO_ICMPV6, ip + 40, 56), 0xffff);
	assert_memory_equal(ip + 48, sent + 22, 48);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_who_is_answered, gateway_setup),
		cmocka_unit_test_setup(test_reload, gateway_setup),
		cmocka_unit_test_setup(test_budget, gateway_setup),
		cmocka_unit_test_setup(test_rst_of_syn, gateway_setup),
		cmocka_unit_test_setup(test_rst_of_ack, gateway_setup),
		cmocka_unit_test_setup(test_rst_ipv6, gateway_setup),
		cmocka_unit_test_setup(test_unreachable, gateway_setup),
		cmocka_unit_test_setup(test_unreachable_ipv6, gateway_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
