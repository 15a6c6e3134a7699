// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <stdbool.h>

#include "cli/words.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "cli/live.h"
#include "cli/offline.h"
#include "compile/difference.h"
#include "observe/flow.h"
#include "util/addr.h"
#include "util/cleanup.h"

enum { DIFF_SAME = 0, DIFF_DIFFERS = 1, DIFF_ERROR = 2 };

/* What a person, or a program, may be told of. */
#define ROWS_MOST 10000

#define NAMESPACE_KEY	 "io.kubernetes.pod.namespace"
#define NAMESPACE_LABELS "io.cilium.k8s.namespace.labels."

struct diffing {
	struct offline before, after;
	struct problems problems;
	struct difference *difference;
	json_t *cut;	/* running flows that the new policy would end */
	size_t running; /* flows that were asked about */
	bool live;
	const char *reading; /* which of the two directories the error is of; NULL: neither */
};

static void diffing_free(struct diffing *diffing)
{
	difference_free(diffing->difference);
	offline_free(&diffing->before);
	offline_free(&diffing->after);
	problems_free(&diffing->problems);
	json_decref(diffing->cut);
}

static int error_of(const struct arguments *arguments, const struct diffing *diffing, int err)
{
	cleanup_free char *text =
		diffing->problems.count ? problems_print(&diffing->problems) : NULL;
	const char *error = text ? "the documents are not right" : strerror(-err);

	if (wants_json(arguments))
		print_json(json_pack("{s:s}", "error", error));
	fprintf(stderr, "%schasqui policy diff: %s%s%s\n", text ? text : "",
		diffing->reading ? diffing->reading : "", diffing->reading ? ": " : "", error);
	return DIFF_ERROR;
}

static int compile_both(struct diffing *diffing)
{
	const struct offline *before = &diffing->before;
	size_t bytes = before->n_own * sizeof(*before->own);

	if (bytes) {
		diffing->after.own = malloc(bytes);
		if (!diffing->after.own)
			return -ENOMEM;
		memcpy(diffing->after.own, before->own, bytes);
		diffing->after.n_own = before->n_own;
	}
	return offline_compile(&diffing->before, &diffing->problems)
		       ?: offline_compile(&diffing->after, &diffing->problems);
}

static int read_both(const struct arguments *arguments, struct diffing *diffing, int *ret_err)
{
	diffing->live = !arguments->file;
	if (diffing->live) {
		if (live_read(arguments, &diffing->before, &diffing->problems, ret_err) !=
		    EXIT_DONE)
			return DIFF_ERROR;
	} else {
		diffing->reading = arguments->file;
		*ret_err = offline_read(&diffing->before, arguments->file, &diffing->problems);
	}
	if (!*ret_err) {
		diffing->reading = arguments->words[0];
		*ret_err = offline_read(&diffing->after, arguments->words[0], &diffing->problems);
	}
	if (!*ret_err) {
		diffing->reading = NULL;
		*ret_err = compile_both(diffing);
	}
	return DIFF_SAME;
}

static const char *namespace_in(const struct labels *labels)
{
	for (size_t i = 0; i < labels->count; i++)
		if (strcmp(labels->list[i].key, NAMESPACE_KEY) == 0)
			return labels->list[i].value;
	return NULL;
}

static void write_labels(FILE *out, const struct labels *labels)
{
	const char *namespace = namespace_in(labels), *comma = "";

	if (namespace)
		fprintf(out, "%s/", namespace);
	for (size_t i = 0; i < labels->count; i++) {
		const struct label *label = &labels->list[i];
		bool plain = strcmp(label->source, "k8s") == 0;

		if (strcmp(label->key, NAMESPACE_KEY) == 0 ||
		    strncmp(label->key, NAMESPACE_LABELS, strlen(NAMESPACE_LABELS)) == 0)
			continue;
		fprintf(out, "%s%s%s%s%s%s", comma, plain ? "" : label->source, plain ? "" : ":",
			label->key, *label->value ? "=" : "", label->value);
		comma = ",";
	}
}

/* As people write them: "shop/app=web"; the source k8s goes without saying. */
static char *labels_text(const struct generation *generation, chq_identity number)
{
	const struct identity_row *identity = generation_identity(generation, number);
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	if (!out)
		return NULL;
	if (identity)
		write_labels(out, &identity->labels);
	fclose(out);
	return text;
}

/* Who the end is, and who it was where that was somebody else. */
static json_t *end_as_json(const struct diffing *diffing, uint32_t number)
{
	const struct difference_end *end = &diffing->difference->ends[number];
	cleanup_free char *before = labels_text(diffing->before.generation, end->before->identity);
	cleanup_free char *after = labels_text(diffing->after.generation, end->after->identity);
	char example[PREFIX_TEXT_BYTES] = "the gateway";
	json_t *object;

	if (!end->own && end->example.length_bits == 128)
		addr_print(&end->example.addr, example);
	else if (!end->own)
		prefix_print(&end->example, example);
	object = json_pack("{s:s?, s:s, s:I}", "labels", after, "example", example, "prefixes",
			   (json_int_t)end->rows);
	if (before && after && strcmp(before, after) != 0)
		json_object_set_new(object, "before", json_string(before));
	return object;
}

static json_t *rows_as_json(const struct diffing *diffing)
{
	json_t *list = json_array();

	for (size_t i = 0; i < diffing->difference->n_rows; i++) {
		const struct difference_row *row = &diffing->difference->rows[i];

		json_array_append_new(list, json_pack("{s:o, s:o, s:s?, s:s?}", "from",
						      end_as_json(diffing, row->from), "to",
						      end_as_json(diffing, row->to), "gains",
						      row->gained, "loses", row->lost));
	}
	return list;
}

static uint32_t aim_of(const char *protocol, uint32_t port)
{
	static const struct {
		const char *name;
		uint32_t target;
	} known[] = {
		{"TCP", CHQ_TARGET_TCP},
		{"UDP", CHQ_TARGET_UDP},
		{"SCTP", CHQ_TARGET_SCTP},
		{"ICMP", CHQ_TARGET_ICMP + 8},
		{"ICMPv6", CHQ_TARGET_ICMPV6 + 128},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcasecmp(protocol, known[i].name) == 0)
			return known[i].target + (i < 3 ? port & 0xffff : 0);
	return CHQ_TARGET_OTHER + ((unsigned)atoi(protocol) & 0xff);
}

static const char *text_at(const json_t *object, const char *member)
{
	return json_string_value(json_object_get(object, member));
}

/* "10.0.0.1:80" or "[fd00::1]:80". */
static int parse_end(const char *text, struct chq_addr *ret, unsigned *ret_port)
{
	const char *colon = text ? strrchr(text, ':') : NULL;
	char addr[ADDR_TEXT_BYTES];
	bool brackets = text && *text == '[';
	int length;

	if (!colon)
		return -EINVAL;
	length = colon - text - 2 * brackets;
	if (length <= 0 || length >= (int)sizeof(addr))
		return -EINVAL;
	snprintf(addr, sizeof(addr), "%.*s", length, text + brackets);
	*ret_port = strtoul(colon + 1, NULL, 10);
	return addr_parse(addr, ret);
}

/* Flows that pass today, asked about as they were opened. */
static void judge_flow(struct diffing *diffing, json_t *flow)
{
	const char *opener = text_at(flow, "opener"), *other = text_at(flow, "other");
	const char *protocol = text_at(flow, "protocol"), *state = text_at(flow, "state");
	struct flow_query query = {.egress = true, .ingress = true};
	struct flow_answer answer;
	unsigned port, ignored;

	if (!protocol || !state || strcmp(state, "denied") == 0 ||
	    json_is_true(json_object_get(flow, "translated")) ||
	    parse_end(opener, &query.source, &ignored) < 0 ||
	    parse_end(other, &query.target, &port) < 0)
		return;
	query.aim = aim_of(protocol, port);
	diffing->running++;
	generation_ask(diffing->after.generation, &query, &answer);
	if (answer.reason != CHQ_DROP_DENIED && answer.reason != CHQ_DROP_NO_RULE)
		return;
	json_array_append_new(diffing->cut, json_pack("{s:s, s:s, s:s, s:s}", "protocol", protocol,
						      "opener", opener, "other", other, "reason",
						      reason_name(answer.reason)));
}

static int judge_flows(const struct arguments *arguments, struct diffing *diffing)
{
	struct question question = {.method = "GET", .path = "/v1/conntrack"};
	json_t *flows, *flow;
	size_t i;

	diffing->cut = json_array();
	if (!diffing->live)
		return DIFF_SAME;
	if (ask(arguments, &question, &flows) != EXIT_DONE)
		return DIFF_ERROR;
	json_array_foreach(flows, i, flow) judge_flow(diffing, flow);
	json_decref(flows);
	return DIFF_SAME;
}

static void print_end(const json_t *end)
{
	const char *before = json_string_value(json_object_get(end, "before"));
	json_int_t count = json_integer_value(json_object_get(end, "prefixes"));

	printf("%s (%s", json_string_value(json_object_get(end, "labels")),
	       json_string_value(json_object_get(end, "example")));
	if (count > 1)
		printf(" and %lld more", (long long)count - 1);
	if (before)
		printf(", before: %s", before);
	putchar(')');
}

static void print_rows(const json_t *rows)
{
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		const char *gains = json_string_value(json_object_get(row, "gains"));
		const char *loses = json_string_value(json_object_get(row, "loses"));

		print_end(json_object_get(row, "from"));
		fputs(" -> ", stdout);
		print_end(json_object_get(row, "to"));
		putchar('\n');
		if (gains)
			printf("    + %s\n", gains);
		if (loses)
			printf("    - %s\n", loses);
	}
}

static void print_cut(const struct diffing *diffing)
{
	json_t *flow;
	size_t i;

	json_array_foreach(diffing->cut, i, flow)
		printf("would be cut: %s %s -> %s: %s\n", text_at(flow, "protocol"),
		       text_at(flow, "opener"), text_at(flow, "other"), text_at(flow, "reason"));
}

static void report(const struct arguments *arguments, const struct diffing *diffing)
{
	const struct difference *found = diffing->difference;
	json_t *rows = rows_as_json(diffing);

	if (wants_json(arguments)) {
		print_json(json_pack("{s:b, s:o, s:I, s:b, s:O, s:I}", "same",
				     found->n_rows == 0 && !found->cut_short, "pairs", rows,
				     "unlisted", (json_int_t)found->unlisted, "cutShort",
				     found->cut_short, "cutFlows", diffing->cut, "runningFlows",
				     (json_int_t)diffing->running));
		return;
	}
	print_rows(rows);
	json_decref(rows);
	print_cut(diffing);
	if (found->unlisted)
		printf("and %zu more\n", found->unlisted);
	if (found->cut_short)
		printf("more pairs may differ than could be looked at\n");
	printf("%zu pairs of groups differ", found->n_rows + found->unlisted);
	if (diffing->live)
		printf("; %zu of %zu running flows would be cut", json_array_size(diffing->cut),
		       diffing->running);
	putchar('\n');
}

int policy_diff(const struct arguments *arguments)
{
	cleanup(diffing_free) struct diffing diffing = {};
	int err = 0;

	if (read_both(arguments, &diffing, &err) != DIFF_SAME)
		return DIFF_ERROR;
	if (!err)
		err = difference_make(diffing.before.generation, diffing.after.generation,
				      ROWS_MOST, &diffing.difference);
	if (err)
		return error_of(arguments, &diffing, err);
	if (judge_flows(arguments, &diffing) != DIFF_SAME)
		return DIFF_ERROR;
	report(arguments, &diffing);
	return diffing.difference->n_rows || diffing.difference->cut_short ||
			       json_array_size(diffing.cut)
		       ? DIFF_DIFFERS
		       : DIFF_SAME;
}
