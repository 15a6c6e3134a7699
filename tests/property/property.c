/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */

/*
 * property [--checkpoint [--packets N]] DIRECTORY...
 *
 * Holds three readings of the same policies against each other: the verdicts that
 * came with a batch (the reference evaluator's, or a conformance case's), the
 * compiled tables walked in user space, and with --checkpoint the program in the
 * kernel, until it has seen N packets. A DIRECTORY is a batch, or holds batches.
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "checkpoint.h"
#include "chasqui/verdict.h"
#include "numbers.h"
#include "policy/model.h"
#include "util/addr.h"
#include "util/cleanup.h"

#define MISMATCHES_SHOWN 40

struct run {
	struct checkpoint *checkpoint; /* NULL: tables only */
	uint32_t generation;
	size_t batches, refusals, cases, packets, mismatches;
	size_t most_packets;
	size_t reasons[CHQ_REASON_MAX];
};

static void config_free_p(struct config **config)
{
	config_free(*config);
}

static void generation_free_p(struct generation **generation)
{
	generation_free(*generation);
}

static void mismatch(struct run *run, const struct batch *batch, unsigned line, const char *format,
		     ...) __attribute__((format(printf, 4, 5)));

static void mismatch(struct run *run, const struct batch *batch, unsigned line, const char *format,
		     ...)
{
	va_list arguments;

	if (run->mismatches++ >= MISMATCHES_SHOWN)
		return;
	printf("%s/%s:%u: ", batch->directory, batch->refusal ? "refused" : "flows", line);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}

static void mismatch_problems(struct run *run, const struct batch *batch, const char *what,
			      const struct problems *problems)
{
	cleanup_free char *text = problems_print(problems);

	mismatch(run, batch, 0, "%s:\n%s", what, text ?: "");
}

static const char *word_of(uint8_t reason)
{
	switch (reason) {
	case CHQ_PASS_ALLOWED:
		return "allow";
	case CHQ_PASS_NO_POLICY:
		return "no-policy";
	case CHQ_PASS_MANAGEMENT:
		return "management";
	case CHQ_PASS_AUDIT:
		return "audit";
	case CHQ_DROP_DENIED:
		return "deny-explicit";
	case CHQ_DROP_NO_RULE:
		return "deny-default";
	default:
		return "none of the policies' reasons";
	}
}

static bool agrees(const char *expected, uint8_t reason)
{
	bool drops = reason == CHQ_DROP_DENIED || reason == CHQ_DROP_NO_RULE;

	if (!strcmp(expected, "pass"))
		return !drops;
	if (!strcmp(expected, "drop"))
		return drops;
	return !strcmp(expected, word_of(reason));
}

static bool side_agrees(const char *expected, const struct chq_decision *decision, char word[48])
{
	bool audit = decision->flags & CHQ_DECISION_AUDIT;

	if (decision->reason == CHQ_UNDECIDED)
		strcpy(word, "-");
	else
		snprintf(word, 48, "%s%s", word_of(decision->reason), audit ? "+audit" : "");
	return !strcmp(expected, "?") || !strcmp(expected, word);
}

static int by_name(const void *a, const void *b)
{
	const struct rule_ref *const *one = a, *const *other = b;
	int order = strcmp((*one)->namespace, (*other)->namespace);

	return order ?: strcmp((*one)->name, (*other)->name);
}

/* How many rules of which policies an origin set holds, as batch.py writes it. */
static void origin_print(const struct generation *generation, uint32_t origin, char *text,
			 size_t bytes)
{
	const struct origin_set *set = &generation->origins[origin];
	const struct rule_ref *rules[set->count + 1];
	size_t used = 0, same;

	for (size_t i = 0; i < set->count; i++)
		rules[i] = &generation->rule_refs[set->rules[i]];
	qsort(rules, set->count, sizeof(*rules), by_name);
	snprintf(text, bytes, "-");
	for (size_t i = 0; i < set->count && used < bytes; i += same) {
		for (same = 1; i + same < set->count; same++)
			if (by_name(&rules[i], &rules[i + same]))
				break;
		used += snprintf(text + used, bytes - used, "%s%zu*%s/%s", i ? "," : "", same,
				 rules[i]->namespace, rules[i]->name);
	}
}

/* The rules behind an allow or a deny; a default deny has none of its own. */
static bool origin_agrees(const struct generation *generation, const char *expected,
			  const struct chq_decision *decision, char text[512])
{
	if (decision->reason != CHQ_PASS_ALLOWED && decision->reason != CHQ_DROP_DENIED)
		return true;
	if (!strcmp(expected, "?"))
		return true;
	origin_print(generation, decision->origin, text, 512);
	return !strcmp(expected, text);
}

static void origins_compare(struct run *run, const struct batch *batch,
			    const struct flow_case *flow, const struct generation *generation,
			    const struct flow_answer *answer)
{
	char text[512];

	if (!origin_agrees(generation, flow->egress_by, &answer->egress, text))
		mismatch(run, batch, flow->line, "the tables' egress is by %s, expected %s", text,
			 flow->egress_by);
	if (!origin_agrees(generation, flow->ingress_by, &answer->ingress, text))
		mismatch(run, batch, flow->line, "the tables' ingress is by %s, expected %s", text,
			 flow->ingress_by);
}

static void tables_compare(struct run *run, const struct batch *batch, const struct flow_case *flow,
			   const struct generation *generation)
{
	struct flow_answer answer;
	char egress[48], ingress[48];
	bool sides;

	generation_ask(generation, &flow->query, &answer);
	sides = side_agrees(flow->egress, &answer.egress, egress);
	sides = side_agrees(flow->ingress, &answer.ingress, ingress) && sides;
	if (!sides || !agrees(flow->combined, answer.reason))
		mismatch(
			run, batch, flow->line,
			"tables say %s (egress %s, ingress %s), expected %s (egress %s, ingress %s)",
			word_of(answer.reason), egress, ingress, flow->combined, flow->egress,
			flow->ingress);
	else
		origins_compare(run, batch, flow, generation, &answer);
	run->reasons[answer.reason]++;
}

/* A generation is a while in being installed, and all of them meet the tables anyway. */
static bool asks_checkpoint(const struct run *run)
{
	return run->checkpoint && run->packets < run->most_packets;
}

static void checkpoint_compare(struct run *run, const struct batch *batch,
			       const struct flow_case *flow)
{
	int reason;

	if (!asks_checkpoint(run) || !strcmp(flow->arrival, ARRIVAL_NONE))
		return;
	run->packets++;
	reason = checkpoint_ask(run->checkpoint, flow);
	if (reason < 0)
		mismatch(run, batch, flow->line, "the packet did not run: %s", strerror(-reason));
	else if (!agrees(flow->combined, reason))
		mismatch(run, batch, flow->line, "the checkpoint says %s (reason %d), expected %s",
			 word_of(reason), reason, flow->combined);
}

/* The documents must be refused, and the refusal name what it is about. */
static void refusal_compare(struct run *run, const struct batch *batch, int err,
			    const struct problems *problems)
{
	run->refusals++;
	if (err != -EINVAL) {
		mismatch(run, batch, 1, "not refused, expected a word about '%s'", batch->refusal);
		return;
	}
	for (size_t i = 0; i < problems->count; i++)
		if (strstr(problems->list[i].text, batch->refusal))
			return;
	mismatch_problems(run, batch, "refused for another reason", problems);
}

static int flows_compare(struct run *run, const struct batch *batch, const struct config *config)
{
	cleanup(numbers_free_p) struct numbers *numbers = numbers_new();
	cleanup(generation_free_p) struct generation *generation = NULL;
	cleanup(problems_free) struct problems problems = {};
	struct facts facts = {.port_number = port_number,
			      .identity_number = identity_number,
			      .data = numbers,
			      .own = batch->own,
			      .n_own = batch->n_own};
	int err = numbers ? generation_compile(config, &facts, &generation, &problems) : -ENOMEM;

	if (err) {
		mismatch_problems(run, batch, "the compiler refuses", &problems);
		return err == -ENOMEM ? err : 0;
	}
	if (asks_checkpoint(run)) {
		err = checkpoint_install(run->checkpoint, generation, ++run->generation);
		if (err) {
			mismatch(run, batch, 0, "not installed: %s", strerror(-err));
			return err;
		}
	}
	for (size_t i = 0; i < batch->n_flows; i++) {
		tables_compare(run, batch, &batch->flows[i], generation);
		checkpoint_compare(run, batch, &batch->flows[i]);
	}
	run->cases += batch->n_flows;
	return 0;
}

static int batch_compare(struct run *run, const struct batch *batch)
{
	cleanup(config_free_p) struct config *config = NULL;
	cleanup(problems_free) struct problems problems = {};
	cleanup_free char *documents = NULL;
	int err;

	if (asprintf(&documents, "%s/documents", batch->directory) < 0)
		return -ENOMEM;
	run->batches++;
	err = config_read(documents, &config, &problems);
	if (batch->refusal) {
		refusal_compare(run, batch, err, &problems);
		return 0;
	}
	if (err) {
		mismatch_problems(run, batch, "the reader refuses", &problems);
		return 0;
	}
	return flows_compare(run, batch, config);
}

static int batch_run(struct run *run, const char *directory)
{
	struct batch batch;
	int err = batch_read(directory, &batch);

	if (err)
		return err;
	err = batch_compare(run, &batch);
	batch_clear(&batch);
	return err;
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && entry->d_type == DT_DIR;
}

static int batches_run(struct run *run, const char *directory)
{
	struct dirent **entries;
	int count = scandir(directory, &entries, is_visible, alphasort), err = 0;
	bool is_batch = false;

	if (count < 0)
		return -errno;
	for (int i = 0; i < count; i++)
		is_batch |= !strcmp(entries[i]->d_name, "documents");
	if (is_batch)
		err = batch_run(run, directory);
	for (int i = 0; i < count; i++) {
		cleanup_free char *path = NULL;

		if (!err && !is_batch) {
			err = asprintf(&path, "%s/%s", directory, entries[i]->d_name) < 0
				      ? -ENOMEM
				      : batch_run(run, path);
		}
		free(entries[i]);
	}
	free(entries);
	return err;
}

static void report(const struct run *run)
{
	printf("%zu batches, %zu refused by name, %zu cases against the tables, "
	       "%zu packets through the checkpoint\n",
	       run->batches, run->refusals, run->cases, run->packets);
	for (unsigned reason = 0; reason < CHQ_REASON_MAX; reason++)
		if (run->reasons[reason])
			printf("  %7zu %s\n", run->reasons[reason], word_of(reason));
	printf("%zu mismatches\n", run->mismatches);
}

int main(int argc, char *argv[])
{
	static const struct option options[] = {{"checkpoint", no_argument, NULL, 'c'},
						{"packets", required_argument, NULL, 'p'},
						{}};
	struct run run = {.most_packets = SIZE_MAX};
	int option, err = 0;

	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (option == 'p')
			run.most_packets = strtoul(optarg, NULL, 10);
		if (option == 'p')
			continue;
		if (option != 'c')
			return 2;
		err = checkpoint_open(&run.checkpoint);
		if (err == -EPERM) {
			puts("SKIP checkpoint: this process may not call bpf(), only the tables are asked");
			err = 0;
		} else if (err) {
			fprintf(stderr, "property: the checkpoint does not load: %s\n",
				strerror(-err));
			return 2;
		}
	}
	for (; optind < argc && !err; optind++) {
		err = batches_run(&run, argv[optind]);
		if (err)
			fprintf(stderr, "%s: %s\n", argv[optind], strerror(-err));
	}
	checkpoint_close(run.checkpoint);
	report(&run);
	return err ? 2 : run.mismatches != 0;
}
