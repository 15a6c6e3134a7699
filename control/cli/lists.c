// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <stdbool.h>

#include "cli/words.h"

#include <string.h>

#include "chasqui/verdict.h"
#include "cli/list.h"
#include "cli/table.h"

int endpoint_list(const struct arguments *arguments)
{
	static const struct column columns[] = {
		{"NAMESPACE", "namespace", false},
		{"NAME", "name", false},
		{"IDENTITY", "identity", true},
		{"INGRESS", "ingress", false},
		{"EGRESS", "egress", false},
		{"PORT", "port", false},
		{"ADDRESSES", "prefixes", false},
		{"LABELS", "labels", false},
		{},
	};

	return show_list(arguments, "/v1/endpoints", columns);
}

int identity_list(const struct arguments *arguments)
{
	static const struct column columns[] = {
		{"IDENTITY", "identity", true},
		{"PREFIXES", "prefixes", true},
		{"LABELS", "labels", false},
		{},
	};

	return show_list(arguments, "/v1/identities", columns);
}

int policy_list(const struct arguments *arguments)
{
	static const struct column columns[] = {
		{"KIND", "kind", false},       {"NAMESPACE", "namespace", false},
		{"NAME", "name", false},       {"RULES", "rules", true},
		{"SELECTS", "subjects", true}, {"AUDIT", "audit", false},
		{"FROM", "place", false},      {},
	};

	return show_list(arguments, "/v1/policies", columns);
}

int class_list(const struct arguments *arguments)
{
	static const struct column columns[] = {
		{"SIDE", "side", false},      {"CLASS", "class", true},
		{"ENTRIES", "entries", true}, {"IDENTITY", "identity", true},
		{"EXAMPLE", "labels", false}, {},
	};

	return show_list(arguments, "/v1/classes", columns);
}

int conntrack_list(const struct arguments *arguments)
{
	static const struct column columns[] = {
		{"PROTOCOL", "protocol", false}, {"OPENER", "opener", false},
		{"OTHER", "other", false},	 {"STATE", "state", false},
		{"VERDICT", "reason", false},	 {"GENERATION", "generation", true},
		{"IDLE", "idleMs", true},	 {"EXPIRES", "expiresMs", true},
		{"RULES", "rules", false},	 {},
	};

	return show_list(arguments, "/v1/conntrack", columns);
}

int deny_list(const struct arguments *arguments)
{
	static const struct column columns[] = {{"PREFIX", "prefix", false}, {}};

	return show_list(arguments, "/v1/deny", columns);
}

int show_history(const struct arguments *arguments)
{
	static const struct column columns[] = {
		{"NUMBER", "number", true}, {"WHEN", "when", false}, {"WHO", "who", false},
		{"HOW", "how", false},	    {"LIVE", "live", false}, {},
	};

	return show_list(arguments, "/v1/history", columns);
}

static json_t *reason_row(int number, const char *name, const char *action, const char *text)
{
	return json_pack("{s:i, s:s, s:s, s:s}", "number", number, "name", name, "action", action,
			 "text", text);
}

/* Needs no daemon: the list is compiled in. */
int show_reasons(const struct arguments *arguments)
{
	static const struct column columns[] = {
		{"NUMBER", "number", true},
		{"NAME", "name", false},
		{"MEANS", "text", false},
		{},
	};
	static const char *const actions[] = {
		[CHQ_NEXT] = "none", [CHQ_PASS] = "pass", [CHQ_DROP] = "drop"};
	json_t *rows = json_array();
	int outcome = EXIT_DONE;

#define X(name, action, text) \
	json_array_append_new(rows, reason_row(CHQ_##name, #name, actions[CHQ_##action], text));
	CHQ_REASONS(X)
#undef X
	if (wants_json(arguments)) {
		print_json(rows);
		return EXIT_DONE;
	}
	if (table_print(columns, rows) < 0)
		outcome = EXIT_REFUSED;
	json_decref(rows);
	return outcome;
}

/* Rules that never decided anything come first. */
static json_t *idle_first(json_t *rows)
{
	json_t *sorted = json_array(), *row;
	size_t i;

	for (int busy = 0; busy < 2; busy++)
		json_array_foreach(rows, i, row)
		{
			if ((json_integer_value(json_object_get(row, "hits")) > 0) == busy)
				json_array_append(sorted, row);
		}
	json_decref(rows);
	return sorted;
}

int rule_list(const struct arguments *arguments)
{
	static const struct column columns[] = {
		{"HITS", "hits", true},
		{"VERDICT", "verdict", false},
		{"DIRECTION", "direction", false},
		{"NAMESPACE", "namespace", false},
		{"POLICY", "name", false},
		{"FROM", "place", false},
		{},
	};
	struct question question = {.method = "GET", .path = "/v1/rules"};
	json_t *rows;
	int outcome = ask(arguments, &question, &rows);

	if (outcome != EXIT_DONE)
		return outcome;
	rows = idle_first(rows);
	if (wants_json(arguments)) {
		print_json(rows);
		return EXIT_DONE;
	}
	if (table_print(columns, rows) < 0)
		outcome = EXIT_REFUSED;
	json_decref(rows);
	return outcome;
}

int selector_list(const struct arguments *arguments)
{
	static const struct column columns[] = {
		{"SELECTOR", "selector", false},   {"SIDE", "side", false},
		{"LABEL SETS", "labelSets", true}, {"ENDPOINTS", "endpoints", true},
		{"FROM", "place", false},	   {},
	};

	return show_list(arguments, "/v1/selectors", columns);
}
