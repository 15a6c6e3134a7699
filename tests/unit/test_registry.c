// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "identity/registry.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "identity/label.h"
#include "util/cleanup.h"

static chq_identity ask(struct registry *registry, const char *text, bool is_prefix)
{
	struct labels *labels;
	chq_identity number;

	assert_int_equal(0, labels_parse(text, &labels));
	number = registry_number(registry, labels, is_prefix);
	labels_free(labels);
	return number;
}

static void a_set_has_one_number(void **state)
{
	struct registry *registry = registry_new(10);

	(void)state;
	assert_int_equal(CHQ_ID_FIRST, ask(registry, "k8s:a", false));
	assert_int_equal(CHQ_ID_FIRST + 1, ask(registry, "k8s:b", false));
	assert_int_equal(CHQ_ID_FIRST, ask(registry, "k8s:a", false));
	assert_int_equal(CHQ_ID_PREFIX, ask(registry, "cidr:10.0.0.0/8", true));
	assert_int_equal(CHQ_ID_PREFIX + 1, ask(registry, "k8s:a", true));
	assert_int_equal(4, registry_count(registry));
	assert_string_equal("b", registry_labels(registry, CHQ_ID_FIRST + 1)->list[0].key);
	assert_null(registry_labels(registry, CHQ_ID_FIRST + 2));
	registry_free(registry);
}

static void there_are_no_more_than_the_limit(void **state)
{
	struct registry *registry = registry_new(2);

	(void)state;
	assert_int_not_equal(0, ask(registry, "k8s:a", false));
	assert_int_not_equal(0, ask(registry, "k8s:b", true));
	assert_int_equal(0, ask(registry, "k8s:c", false));
	assert_int_equal(CHQ_ID_FIRST, ask(registry, "k8s:a", false));
	registry_free(registry);
}

static void a_freed_number_comes_back_last(void **state)
{
	struct registry *registry = registry_new(100);

	(void)state;
	registry_begin(registry);
	ask(registry, "k8s:a", false);
	ask(registry, "k8s:b", false);
	registry_commit(registry, 2);
	registry_begin(registry);
	ask(registry, "k8s:b", false);
	registry_commit(registry, 2);
	assert_int_equal(2, registry_count(registry));
	registry_begin(registry);
	ask(registry, "k8s:b", false);
	registry_commit(registry, 2);
	assert_null(registry_labels(registry, CHQ_ID_FIRST));
	assert_int_equal(CHQ_ID_FIRST + 2, ask(registry, "k8s:c", false));
	assert_int_equal(CHQ_ID_FIRST + 3, ask(registry, "k8s:a", false));
	assert_int_equal(CHQ_ID_FIRST + 1, ask(registry, "k8s:b", false));
	registry_free(registry);
}

/* However often a change is refused, what is live keeps its numbers, and what was new gives them
 * back. */
static void a_round_that_fails_leaves_nothing(void **state)
{
	struct registry *registry = registry_new(100);

	(void)state;
	registry_begin(registry);
	ask(registry, "k8s:a", false);
	ask(registry, "k8s:b", false);
	registry_commit(registry, 2);
	for (int i = 0; i < 20; i++) {
		registry_begin(registry);
		ask(registry, "k8s:b", false);
		ask(registry, "k8s:new", false);
		registry_abandon(registry);
		assert_int_equal(2, registry_count(registry));
	}
	assert_int_equal(CHQ_ID_FIRST, ask(registry, "k8s:a", false));
	registry_free(registry);
}

/* A round in which `count` sets of labels from the `first` on are asked for, and which becomes
 * live. */
static void live_round(struct registry *registry, unsigned first, unsigned count, uint32_t keep)
{
	char text[32];

	registry_begin(registry);
	for (unsigned i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "k8s:a=%u", first + i);
		assert_int_not_equal(0, ask(registry, text, i % 2));
	}
	registry_commit(registry, keep);
}

/* Workloads that come and go under ever new labels never use the numbers up. */
static void half_full_is_tidied_at_once(void **state)
{
	struct registry *registry = registry_new(100);

	(void)state;
	for (unsigned round = 0; round < 50; round++)
		live_round(registry, round * 40, 40, 8);
	registry_free(registry);
}

static void numbers_outlive_the_process(void **state)
{
	struct registry *first = registry_new(100), *second = registry_new(100);
	cleanup_free char *text = NULL, *again = NULL;
	unsigned line;

	(void)state;
	ask(first, "k8s:a=1,k8s:b=x y", false);
	ask(first, "k8s:c", false);
	ask(first, "cidr:10.0.0.0/8,reserved:world-ipv4", true);
	text = registry_save(first);
	assert_int_equal(0, registry_load(second, text, &line));
	again = registry_save(second);
	assert_string_equal(text, again);
	assert_int_equal(CHQ_ID_FIRST + 1, ask(second, "k8s:c", false));
	assert_int_equal(CHQ_ID_FIRST + 2, ask(second, "k8s:new", false));
	assert_int_equal(CHQ_ID_PREFIX + 1, ask(second, "cidr:11.0.0.0/8", true));
	assert_int_equal(-EBUSY, registry_load(second, text, &line));
	registry_abandon(second);
	assert_int_equal(3, registry_count(second));
	registry_free(first);
	registry_free(second);
}

static void a_damaged_file_gives_no_numbers(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
	} rows[] = {
		{"", 1},
		{"something else\n", 1},
		{"chasqui identities 1\n256\n", 2},
		{"chasqui identities 1\n256 k8s:a\n256 k8s:b\n", 3},
		{"chasqui identities 1\n256 k8s:a\n257 k8s:a\n", 3},
		{"chasqui identities 1\n1 k8s:a\n", 2},
		{"chasqui identities 1\n-256 k8s:a\n", 2},
		{"chasqui identities 1\n99999999999999999999 k8s:a\n", 2},
		{"chasqui identities 1\n33554432 k8s:a\n", 2},
		{"chasqui identities 1\n256 nonsense\n", 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct registry *registry = registry_new(10);
		unsigned line = 0;

		assert_int_equal(-EINVAL, registry_load(registry, rows[i].text, &line));
		assert_int_equal(rows[i].line, line);
		assert_int_equal(0, registry_count(registry));
		registry_free(registry);
	}
}

static void many_come_and_go(void **state)
{
	struct registry *registry = registry_new(100000);

	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		live_round(registry, round * 1000, 2000, 1);
		assert_int_equal(2000, registry_count(registry));
	}
	registry_free(registry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_set_has_one_number),
		cmocka_unit_test(there_are_no_more_than_the_limit),
		cmocka_unit_test(a_freed_number_comes_back_last),
		cmocka_unit_test(a_round_that_fails_leaves_nothing),
		cmocka_unit_test(half_full_is_tidied_at_once),
		cmocka_unit_test(numbers_outlive_the_process),
		cmocka_unit_test(a_damaged_file_gives_no_numbers),
		cmocka_unit_test(many_come_and_go),
	};

	return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
