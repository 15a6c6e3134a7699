// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "identity/selector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "identity/label.h"

struct row {
	const char *source, *key;
	enum requirement_op op;
	const char *values[3];
	const char *labels;
	bool matches;
};

static bool matches(const struct row *row)
{
	struct requirement requirement = {row->source, row->key, row->op,
					  (const char **)row->values, 0};
	struct selector selector = {.list = &requirement, .count = 1};
	struct labels *labels;
	bool found;

	while (requirement.count < 3 && row->values[requirement.count])
		requirement.count++;
	assert_int_equal(0, labels_parse(row->labels, &labels));
	found = selector_matches(&selector, labels);
	labels_free(labels);
	return found;
}

static void each_operator_means_what_kubernetes_means(void **state)
{
	static const struct row rows[] = {
		{"k8s", "a", REQUIRE_IN, {"1"}, "k8s:a=1", true},
		{"k8s", "a", REQUIRE_IN, {"1", "2"}, "k8s:a=2", true},
		{"k8s", "a", REQUIRE_IN, {"1"}, "k8s:a=2", false},
		{"k8s", "a", REQUIRE_IN, {"1"}, "k8s:b=1", false},
		{"k8s", "a", REQUIRE_IN, {""}, "k8s:a", true},
		{"k8s", "a", REQUIRE_NOT_IN, {"1"}, "k8s:a=2", true},
		{"k8s", "a", REQUIRE_NOT_IN, {"1"}, "k8s:a=1", false},
		{"k8s", "a", REQUIRE_NOT_IN, {"1"}, "k8s:b=1", true},
		{"k8s", "a", REQUIRE_EXISTS, {}, "k8s:a", true},
		{"k8s", "a", REQUIRE_EXISTS, {}, "k8s:b", false},
		{"k8s", "a", REQUIRE_NOT_EXISTS, {}, "k8s:b", true},
		{"k8s", "a", REQUIRE_NOT_EXISTS, {}, "k8s:a", false},
		{"k8s", "a", REQUIRE_IN, {"1"}, "container:a=1", false},
		{"any", "a", REQUIRE_IN, {"1"}, "container:a=1", true},
		{"any", "a", REQUIRE_IN, {"1"}, "container:a=2,k8s:a=1", true},
		{"any", "a", REQUIRE_NOT_IN, {"1"}, "container:a=2,k8s:a=1", false},
		{"any", "a", REQUIRE_NOT_EXISTS, {}, "container:a", false},
		{"reserved", "host", REQUIRE_EXISTS, {}, "reserved:host", true},
		{"k8s", "host", REQUIRE_EXISTS, {}, "reserved:host", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (matches(&rows[i]) != rows[i].matches)
			fail_msg("row %zu: %s:%s against \"%s\"", i, rows[i].source, rows[i].key,
				 rows[i].labels);
}

static void all_requirements_must_hold(void **state)
{
	const char *one[] = {"1"};
	struct requirement list[] = {{"k8s", "a", REQUIRE_IN, one, 1},
				     {"k8s", "b", REQUIRE_EXISTS, NULL, 0}};
	struct selector both = {.list = list, .count = 2}, all = {}, none = {.impossible = true};
	struct labels *a, *ab;

	(void)state;
	assert_int_equal(0, labels_parse("k8s:a=1", &a));
	assert_int_equal(0, labels_parse("k8s:a=1,k8s:b", &ab));
	assert_false(selector_matches(&both, a));
	assert_true(selector_matches(&both, ab));
	assert_true(selector_matches(&all, a));
	assert_false(selector_matches(&none, a));
	labels_free(a);
	labels_free(ab);
}

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
		cmocka_unit_test(each_operator_means_what_kubernetes_means),
		cmocka_unit_test(all_requirements_must_hold),
		cmocka_unit_test(what_is_said_in_the_same_words_is_the_same),
	};

	return cmocka_run_group_tests_name("selector", tests, NULL, NULL);
}
