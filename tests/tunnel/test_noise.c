/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "../../datapath/tunnel/noise.h"

#include <errno.h>

#include "../../datapath/tunnel/aead.h"
#include "../../datapath/tunnel/cookie.h"
#include "kat.h"
#include "tunnel_test.h"

/* Both ends of the transcript, ready to begin. */
struct both {
	struct noise_self i_self, r_self;
	struct noise_peer i, r; /* what each knows of the other */
	uint8_t ei[KEY_BYTES], er[KEY_BYTES], timestamp[TIMESTAMP_BYTES];
	struct cookie_jar i_jar, r_jar;
	struct cookie_checker r_checker;
};

static struct both both_of(const struct kat *kat)
{
	struct both both = {};
	uint8_t secret[KEY_BYTES];

	unhex(secret, sizeof(secret), kat->si);
	noise_set_self(&both.i_self, secret);
	unhex(secret, sizeof(secret), kat->sr);
	noise_set_self(&both.r_self, secret);
	memcpy(both.i.public, both.r_self.public, KEY_BYTES);
	memcpy(both.r.public, both.i_self.public, KEY_BYTES);
	unhex(both.i.preshared, KEY_BYTES, kat->psk);
	unhex(both.r.preshared, KEY_BYTES, kat->psk);
	unhex(both.ei, KEY_BYTES, kat->ei);
	unhex(both.er, KEY_BYTES, kat->er);
	unhex(both.timestamp, TIMESTAMP_BYTES, kat->timestamp);
	cookie_keys_set(&both.i_jar.keys, both.r_self.public);
	cookie_keys_set(&both.r_jar.keys, both.i_self.public);
	cookie_keys_set(&both.r_checker.keys, both.r_self.public);
	return both;
}

static void initiate(struct both *both, struct message_initiation *ret)
{
	assert_int_equal(0, noise_initiate(&both->i, &both->i_self, both->ei, 0x11223344,
					   both->timestamp, ret));
	cookie_add_macs(&both->i_jar, (uint8_t *)ret, sizeof(*ret), 1);
}

static int accept_at(struct both *both, const struct message_initiation *message, uint64_t now_ns)
{
	struct noise_opened opened;

	return noise_open_initiation(&both->r_self, message, &opened)
	    ?: (memcmp(opened.their_static, both->i_self.public, KEY_BYTES) ? -1 : 0)
	    ?: noise_accept_initiation(&both->r, &both->r_self, &opened, message, now_ns);
}

static void the_transcript_is_right_to_the_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kats); i++) {
		struct both both = both_of(&kats[i]);
		struct noise_keys i_keys, r_keys;
		struct message_initiation first;
		struct message_response second;

		assert_hex(kats[i].si_public, both.i_self.public);
		assert_hex(kats[i].mac1_key_for_responder, both.i_jar.keys.mac1);
		assert_hex(kats[i].mac1_key_for_initiator, both.r_jar.keys.mac1);
		initiate(&both, &first);
		assert_hex(kats[i].msg1_initiation, &first);
		assert_hex(kats[i].m1_h_final, both.i.hash);

		assert_int_equal(0, accept_at(&both, &first, 1000));
		assert_int_equal(0x11223344, both.r.remote_index);
		assert_int_equal(0, noise_respond(&both.r, both.er, 0x55667788, &second, &r_keys));
		cookie_add_macs(&both.r_jar, (uint8_t *)&second, sizeof(second), 1);
		assert_hex(kats[i].msg2_response, &second);

		assert_int_equal(0, noise_accept_response(&both.i, &both.i_self, &second, &i_keys));
		assert_hex(kats[i].t_initiator_to_responder, i_keys.send);
		assert_hex(kats[i].t_responder_to_initiator, i_keys.receive);
		assert_memory_equal(i_keys.send, r_keys.receive, KEY_BYTES);
		assert_memory_equal(i_keys.receive, r_keys.send, KEY_BYTES);
		assert_true(sodium_is_zero(both.i.chain, HASH_BYTES));
		assert_true(sodium_is_zero(both.i.ephemeral, KEY_BYTES));
	}
}

/* Any bit of it: refused, and nothing has changed. */
static void a_flipped_bit_is_refused(void **state)
{
	struct both both = both_of(&kats[1]), before;
	struct message_initiation first, bad;

	(void)state;
	initiate(&both, &first);
	before = both;
	for (size_t bit = 0; bit < 8 * offsetof(struct message_initiation, macs); bit += 3) {
		if (bit / 8 < 8) /* type and index are not in the transcript */
			continue;
		/* The top bit of a public key is not looked at (RFC 7748, 5), yet the transcript
		 * sees it. */
		bad = first;
		((uint8_t *)&bad)[bit / 8] ^= 1u << bit % 8;
		assert_int_not_equal(0, accept_at(&both, &bad, 1000));
		both.r.shared_known = before.r.shared_known;
		memcpy(both.r.shared, before.r.shared, KEY_BYTES);
		assert_memory_equal(&before, &both, sizeof(both));
	}
	assert_int_equal(0, accept_at(&both, &first, 1000));
}

static void a_flipped_bit_of_the_answer_is_refused(void **state)
{
	struct both both = both_of(&kats[1]), before;
	struct message_initiation first;
	struct message_response second, bad;
	struct noise_keys keys;

	(void)state;
	initiate(&both, &first);
	assert_int_equal(0, accept_at(&both, &first, 1000));
	assert_int_equal(0, noise_respond(&both.r, both.er, 7, &second, &keys));
	before = both;
	for (size_t bit = 64; bit < 8 * offsetof(struct message_response, macs); bit++) {
		bad = second;
		((uint8_t *)&bad)[bit / 8] ^= 1u << bit % 8;
		assert_int_not_equal(0, noise_accept_response(&both.i, &both.i_self, &bad, &keys));
		assert_memory_equal(&before, &both, sizeof(both));
	}
	assert_int_equal(0, noise_accept_response(&both.i, &both.i_self, &second, &keys));
	assert_int_not_equal(0, noise_accept_response(&both.i, &both.i_self, &second, &keys));
}

static void the_preshared_key_counts(void **state)
{
	struct both both = both_of(&kats[1]);
	struct message_initiation first;
	struct message_response second;
	struct noise_keys keys;

	(void)state;
	both.r.preshared[0] ^= 1;
	initiate(&both, &first);
	assert_int_equal(0, accept_at(&both, &first, 1000));
	assert_int_equal(0, noise_respond(&both.r, both.er, 7, &second, &keys));
	assert_int_equal(-EBADMSG, noise_accept_response(&both.i, &both.i_self, &second, &keys));
}

static void an_old_initiation_is_refused(void **state)
{
	struct both both = both_of(&kats[0]);
	struct message_initiation first, later;

	(void)state;
	initiate(&both, &first);
	assert_int_equal(0, accept_at(&both, &first, 1000));
	assert_int_equal(-EALREADY, accept_at(&both, &first, NS_PER_S));
	both.timestamp[TIMESTAMP_BYTES - 4]++;
	initiate(&both, &later);
	assert_int_equal(-EAGAIN, accept_at(&both, &later, 1000 + INITIATION_GAP_NS - 1));
	assert_int_equal(0, accept_at(&both, &later, 1000 + INITIATION_GAP_NS));
	assert_int_equal(-EALREADY, accept_at(&both, &first, 2 * NS_PER_S));
}

/* Their shared secret is all zero: they may be configured, and are never spoken to. */
static void worthless_keys_make_no_message(void **state)
{
	static const char *const keys[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct both both = both_of(&kats[0]);
		struct message_initiation first;

		unhex(both.i.public, KEY_BYTES, keys[i]);
		assert_int_equal(-EKEYREJECTED, noise_initiate(&both.i, &both.i_self, both.ei, 1,
							       both.timestamp, &first));
	}
}

static void without_a_key_there_is_no_handshake(void **state)
{
	static const uint8_t none[KEY_BYTES];
	struct both both = both_of(&kats[0]);
	struct message_initiation first;
	struct noise_opened opened;

	(void)state;
	initiate(&both, &first);
	noise_set_self(&both.i_self, none);
	noise_set_self(&both.r_self, none);
	assert_int_equal(-ENOKEY,
			 noise_initiate(&both.i, &both.i_self, both.ei, 1, both.timestamp, &first));
	assert_int_equal(-ENOKEY, noise_open_initiation(&both.r_self, &first, &opened));
}

/* A generic vector of KDF1 to 3. */
static void keys_are_derived_right(void **state)
{
	uint8_t three[3 * HASH_BYTES];

	(void)state;
	crypt_kdf(three, 3, (const uint8_t *)"test-key", 8, (struct piece){"test-input", 10});
	assert_hex("6f0e5ad38daba1bea8a0d213688736f19763239305e0f58aba697f9ffc41c633", three);
	assert_hex("df1194df20802a4fe594cde27e92991c8cae66c366e8106aaa937a55fa371e8a", three + 32);
	assert_hex("fac6e2745a325f5dc5d11a5b165aad08b0ada28e7b4e666b7c077934a4d76c24", three + 64);
	crypt_kdf(three, 3, NULL, 0, (struct piece){});
	assert_hex("0ce6ea98ec548f8e281e93e32db65621c45eb18dc6f0a7ad94178610a2f7338e", three + 64);
}

/* A message that Linux once sent. */
static void a_real_initiation_has_our_mac(void **state)
{
	static const char real[] =
		"0100000098b9032b55cc4b39e73c3d24a2a1ab884b524a811808bb86640fb70de93154fec1879125ab01"
		"2624a27f0b75c0a2582f438ddb5f8e768af40b4ab44402f9ff473e1b797e80d39d93c5480c82a3d4510f"
		"70396976586fb67300a5167bae6ca3ff3dfd00eb59be198810f5aa036abc243d2155ee4f2336483900ae"
		"f80108752cd700000000000000000000000000000000";
	struct cookie_checker checker = {};
	uint8_t message[148], public[KEY_BYTES];
	size_t length;

	(void)state;
	assert_int_equal(0, sodium_base642bin(public, sizeof(public),
					      "aRuHFTTxICIQNefp05oKWlJv3zgKxb8+WW7JJMh0jyM=", 44,
					      NULL, &length, NULL, sodium_base64_VARIANT_ORIGINAL));
	cookie_keys_set(&checker.keys, public);
	unhex(message, sizeof(message), real);
	assert_int_equal(MESSAGE_INITIATION, message_type(message, sizeof(message)));
	assert_true(cookie_mac1_right(&checker, message, sizeof(message)));
	message[5] ^= 1 << 5;
	assert_false(cookie_mac1_right(&checker, message, sizeof(message)));
}

/* Every library must seal the transcript's packets to the same bytes. */
static void transport_is_right_to_the_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kats); i++) {
		for (size_t k = 0; aead_kinds[k]; k++) {
			uint8_t key[KEY_BYTES], text[3][96 + TAG_BYTES] = {}, *data = text[0];
			struct aead_job jobs[3] = {
				{.key = key, .text = text[0], .length = 0, .counter = 0},
				{.key = key, .text = text[1], .length = 96, .counter = 1},
				{.key = key, .text = text[2], .length = 96, .counter = 1ULL << 40},
			};
			struct aead aead;

			if (aead_make(&aead, aead_kinds[k]))
				continue;
			unhex(key, sizeof(key), kats[i].t_initiator_to_responder);
			unhex(text[1], 96, kats[i].inner_packet);
			unhex(text[2], 96, kats[i].inner_packet);
			aead_seal(&aead, jobs, 3);
			assert_hex(kats[i].data_i2r_ctr0_keepalive + 32, data);
			assert_hex(kats[i].data_i2r_ctr1_84b_padded_to_96 + 32, text[1]);
			assert_hex(kats[i].data_i2r_ctr_2_40 + 32, text[2]);
			aead_drop(&aead);
		}
	}
}

static void every_library_agrees_at_every_length(void **state)
{
	(void)state;
	assert_int_equal(0, aead_check(&aead_sodium));
	assert_int_equal(0, aead_check(&aead_openssl));
	assert_non_null(aead_fastest());
}

static void time_is_rounded(void **state)
{
	uint8_t first[TIMESTAMP_BYTES], then[TIMESTAMP_BYTES];
	static const struct {
		uint32_t later_ns;
		bool greater;
	} rows[] = {
		{10, false}, {10000, false}, {1000000, false}, {10000000, false}, {20000000, true},
	};

	(void)state;
	noise_timestamp(first, 0, 123456789);
	assert_hex("400000000000000a", first);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		noise_timestamp(then, 0, 123456789 + rows[i].later_ns);
		assert_int_equal(rows[i].greater, memcmp(then, first, sizeof(then)) > 0);
	}
}

static void lengths_and_types_are_checked(void **state)
{
	uint8_t message[200] = {1};

	(void)state;
	assert_int_equal(1, message_type(message, 148));
	assert_int_equal(0, message_type(message, 147));
	assert_int_equal(0, message_type(message, 149));
	message[0] = 2;
	assert_int_equal(2, message_type(message, 92));
	message[0] = 3;
	assert_int_equal(3, message_type(message, 64));
	message[0] = 4;
	assert_int_equal(4, message_type(message, 32));
	assert_int_equal(0, message_type(message, 31));
	message[2] = 1;
	assert_int_equal(0, message_type(message, 32));
	message[2] = 0;
	message[0] = 5;
	assert_int_equal(0, message_type(message, 64));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_transcript_is_right_to_the_byte),
		cmocka_unit_test(a_flipped_bit_is_refused),
		cmocka_unit_test(a_flipped_bit_of_the_answer_is_refused),
		cmocka_unit_test(the_preshared_key_counts),
		cmocka_unit_test(an_old_initiation_is_refused),
		cmocka_unit_test(worthless_keys_make_no_message),
		cmocka_unit_test(without_a_key_there_is_no_handshake),
		cmocka_unit_test(keys_are_derived_right),
		cmocka_unit_test(a_real_initiation_has_our_mac),
		cmocka_unit_test(transport_is_right_to_the_byte),
		cmocka_unit_test(every_library_agrees_at_every_length),
		cmocka_unit_test(time_is_rounded),
		cmocka_unit_test(lengths_and_types_are_checked),
	};

	return crypt_start() ?: cmocka_run_group_tests(tests, NULL, NULL);
}
