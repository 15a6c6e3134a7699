// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <stdbool.h>

#include "cli/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/aim.h"
#include "cli/ends.h"
#include "cli/live.h"
#include "util/addr.h"
#include "util/cleanup.h"

enum { TRACE_ALLOW = 0, TRACE_DENY = 1, TRACE_ERROR = 2 };

struct tracing {
	struct offline offline;
	struct ends *ends;
	struct problems problems;
	char *from_name, *to_name;
	struct end from, to;
	struct aim aim;
};

static void tracing_free(struct tracing *tracing)
{
	offline_free(&tracing->offline);
	ends_free(tracing->ends);
	problems_free(&tracing->problems);
	free(tracing->from_name);
	free(tracing->to_name);
}

static int error_of(const struct arguments *arguments, const char *text)
{
	if (wants_json(arguments))
		print_json(json_pack("{s:s}", "error", text));
	fprintf(stderr, "chasqui trace packet: %s\n", text);
	return TRACE_ERROR;
}

/* A packet has an address: labels stand for somebody who has them. */
static int name_end(const struct tracing *tracing, const char *given, char **ret,
		    char refusal[ENDS_REFUSAL_BYTES])
{
	int err;

	if (!strchr(given, '=')) {
		*ret = strdup(given);
		return *ret ? 0 : -ENOMEM;
	}
	err = ends_somebody_with(tracing->ends, given, ret);
	if (err)
		snprintf(refusal, ENDS_REFUSAL_BYTES,
			 "\"%.100s\": no endpoint has these labels, and so no packet an address",
			 given);
	return err;
}

/* Who is who, from the live documents; the live maps know addresses only. */
static int learn_ends(const struct arguments *arguments, struct tracing *tracing)
{
	char refusal[ENDS_REFUSAL_BYTES];
	int err = 0;

	if (live_read(arguments, &tracing->offline, &tracing->problems, &err) != EXIT_DONE)
		return TRACE_ERROR;
	if (!err)
		err = ends_open(&tracing->offline, &tracing->ends);
	if (err)
		return error_of(arguments, strerror(-err));
	if (name_end(tracing, arguments->from, &tracing->from_name, refusal) < 0 ||
	    name_end(tracing, arguments->to, &tracing->to_name, refusal) < 0 ||
	    ends_learn(tracing->ends, tracing->from_name, refusal) < 0 ||
	    ends_learn(tracing->ends, tracing->to_name, refusal) < 0)
		return error_of(arguments, refusal);
	err = offline_compile(&tracing->offline, &tracing->problems);
	return err ? error_of(arguments, strerror(-err)) : TRACE_ALLOW;
}

static int find_ends(const struct arguments *arguments, struct tracing *tracing)
{
	int family = ends_family(tracing->ends, tracing->from_name);
	char refusal[ENDS_REFUSAL_BYTES];

	family = family ? family : ends_family(tracing->ends, tracing->to_name);
	if (!family && arguments->proto && strcasecmp(arguments->proto, "icmpv6") == 0)
		family = 6;
	if (ends_find(tracing->ends, tracing->from_name, family == 6, &tracing->from) < 0 ||
	    ends_find(tracing->ends, tracing->to_name, family == 6, &tracing->to) < 0)
		return error_of(arguments, "from and to are of different families");
	if (aim_read(&tracing->to, arguments->proto, arguments->dport, arguments->icmp, family == 6,
		     &tracing->aim, refusal, sizeof(refusal)) < 0)
		return error_of(arguments, refusal);
	return TRACE_ALLOW;
}

static bool sport_ok(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits && digits <= 5 && !text[digits] && atoi(text) >= 1 && atoi(text) <= 65535;
}

static char *body_of(const struct arguments *arguments, const struct tracing *tracing)
{
	json_t *body = json_pack("{s:I}", "aim", (json_int_t)tracing->aim.target);
	char text[ADDR_TEXT_BYTES], *printed;

	if (tracing->from.has_addr)
		json_object_set_new(body, "source",
				    json_string(addr_print(&tracing->from.addr, text)));
	if (tracing->to.has_addr)
		json_object_set_new(body, "target",
				    json_string(addr_print(&tracing->to.addr, text)));
	if (arguments->in)
		json_object_set_new(body, "in", json_string(arguments->in));
	if (arguments->sport)
		json_object_set_new(body, "sport", json_integer(atoi(arguments->sport)));
	printed = json_dumps(body, 0);
	json_decref(body);
	return printed;
}

static void print_stages(const json_t *answer)
{
	json_t *stages = json_object_get(answer, "stages"), *stage, *rule;
	size_t i, r;

	json_array_foreach(stages, i, stage)
	{
		printf("%-13s %s\n", json_string_value(json_object_get(stage, "stage")),
		       json_string_value(json_object_get(stage, "finding")));
		json_array_foreach(json_object_get(stage, "rules"), r, rule)
			printf("%-13s   %s\n", "", json_string_value(rule));
	}
}

int trace_packet(const struct arguments *arguments)
{
	cleanup(tracing_free) struct tracing tracing = {};
	cleanup_free char *body = NULL;
	struct question question = {.method = "POST", .path = "/v1/trace"};
	json_t *answer;
	bool denied;

	if (!arguments->from || !arguments->to)
		return error_of(arguments, "say --from X and --to Y");
	if (arguments->sport && !sport_ok(arguments->sport))
		return error_of(arguments, "--sport wants a port from 1 to 65535");
	if (learn_ends(arguments, &tracing) != TRACE_ALLOW ||
	    find_ends(arguments, &tracing) != TRACE_ALLOW)
		return TRACE_ERROR;
	body = body_of(arguments, &tracing);
	if (!body)
		return error_of(arguments, "out of memory");
	question.body = body;
	question.body_bytes = strlen(body);
	if (ask(arguments, &question, &answer) != EXIT_DONE)
		return TRACE_ERROR;
	denied = strcmp(json_string_value(json_object_get(answer, "verdict")), "deny") == 0;
	if (wants_json(arguments))
		print_json(json_incref(answer));
	else
		print_stages(answer);
	json_decref(answer);
	return denied ? TRACE_DENY : TRACE_ALLOW;
}
