// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compile_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/addr.h"

/* What the compiler makes of Peers' prefixes and of strict encryption. */

#define TUNNEL "  tunnel: {name: chasqui0, addresses: [10.9.0.254/16]}\n"
#define STRICT                                                                               \
	"  encryption: {mode: strict, prefixes: [10.0.0.0/8, 'fd00::/16', 10.9.128.0/17],\n" \
	"    allow: [10.1.0.0/16, 10.9.200.0/24]}\n"

/* Longest match, as the checkpoint's trie does it. */
static struct chq_encrypt find(const struct generation *generation, const char *text)
{
	struct chq_prefix wanted = {.length_bits = 128};
	const struct encrypt_row *best = NULL;

	assert_int_equal(addr_parse(text, &wanted.addr), 0);
	for (size_t i = 0; i < generation->n_encrypt; i++) {
		const struct encrypt_row *row = &generation->encrypt[i];

		if (prefix_contains(&row->key, &wanted) &&
		    (!best || row->key.length_bits > best->key.length_bits))
			best = row;
	}
	return best ? best->value : (struct chq_encrypt){};
}

struct expected {
	const char *address;
	uint32_t tunnel_peer;
	bool strict;
};

static void check(const struct built *built, const struct expected *rows)
{
	struct chq_encrypt found;

	assert_int_equal(built->err, 0);
	for (; rows->address; rows++) {
		found = find(built->generation, rows->address);
		if (found.tunnel_peer != rows->tunnel_peer || found.strict != rows->strict)
			fail_msg("%s: peer %u, %s", rows->address, found.tunnel_peer,
				 found.strict ? "strict" : "not strict");
	}
}

static void peers_alone(void **state)
{
	static const struct expected rows[] = {
		{"10.9.0.1", 1},     {"10.9.255.255", 1}, {"10.9.1.1", 1}, {"10.10.0.0", 0},
		{"10.8.255.255", 0}, {"fd00::1", 0},	  {"8.8.8.8", 0},  {},
	};
	struct built built = build(TUNNEL, NULL);

	(void)state;
	check(&built, rows);
	assert_int_equal(built.generation->secures, CHQ_SECURES_PEERS);
	assert_int_equal(built.generation->n_encrypt, 1);
	built_free(&built);
}

static void strict_prefixes(void **state)
{
	static const struct expected rows[] = {
		{"10.0.0.1", 0, true},
		{"10.1.0.1", 0, false},
		{"10.2.0.1", 0, true},
		{"10.9.0.1", 1, true},
		{"10.9.1.1", 1, true},
		{"10.9.128.1", 1, true},
		{"10.9.200.1", 1, false},
		{"10.9.201.1", 1, true},
		{"11.0.0.1", 0, false},
		{"fd00::1", 0, true},
		{"fd01::1", 0, false},
		{"9.255.255.255", 0, false},
		{},
	};
	struct built built = build(TUNNEL STRICT, NULL);

	(void)state;
	check(&built, rows);
	assert_int_equal(built.generation->secures, CHQ_SECURES_PEERS | CHQ_SECURES_STRICT);
	built_free(&built);
}

static void everything_is_strict(void **state)
{
	static const struct expected rows[] = {
		{"10.0.0.1", 0, true},
		{"8.8.8.8", 0, true},
		{"2001:db8::1", 0, true},
		{"10.9.3.3", 1, true},
		{},
	};
	struct built built =
		build("  encryption: {mode: strict, prefixes: [0.0.0.0/0, '::/0']}\n", NULL);

	(void)state;
	check(&built, rows);
	built_free(&built);
}

static void mode_off(void **state)
{
	static const struct expected rows[] = {{"10.0.0.1", 0, false}, {"10.9.0.1", 1, false}, {}};
	struct built built = build("  encryption: {mode: off, prefixes: [10.0.0.0/8]}\n", NULL);

	(void)state;
	check(&built, rows);
	assert_int_equal(built.generation->secures, CHQ_SECURES_PEERS);
	built_free(&built);
}

/* An endpoint that comes from a port of ours is here, whoever has the prefix around it. */
static void a_local_endpoint_is_not_behind_the_peer(void **state)
{
	static const char endpoints[] = "apiVersion: chasqui.io/v1\nkind: Endpoint\n"
					"metadata: {name: here, namespace: shop}\n"
					"spec: {addresses: [10.9.7.7], port: lan0}\n---\n"
					"apiVersion: chasqui.io/v1\nkind: Endpoint\n"
					"metadata: {name: there, namespace: shop}\n"
					"spec: {addresses: [10.9.7.8], port: chasqui0}\n";
	static const struct expected rows[] = {
		{"10.9.7.7", 0}, {"10.9.7.8", 1}, {"10.9.7.9", 1}, {}};
	struct built built = build(TUNNEL, endpoints);
	const struct chq_entry *entry;
	struct chq_addr addr;

	(void)state;
	check(&built, rows);
	assert_int_equal(addr_parse("10.9.7.7", &addr), 0);
	entry = generation_entry(built.generation, &addr);
	assert_int_equal(entry->kind, CHQ_KIND_ENDPOINT);
	assert_int_equal(entry->tunnel_peer, 0);
	assert_int_equal(addr_parse("10.9.7.8", &addr), 0);
	entry = generation_entry(built.generation, &addr);
	assert_int_equal(entry->kind, CHQ_KIND_PEER);
	assert_true(entry->identity >= CHQ_ID_FIRST);
	built_free(&built);
}

static void the_device_is_a_port(void **state)
{
	struct built built = build(TUNNEL, NULL);
	const struct port_row *last;

	(void)state;
	assert_int_equal(built.err, 0);
	assert_int_equal(built.generation->n_ports, 3);
	last = &built.generation->ports[2];
	assert_string_equal(last->name, "chasqui0");
	assert_int_equal(last->value.role, CHQ_TUNNEL);
	assert_int_equal(last->value.flags, 0);
	assert_true(last->value.port > 0);
	built_free(&built);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(peers_alone),
		cmocka_unit_test(strict_prefixes),
		cmocka_unit_test(everything_is_strict),
		cmocka_unit_test(mode_off),
		cmocka_unit_test(a_local_endpoint_is_not_behind_the_peer),
		cmocka_unit_test(the_device_is_a_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
