// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <stdbool.h>

#include "cli/words.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "cli/aim.h"
#include "cli/answer.h"
#include "cli/ends.h"
#include "cli/live.h"
#include "util/addr.h"
#include "util/cleanup.h"

enum { EXPLAIN_ALLOW = 0, EXPLAIN_DENY = 1, EXPLAIN_ERROR = 2 };

/* One flow as it was asked about. */
struct asked {
	char *from, *to;
	char *proto, *dport, *icmp, *direction; /* NULL: not given */
	unsigned line;				/* of the file that it stands in, from 1 */
};

struct explaining {
	struct offline offline;
	struct ends *ends;
	struct problems problems;
};

static void explaining_free(struct explaining *explaining)
{
	offline_free(&explaining->offline);
	ends_free(explaining->ends);
	problems_free(&explaining->problems);
}

static void asked_free(struct asked *asked)
{
	free(asked->from);
	free(asked->to);
	free(asked->proto);
	free(asked->dport);
	free(asked->icmp);
	free(asked->direction);
}

static int error_of(const struct arguments *arguments, const char *text)
{
	if (wants_json(arguments))
		print_json(json_pack("{s:s}", "error", text));
	fprintf(stderr, "chasqui policy explain: %s\n", text);
	return EXPLAIN_ERROR;
}

/* Of a file or directory that people named. */
static int file_error(const struct arguments *arguments, const char *path, int err)
{
	cleanup_free char *text = NULL;

	if (asprintf(&text, "%s: %s", path, strerror(err)) < 0)
		return error_of(arguments, strerror(ENOMEM));
	return error_of(arguments, text);
}

static int documents_error(const struct arguments *arguments, struct explaining *explaining,
			   int err)
{
	cleanup_free char *text = NULL;

	if (explaining->problems.count)
		text = problems_print(&explaining->problems);
	fputs(text ? text : "", stderr);
	if (!text && arguments->file)
		return file_error(arguments, arguments->file, -err);
	return error_of(arguments, text ? "the documents are not right" : strerror(-err));
}

static int read_policies(const struct arguments *arguments, struct explaining *explaining)
{
	int err = 0;

	if (arguments->file)
		err = offline_read(&explaining->offline, arguments->file, &explaining->problems);
	else if (live_read(arguments, &explaining->offline, &explaining->problems, &err) !=
		 EXIT_DONE)
		return EXPLAIN_ERROR;
	if (!err)
		err = ends_open(&explaining->offline, &explaining->ends);
	return err ? documents_error(arguments, explaining, err) : EXPLAIN_ALLOW;
}

/* The family that both ends have; 0: either. -EAFNOSUPPORT: none. */
static int family_of(const struct explaining *explaining, const struct asked *asked, int wanted)
{
	int from = ends_family(explaining->ends, asked->from);
	int to = ends_family(explaining->ends, asked->to);
	int family = wanted ? wanted : from ? from : to;

	if ((from && from != family) || (to && to != family))
		return -EAFNOSUPPORT;
	return family;
}

static int judge(const struct explaining *explaining, const struct asked *asked,
		 struct answer *answer, char *refusal, size_t size)
{
	struct flow_query query = {};
	struct aim aim;
	int family, err;

	snprintf(refusal, size, "from and to are of different families");
	family = family_of(explaining, asked,
			   asked->proto && strcasecmp(asked->proto, "icmpv6") == 0 ? 6
			   : asked->proto && strcasecmp(asked->proto, "icmp") == 0 ? 4
										   : 0);
	if (family < 0)
		return family;
	err = ends_find(explaining->ends, asked->from, family == 6, &answer->from);
	if (!err)
		err = ends_find(explaining->ends, asked->to, family == 6, &answer->to);
	if (err)
		return err;
	err = aim_read(&answer->to, asked->proto, asked->dport, asked->icmp, family == 6, &aim,
		       refusal, size);
	if (err)
		return err;
	if (asked->direction && strcmp(asked->direction, "both") != 0 &&
	    strcmp(asked->direction, "ingress") != 0 && strcmp(asked->direction, "egress") != 0) {
		snprintf(refusal, size, "direction \"%.40s\" is none of ingress, egress and both",
			 asked->direction);
		return -EINVAL;
	}
	query.aim = aim.target;
	query.egress = !asked->direction || strcmp(asked->direction, "ingress") != 0;
	query.ingress = !asked->direction || strcmp(asked->direction, "egress") != 0;
	answer->aim = aim;
	generation_judge(explaining->offline.generation, answer->from.entry, answer->to.entry,
			 &query, &answer->flow);
	return 0;
}

static int outcome_of(const struct answer *answer)
{
	return answer_allows(answer) ? EXPLAIN_ALLOW : EXPLAIN_DENY;
}

/* Labels ask for somebody who has no others; people may mean an endpoint that has them. */
static void note_namesake(const struct explaining *explaining, const struct end *end)
{
	char refusal[ENDS_REFUSAL_BYTES];
	cleanup_free char *name = NULL;
	struct end named;

	if (!end->made_up || ends_somebody_with(explaining->ends, end->name, &name) < 0 ||
	    ends_learn(explaining->ends, name, refusal) < 0)
		return;
	if (ends_find(explaining->ends, name, !addr_is_ipv4(&end->addr), &named) < 0 ||
	    named.entry->identity == end->entry->identity)
		return;
	printf("note: endpoint %s has the labels %s, and more; ask for it by its name\n", name,
	       end->name);
}

static int explain_one(const struct arguments *arguments, struct explaining *explaining,
		       const struct asked *asked)
{
	struct answer answer = {.generation = NULL};
	char refusal[ENDS_REFUSAL_BYTES];
	int err = ends_learn(explaining->ends, asked->from, refusal);

	if (!err)
		err = ends_learn(explaining->ends, asked->to, refusal);
	if (err)
		return error_of(arguments, refusal);
	err = offline_compile(&explaining->offline, &explaining->problems);
	if (err)
		return documents_error(arguments, explaining, err);
	answer.generation = explaining->offline.generation;
	if (judge(explaining, asked, &answer, refusal, sizeof(refusal)) < 0)
		return error_of(arguments, refusal);
	if (wants_json(arguments)) {
		print_json(answer_as_json(&answer));
	} else {
		answer_print(&answer);
		note_namesake(explaining, &answer.from);
		note_namesake(explaining, &answer.to);
	}
	return outcome_of(&answer);
}

struct flow_lines {
	struct asked *list;
	size_t count;
};

static void flow_lines_free(struct flow_lines *lines)
{
	for (size_t i = 0; i < lines->count; i++)
		asked_free(&lines->list[i]);
	free(lines->list);
}

static char *text_of(const json_t *object, const char *member)
{
	const json_t *value = json_object_get(object, member);
	char *text = NULL;

	if (json_is_string(value))
		return strdup(json_string_value(value));
	if (json_is_integer(value) &&
	    asprintf(&text, "%lld", (long long)json_integer_value(value)) < 0)
		return NULL;
	return text;
}

static int add_line(struct flow_lines *lines, const char *text, unsigned line)
{
	json_t *flow = json_loads(text, 0, NULL);
	struct asked asked, *list;

	/* What is no object has no members: its answer says so. */
	asked = (struct asked){.from = text_of(flow, "from"),
			       .to = text_of(flow, "to"),
			       .proto = text_of(flow, "proto"),
			       .dport = text_of(flow, "dport"),
			       .icmp = text_of(flow, "icmpType"),
			       .direction = text_of(flow, "direction"),
			       .line = line};
	json_decref(flow);
	list = lines->count & (lines->count - 1)
		       ? lines->list
		       : realloc(lines->list,
				 (lines->count ? 2 * lines->count : 1) * sizeof(*list));
	if (!list) {
		asked_free(&asked);
		return -ENOMEM;
	}
	lines->list = list;
	list[lines->count++] = asked;
	return 0;
}

static int read_lines(FILE *file, struct flow_lines *lines)
{
	cleanup_free char *text = NULL;
	size_t room = 0;
	int err = 0;

	for (unsigned line = 1; !err && getline(&text, &room, file) > 0; line++)
		if (text[strspn(text, " \t\r\n")])
			err = add_line(lines, text, line);
	if (!err && ferror(file))
		err = errno ? -errno : -EIO;
	return err;
}

static void print_line(json_t *object)
{
	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(object);
}

static int explain_line(struct explaining *explaining, const struct asked *asked, json_t **told)
{
	struct answer answer = {.generation = explaining->offline.generation, .told = told};
	char refusal[ENDS_REFUSAL_BYTES];

	snprintf(refusal, sizeof(refusal), "this is no flow: {\"from\":…,\"to\":…,…}");
	if (!asked->from || !asked->to || ends_learn(explaining->ends, asked->from, refusal) < 0 ||
	    ends_learn(explaining->ends, asked->to, refusal) < 0 ||
	    judge(explaining, asked, &answer, refusal, sizeof(refusal)) < 0) {
		print_line(json_pack("{s:s, s:s, s:i}", "verdict", "error", "error", refusal,
				     "line", (int)asked->line));
		return EXPLAIN_ERROR;
	}
	print_line(answer_as_json(&answer));
	return EXPLAIN_ALLOW;
}

/* Names are learnt before the compilation; what cannot be is said in that line's answer. */
static int explain_lines(const struct arguments *arguments, struct explaining *explaining,
			 const struct flow_lines *lines)
{
	char refusal[ENDS_REFUSAL_BYTES];
	cleanup_free json_t **told = NULL;
	int outcome = EXPLAIN_ALLOW, err;

	for (size_t i = 0; i < lines->count; i++) {
		if (lines->list[i].from)
			ends_learn(explaining->ends, lines->list[i].from, refusal);
		if (lines->list[i].to)
			ends_learn(explaining->ends, lines->list[i].to, refusal);
	}
	err = offline_compile(&explaining->offline, &explaining->problems);
	if (err)
		return documents_error(arguments, explaining, err);
	told = calloc(explaining->offline.generation->n_origins + 1, sizeof(*told));
	for (size_t i = 0; i < lines->count; i++)
		if (explain_line(explaining, &lines->list[i], told) != EXPLAIN_ALLOW)
			outcome = EXPLAIN_ERROR;
	for (size_t i = 0; told && i < explaining->offline.generation->n_origins; i++)
		json_decref(told[i]);
	return outcome;
}

static int explain_file(const struct arguments *arguments, struct explaining *explaining)
{
	cleanup(flow_lines_free) struct flow_lines lines = {};
	FILE *file = strcmp(arguments->flows, "-") == 0 ? stdin : fopen(arguments->flows, "re");
	int err;

	if (!file)
		return file_error(arguments, arguments->flows, errno);
	err = read_lines(file, &lines);
	if (file != stdin)
		fclose(file);
	if (err)
		return file_error(arguments, arguments->flows, -err);
	return explain_lines(arguments, explaining, &lines);
}

int policy_explain(const struct arguments *arguments)
{
	cleanup(explaining_free) struct explaining explaining = {};
	struct asked asked = {.from = (char *)arguments->from,
			      .to = (char *)arguments->to,
			      .proto = (char *)arguments->proto,
			      .dport = (char *)arguments->dport,
			      .icmp = (char *)arguments->icmp,
			      .direction = (char *)arguments->direction};

	if (!arguments->flows && (!arguments->from || !arguments->to))
		return error_of(arguments, "say --from X and --to Y, or --flows FILE");
	if (read_policies(arguments, &explaining) != EXPLAIN_ALLOW)
		return EXPLAIN_ERROR;
	return arguments->flows ? explain_file(arguments, &explaining)
				: explain_one(arguments, &explaining, &asked);
}
