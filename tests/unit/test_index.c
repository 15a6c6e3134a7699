// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "identity/index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Numbers stand for themselves here; their hashes collide on purpose. */
static bool same(const void *data, uint32_t number, const void *wanted)
{
	(void)data;
	return number == *(const uint32_t *)wanted;
}

static uint32_t find(const struct index *index, uint32_t number)
{
	return index_find(index, number % 7, same, NULL, &number);
}

static void nothing_is_found_in_an_empty_one(void **state)
{
	struct index index = {};

	(void)state;
	assert_int_equal(INDEX_NONE, find(&index, 0));
	index_remove(&index, 0, 0);
	index_free(&index);
}

static void all_are_found_while_it_grows(void **state)
{
	struct index index = {};

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		assert_int_equal(INDEX_NONE, find(&index, i));
		assert_int_equal(0, index_add(&index, i % 7, i));
	}
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(i, find(&index, i));
	index_free(&index);
}

static void the_others_are_found_after_one_is_removed(void **state)
{
	struct index index = {};

	(void)state;
	for (uint32_t i = 0; i < 500; i++)
		assert_int_equal(0, index_add(&index, i % 7, i));
	for (uint32_t i = 0; i < 500; i += 3)
		index_remove(&index, i % 7, i);
	for (uint32_t i = 0; i < 500; i++)
		assert_int_equal(i % 3 ? i : INDEX_NONE, find(&index, i));
	assert_int_equal(333, index.count);
	index_free(&index);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_found_in_an_empty_one),
		cmocka_unit_test(all_are_found_while_it_grows),
		cmocka_unit_test(the_others_are_found_after_one_is_removed),
	};

	return cmocka_run_group_tests_name("index", tests, NULL, NULL);
}
