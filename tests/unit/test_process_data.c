/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "enforcer/hooks_inside.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/cleanup.h"

/* A record of data, and the event that it belongs to. */
struct pair {
	struct {
		struct chq_hook_data head;
		unsigned char bytes[CHQ_DATA_MOST];
	} data;
	struct chq_hook_event record;
	struct hook_event event;
};

static struct pair *pair_new(uint32_t tid, uint64_t time_ns)
{
	struct pair *pair = calloc(1, sizeof(*pair));
	const struct chq_proc_head head = {.kind = CHQ_PROC_DATA, .tid = tid, .time_ns = time_ns};

	assert_non_null(pair);
	pair->data.head = (struct chq_hook_data){
		.head = head, .set = 7, .hook = 3, .position = 1, .first_byte = 4, .data_bytes = 6};
	memcpy(pair->data.bytes, " more!", 6);
	pair->record = (struct chq_hook_event){.head = head, .set = 7, .hook = 3};
	pair->event.args[1] = (struct hook_arg){
		.kind = HOOK_ARG_BYTES,
		.text = {.bytes = strdup("some"), .n_bytes = 4, .whole_bytes = 20},
	};
	return pair;
}

static void pair_free(struct pair **pair)
{
	hook_event_clear(&(*pair)->event);
	free(*pair);
}

static int keep(struct kept_data *kept, const struct pair *pair)
{
	return data_keep(kept, &pair->data, sizeof(pair->data.head) + pair->data.head.data_bytes);
}

static void what_waits_goes_behind_what_is_there(void **state)
{
	cleanup(data_clear) struct kept_data kept = {};
	cleanup(pair_free) struct pair *one = pair_new(1, 100), *other = pair_new(2, 100);

	(void)state;
	assert_int_equal(0, keep(&kept, other));
	assert_int_equal(0, keep(&kept, one));
	assert_int_equal(0, data_join(&kept, &one->record, &one->event));
	assert_string_equal("some more!", one->event.args[1].text.bytes);
	assert_int_equal(10, one->event.args[1].text.n_bytes);
	assert_int_equal(20, one->event.args[1].text.whole_bytes);
	assert_int_equal(1, kept.n);
	assert_int_equal(6, kept.bytes);
	assert_int_equal(0, data_join(&kept, &other->record, &other->event));
	assert_int_equal(0, kept.n);
}

static void only_its_own_event_gets_it(void **state)
{
	cleanup(data_clear) struct kept_data kept = {};
	cleanup(pair_free) struct pair *one = pair_new(1, 100), *later = pair_new(1, 200);

	(void)state;
	assert_int_equal(0, keep(&kept, one));
	one->record.hook = 4;
	assert_int_equal(0, data_join(&kept, &one->record, &one->event));
	one->record.hook = 3;
	one->record.set = 8;
	assert_int_equal(0, data_join(&kept, &one->record, &one->event));
	assert_int_equal(4, one->event.args[1].text.n_bytes);
	assert_int_equal(1, kept.n);
	/* The thread has gone on: what waited was for nobody. */
	assert_int_equal(0, data_join(&kept, &later->record, &later->event));
	assert_int_equal(4, later->event.args[1].text.n_bytes);
	assert_int_equal(0, kept.n);
}

static void the_same_thread_tells_of_its_latest(void **state)
{
	cleanup(data_clear) struct kept_data kept = {};
	cleanup(pair_free) struct pair *one = pair_new(1, 100), *later = pair_new(1, 200);

	(void)state;
	assert_int_equal(0, keep(&kept, one));
	assert_int_equal(0, keep(&kept, later));
	assert_int_equal(1, kept.n);
	assert_int_equal(0, data_join(&kept, &later->record, &later->event));
	assert_int_equal(10, later->event.args[1].text.n_bytes);
}

static void what_makes_no_sense_is_refused(void **state)
{
	cleanup(data_clear) struct kept_data kept = {};
	cleanup(pair_free) struct pair *pair = pair_new(1, 100);

	(void)state;
	assert_int_equal(-EBADMSG, data_keep(&kept, &pair->data, sizeof(pair->data.head) - 1));
	assert_int_equal(-EBADMSG, data_keep(&kept, &pair->data, sizeof(pair->data.head) + 5));
	pair->data.head.data_bytes = CHQ_DATA_MOST + 1;
	assert_int_equal(-EBADMSG, data_keep(&kept, &pair->data, 1 << 30));
	pair->data.head.data_bytes = 6;
	pair->data.head.position = CHQ_HOOK_ARGS;
	assert_int_equal(-EBADMSG, keep(&kept, pair));
	pair->data.head.position = 1;
	pair->data.head.first_byte = 5;
	assert_int_equal(0, keep(&kept, pair));
	assert_int_equal(-EBADMSG, data_join(&kept, &pair->record, &pair->event));
	pair->data.head.first_byte = 4;
	pair->data.head.data_bytes = 17;
	assert_int_equal(0, keep(&kept, pair));
	assert_int_equal(-EBADMSG, data_join(&kept, &pair->record, &pair->event));
	assert_int_equal(0, kept.n);
}

static void the_oldest_give_way(void **state)
{
	cleanup(data_clear) struct kept_data kept = {};
	cleanup(pair_free) struct pair *pair = pair_new(1, 100);

	(void)state;
	for (uint32_t tid = 1; tid <= KEPT_DATA_MOST + 9; tid++) {
		pair->data.head.head.tid = tid;
		assert_int_equal(0, keep(&kept, pair));
	}
	assert_int_equal(KEPT_DATA_MOST, kept.n);
	assert_int_equal(10, kept.items[0]->head.tid);
	pair->data.head.data_bytes = CHQ_DATA_MOST;
	for (uint32_t tid = 1000; tid < 1060; tid++) {
		pair->data.head.head.tid = tid;
		assert_int_equal(0, keep(&kept, pair));
		assert_true(kept.bytes <= KEPT_DATA_BYTES);
	}
	assert_int_equal(KEPT_DATA_BYTES / CHQ_DATA_MOST, kept.n);
	assert_int_equal(1059, kept.items[kept.n - 1]->head.tid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_waits_goes_behind_what_is_there),
		cmocka_unit_test(only_its_own_event_gets_it),
		cmocka_unit_test(the_same_thread_tells_of_its_latest),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		cmocka_unit_test(the_oldest_give_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
