// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "identity/selector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void what_is_said_in_the_same_words_is_the_same(void **state)
{
	const char *one[] = {"1"}, *two[] = {"2"};
	struct requirement is_one = {"k8s", "a", REQUIRE_IN, one, 1};
	struct requirement is_two = {"k8s", "a", REQUIRE_IN, two, 1};
	struct requirement not_one = {"k8s", "a", REQUIRE_NOT_IN, one, 1};
	struct selector rows[] = {{.list = &is_one, .count = 1},
				  {.list = &is_two, .count = 1},
				  {.list = &not_one, .count = 1},
				  {},
				  {.impossible = true}};
	size_t count = sizeof(rows) / sizeof(rows[0]);

	(void)state;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < count; j++) {
			assert_int_equal(i == j, selector_same(&rows[i], &rows[j]));
			assert_int_equal(i == j,
					 selector_hash(&rows[i]) == selector_hash(&rows[j]));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_said_in_the_same_words_is_the_same),
	};

	return cmocka_run_group_tests_name("selector", tests, NULL, NULL);
}
