// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "cli/list.h"

#include <stdio.h>

#include "cli/ask.h"

int show_list(const struct arguments *arguments, const char *path, const struct column *columns)
{
	struct question question = {.method = "GET", .path = path};
	json_t *rows;
	int outcome = ask(arguments, &question, &rows);

	if (outcome != EXIT_DONE)
		return outcome;
	if (wants_json(arguments)) {
		print_json(rows);
		return EXIT_DONE;
	}
	if (json_array_size(rows) == 0)
		fprintf(stderr, "none\n");
	else if (table_print(columns, rows) < 0)
		outcome = EXIT_REFUSED;
	json_decref(rows);
	return outcome;
}
