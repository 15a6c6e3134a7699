/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "../../datapath/tunnel/allowed.h"

#include <stdio.h>

#include "../../datapath/tunnel/index.h"
#include "tunnel_test.h"

/* Peers are letters here. */
static struct allowed_list lists[26];
static struct allowed table;
static char letters[26];

static int begin(void **state)
{
	(void)state;
	table = (struct allowed){};
	for (int i = 0; i < 26; i++)
		allowed_list_init(&lists[i]);
	return 0;
}

static int end(void **state)
{
	(void)state;
	for (int i = 0; i < 26; i++)
		allowed_remove_all(&table, &lists[i]);
	assert_null(table.root4);
	assert_null(table.root6);
	return 0;
}

static void add(char peer, const char *address, uint8_t bits)
{
	uint8_t key[16], bytes = address_of(address, key);

	assert_int_equal(
		0, allowed_add(&table, key, bytes, bits, &letters[peer - 'a'], &lists[peer - 'a']));
}

static void take(char peer, const char *address, uint8_t bits)
{
	uint8_t key[16], bytes = address_of(address, key);

	allowed_remove(&table, key, bytes, bits, peer ? &letters[peer - 'a'] : NULL);
}

static char find(const char *address)
{
	uint8_t key[16], bytes = address_of(address, key);
	char *peer = bytes == 4 ? allowed_find4(&table, key) : allowed_find6(&table, key);

	return peer ? (char)('a' + (peer - letters)) : '-';
}

static void the_longest_prefix_wins(void **state)
{
	static const struct {
		const char *address;
		char peer;
	} rows[] = {
		{"192.168.4.20", 'a'},
		{"192.168.4.0", 'a'},
		{"192.168.4.4", 'b'},
		{"192.168.200.182", 'c'},
		{"192.95.5.68", 'c'},
		{"192.95.5.96", 'e'},
		{"64.15.116.26", 'g'},
		{"64.15.127.3", 'g'},
		{"64.15.123.1", 'g'},
		{"64.15.123.128", 'h'},
		{"64.15.123.129", 'h'},
		{"10.0.0.52", 'a'},
		{"10.0.0.220", 'b'},
		{"10.1.0.2", 'a'},
		{"10.1.0.6", 'b'},
		{"10.1.0.10", 'c'},
		{"10.1.0.20", 'd'},
		{"2607:5300:6000:6b00::c05f:543", 'd'},
		{"2607:5300:6000:6b00::c02e:1ee", 'c'},
		{"2607:5300:6000:6b01::", 'f'},
		{"2404:6800:4004:806::1006", 'g'},
		{"2404:6800:4004:806:0:1234:0:5678", 'g'},
		{"2404:67ff:4004:806:0:1234:0:5678", 'f'},
		{"2404:6801:4004:806:0:1234:0:5678", 'f'},
		{"2404:6800:4004:800:0:1234:0:5678", 'h'},
		{"2404:6800:4004:800::", 'h'},
		{"2404:6800:4004:800:1010:1010:1010:1010", 'h'},
		{"2404:6800:4004:800:dead:beef:dead:beef", 'a'},
	};

	(void)state;
	add('a', "192.168.4.0", 24), add('b', "192.168.4.4", 32), add('c', "192.168.0.0", 16);
	add('d', "192.95.5.64", 27), add('c', "192.95.5.65", 27), add('e', "0.0.0.0", 0);
	add('g', "64.15.112.0", 20), add('h', "64.15.123.211", 25), add('a', "10.0.0.0", 25);
	add('b', "10.0.0.128", 25), add('a', "10.1.0.0", 30), add('b', "10.1.0.4", 30);
	add('c', "10.1.0.8", 29), add('d', "10.1.0.16", 29);
	add('d', "2607:5300:6000:6b00::c05f:543", 128), add('c', "2607:5300:6000:6b00::", 64);
	add('e', "::", 0), add('f', "::", 0), add('g', "2404:6800::", 32);
	add('h', "2404:6800:4004:800:dead:beef:dead:beef", 64);
	add('a', "2404:6800:4004:800:dead:beef:dead:beef", 128);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (find(rows[i].address) != rows[i].peer)
			fail_msg("%s is %c's", rows[i].address, find(rows[i].address));
}

static void what_is_removed_is_gone(void **state)
{
	static const char *const hosts[] = {"1.0.0.0", "64.0.0.0", "128.0.0.0", "192.0.0.0",
					    "255.0.0.0"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++)
		add('a', hosts[i], 32);
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++)
		assert_int_equal('a', find(hosts[i]));
	allowed_remove_all(&table, &lists[0]);
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++)
		assert_int_equal('-', find(hosts[i]));
	assert_null(table.root4);

	add('a', "1.0.0.0", 32), add('a', "192.0.0.0", 24);
	take('a', "192.0.0.0", 32), take(0, "192.0.0.0", 24), take('b', "192.0.0.0", 24);
	assert_int_equal('a', find("192.0.0.1"));
	take('a', "192.0.0.0", 24);
	assert_int_equal('-', find("192.0.0.1"));
	assert_int_equal('a', find("1.0.0.0"));
	take('a', "1.0.0.0", 32);
	assert_int_equal('-', find("1.0.0.0"));
}

/* An address that is added again moves, and host bits are dropped; a peer lists its own in order.
 */
static void entries_move_and_are_masked(void **state)
{
	struct allowed_node *node;
	char text[INET6_ADDRSTRLEN];

	(void)state;
	add('a', "192.95.5.93", 27), add('b', "10.1.0.20", 29), add('a', "10.1.0.17", 29);
	add('a', "2607:5300:6d8a:6bf8:dab1:f1df:c05f:1523", 83);
	assert_null(allowed_next(&lists[1], NULL));
	node = allowed_next(&lists[0], NULL);
	assert_string_equal("192.95.5.64", inet_ntop(AF_INET, node->key, text, sizeof(text)));
	node = allowed_next(&lists[0], node);
	assert_string_equal("10.1.0.16", inet_ntop(AF_INET, node->key, text, sizeof(text)));
	node = allowed_next(&lists[0], node);
	assert_string_equal("2607:5300:6d8a:6bf8:dab1:e000::",
			    inet_ntop(AF_INET6, node->key, text, sizeof(text)));
	assert_null(allowed_next(&lists[0], node));
}

static void a_path_of_128_steps_holds(void **state)
{
	uint8_t key[16];

	(void)state;
	for (int i = 0; i < 128; i++) {
		memset(key, 0xff, sizeof(key));
		key[i / 8] ^= 1 << (7 - i % 8);
		assert_int_equal(0, allowed_add(&table, key, 16, 128, &letters[1], &lists[1]));
	}
	for (int i = 0; i < 128; i++) {
		memset(key, 0xff, sizeof(key));
		key[i / 8] ^= 1 << (7 - i % 8);
		assert_ptr_equal(&letters[1], allowed_find6(&table, key));
	}
	memset(key, 0xff, sizeof(key));
	assert_null(allowed_find6(&table, key));
}

/* ---- against a list that is searched from end to end ---- */

struct model {
	uint8_t key[4], bits;
	int peer;
};

static uint32_t seed = 12345;
static uint32_t next(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 8 | seed << 24;
}

static int model_find(const struct model *model, size_t count, uint32_t wanted)
{
	int best = -1, bits = -1;

	for (size_t i = 0; i < count; i++) {
		uint32_t mask = model[i].bits ? ~0u << (32 - model[i].bits) : 0;

		if (model[i].peer >= 0 && !((get_be32(model[i].key) ^ wanted) & mask) &&
		    model[i].bits >= bits) {
			best = model[i].peer;
			bits = model[i].bits;
		}
	}
	return best;
}

static void it_agrees_with_a_plain_list(void **state)
{
	static struct model model[400];
	uint8_t key[4];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(model); i++) {
		/* Few bits vary, so that prefixes nest and repeat. */
		put_be32(model[i].key, next() & 0xf00ff00f);
		model[i].bits = next() % 33;
		model[i].peer = (int)(next() % 26);
		allowed_add(&table, model[i].key, 4, model[i].bits, &letters[model[i].peer],
			    &lists[model[i].peer]);
		if (model[i].bits < 32)
			put_be32(model[i].key, get_be32(model[i].key) & ~(~0u >> model[i].bits));
		for (size_t j = 0; j < i; j++)
			if (model[j].bits == model[i].bits &&
			    !memcmp(model[j].key, model[i].key, 4))
				model[j].peer = -1;
	}
	for (int gone = 25; gone >= -1; gone--) {
		for (int i = 0; i < 2000; i++) {
			uint32_t wanted = next() & 0xf00ff00f;
			int peer = model_find(model, ARRAY_SIZE(model), wanted);

			put_be32(key, wanted);
			assert_ptr_equal(peer < 0 ? NULL : &letters[peer],
					 allowed_find4(&table, key));
		}
		if (gone < 0)
			break;
		allowed_remove_all(&table, &lists[gone]);
		for (size_t i = 0; i < ARRAY_SIZE(model); i++)
			if (model[i].peer == gone)
				model[i].peer = -1;
	}
	assert_null(table.root4);
}

/* ---- the other table of addresses: indices ---- */

static uint32_t bad_random(void)
{
	return next() & 0xff00ff; /* many share a slot */
}

static void every_number_is_found_until_removed(void **state)
{
	static uint32_t numbers[5000];
	static char peer;
	struct index_table indices;

	(void)state;
	assert_int_equal(0, index_init(&indices, bad_random));
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		assert_int_equal(0, index_reserve(&indices, 1));
		numbers[i] = index_fresh(&indices);
		assert_null(index_find(&indices, numbers[i]));
		index_add(&indices, numbers[i], (struct peer *)&peer, NULL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i += 2)
		index_remove(&indices, numbers[i]);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		assert_int_equal(i % 2, !!index_find(&indices, numbers[i]));
	assert_int_equal(ARRAY_SIZE(numbers) / 2, indices.used);
	index_drop(&indices);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_longest_prefix_wins, begin, end),
		cmocka_unit_test_setup_teardown(what_is_removed_is_gone, begin, end),
		cmocka_unit_test_setup_teardown(entries_move_and_are_masked, begin, end),
		cmocka_unit_test_setup_teardown(a_path_of_128_steps_holds, begin, end),
		cmocka_unit_test_setup_teardown(it_agrees_with_a_plain_list, begin, end),
		cmocka_unit_test(every_number_is_found_until_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
