/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/difference.h"
#include "tunnel/key.h"
#include "tunnel/uapi.h"
#include "util/addr.h"
#include "util/cleanup.h"

/* Keys, the difference between a device and what is wanted, and both languages of configuration. */

#define KEY_A "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="

static void keys_are_base64_of_32_bytes(void **state)
{
	static const char *const wrong[] = {
		"",
		"AAAA",
		"xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg",
		"xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dh=", /* bits beyond the 32nd byte */
		"xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg= x",
		"xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8D!=",
	};
	struct wg_key key;
	char text[KEY_TEXT_BYTES];

	(void)state;
	assert_int_equal(0, key_parse(" " KEY_A "\n", &key));
	assert_string_equal(KEY_A, key_print(&key, text));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(-EINVAL, key_parse(wrong[i], &key));
}

static void endpoints_have_a_host_and_a_port(void **state)
{
	union wg_endpoint endpoint;
	char host[64], text[ENDPOINT_TEXT_BYTES];
	uint16_t port;

	(void)state;
	assert_true(endpoint_split("[fd00::1]:51820", host, sizeof(host), &port));
	assert_string_equal("fd00::1", host);
	assert_true(endpoint_numeric(host, port, &endpoint));
	assert_string_equal("[fd00::1]:51820", endpoint_print(&endpoint, text));
	assert_true(endpoint_split("gw.example:1", host, sizeof(host), &port));
	assert_false(endpoint_numeric(host, port, &endpoint));
	assert_false(endpoint_split("gw.example", host, sizeof(host), &port));
	assert_false(endpoint_split("gw.example:0", host, sizeof(host), &port));
	assert_false(endpoint_split("gw.example:65536", host, sizeof(host), &port));
	assert_false(endpoint_split(":1", host, sizeof(host), &port));
}

/* A device of peers named by one byte of their key. */
static struct wg_peer *with_peer(struct wg_device *device, uint8_t number, const char *prefix,
				 const char *endpoint)
{
	struct wg_peer *peer = wg_peer_add(device);
	struct chq_prefix allowed;
	char host[64];
	uint16_t port;

	assert_non_null(peer);
	memset(peer->public_key.byte, number, sizeof(peer->public_key.byte));
	if (prefix) {
		assert_int_equal(0, prefix_parse(prefix, &allowed));
		assert_int_equal(0, wg_allowed_add(peer, &allowed));
	}
	if (endpoint) {
		assert_true(endpoint_split(endpoint, host, sizeof(host), &port));
		assert_true(endpoint_numeric(host, port, &peer->endpoint));
	}
	return peer;
}

struct three {
	struct wish wish, before;
	struct wg_device found, change;
};

static void find(struct three *all, bool with_before)
{
	assert_int_equal(0, difference_find(&all->wish, with_before ? &all->before : NULL,
					    &all->found, &all->change));
}

static void drop(struct three *all)
{
	wg_device_clear(&all->wish.device);
	wg_device_clear(&all->before.device);
	wg_device_clear(&all->found);
	wg_device_clear(&all->change);
}

static void what_is_equal_is_not_named(void **state)
{
	struct three all = {};

	(void)state;
	with_peer(&all.wish.device, 1, "10.1.0.0/16", "192.0.2.1:1");
	with_peer(&all.wish.device, 2, "10.2.0.0/16", NULL);
	with_peer(&all.found, 2, "10.2.0.0/16", "192.0.2.2:2"); /* it called us */
	with_peer(&all.found, 1, "10.1.0.0/16", "192.0.2.1:1");
	find(&all, false);
	assert_true(difference_is_empty(&all.change));
	drop(&all);
}

static void one_peer_changes_and_the_others_are_not_named(void **state)
{
	struct three all = {};

	(void)state;
	with_peer(&all.wish.device, 1, "10.1.0.0/16", NULL);
	with_peer(&all.wish.device, 2, "10.2.0.0/16", NULL)->keepalive_s = 25;
	with_peer(&all.found, 1, "10.1.0.0/16", NULL);
	with_peer(&all.found, 2, "10.2.0.0/16", NULL);
	find(&all, false);
	assert_int_equal(1, all.change.n_peers);
	assert_int_equal(2, all.change.peers[0].public_key.byte[0]);
	assert_int_equal(WG_PEER_UPDATE_ONLY | WG_PEER_SET_KEEPALIVE, all.change.peers[0].change);
	assert_int_equal(0, all.change.n_peers ? all.change.peers[0].n_allowed : 1);
	drop(&all);
}

static void those_that_go_come_before_those_that_come(void **state)
{
	struct three all = {};

	(void)state;
	with_peer(&all.wish.device, 1, "10.1.0.0/16", NULL);
	with_peer(&all.found, 9, "10.1.0.0/16", NULL);
	find(&all, false);
	assert_int_equal(2, all.change.n_peers);
	assert_int_equal(WG_PEER_REMOVE, all.change.peers[0].change);
	assert_int_equal(9, all.change.peers[0].public_key.byte[0]);
	assert_int_equal(1, all.change.peers[1].n_allowed);
	drop(&all);
}

static void prefixes_are_added_without_a_gap(void **state)
{
	struct three all = {};
	struct chq_prefix more;

	(void)state;
	prefix_parse("fd00:1::/48", &more);
	wg_allowed_add(with_peer(&all.wish.device, 1, "10.1.0.0/16", NULL), &more);
	with_peer(&all.found, 1, "10.1.0.0/16", NULL);
	find(&all, false);
	assert_int_equal(1, all.change.n_peers);
	assert_int_equal(WG_PEER_UPDATE_ONLY, all.change.peers[0].change);
	assert_int_equal(1, all.change.peers[0].n_allowed);
	wg_device_clear(&all.change);

	/* and taken away by saying all of them anew */
	wg_allowed_add(&all.found.peers[0], &(struct chq_prefix){.length_bits = 128});
	find(&all, false);
	assert_int_equal(WG_PEER_UPDATE_ONLY | WG_PEER_REPLACE_ALLOWED, all.change.peers[0].change);
	assert_int_equal(2, all.change.peers[0].n_allowed);
	drop(&all);
}

static void a_peer_that_roamed_is_left_where_it_is(void **state)
{
	struct three all = {};

	(void)state;
	with_peer(&all.wish.device, 1, NULL, "192.0.2.1:1");
	with_peer(&all.before.device, 1, NULL, "192.0.2.1:1");
	with_peer(&all.found, 1, NULL, "198.51.100.7:7");
	find(&all, true);
	assert_true(difference_is_empty(&all.change));

	/* but goes where a new document says */
	all.before.device.peers[0].endpoint.in.sin_port = 0;
	find(&all, true);
	assert_int_equal(1, all.change.n_peers);
	assert_int_equal(WG_PEER_UPDATE_ONLY | WG_PEER_SET_ENDPOINT, all.change.peers[0].change);
	drop(&all);
}

static void what_of_the_device_differs_is_said(void **state)
{
	struct three all = {};

	(void)state;
	all.wish.device.listen_port = 51820;
	all.wish.device.private_key.byte[3] = 7;
	all.found.fwmark = 5;
	find(&all, false);
	assert_int_equal(WG_SET_PORT | WG_SET_PRIVATE | WG_SET_FWMARK, all.change.change);
	drop(&all);
}

/* The kernel's messages, written by one half and read by the other. */

static int read_back(void *data, struct nlmsghdr *message)
{
	assert_true(message->nlmsg_len <= 8192);
	return wireguard_read(message, data);
}

static void many_addresses_are_split_over_messages(void **state)
{
	struct wg_device change = {.name = "chasqui0", .listen_port = 51820, .change = WG_SET_PORT};
	struct wg_device read = {};
	struct chq_prefix prefix;
	char text[64];

	(void)state;
	for (int p = 1; p < 60; p++)
		with_peer(&change, p, NULL, p % 2 ? "192.0.2.1:1" : "[fd00::1]:2")->change =
			WG_PEER_SET_ENDPOINT;
	for (int i = 0; i < 3000; i++) {
		snprintf(text, sizeof(text), i % 2 ? "fd00:%x::/48" : "10.%d.0.0/16",
			 i % 2 ? i : i % 256);
		assert_int_equal(0, prefix_parse(text, &prefix));
		assert_int_equal(0, wg_allowed_add(&change.peers[30], &prefix));
	}
	assert_int_equal(0, wireguard_write(&change, 30, read_back, &read));
	assert_string_equal("chasqui0", read.name);
	assert_int_equal(51820, read.listen_port);
	assert_int_equal(change.n_peers, read.n_peers);
	for (size_t i = 0; i < read.n_peers; i++) {
		assert_true(wg_key_equal(&change.peers[i].public_key, &read.peers[i].public_key));
		assert_true(endpoint_equal(&change.peers[i].endpoint, &read.peers[i].endpoint));
	}
	assert_int_equal(3000, read.peers[30].n_allowed);
	assert_memory_equal(change.peers[30].allowed, read.peers[30].allowed,
			    3000 * sizeof(prefix));
	wg_device_clear(&change);
	wg_device_clear(&read);
}

static struct nlmsghdr *answer(char *buffer)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

	mnl_nlmsg_put_extra_header(message, sizeof(struct genlmsghdr));
	return message;
}

static void what_a_newer_kernel_adds_is_passed_over(void **state)
{
	char buffer[1024];
	struct nlmsghdr *message = answer(buffer);
	struct nlattr *peers, *peer;
	struct wg_device read = {};

	(void)state;
	mnl_attr_put_u64(message, 99, 1);
	mnl_attr_put_u8(message, WGDEVICE_A_LISTEN_PORT, 1); /* of a wrong size */
	peers = mnl_attr_nest_start(message, WGDEVICE_A_PEERS);
	peer = mnl_attr_nest_start(message, 0);
	mnl_attr_put(message, 77, 3, "xyz");
	mnl_attr_put(message, WGPEER_A_PUBLIC_KEY, 32, (char[32]){1});
	mnl_attr_put(message, WGPEER_A_ENDPOINT, 3, "xyz");
	mnl_attr_nest_end(message, peer);
	mnl_attr_nest_end(message, peers);
	assert_int_equal(0, wireguard_read(message, &read));
	assert_int_equal(0, read.listen_port);
	assert_int_equal(1, read.n_peers);
	assert_int_equal(0, read.peers[0].endpoint.any.sa_family);
	wg_device_clear(&read);
}

static void a_peer_without_a_key_is_no_answer(void **state)
{
	char buffer[1024];
	struct nlmsghdr *message = answer(buffer);
	struct nlattr *peers = mnl_attr_nest_start(message, WGDEVICE_A_PEERS), *peer;
	struct wg_device read = {};

	(void)state;
	peer = mnl_attr_nest_start(message, 0);
	mnl_attr_put_u64(message, WGPEER_A_RX_BYTES, 1);
	mnl_attr_nest_end(message, peer);
	mnl_attr_nest_end(message, peers);
	assert_int_equal(-EBADMSG, wireguard_read(message, &read));
	wg_device_clear(&read);
}

/* An engine's answer. */

static int read_lines(struct uapi_answer *uapi, const char *text)
{
	cleanup_free char *copy = strdup(text);
	char *rest = copy, *line;
	int err = 0;

	while (!err && !uapi->ended && (line = strsep(&rest, "\n")))
		err = uapi_read_line(uapi, line);
	return err;
}

#define HEX "0101010101010101010101010101010101010101010101010101010101010101"

static void an_engines_answer_is_read(void **state)
{
	struct wg_device device = {};
	struct uapi_answer uapi = {.device = &device};

	(void)state;
	assert_int_equal(
		0, read_lines(&uapi, "listen_port=51820\nfwmark=7\npublic_key=" HEX
				     "\nendpoint=[fe80::1%3]:5\nallowed_ip=10.1.0.0/16\n"
				     "allowed_ip=fd00::/8\nrx_bytes=12345678901\nrx_disallowed=3\n"
				     "last_handshake_time_sec=5\nnever_heard_of=1\nerrno=0\n\n"));
	assert_true(uapi.ended);
	assert_int_equal(0, uapi.error);
	assert_int_equal(51820, device.listen_port);
	assert_int_equal(7, device.fwmark);
	assert_int_equal(1, device.n_peers);
	assert_int_equal(2, device.peers[0].n_allowed);
	assert_int_equal(3, device.peers[0].rx_disallowed);
	assert_int_equal(12345678901, device.peers[0].rx_bytes);
	assert_int_equal(AF_INET6, device.peers[0].endpoint.any.sa_family);
	wg_device_clear(&device);
}

static void a_wrong_answer_is_refused(void **state)
{
	static const char *const wrong[] = {
		"listen_port\n\n",
		"listen_port=65536\n\n",
		"listen_port=-1\n\n",
		"fwmark=4294967296\n\n",
		"public_key=01\n\n",
		"public_key=" HEX "0\n\n",
		"public_key=" HEX "\nallowed_ip=10.0.0.0/33\n\n",
		"public_key=" HEX "\nendpoint=nowhere:5\n\n",
		"public_key=" HEX "\nrx_bytes=18446744073709551616\n\n",
		"errno=x\n\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct wg_device device = {};
		struct uapi_answer uapi = {.device = &device};

		assert_int_equal(-EBADMSG, read_lines(&uapi, wrong[i]));
		wg_device_clear(&device);
	}
}

static void an_engines_refusal_is_an_error(void **state)
{
	struct uapi_answer uapi = {};

	(void)state;
	assert_int_equal(0, read_lines(&uapi, "errno=-98\n\n"));
	assert_int_equal(-EADDRINUSE, uapi.error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_base64_of_32_bytes),
		cmocka_unit_test(endpoints_have_a_host_and_a_port),
		cmocka_unit_test(what_is_equal_is_not_named),
		cmocka_unit_test(one_peer_changes_and_the_others_are_not_named),
		cmocka_unit_test(those_that_go_come_before_those_that_come),
		cmocka_unit_test(prefixes_are_added_without_a_gap),
		cmocka_unit_test(a_peer_that_roamed_is_left_where_it_is),
		cmocka_unit_test(what_of_the_device_differs_is_said),
		cmocka_unit_test(many_addresses_are_split_over_messages),
		cmocka_unit_test(what_a_newer_kernel_adds_is_passed_over),
		cmocka_unit_test(a_peer_without_a_key_is_no_answer),
		cmocka_unit_test(an_engines_answer_is_read),
		cmocka_unit_test(a_wrong_answer_is_refused),
		cmocka_unit_test(an_engines_refusal_is_an_error),
	};

	return cmocka_run_group_tests_name("tunnel", tests, NULL, NULL);
}
