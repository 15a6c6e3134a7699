// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "cli/words.h"

#include <string.h>

#include "cli/offline.h"
#include "compile/lint.h"
#include "util/cleanup.h"

enum { LINT_CLEAN = 0, LINT_FOUND = 1, LINT_ERROR = 2 };

static int report_error(const struct arguments *arguments, const struct problems *problems, int err)
{
	cleanup_free char *text = problems->count ? problems_print(problems) : NULL;
	const char *error = text ? "the documents are not right" : strerror(-err);

	if (wants_json(arguments))
		print_json(json_pack("{s:s}", "error", error));
	fprintf(stderr, "%schasqui policy lint: %s: %s\n", text ? text : "", arguments->words[0],
		error);
	return LINT_ERROR;
}

static void report_json(const struct findings *findings)
{
	json_t *list = json_array();

	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->list[i];

		json_array_append_new(list,
				      json_pack("{s:s, s:b, s:s, s:i, s:s}", "kind",
						lint_kind_name(finding->kind), "note",
						finding->is_note, "file", finding->file, "line",
						(int)finding->line, "text", finding->text));
	}
	print_json(json_pack("{s:b, s:o}", "clean", findings->count == findings->notes, "findings",
			     list));
}

static void report_text(const struct arguments *arguments, const struct findings *findings)
{
	size_t found = findings->count - findings->notes;

	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->list[i];

		printf("%s:%u: %s%s: %s\n", finding->file, finding->line,
		       finding->is_note ? "note: " : "", lint_kind_name(finding->kind),
		       finding->text);
	}
	printf("%s: %zu finding%s, %zu note%s\n", arguments->words[0], found, found == 1 ? "" : "s",
	       findings->notes, findings->notes == 1 ? "" : "s");
}

int policy_lint(const struct arguments *arguments)
{
	cleanup(offline_free) struct offline offline = {};
	cleanup(problems_free) struct problems problems = {};
	cleanup(findings_free) struct findings findings = {};
	int err = offline_open(&offline, arguments->words[0], &problems);

	if (!err)
		err = lint_run(offline.config, offline.generation, &findings);
	if (err)
		return report_error(arguments, &problems, err);
	if (wants_json(arguments))
		report_json(&findings);
	else
		report_text(arguments, &findings);
	return findings.count > findings.notes ? LINT_FOUND : LINT_CLEAN;
}
