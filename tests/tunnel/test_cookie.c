/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "../../datapath/tunnel/cookie.h"

#include <errno.h>

#include "kat.h"
#include "../../datapath/tunnel/limiter.h"
#include "tunnel_test.h"

static void the_reply_is_right_to_the_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kats); i++) {
		uint8_t secret[KEY_BYTES], nonce[XNONCE_BYTES], public[KEY_BYTES], message[148];
		struct cookie_source source = {.length = 6};
		struct cookie_checker checker = {};
		struct message_cookie reply;
		struct cookie_jar jar = {};

		unhex(public, sizeof(public), kats[i].sr_public);
		cookie_keys_set(&checker.keys, public);
		cookie_keys_set(&jar.keys, public);
		unhex(secret, sizeof(secret), kats[i].cookie_secret_r);
		cookie_set_secret(&checker, secret, 1);
		unhex(source.bytes, sizeof(source.bytes), kats[i].cookie_src_addr_port_be);
		unhex(nonce, sizeof(nonce), kats[i].cookie_nonce);
		unhex(message, sizeof(message), kats[i].msg1_initiation);

		cookie_reply(&checker, 0x11223344, message, sizeof(message), &source, nonce,
			     &reply);
		assert_hex(kats[i].msg3_cookie_reply, &reply);

		assert_int_equal(-EPROTO, cookie_take(&jar, &reply, 5));
		cookie_add_macs(&jar, message, sizeof(message), 5);
		assert_hex(kats[i].msg1_initiation, message);
		reply.sealed_cookie[3] ^= 1;
		assert_int_equal(-EBADMSG, cookie_take(&jar, &reply, 5));
		reply.sealed_cookie[3] ^= 1;
		assert_int_equal(0, cookie_take(&jar, &reply, 5));
		assert_hex(kats[i].cookie, jar.cookie);
		assert_int_equal(-EPROTO, cookie_take(&jar, &reply, 5));
		cookie_add_macs(&jar, message, sizeof(message), 5);
		assert_hex(kats[i].msg1_with_mac2, message);
	}
}

struct pair {
	struct cookie_checker checker;
	struct cookie_jar jar;
	struct cookie_source source;
};

static struct pair pair_of(void)
{
	uint8_t public[KEY_BYTES] = {9}, secret[KEY_BYTES] = {7};
	struct pair pair = {.source = {"\x0a\x00\x00\x01\x12\x34", 6}};

	cookie_keys_set(&pair.checker.keys, public);
	cookie_keys_set(&pair.jar.keys, public);
	cookie_set_secret(&pair.checker, secret, NS_PER_S);
	return pair;
}

static void a_cookie_is_for_one_source_and_a_time(void **state)
{
	struct pair pair = pair_of();
	uint8_t nonce[XNONCE_BYTES] = {}, message[100] = {1};
	struct message_cookie reply;

	(void)state;
	cookie_add_macs(&pair.jar, message, sizeof(message), NS_PER_S);
	assert_true(cookie_mac1_right(&pair.checker, message, sizeof(message)));
	assert_false(
		cookie_mac2_right(&pair.checker, message, sizeof(message), &pair.source, NS_PER_S));
	cookie_reply(&pair.checker, 1377, message, sizeof(message), &pair.source, nonce, &reply);
	assert_int_equal(0, cookie_take(&pair.jar, &reply, NS_PER_S));

	cookie_add_macs(&pair.jar, message, sizeof(message), NS_PER_S);
	assert_true(
		cookie_mac2_right(&pair.checker, message, sizeof(message), &pair.source, NS_PER_S));
	message[5] ^= 1 << 5;
	assert_false(cookie_mac1_right(&pair.checker, message, sizeof(message)));
	assert_false(
		cookie_mac2_right(&pair.checker, message, sizeof(message), &pair.source, NS_PER_S));
	message[5] ^= 1 << 5;
	pair.source.bytes[5] ^= 1;
	assert_false(
		cookie_mac2_right(&pair.checker, message, sizeof(message), &pair.source, NS_PER_S));
	pair.source.bytes[5] ^= 1;
	assert_false(cookie_mac2_right(&pair.checker, message, sizeof(message), &pair.source,
				       NS_PER_S + COOKIE_SECRET_NS));

	cookie_add_macs(&pair.jar, message, sizeof(message), NS_PER_S + COOKIE_USE_NS - 1);
	assert_false(sodium_is_zero(message + sizeof(message) - MAC_BYTES, MAC_BYTES));
	cookie_add_macs(&pair.jar, message, sizeof(message), NS_PER_S + COOKIE_USE_NS);
	assert_true(sodium_is_zero(message + sizeof(message) - MAC_BYTES, MAC_BYTES));
}

/* Times as they pass, and whether a handshake may. */
static void each_source_has_its_rate(void **state)
{
	static const struct {
		uint32_t wait_ms;
		bool passes;
	} rows[] = {
		{0, true},  {0, true},	{0, true},   {0, true}, {0, true},  {0, false},
		{50, true}, {0, false}, {100, true}, {0, true}, {0, false},
	};
	static struct limiter limiter;
	uint8_t address[16], other[16];
	uint64_t now_ns = NS_PER_S;

	(void)state;
	address_of("167.1.2.3", address);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		now_ns += rows[i].wait_ms * NS_PER_MS;
		assert_int_equal(rows[i].passes, limiter_allows(&limiter, address, 4, now_ns));
	}
	address_of("167.1.2.4", other);
	assert_true(limiter_allows(&limiter, other, 4, now_ns));
	/* One /64 is one source, the next one another. */
	for (int i = 0; i < 5; i++) {
		address_of("2001:db8:0:1::5", address);
		address[15] = i;
		assert_true(limiter_allows(&limiter, address, 16, now_ns));
	}
	assert_false(limiter_allows(&limiter, address, 16, now_ns));
	address_of("2001:db8:0:2::5", address);
	assert_true(limiter_allows(&limiter, address, 16, now_ns));
}

/* However many sources there are, memory is what it is, and idle ones make room. */
static void a_flood_of_sources_does_not_grow(void **state)
{
	static struct limiter limiter;
	uint32_t passed = 0;
	uint8_t address[4];

	(void)state;
	for (uint32_t i = 0; i < 100000; i++) {
		put_be32(address, i);
		passed += limiter_allows(&limiter, address, 4, NS_PER_S);
	}
	assert_in_range(passed, LIMITER_ROWS, LIMITER_ROWS * LIMITER_WAYS);
	put_be32(address, 200000);
	assert_true(limiter_allows(&limiter, address, 4, 3 * NS_PER_S));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_reply_is_right_to_the_byte),
		cmocka_unit_test(a_cookie_is_for_one_source_and_a_time),
		cmocka_unit_test(each_source_has_its_rate),
		cmocka_unit_test(a_flood_of_sources_does_not_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
