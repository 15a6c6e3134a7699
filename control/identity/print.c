// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "identity/selector.h"

#include <stdio.h>
#include <string.h>

static void print_values(FILE *out, const struct requirement *requirement)
{
	for (size_t i = 0; i < requirement->count; i++)
		fprintf(out, "%s%s", i ? "," : "", requirement->values[i]);
}

static void print_requirement(FILE *out, const struct requirement *requirement)
{
	const char *source =
		strcmp(requirement->source, "k8s") == 0 || strcmp(requirement->source, "any") == 0
			? ""
			: requirement->source;
	bool named = *source;

	if (requirement->op == REQUIRE_NOT_EXISTS)
		fputc('!', out);
	fprintf(out, "%s%s%s", source, named ? ":" : "", requirement->key);
	if (requirement->op == REQUIRE_IN && requirement->count == 1)
		fprintf(out, "=%s", requirement->values[0]);
	else if (requirement->op == REQUIRE_IN || requirement->op == REQUIRE_NOT_IN) {
		fprintf(out, " %s (", requirement->op == REQUIRE_IN ? "in" : "not in");
		print_values(out, requirement);
		fputc(')', out);
	}
}

char *selector_print(const struct selector *selector)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	if (!out)
		return NULL;
	if (selector->impossible)
		fputs("nobody", out);
	else if (!selector->count)
		fputs("everybody", out);
	for (size_t i = 0; i < selector->count && !selector->impossible; i++) {
		fputs(i ? ", " : "", out);
		print_requirement(out, &selector->list[i]);
	}
	fclose(out);
	return text;
}
