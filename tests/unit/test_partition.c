// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compile/partition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* "ab cd": the letters a..h parted by the words before; equal letters of the result are one class.
 */
static void classes_are_what_no_split_tells_apart(void **state)
{
	static const struct {
		const char *splits[4], *classes;
	} rows[] = {
		{{}, "aaaaaaaa"},
		{{"abcdefgh"}, "aaaaaaaa"},
		{{"abcd"}, "aaaaeeee"},
		{{"abcd", "abcd"}, "aaaaeeee"},
		{{"abcd", "efgh"}, "aaaaeeee"},
		{{"abcd", "cdef"}, "aacceegg"},
		{{"abcd", "cdef", "aceg"}, "abcdefgh"},
		{{"h"}, "aaaaaaah"},
		{{"", "hh"}, "aaaaaaah"},
		{{"hag"}, "abbbbbaa"},
	};

	(void)state;
	for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		struct partition partition;
		struct obstack arena;
		char classes[9] = "";

		obstack_init(&arena);
		partition_start(&partition, &arena, 8);
		for (int i = 0; i < 4 && rows[row].splits[i]; i++) {
			uint32_t members[8], count = strlen(rows[row].splits[i]);

			for (uint32_t m = 0; m < count; m++)
				members[m] = rows[row].splits[i][m] - 'a';
			partition_split(&partition, members, count);
		}
		for (int i = 7; i >= 0; i--)
			for (int j = 7; j >= i; j--)
				if (partition.class_of[i] == partition.class_of[j])
					classes[j] = 'a' + i;
		assert_string_equal(rows[row].classes, classes);
		obstack_free(&arena, NULL);
	}
}

static void who_is_in_no_split_stays_in_class_0(void **state)
{
	struct partition partition;
	uint32_t members[] = {1, 2, 3, 4}, others[] = {3, 4, 5};
	struct obstack arena;

	(void)state;
	obstack_init(&arena);
	partition_start(&partition, &arena, 6);
	partition_split(&partition, members, 4);
	partition_split(&partition, others, 3);
	assert_int_equal(0, partition.class_of[0]);
	for (int i = 1; i < 6; i++)
		assert_int_not_equal(0, partition.class_of[i]);
	assert_int_equal(4, partition.n_classes);
	obstack_free(&arena, NULL);
}

/* The same members as a list and as bits, alone and against a split by hand. */
static void sets_part_as_their_members_do(void **state)
{
	enum { N = 1000 };
	uint32_t members[N], room[N], count;
	struct partition by_set, by_list;
	struct obstack arena;
	struct set set;

	(void)state;
	obstack_init(&arena);
	for (uint32_t step = 1; step < 200; step = step * 3 + 1) {
		partition_start(&by_set, &arena, N);
		partition_start(&by_list, &arena, N);
		count = 0;
		for (uint32_t i = N; i-- > 0;)
			if (step == 1 ? i % 10 : i % step == 0)
				members[count++] = i;
		partition_split(&by_list, members, count);
		set = set_make(&arena, N, members, count);
		assert_int_equal(count, set.count);
		partition_split_set(&by_set, &set, room);
		set_members(&set, room);
		for (uint32_t i = 0, next = 0; i < N; i++) {
			bool in = step == 1 ? i % 10 != 0 : i % step == 0;

			assert_int_equal(in, set_has(&set, i));
			if (in)
				assert_int_equal(i, room[next++]);
			assert_int_equal(by_list.class_of[i] == by_list.class_of[0],
					 by_set.class_of[i] == by_set.class_of[0]);
		}
	}
	obstack_free(&arena, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classes_are_what_no_split_tells_apart),
		cmocka_unit_test(who_is_in_no_split_stays_in_class_0),
		cmocka_unit_test(sets_part_as_their_members_do),
	};

	return cmocka_run_group_tests_name("partition", tests, NULL, NULL);
}
