/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "../../datapath/tunnel/session.h"

#include "../../datapath/tunnel/timers.h"
#include "tunnel_test.h"

#define W REPLAY_WINDOW
#define L (W + 1ULL)
#define R REJECT_AFTER_MESSAGES

static void each_counter_passes_once(void **state)
{
	static const struct {
		uint64_t counter;
		bool passes;
	} rows[] = {
		{0, true},
		{1, true},
		{1, false},
		{9, true},
		{8, true},
		{7, true},
		{7, false},
		{L, true},
		{L - 1, true},
		{L - 1, false},
		{L - 2, true},
		{2, true},
		{2, false},
		{L + 16, true},
		{3, false},
		{L + 16, false},
		{4 * L, true},
		{4 * L - (L - 1), true},
		{10, false},
		{4 * L - L, false},
		{4 * L - (L + 1), false},
		{4 * L - (L - 2), true},
		{4 * L + 1 - L, false},
		{0, false},
		{R, false},
		{R - 1, true},
		{R, false},
		{R - 1, false},
		{R - 2, true},
		{R + 1, false},
		{R + 2, false},
		{R - 2, false},
		{R - 3, true},
		{0, false},
	};
	struct replay replay = {};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (replay_is_new(&replay, rows[i].counter) != rows[i].passes)
			fail_msg("row %zu, counter %llu", i, (unsigned long long)rows[i].counter);
}

/* From `first` to `last` in steps of one, up or down: all pass. */
static void all_pass(struct replay *replay, uint64_t first, uint64_t last)
{
	int64_t step = first < last ? 1 : -1;

	for (uint64_t counter = first; counter != last + step; counter += step)
		assert_true(replay_is_new(replay, counter));
}

static void the_window_is_as_wide_as_it_says(void **state)
{
	struct replay replay = {};

	(void)state;
	all_pass(&replay, 1, W);
	assert_true(replay_is_new(&replay, 0));
	assert_false(replay_is_new(&replay, 0));

	replay = (struct replay){};
	all_pass(&replay, 2, W + 1);
	assert_true(replay_is_new(&replay, 1));
	assert_false(replay_is_new(&replay, 0));

	replay = (struct replay){};
	all_pass(&replay, W + 1, 1);

	replay = (struct replay){};
	all_pass(&replay, W + 2, 2);
	assert_false(replay_is_new(&replay, 0));

	replay = (struct replay){};
	all_pass(&replay, W, 1);
	assert_true(replay_is_new(&replay, W + 1));
	assert_false(replay_is_new(&replay, 0));

	replay = (struct replay){};
	all_pass(&replay, W, 1);
	assert_true(replay_is_new(&replay, 0));
	assert_true(replay_is_new(&replay, W + 1));
}

static void a_session_ends_with_its_time_and_its_numbers(void **state)
{
	struct session session;
	uint64_t counter;

	(void)state;
	session_init(&session);
	session.born_ns = 1000;
	assert_true(session_take_counters(&session, 5, 1000, &counter));
	assert_int_equal(0, counter);
	assert_true(session_take_counters(&session, 1, 1000 + REJECT_AFTER_NS - 1, &counter));
	assert_int_equal(5, counter);
	assert_false(session_take_counters(&session, 1, 1000 + REJECT_AFTER_NS, &counter));
	assert_true(session_opens(&session, 1000 + REJECT_AFTER_NS - 1));
	assert_false(session_opens(&session, 1000 + REJECT_AFTER_NS));

	session.send_counter = REJECT_AFTER_MESSAGES - 10;
	assert_false(session_take_counters(&session, 10, 1000, &counter));
	assert_true(session_take_counters(&session, 9, 1000, &counter));
	assert_false(session_take_counters(&session, 1, 1000, &counter));
	session.send_counter = 0;
	session.send_dead = true;
	assert_false(session_take_counters(&session, 1, 1000, &counter));
}

static void who_began_it_begins_the_next(void **state)
{
	struct session session;

	(void)state;
	session_init(&session);
	assert_false(session_wants_rekey_sending(&session, REKEY_AFTER_NS));
	session.initiator = true;
	assert_false(session_wants_rekey_sending(&session, REKEY_AFTER_NS - 1));
	assert_true(session_wants_rekey_sending(&session, REKEY_AFTER_NS));
	assert_false(session_wants_rekey_receiving(&session, REKEY_RECEIVING_NS - 1));
	assert_true(session_wants_rekey_receiving(&session, REKEY_RECEIVING_NS));
	session.initiator = false;
	assert_false(session_wants_rekey_receiving(&session, REKEY_RECEIVING_NS));
	session.send_counter = REKEY_AFTER_MESSAGES + 1;
	assert_true(session_wants_rekey_sending(&session, 0));
}

static void three_slots_turn(void **state)
{
	struct session a = {.initiator = true}, b = {.initiator = true}, c = {}, d = {};
	struct session_slots slots = {};
	struct session *out[2];

	(void)state;
	assert_null(slots_sending(&slots));
	slots_add(&slots, &a, out);
	assert_ptr_equal(&a, slots.current);
	slots_add(&slots, &b, out);
	assert_ptr_equal(&b, slots.current);
	assert_ptr_equal(&a, slots.previous);
	/* As responder we go on sending with what we have. */
	slots_add(&slots, &c, out);
	assert_ptr_equal(&a, out[0]);
	assert_ptr_equal(&b, slots.current);
	assert_ptr_equal(&c, slots.next);
	assert_null(slots.previous);
	slots_add(&slots, &d, out);
	assert_ptr_equal(&c, out[1]);
	assert_ptr_equal(&b, slots_sending(&slots));
	/* It has been proven, and the control thread has not moved it yet. */
	d.heard = true;
	assert_ptr_equal(&d, slots_sending(&slots));
	assert_null(slots_confirm(&slots));
	assert_ptr_equal(&d, slots.current);
	assert_ptr_equal(&b, slots.previous);
	/* An unproven next is not lost when we become initiator. */
	slots_add(&slots, &c, out);
	slots_add(&slots, &a, out);
	assert_ptr_equal(&a, slots.current);
	assert_ptr_equal(&c, slots.previous);
	assert_ptr_equal(&d, out[1]);
	assert_null(slots.next);
}

/* ---- timers under a clock of the test ---- */

#define S NS_PER_S

static void a_keepalive_follows_silence_after_data(void **state)
{
	struct timers timers = {};

	(void)state;
	assert_true(timers_data_received(&timers, 100 * S));
	assert_int_equal(0, timers_take_due(&timers, 110 * S - 1));
	assert_int_equal(1u << TIMER_KEEPALIVE, timers_take_due(&timers, 110 * S));
	assert_int_equal(0, timers_next(&timers));
	/* More came meanwhile: another one later. */
	timers_data_received(&timers, 200 * S);
	timers_data_received(&timers, 205 * S);
	assert_int_equal(1u << TIMER_KEEPALIVE, timers_take_due(&timers, 210 * S));
	assert_int_equal(220 * S, timers_next(&timers));
	/* Whatever we say takes its place. */
	timers_any_sent(&timers, 215 * S);
	assert_int_equal(0, timers_next(&timers));
}

static void a_handshake_follows_silence_of_the_other_side(void **state)
{
	struct timers timers = {};

	(void)state;
	timers_data_sent(&timers, 100 * S, 7);
	timers_data_sent(&timers, 105 * S, 9);
	assert_int_equal(115 * S + 7 * NS_PER_MS, timers_next(&timers));
	timers_any_received(&timers, 106 * S);
	assert_int_equal(0, timers_next(&timers));
	timers_data_sent(&timers, 110 * S, 0);
	assert_int_equal(1u << TIMER_HANDSHAKE, timers_take_due(&timers, 125 * S));
}

static void an_initiation_is_repeated_until_answered(void **state)
{
	struct timers timers = {};

	(void)state;
	timers_initiation_sent(&timers, 100 * S, 333);
	assert_int_equal(0, timers_take_due(&timers, 105 * S));
	assert_int_equal(1u << TIMER_RETRANSMIT, timers_take_due(&timers, 106 * S));
	timers_initiation_sent(&timers, 106 * S, 0);
	timers_handshake_complete(&timers);
	timers_session_derived(&timers, 106 * S);
	assert_int_equal((106 + 540) * S, timers_next(&timers));
	assert_int_equal(1u << TIMER_FORGET, timers_take_due(&timers, (106 + 540) * S));
}

static void persistent_keepalives_count_from_the_last_message(void **state)
{
	struct timers timers = {};

	(void)state;
	assert_false(timers_any_sent(&timers, 90 * S));
	timers_set_persistent(&timers, 25, 100 * S);
	assert_int_equal(125 * S, timers_next(&timers));
	timers_any_received(&timers, 110 * S);
	assert_int_equal(135 * S, timers_next(&timers));
	timers_any_sent(&timers, 120 * S);
	assert_int_equal(0, timers_take_due(&timers, 144 * S));
	assert_int_equal(1u << TIMER_PERSISTENT, timers_take_due(&timers, 145 * S));
	timers_set_persistent(&timers, 0, 150 * S);
	timers_any_sent(&timers, 151 * S);
	assert_int_equal(0, timers_next(&timers));
}

/* Whoever arms an earlier deadline is told to say so; a later one is found by itself. */
static void the_heap_gives_the_earliest(void **state)
{
	static struct timers timers[300];
	struct timer_heap heap = {};
	uint64_t last = 0;
	uint32_t seed = 1;

	(void)state;
	assert_int_equal(0, heap_reserve(&heap, ARRAY_SIZE(timers)));
	for (size_t i = 0; i < ARRAY_SIZE(timers); i++) {
		seed = seed * 1664525 + 1013904223;
		assert_true(timers_arm(&timers[i], TIMER_KEEPALIVE, 1000 + seed % 500));
		heap_place(&heap, &timers[i]);
		assert_false(timers_arm(&timers[i], TIMER_HANDSHAKE, 2000));
	}
	for (size_t i = 0; i < ARRAY_SIZE(timers); i += 3)
		heap_remove(&heap, &timers[i]);
	assert_int_equal(200, heap.count);
	for (size_t left = 200; left > 0; left--) {
		struct timers *first = heap_first(&heap);

		assert_true(first->look_ns >= last);
		last = first->look_ns;
		timers_stop(first);
		heap_place(&heap, first);
	}
	assert_null(heap_first(&heap));
	heap_drop(&heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_counter_passes_once),
		cmocka_unit_test(the_window_is_as_wide_as_it_says),
		cmocka_unit_test(a_session_ends_with_its_time_and_its_numbers),
		cmocka_unit_test(who_began_it_begins_the_next),
		cmocka_unit_test(three_slots_turn),
		cmocka_unit_test(a_keepalive_follows_silence_after_data),
		cmocka_unit_test(a_handshake_follows_silence_of_the_other_side),
		cmocka_unit_test(an_initiation_is_repeated_until_answered),
		cmocka_unit_test(persistent_keepalives_count_from_the_last_message),
		cmocka_unit_test(the_heap_gives_the_earliest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
