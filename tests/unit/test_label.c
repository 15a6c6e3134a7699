// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "identity/label.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "util/cleanup.h"

static void a_set_is_sorted_and_has_each_key_once(void **state)
{
	static const struct {
		const char *given, *kept;
	} rows[] = {
		{"", ""},
		{"k8s:b=2,k8s:a=1", "k8s:a=1,k8s:b=2"},
		{"k8s:a=1,any:a=1", "any:a=1,k8s:a=1"},
		{"k8s:a=1,k8s:b,k8s:a=2", "k8s:a=2,k8s:b"},
		{"reserved:host", "reserved:host"},
		{"k8s:a.b/c=d", "k8s:a.b/c=d"},
		{"x%3Ay:a%2Cb=1%3D2%25", "x%3Ay:a%2Cb=1%3D2%25"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct labels *labels;
		cleanup_free char *text = NULL;

		assert_int_equal(0, labels_parse(rows[i].given, &labels));
		text = labels_print(labels);
		assert_string_equal(rows[i].kept, text);
		labels_free(labels);
	}
}

static void what_is_no_set_is_refused(void **state)
{
	static const char *const rows[] = {
		"a",	  "k8s",     ":a",	 "k8s:",      "k8s:=b",	   ",",
		"k8s:a,", "k8s:a=%", "k8s:a=%0", "k8s:a=%00", "k8s:a=%zz",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct labels *labels = NULL;

		if (labels_parse(rows[i], &labels) != -EINVAL)
			fail_msg("\"%s\" was taken for a set of labels", rows[i]);
		assert_null(labels);
	}
}

static void equal_sets_have_one_hash_and_others_another(void **state)
{
	static const char *const rows[] = {"",	    "k8s:a",	"k8s:a=1",	   "k8s:b=1",
					   "any:a", "k8s:ab=1", "k8s:a=1,k8s:b=1", "k8s:a=b1"};
	enum { ROWS = sizeof(rows) / sizeof(rows[0]) };
	struct labels *sets[ROWS], *copy;

	(void)state;
	for (size_t i = 0; i < ROWS; i++)
		assert_int_equal(0, labels_parse(rows[i], &sets[i]));
	for (size_t i = 0; i < ROWS; i++)
		for (size_t j = 0; j < ROWS; j++) {
			assert_int_equal(i == j, labels_compare(sets[i], sets[j]) == 0);
			assert_int_equal(i == j, labels_hash(sets[i]) == labels_hash(sets[j]));
		}
	for (size_t i = 0; i < ROWS; i++) {
		copy = labels_copy(sets[i]);
		assert_int_equal(0, labels_compare(copy, sets[i]));
		labels_free(copy);
		labels_free(sets[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_set_is_sorted_and_has_each_key_once),
		cmocka_unit_test(what_is_no_set_is_refused),
		cmocka_unit_test(equal_sets_have_one_hash_and_others_another),
	};

	return cmocka_run_group_tests_name("label", tests, NULL, NULL);
}
