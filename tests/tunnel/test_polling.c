/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "tunnel_test.h"

#include "../../datapath/tunnel/polling.h"

#define US(n) ((n)*1000ULL)

/* A worker under a clock of its own. */
struct world {
	struct polling polling;
	uint64_t now_ns, looked, slept; /* how often, so far */
};

/* For so long it works `work_ns`, then nothing is there for `gap_ns`; others take the CPU for
 * `taken_ns` of that as often as it leaves it to them. */
static void live(struct world *world, uint64_t work_ns, uint64_t gap_ns, uint64_t taken_ns,
		 uint64_t for_ns)
{
	uint64_t end_ns = world->now_ns + for_ns;

	world->looked = world->slept = 0;
	while (world->now_ns < end_ns) {
		uint64_t from_ns = world->now_ns;

		world->now_ns += work_ns;
		polling_worked(&world->polling, from_ns, world->now_ns);
		from_ns = world->now_ns;
		world->now_ns += gap_ns;
		if (!polling_is_worth(&world->polling, from_ns)) {
			world->slept++;
			continue;
		}
		world->looked++;
		if (taken_ns > gap_ns)
			world->now_ns = from_ns + taken_ns;
		polling_looked(&world->polling, from_ns, world->now_ns);
	}
}

static void who_has_little_to_do_sleeps(void **state)
{
	struct world world = {.now_ns = NS_PER_S};

	(void)state;
	live(&world, US(30), US(100), 0, NS_PER_S);
	assert_int_equal(0, world.looked);
	live(&world, US(3), US(5000), 0, NS_PER_S);
	assert_int_equal(0, world.looked);
}

static void who_is_busy_looks_on(void **state)
{
	struct world world = {.now_ns = NS_PER_S};

	(void)state;
	live(&world, US(100), US(30), 0, US(10000));
	live(&world, US(100), US(30), 0, NS_PER_S);
	assert_int_equal(0, world.slept);
	/* And no longer than that. */
	live(&world, US(20), US(100), 0, US(10000));
	live(&world, US(20), US(100), 0, NS_PER_S);
	assert_int_equal(0, world.looked);
}

static void who_shares_its_cpu_sleeps(void **state)
{
	struct world world = {.now_ns = NS_PER_S};

	(void)state;
	/* A thousand times a second, if it were not for the rests. */
	live(&world, US(900), US(100), US(3000), 8 * NS_PER_S);
	assert_in_range(world.looked, 3, 40);
	/* Once it is alone again it finds out. */
	live(&world, US(100), US(30), 0, POLLING_REST_MOST_NS + US(10000));
	live(&world, US(100), US(30), 0, NS_PER_S);
	assert_int_equal(0, world.slept);
	/* One that takes it now and then is no reason. */
	for (int i = 0; i < 100; i++) {
		live(&world, US(100), US(30), US(3000), US(2000));
		live(&world, US(100), US(30), 0, US(20000));
		assert_in_range(world.looked, 100, 200);
	}
}

static void who_has_used_its_share_sleeps(void **state)
{
	struct world world = {.now_ns = NS_PER_S};

	(void)state;
	/* As under a quota: it runs for 40 of 100 ms. */
	for (int i = 0; i < 100; i++) {
		live(&world, US(60), US(40), 0, US(40000));
		live(&world, US(60), US(40), US(60000), US(100));
	}
	live(&world, US(60), US(40), 0, US(40000));
	assert_true(world.slept > 390);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_has_little_to_do_sleeps),
		cmocka_unit_test(who_is_busy_looks_on),
		cmocka_unit_test(who_shares_its_cpu_sleeps),
		cmocka_unit_test(who_has_used_its_share_sleeps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
