// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Every tests/golden/NAME.yaml is a bad document: NAME.errors is what a person is told.
 * With GOLDEN_REWRITE set the expectations are written anew, so that a review shows what changed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/model.h"
#include "util/cleanup.h"

enum { FEWEST = 60 };

static char *read_text(const char *path, size_t *length)
{
	FILE *file = fopen(path, "r");
	char *text = NULL;

	if (!file)
		return NULL;
	fseek(file, 0, SEEK_END);
	*length = ftell(file);
	rewind(file);
	text = calloc(1, *length + 1);
	assert_int_equal(fread(text, 1, *length, file), *length);
	fclose(file);
	return text;
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void check_document(void **state)
{
	const char *path = *state;
	size_t length, expected_length;
	cleanup_free char *text = read_text(path, &length), *found = NULL, *expected = NULL;
	struct problems problems;
	struct config *config = NULL;
	struct text_file file = {strrchr(path, '/') + 1, text, length};
	char errors[512];

	snprintf(errors, sizeof(errors), "%.*s.errors", (int)strlen(path) - 5, path);
	assert_int_equal(config_parse(&file, 1, &config, &problems), -EINVAL);
	assert_null(config);
	assert_true(problems.count > 0);
	found = problems_print(&problems);
	problems_free(&problems);
	if (getenv("GOLDEN_REWRITE"))
		write_text(errors, found);
	expected = read_text(errors, &expected_length);
	assert_non_null(expected);
	assert_string_equal(found, expected);
}

int main(void)
{
	cleanup_free struct CMUnitTest *tests = NULL;
	glob_t found;
	int failed;

	if (glob("tests/golden/*.yaml", 0, NULL, &found) != 0 || found.gl_pathc < FEWEST) {
		fprintf(stderr, "expected at least %d documents in tests/golden\n", FEWEST);
		return 1;
	}
	tests = calloc(found.gl_pathc, sizeof(*tests));
	for (size_t i = 0; i < found.gl_pathc; i++)
		tests[i] = (struct CMUnitTest){.name = found.gl_pathv[i],
					       .test_func = check_document,
					       .initial_state = found.gl_pathv[i]};
	failed = _cmocka_run_group_tests("golden", tests, found.gl_pathc, NULL, NULL);
	globfree(&found);
	return failed;
}
