// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The directories under policies/ are right as they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/model.h"
#include "util/cleanup.h"

enum { FEWEST = 4 };

static void check_directory(void **state)
{
	cleanup_free char *report = NULL;
	struct config *config = NULL;
	struct problems problems;
	int error = config_read(*state, &config, &problems);

	report = problems_print(&problems);
	problems_free(&problems);
	if (error)
		print_error("%s", report);
	assert_int_equal(error, 0);
	assert_true(config->gateway.n_ports > 0);
	assert_true(config->n_endpoints > 0);
	assert_true(config->n_policies > 0);
	config_free(config);
}

int main(void)
{
	cleanup_free struct CMUnitTest *tests = NULL;
	glob_t found;
	int failed;

	if (glob("policies/demo", GLOB_ONLYDIR, NULL, &found) != 0 ||
	    glob("policies/examples/*", GLOB_ONLYDIR | GLOB_APPEND, NULL, &found) != 0 ||
	    found.gl_pathc < FEWEST) {
		fprintf(stderr, "expected at least %d directories under policies\n", FEWEST);
		return 1;
	}
	tests = calloc(found.gl_pathc, sizeof(*tests));
	for (size_t i = 0; tests && i < found.gl_pathc; i++)
		tests[i] = (struct CMUnitTest){.name = found.gl_pathv[i],
					       .test_func = check_directory,
					       .initial_state = found.gl_pathv[i]};
	failed = _cmocka_run_group_tests("policies", tests, found.gl_pathc, NULL, NULL);
	globfree(&found);
	return failed;
}
