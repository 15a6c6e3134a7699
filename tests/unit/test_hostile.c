// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Documents that mean harm: refused, in little time and memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "policy/model.h"
#include "util/cleanup.h"

enum { MEGABYTE = 1 << 20, SECONDS_MOST = 10 };

/* `head`, then `piece` until the text has a megabyte, then `tail`. */
static char *repeat(const char *head, const char *piece, const char *tail)
{
	size_t count = MEGABYTE / strlen(piece);
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	fputs(head, out);
	for (size_t i = 0; i < count; i++)
		fputs(piece, out);
	fputs(tail, out);
	fclose(out);
	return text;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* Refused, with `expected` in the first problem, and a report that is no flood. */
static void refuses(const char *text, size_t length, const char *expected)
{
	struct text_file file = {"a.yaml", text, length};
	cleanup_free char *report = NULL;
	struct config *config = NULL;
	struct problems problems;
	double before = seconds();
	int error = config_parse(&file, 1, &config, &problems);

	assert_int_equal(error, -EINVAL);
	assert_null(config);
	assert_true(seconds() - before < SECONDS_MOST);
	assert_true(problems.count <= 1000);
	if (!strstr(problems.list[0].text, expected))
		fail_msg("expected \"%s\", told \"%.200s\"", expected, problems.list[0].text);
	report = problems_print(&problems);
	assert_true(strlen(report) < MEGABYTE);
	problems_free(&problems);
}

static void test_repeated(void **state)
{
	static const struct {
		const char *head, *piece, *tail, *expected;
	} rows[] = {
		{"a: ", "[", "", "nested more than 32"},
		{"a: ", "{a: ", "", "nested more than 32"},
		{"", "- ", "", "nested more than 32"},
		{"", "? ", "", "nested more than 32"},
		{"a: &x [", "*x, ", "]", "anchors"},
		{"a: [", "*x, ", "]", "aliases"},
		{"a: \"", "xxxxxxxx", "", "not YAML"},
		{"a: '", "xxxxxxxx", "'", "no apiVersion"},
		{"apiVersion: '", "xxxxxxxx", "'\nkind: Gateway", "unknown apiVersion"},
		{"apiVersion: v1\nkind: '", "xxxxxxxx", "'", "unknown kind"},
		{"", "xxxxxxxx", "", "no mapping"},
		{"", "---\n&a\n", "", "anchors"},
		{"", "---\n- 1\n", "", "no mapping"},
		{"", "a: 1\n", "", "given twice"},
		{"a: |\n", "  xxxxx\n", "", "no apiVersion"},
		{"apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {", "x: y, ", "}}\n",
		 "given twice"},
		{"apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {a: ", "99999999",
		 "}}\n", "at most 1024"},
		{"apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: a}\nspec: "
		 "{endpointSelector: {}, ingress: [",
		 "x, ", "]}", "expected a mapping"},
		{"apiVersion: chasqui.io/v1\nkind: Gateway\nmetadata: {name: a}\nspec: {ports: [",
		 "{}, ", "]}", "at most 255"},
		{"apiVersion: chasqui.io/v1\nkind: Endpoint\nmetadata: {name: a}\nspec: {namedPorts: [",
		 "{}, ", "]}", "at most 1000"},
		{"\xff", "\xff\xff\xff\xff", "", "not YAML"},
		{"a:\n", "\t\t\t\t", "x: 1", "not YAML"},
		{"%", "YAML 1.1\n%", "", "not YAML"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_free char *text = repeat(rows[i].head, rows[i].piece, rows[i].tail);

		refuses(text, strlen(text), rows[i].expected);
	}
}

static void test_bytes(void **state)
{
	cleanup_free char *zeros = calloc(1, MEGABYTE);

	(void)state;
	refuses(zeros, MEGABYTE, "not YAML");
	refuses("\xfe\xff\0a", 4, "not YAML");
	refuses("\xef\xbb\xbf\x01", 4, "not YAML");
	refuses("a: \"\\ud800\"", 11, "not YAML");
	refuses("a", 1, "no mapping");
}

/* Many keys that differ: twins are looked for by sorting. */
static void test_many_keys(void **state)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	(void)state;
	for (unsigned i = 0; i < 100000; i++)
		fprintf(out, "k%u: 1\n", i);
	fputs("k5: 2\n", out);
	fclose(out);
	refuses(text, length, "\"k5\" is given twice, the first is in line 6");
	free(text);
}

/* More problems than anyone reads: the rest is counted. */
static void test_flood(void **state)
{
	cleanup_free char *text = repeat("", "---\n- 1\n", "");
	struct text_file file = {"a.yaml", text, strlen(text)};
	cleanup_free char *report = NULL;
	struct config *config = NULL;
	struct problems problems;

	(void)state;
	assert_int_equal(config_parse(&file, 1, &config, &problems), -EINVAL);
	assert_int_equal(problems.count, 1000);
	assert_int_equal(problems.unlisted, MEGABYTE / 8 - 1000);
	report = problems_print(&problems);
	assert_non_null(strstr(report, "and 130072 more problems that are not listed"));
	problems_free(&problems);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_repeated),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_many_keys),
		cmocka_unit_test(test_flood),
	};

	return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
