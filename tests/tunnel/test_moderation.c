/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "tunnel_test.h"

#include "../../datapath/tunnel/moderation.h"

#define US(n) ((n)*1000ULL)

/* A worker under a clock of its own, and what is there for it. */
struct world {
	struct moderation moderation;
	uint64_t now_ns, began_ns;
	uint64_t packets, rounds, paused; /* so far */
};

static void begin(struct world *world)
{
	world->began_ns = world->now_ns;
	world->packets = world->rounds = world->paused = 0;
}

/* One round of `packets`, which takes so long; and the pause behind it, if there is one. */
static void round_of(struct world *world, uint32_t packets, uint64_t bytes, uint64_t takes_ns)
{
	world->now_ns += takes_ns;
	moderation_count(&world->moderation, packets, bytes);
	world->packets += packets;
	world->rounds++;
	if (!moderation_pauses(&world->moderation, world->now_ns, false))
		return;
	world->paused++;
	world->now_ns += MODERATION_PAUSE_NS;
}

/* Somebody sends so many a second, whatever becomes of them. */
static void flood(struct world *world, uint64_t packets_s, uint32_t each_bytes, uint64_t for_ns)
{
	begin(world);
	while (world->now_ns - world->began_ns < for_ns) {
		uint64_t due = (world->now_ns - world->began_ns) * packets_s / NS_PER_S;
		uint32_t some = (uint32_t)(due - world->packets);

		/* It is woken by the next one. */
		if (!some) {
			world->now_ns += NS_PER_S / packets_s;
			some = 1;
		}
		round_of(world, some, (uint64_t)some * each_bytes, US(2) + some * 500ULL);
	}
}

/* So many are on the way at a time; for each that arrives there is another `answer_ns` later. */
static void converse(struct world *world, uint32_t at_a_time, uint64_t answer_ns, uint64_t for_ns)
{
	begin(world);
	while (world->now_ns - world->began_ns < for_ns)
		round_of(world, at_a_time, at_a_time * 92ULL, answer_ns);
}

static uint64_t percent_paused(const struct world *world)
{
	return world->paused * 100 / world->rounds;
}

static void few_packets_never_wait(void **state)
{
	struct world world = {};

	(void)state;
	flood(&world, 45000, 92, NS_PER_S);
	assert_int_equal(0, world.paused);
}

static void a_flood_is_gathered(void **state)
{
	struct world world = {};

	(void)state;
	flood(&world, 150000, 92, NS_PER_S / 10);
	flood(&world, 150000, 92, NS_PER_S);
	assert_int_equal(100, percent_paused(&world));
	assert_true(world.packets / world.rounds >= 10);
	/* A slower one, too, but for the windows that ask whether it is as fast without. */
	flood(&world, 70000, 92, NS_PER_S);
	assert_in_range(percent_paused(&world), 85, 99);
}

static void bulk_is_not(void **state)
{
	struct world world = {};

	(void)state;
	flood(&world, 150000, 60000, NS_PER_S);
	assert_int_equal(0, world.paused);
}

static void who_waits_for_answers_is_not_kept(void **state)
{
	struct world world = {};
	uint64_t without;

	(void)state;
	/* Eight at a time in 100 us: 80,000 a second, 44,000 with the pause. */
	without = NS_PER_S / US(100) * 8;
	converse(&world, 8, US(100), NS_PER_S);
	begin(&world);
	converse(&world, 8, US(100), 4 * NS_PER_S);
	assert_true(world.paused > 0);
	assert_true(world.packets / 4 > without * 97 / 100);
}

static void it_ends_with_the_flood(void **state)
{
	struct world world = {};

	(void)state;
	flood(&world, 150000, 92, NS_PER_S / 10);
	assert_true(world.paused > 0);
	/* One ping in a long while: what was before is no reason. */
	world.now_ns += NS_PER_S;
	round_of(&world, 1, 92, US(3));
	begin(&world);
	flood(&world, 100, 92, NS_PER_S);
	assert_int_equal(0, world.paused);
}

static void what_is_left_does_not_wait(void **state)
{
	struct world world = {};

	(void)state;
	flood(&world, 150000, 92, NS_PER_S / 10);
	assert_true(moderation_pauses(&world.moderation, world.now_ns, false));
	assert_false(moderation_pauses(&world.moderation, world.now_ns, true));
	assert_true(moderation_pauses(&world.moderation, world.now_ns, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_packets_never_wait),
		cmocka_unit_test(a_flood_is_gathered),
		cmocka_unit_test(bulk_is_not),
		cmocka_unit_test(who_waits_for_answers_is_not_kept),
		cmocka_unit_test(it_ends_with_the_flood),
		cmocka_unit_test(what_is_left_does_not_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
