// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "cli/words.h"

#include <errno.h>
#include <string.h>

#include "cli/offline.h"
#include "util/cleanup.h"

static json_t *problems_as_json(const struct problems *problems)
{
	json_t *list = json_array();

	for (size_t i = 0; i < problems->count; i++) {
		const struct problem *problem = &problems->list[i];
		const char *path = problem->at.line && problem->at.file < problems->n_paths
					   ? problems->paths[problem->at.file]
					   : "";

		json_array_append_new(list,
				      json_pack("{s:s, s:i, s:i, s:s}", "file", path, "line",
						(int)problem->at.line, "column",
						(int)problem->at.column, "text", problem->text));
	}
	return list;
}

static void report_problems(const struct arguments *arguments, const struct problems *problems)
{
	cleanup_free char *text = NULL;

	if (wants_json(arguments)) {
		print_json(json_pack("{s:b, s:o}", "valid", 0, "problems",
				     problems_as_json(problems)));
		return;
	}
	text = problems_print(problems);
	fprintf(stderr, "%s%zu problem%s in %s\n", text ? text : "", problems->count,
		problems->count == 1 ? "" : "s", arguments->words[0]);
}

static void report_validity(const struct arguments *arguments, const struct offline *offline)
{
	const struct generation *compiled = offline->generation;

	if (wants_json(arguments)) {
		print_json(json_pack("{s:b, s:I, s:I, s:I, s:I, s:I}", "valid", 1, "endpoints",
				     (json_int_t)compiled->n_endpoints, "policies",
				     (json_int_t)compiled->n_policies, "pairs",
				     (json_int_t)compiled->n_pairs, "rules",
				     (json_int_t)compiled->n_rules, "tracingPolicies",
				     (json_int_t)offline->config->n_tracing));
		return;
	}
	printf("%s is right: %zu endpoints, %zu policies, %zu identities; compiled to %zu pairs and %zu rules\n",
	       arguments->words[0], compiled->n_endpoints, compiled->n_policies,
	       compiled->n_identities, compiled->n_pairs, compiled->n_rules);
	if (offline->config->n_tracing)
		printf("TracingPolicies: %zu; whether this kernel can serve their hooks is tried when they are applied\n",
		       offline->config->n_tracing);
	if (!offline->config->gateway.at.line)
		printf("It has no Gateway document: chasquid would not take it as it is.\n");
}

int policy_validate(const struct arguments *arguments)
{
	cleanup(offline_free) struct offline offline = {};
	struct problems problems = {};
	int err = offline_open(&offline, arguments->words[0], &problems);

	if (!err)
		report_validity(arguments, &offline);
	else if (problems.count)
		report_problems(arguments, &problems);
	else
		fprintf(stderr, "%s: %s\n", arguments->words[0], strerror(-err));
	problems_free(&problems);
	return err ? EXIT_REFUSED : EXIT_DONE;
}
