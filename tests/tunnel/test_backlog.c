/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "tunnel_test.h"

#include "../../datapath/tunnel/backlog.h"

#define MS(n) ((n)*NS_PER_MS)

/* How often a queue that is never empty between two times says so, looked at each millisecond. */
static unsigned said(struct backlog *backlog, uint64_t from_ms, uint64_t until_ms)
{
	unsigned count = 0;

	for (uint64_t ms = from_ms; ms < until_ms; ms++)
		count += backlog_stands(backlog, MS(ms));
	return count;
}

static void a_queue_that_empties_says_nothing(void **state)
{
	struct backlog backlog = {};

	(void)state;
	for (uint64_t ms = 1000; ms < 5000; ms += 90) {
		assert_int_equal(0, said(&backlog, ms, ms + 90));
		backlog_is_empty(&backlog);
	}
	/* Nobody looked at it for long: it was empty before, and what is there has just come. */
	assert_false(backlog_stands(&backlog, MS(100000)));
}

static void one_that_does_not_says_so_ever_sooner(void **state)
{
	struct backlog backlog = {};
	unsigned first, second;

	(void)state;
	assert_int_equal(0, said(&backlog, 1000, 1100));
	assert_int_equal(1, said(&backlog, 1100, 1200));
	first = said(&backlog, 1200, 2200);
	second = said(&backlog, 2200, 3200);
	assert_in_range(first, 10, 60);
	assert_true(second > first);
	/* But never more than each 5 ms. */
	assert_in_range(said(&backlog, 100000, 101000), 1, 201);
}

static void emptied_once_it_begins_anew(void **state)
{
	struct backlog backlog = {};

	(void)state;
	assert_true(said(&backlog, 1000, 2000) > 5);
	backlog_is_empty(&backlog);
	assert_int_equal(0, said(&backlog, 2000, 2100));
	assert_int_equal(1, said(&backlog, 2100, 2200));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_queue_that_empties_says_nothing),
		cmocka_unit_test(one_that_does_not_says_so_ever_sooner),
		cmocka_unit_test(emptied_once_it_begins_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
