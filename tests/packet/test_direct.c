/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */

/* What of running flows leaves straight from the checkpoint, and what is the stack's. */

#include <arpa/inet.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>

#include "steps.h"

#define CLIENT 40000
#define MTU    1400
#define ETH    14

static const uint8_t own_mac[6] = {2, 2, 2, 2, 2, 2}, router_mac[6] = {0xe, 1, 2, 3, 4, 5},
		     web_mac[6] = {0xa, 1, 2, 3, 4, 5};

/* Real routes and neighbours of the namespace that this process has to itself. */
static const char world[] =
	"exec 2>&1; set -e\n"
	"sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1\n"
	"for i in 2 4 5; do ip link set x$i address 02:02:02:02:02:02 mtu 1400; done\n"
	"ip addr add 10.10.0.1/16 dev x2; ip addr add 192.0.2.1/24 dev x4\n"
	"ip addr add fd00:10::1/64 dev x2 nodad; ip addr add 2001:db8:4::1/64 dev x4 nodad\n"
	"ip route add default via 192.0.2.254; ip route add default via 2001:db8:4::fe\n"
	"ip neigh add 192.0.2.254 lladdr 0e:01:02:03:04:05 nud permanent dev x4\n"
	"ip neigh add 2001:db8:4::fe lladdr 0e:01:02:03:04:05 nud permanent dev x4\n"
	"ip neigh add 10.10.0.5 lladdr 0a:01:02:03:04:05 nud permanent dev x2\n"
	"ip neigh add fd00:10::5 lladdr 0a:01:02:03:04:05 nud permanent dev x2\n";

static void shell(const char *command)
{
	assert_int_equal(system(command), 0);
}

static void link_with(struct gateway *gateway, uint32_t ifindex, uint16_t mtu, bool ethernet,
		      bool live)
{
	struct chq_link link = {.port = ifindex - 1,
				.live = live,
				.role = ifindex == WAN ? CHQ_OUTSIDE : CHQ_INSIDE,
				.ethernet = ethernet,
				.mtu_bytes = mtu};

	memcpy(link.mac, own_mac, sizeof(link.mac));
	gateway_link(gateway, ifindex, &link);
}

static int setup(void **state)
{
	static bool made;
	int err = gateway_setup(state);

	if (err)
		return err;
	if (!made)
		shell(world);
	made = true;
	link_with(*state, LAN, MTU, true, true);
	link_with(*state, WAN, MTU, true, true);
	gateway_config(*state)->direct_until_tick = UINT32_MAX / 2;
	return 0;
}

static uint32_t tick_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return ((uint64_t)now.tv_sec * 1000000000 + now.tv_nsec) >> CHQ_TICK_SHIFT;
}

static const struct frame syn = {.from = WEB,
				 .to = WORLD,
				 .sport = CLIENT,
				 .dport = 80,
				 .seq = 100},
			  syn_ack = {.from = WORLD,
				     .to = WEB,
				     .sport = 80,
				     .dport = CLIENT,
				     .flags = S | A,
				     .seq = 900,
				     .ack = 101},
			  data = {.from = WEB,
				  .to = WORLD,
				  .sport = CLIENT,
				  .dport = 80,
				  .flags = A,
				  .seq = 101,
				  .ack = 901},
			  back = {.from = WORLD,
				  .to = WEB,
				  .sport = 80,
				  .dport = CLIENT,
				  .flags = A,
				  .seq = 901,
				  .ack = 101};

static int send_at(struct gateway *gateway, uint32_t port, const struct frame *frame,
		   struct outcome *seen)
{
	gateway_send(gateway, &(struct sending){.at = port}, frame, seen);
	return seen->action;
}

static struct frame in_ipv6(const struct frame *frame)
{
	struct frame ret = *frame;

	ret.from = strcmp(frame->from, WEB) == 0 ? WEB6 : WORLD6;
	ret.to = strcmp(frame->to, WEB) == 0 ? WEB6 : WORLD6;
	return ret;
}

/* A flow that runs. Nothing of its beginning leaves directly. */
static void begin(struct gateway *gateway, bool ipv6)
{
	const struct frame *const all[] = {&syn, &syn_ack, &data};
	struct outcome seen;

	for (int i = 0; i < 3; i++) {
		struct frame frame = ipv6 ? in_ipv6(all[i]) : *all[i];

		assert_int_equal(send_at(gateway, i == 1 ? WAN : LAN, &frame, &seen), TC_ACT_OK);
	}
}

/* Two of a flow within one tick: the second goes where the first went. */
static void twice(struct gateway *gateway, uint32_t port, const struct frame *frame,
		  struct outcome *first, struct outcome *second)
{
	uint32_t tick;

	do {
		tick = tick_now();
		gateway_age(gateway, 1);
		send_at(gateway, port, frame, first);
		send_at(gateway, port, frame, second);
	} while (tick != tick_now());
}

static void sum_is_good(const struct outcome *seen)
{
	assert_int_equal(sum16(seen->bytes + ETH, 20, 0), 0xffff);
}

static void test_ipv4(void **state)
{
	struct outcome first, second;

	begin(*state, false);
	twice(*state, LAN, &data, &first, &second);
	assert_int_equal(first.action, TC_ACT_REDIRECT);
	assert_int_equal(first.counted[CHQ_PASS_KNOWN], 1);
	assert_int_equal(first.bytes[ETH + 8], 63);
	sum_is_good(&first);
	assert_int_equal(second.action, TC_ACT_REDIRECT);
	assert_int_equal(second.counted[CHQ_PASS_KNOWN], 1);
	assert_int_equal(second.bytes[ETH + 8], 63);
	sum_is_good(&second);
	assert_memory_equal(second.bytes, router_mac, 6);
	assert_memory_equal(second.bytes + 6, own_mac, 6);
	twice(*state, WAN, &back, &first, &second);
	assert_int_equal(first.action, TC_ACT_REDIRECT);
	assert_int_equal(second.action, TC_ACT_REDIRECT);
	assert_memory_equal(second.bytes, web_mac, 6);
	assert_int_equal(second.bytes[ETH + 8], 63);
}

/* Every sum of a header, also those at which a carry wraps around. */
static void test_sums(void **state)
{
	struct frame frame = data;
	struct outcome seen;

	begin(*state, false);
	for (unsigned i = 0; i < 65536; i++) {
		frame.datagram = i;
		gateway_run(*state, &(struct sending){.at = LAN}, &frame, &seen);
		assert_int_equal(seen.action, TC_ACT_REDIRECT);
		sum_is_good(&seen);
	}
}

static void test_ipv6(void **state)
{
	struct frame there = in_ipv6(&data), answer = in_ipv6(&back);
	struct outcome first, second;

	begin(*state, true);
	twice(*state, LAN, &there, &first, &second);
	assert_int_equal(first.action, TC_ACT_REDIRECT);
	assert_int_equal(first.bytes[ETH + 7], 63);
	assert_int_equal(second.action, TC_ACT_REDIRECT);
	assert_int_equal(second.bytes[ETH + 7], 63);
	assert_memory_equal(second.bytes, router_mac, 6);
	twice(*state, WAN, &answer, &first, &second);
	assert_int_equal(second.action, TC_ACT_REDIRECT);
	assert_memory_equal(second.bytes, web_mac, 6);
}

/* A packet that the stack has to see, whether its flow's way out is known or not; unchanged. */
static void is_the_stacks(struct gateway *gateway, const char *what, const struct frame *frame)
{
	struct outcome first, second;

	twice(gateway, LAN, frame, &first, &second);
	if (first.action != TC_ACT_OK || second.action != TC_ACT_OK)
		fail_msg("%s: %d, %d", what, first.action, second.action);
	assert_int_equal(second.bytes[ETH + 8], frame->hops ? frame->hops : 64);
	assert_memory_equal(second.bytes, own_mac, 6);
}

static struct frame with_tos(const struct frame *frame, uint8_t tos)
{
	struct frame ret = *frame;
	uint8_t bytes[128];
	uint16_t sum;

	frame_bytes(frame, bytes, sizeof(bytes));
	sum = (bytes[ETH + 10] << 8 | bytes[ETH + 11]) - tos;
	ret.pokes[0] = (struct poke){1, tos};
	ret.pokes[1] = (struct poke){10, sum >> 8};
	ret.pokes[2] = (struct poke){11, sum};
	return ret;
}

static void test_odd_packets(void **state)
{
	struct frame frame = data;
	struct outcome seen;

	begin(*state, false);
	frame.hops = 1;
	is_the_stacks(*state, "its last hop", &frame);
	frame = data;
	frame.options_bytes = 4;
	memset(frame.options, 1, 4);
	is_the_stacks(*state, "options", &frame);
	frame = with_tos(&data, 0x10);
	is_the_stacks(*state, "a type of service", &frame);
	frame = with_tos(&data, 3);
	assert_int_equal(send_at(*state, LAN, &frame, &seen), TC_ACT_REDIRECT);
	sum_is_good(&seen);
	frame = data;
	frame.pokes[0] = (struct poke){10, 0x77};
	is_the_stacks(*state, "a wrong sum", &frame);
	frame = data;
	frame.payload_bytes = MTU - 39;
	is_the_stacks(*state, "too long", &frame);
	frame.payload_bytes = MTU - 40;
	assert_int_equal(send_at(*state, LAN, &frame, &seen), TC_ACT_REDIRECT);
	frame = data;
	frame.broadcast = true;
	assert_int_equal(send_at(*state, LAN, &frame, &seen), TC_ACT_OK);
}

/* Each of these makes the way out the stack's, until it is looked at again. */
static void test_ways(void **state)
{
	static const char *const changes[][2] = {
		{"ip route del default", "ip route add default via 192.0.2.254"},
		{"ip neigh del 192.0.2.254 dev x4",
		 "ip neigh replace 192.0.2.254 lladdr 0e:01:02:03:04:05 nud permanent dev x4"},
		{"sysctl -qw net.ipv4.conf.x2.forwarding=0",
		 "sysctl -qw net.ipv4.conf.x2.forwarding=1"},
		{"ip route add blackhole " WORLD, "ip route del blackhole " WORLD},
		{"ip route add " WORLD " via 10.10.0.5", "ip route del " WORLD},
		{"ip route add " WORLD " via 192.0.2.254 mtu lock 1000", "ip route del " WORLD},
		{"ip link set x4 mtu 1300", "ip link set x4 mtu 1400"},
		{"ip link set x4 address 02:02:02:02:02:03 && "
		 "ip neigh replace 192.0.2.254 lladdr 0e:01:02:03:04:05 nud permanent dev x4",
		 "ip link set x4 address 02:02:02:02:02:02 && "
		 "ip neigh replace 192.0.2.254 lladdr 0e:01:02:03:04:05 nud permanent dev x4"},
		{"ip rule add to " WORLD " prohibit", "ip rule del to " WORLD " prohibit"},
	};
	struct outcome first, second;

	begin(*state, false);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		twice(*state, LAN, &data, &first, &second);
		assert_int_equal(second.action, TC_ACT_REDIRECT);
		shell(changes[i][0]);
		is_the_stacks(*state, changes[i][0], &data);
		shell(changes[i][1]);
	}
}

static void test_links(void **state)
{
	struct outcome first, second;

	begin(*state, false);
	link_with(*state, WAN, MTU, true, false);
	is_the_stacks(*state, "nobody judges what leaves", &data);
	link_with(*state, WAN, MTU + 1, true, true);
	is_the_stacks(*state, "the daemon knows another MTU", &data);
	link_with(*state, WAN, MTU, true, true);
	twice(*state, LAN, &data, &first, &second);
	assert_int_equal(second.action, TC_ACT_REDIRECT);
	/* Within the tick: no longer attached, and back again. */
	link_with(*state, WAN, MTU, true, false);
	assert_int_equal(send_at(*state, LAN, &data, &second), TC_ACT_OK);
}

/* A device without Ethernet headers: nothing to write, and no neighbour to ask. */
static void test_to_tunnel(void **state)
{
	struct outcome first, second;

	begin(*state, false);
	link_with(*state, WAN, MTU, false, true);
	twice(*state, LAN, &data, &first, &second);
	assert_int_equal(second.action, TC_ACT_REDIRECT);
	assert_int_equal(second.bytes[ETH + 8], 63);
	assert_memory_equal(second.bytes, own_mac, 6);
}

static void test_not_while(void **state)
{
	struct chq_config *config = gateway_config(*state);
	struct frame first_of_new = syn, denied = syn;
	struct outcome seen;

	first_of_new.sport++;
	denied.dport = 81;
	assert_int_equal(send_at(*state, LAN, &first_of_new, &seen), TC_ACT_OK);
	assert_int_equal(send_at(*state, LAN, &first_of_new, &seen), TC_ACT_OK);
	assert_int_equal(send_at(*state, LAN, &denied, &seen), TC_ACT_SHOT);
	assert_int_equal(send_at(*state, LAN, &denied, &seen), TC_ACT_SHOT);
	begin(*state, false);
	assert_int_equal(send_at(*state, LAN, &data, &seen), TC_ACT_REDIRECT);
	gateway_flip(*state, 2, true);
	assert_int_equal(send_at(*state, LAN, &data, &seen), TC_ACT_SHOT);
	gateway_flip(*state, 3, false);
	assert_int_equal(send_at(*state, LAN, &data, &seen), TC_ACT_REDIRECT);
	config->direct_until_tick = tick_now();
	is_the_stacks(*state, "the daemon has not looked for a while", &data);
}

/* What ends a flow stays in its place behind the rest. */
static void test_end(void **state)
{
	struct frame fin = data, fin_back = back;
	struct outcome seen;

	fin.flags = fin_back.flags = F | A;
	begin(*state, false);
	assert_int_equal(send_at(*state, LAN, &fin, &seen), TC_ACT_REDIRECT);
	assert_int_equal(send_at(*state, WAN, &fin_back, &seen), TC_ACT_REDIRECT);
	assert_int_equal(seen.n_events, 1);
	assert_int_equal(seen.event.kind, CHQ_EVENT_CLOSE);
	assert_int_equal(send_at(*state, LAN, &data, &seen), TC_ACT_REDIRECT);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ipv4),	TEST(test_sums),      TEST(test_ipv6),
		TEST(test_odd_packets), TEST(test_ways),      TEST(test_links),
		TEST(test_to_tunnel),	TEST(test_not_while), TEST(test_end),
	};

	return cmocka_run_group_tests_name("direct", tests, NULL, NULL);
}
