// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "cli/words.h"

#include <stdlib.h>
#include <string.h>

#include "cli/list.h"
#include "cli/table.h"
#include "cli/tracing.h"
#include "util/cleanup.h"

/* "fanotify, raw_tp" of a hook; "none" when nothing serves it. */
static json_t *joined(const json_t *list)
{
	cleanup_free char *text = json_array_size(list) ? cell_text(list) : NULL;

	return json_string(text ? text : "none");
}

static bool has(const json_t *list, const json_t *wanted)
{
	const json_t *one;
	size_t i;

	json_array_foreach((json_t *)list, i, one)
	{
		if (json_equal(one, wanted))
			return true;
	}
	return false;
}

/* The same of one hook, with what waits behind the guard. */
static json_t *all_of(const json_t *hook)
{
	const char *behind = json_string_value(json_object_get(hook, "behind"));
	json_t *ends = joined(json_object_get(hook, "backEnds")), *both;

	if (!behind || !*behind)
		return ends;
	both = json_sprintf("%s (%s waits)", json_string_value(ends), behind);
	json_decref(ends);
	return both;
}

/* The back ends of all hooks of a policy, each once. */
static json_t *all_back_ends(const json_t *policy)
{
	json_t *all = json_array(), *hook, *one, *text;
	size_t i, j;

	json_array_foreach(json_object_get(policy, "hooks"), i, hook)
		json_array_foreach(json_object_get(hook, "backEnds"), j, one)
	{
		if (!has(all, one))
			json_array_append(all, one);
	}
	text = joined(all);
	json_decref(all);
	return text;
}

static int ask_tracing(const struct arguments *arguments, json_t **ret)
{
	struct question question = {.method = "GET", .path = "/v1/tracing"};

	return ask(arguments, &question, ret);
}

int tracing_list(const struct arguments *arguments)
{
	static const struct column columns[] = {
		{"ID", "id", true},
		{"NAME", "name", false},
		{"STATE", "state", false},
		{"MODE", "mode", false},
		{"HOOKS", "nHooks", true},
		{"BACK ENDS", "ends", false},
		{"NPOST", "posts", true},
		{"NENFORCE", "enforced", true},
		{"NMONITOR", "monitored", true},
		{"FROM", "place", false},
		{},
	};
	json_t *rows, *row;
	int outcome = ask_tracing(arguments, &rows);
	size_t i;

	if (outcome != EXIT_DONE)
		return outcome;
	if (wants_json(arguments)) {
		print_json(rows);
		return EXIT_DONE;
	}
	json_array_foreach(rows, i, row)
	{
		json_object_set_new(row, "nHooks",
				    json_integer(json_array_size(json_object_get(row, "hooks"))));
		json_object_set_new(row, "ends", all_back_ends(row));
	}
	if (!json_array_size(rows))
		fprintf(stderr, "none\n");
	else if (table_print(columns, rows) < 0)
		outcome = EXIT_REFUSED;
	json_decref(rows);
	return outcome;
}

int tracing_print_hooks(const json_t *policies)
{
	static const struct column columns[] = {
		{"HOOK", "call", false},
		{"POLICY", "policy", false},
		{"MODE", "mode", false},
		{"BACK END", "ends", false},
		{"CANNOT STOP", "cannotStop", false},
		{},
	};
	json_t *rows = json_array(), *policy, *hook;
	size_t i, j;
	int err = 0;

	json_array_foreach((json_t *)policies, i, policy)
	{
		json_t *off = json_object_get(policy, "state");

		json_array_foreach(json_object_get(policy, "hooks"), j, hook)
		{
			json_t *row = json_copy(hook);

			json_object_set(row, "policy", json_object_get(policy, "name"));
			json_object_set(row, "mode",
					strcmp(json_string_value(off), "disabled") == 0
						? off
						: json_object_get(policy, "mode"));
			json_object_set_new(row, "ends", all_of(hook));
			json_array_append_new(rows, row);
		}
	}
	if (json_array_size(rows))
		err = table_print(columns, rows);
	json_decref(rows);
	return err;
}

static const json_t *find_policy(const json_t *rows, const char *name)
{
	const json_t *row;
	size_t i;

	json_array_foreach((json_t *)rows, i, row)
	{
		if (strcmp(json_string_value(json_object_get(row, "name")), name) == 0)
			return row;
	}
	return NULL;
}

static void print_policy(const json_t *policy)
{
	static const struct {
		const char *heading, *member;
	} lines[] = {{"Name", "name"},	       {"From", "place"},
		     {"State", "state"},       {"Mode", "mode"},
		     {"Matched", "hits"},      {"Posted", "posts"},
		     {"Enforced", "enforced"}, {"Monitored", "monitored"},
		     {"Spared", "spared"},     {"Rate limited", "limited"},
		     {"Events lost", "lost"}};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		cleanup_free char *text = cell_text(json_object_get(policy, lines[i].member));

		printf("%s:%*s%s\n", lines[i].heading, (int)(14 - strlen(lines[i].heading)), "",
		       text ? text : "");
	}
	putchar('\n');
}

int tracing_show(const struct arguments *arguments)
{
	const json_t *policy;
	json_t *rows, *one;
	int outcome = ask_tracing(arguments, &rows);

	if (outcome != EXIT_DONE)
		return outcome;
	policy = find_policy(rows, arguments->words[0]);
	if (!policy) {
		fprintf(stderr, "chasqui tracing show: there is no TracingPolicy %s\n",
			arguments->words[0]);
		json_decref(rows);
		return EXIT_REFUSED;
	}
	if (wants_json(arguments)) {
		print_json(json_deep_copy(policy));
	} else {
		print_policy(policy);
		one = json_pack("[O]", policy);
		if (tracing_print_hooks(one) < 0)
			outcome = EXIT_REFUSED;
		json_decref(one);
	}
	json_decref(rows);
	return outcome;
}

/* Letters, digits, - _ and . are all that a name has. */
static int switch_policy(const struct arguments *arguments, const char *verb)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	const char *name = arguments->words[0];
	struct question question = {.method = "POST"};
	char path[300];

	if (!*name || strlen(name) > 253 || name[strspn(name, letters)]) {
		fprintf(stderr, "chasqui tracing: \"%s\" is no name of a TracingPolicy\n", name);
		return EXIT_USAGE;
	}
	snprintf(path, sizeof(path), "/v1/tracing/%s/%s", name, verb);
	question.path = path;
	return tell_outcome(arguments, &question);
}

int tracing_enable(const struct arguments *arguments)
{
	return switch_policy(arguments, "enable");
}

int tracing_disable(const struct arguments *arguments)
{
	return switch_policy(arguments, "disable");
}

int tracing_set_mode(const struct arguments *arguments)
{
	const char *mode = arguments->words[1];

	if (strcmp(mode, "monitor") != 0 && strcmp(mode, "enforce") != 0) {
		fprintf(stderr,
			"chasqui tracing set-mode: \"%s\" is no mode, expected monitor or "
			"enforce\n",
			mode);
		return EXIT_USAGE;
	}
	return switch_policy(arguments, mode);
}

int tracing_back_ends(const struct arguments *arguments)
{
	static const struct column columns[] = {
		{"BACK END", "name", false},
		{"WORKS", "works", false},
		{"CAN DENY", "denies", false},
		{"WHY NOT", "why", false},
		{},
	};

	return show_list(arguments, "/v1/tracing/back-ends", columns);
}
