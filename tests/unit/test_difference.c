// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "compile/difference.h"
#include "compiled.h"
#include "util/addr.h"
#include "util/cleanup.h"

#define ENDPOINT(name, address)                                                          \
	"apiVersion: chasqui.io/v1\nkind: Endpoint\nmetadata: {name: " name ", labels: " \
	"{app: " name "}}\nspec: {addresses: [" address "]}\n---\n"
#define ENDPOINTS                                \
	ENDPOINT("web", "10.0.0.1, \"fd00::1\"") \
	ENDPOINT("db", "10.0.0.2, \"fd00::2\"") ENDPOINT("log", "10.0.0.3")
#define POLICY(name, spec)                                                                  \
	"apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: " name "}\n" \
	"spec:\n  endpointSelector: {matchLabels: {app: " name "}}\n" spec "---\n"
#define FROM_WEB(ports)                                                \
	"  ingress:\n  - fromEndpoints: [{matchLabels: {app: web}}]\n" \
	"    toPorts: [{ports: [" ports "]}]\n"

struct differing {
	struct compiled before, after;
	struct difference *difference;
};

static void differing_free(struct differing *differing)
{
	difference_free(differing->difference);
	compiled_free(&differing->before);
	compiled_free(&differing->after);
}

static void compare_texts(struct differing *differing, const char *before, const char *after)
{
	compile_text(&differing->before, before);
	compile_text(&differing->after, after);
	assert_int_equal(difference_make(differing->before.generation, differing->after.generation,
					 1000, &differing->difference),
			 0);
}

static bool passes(const struct compiled *compiled, const struct flow_query *query)
{
	struct flow_answer answer;

	generation_ask(compiled->generation, query, &answer);
	return answer.reason != CHQ_DROP_DENIED && answer.reason != CHQ_DROP_NO_RULE;
}

static const struct difference_row *row_between(const struct differing *differing,
						const struct chq_addr *from,
						const struct chq_addr *to)
{
	const struct difference *found = differing->difference;
	const struct chq_entry *source = generation_entry(differing->before.generation, from);
	const struct chq_entry *target = generation_entry(differing->before.generation, to);

	for (size_t i = 0; i < found->n_rows; i++) {
		const struct difference_end *left = &found->ends[found->rows[i].from];
		const struct difference_end *right = &found->ends[found->rows[i].to];

		if (left->before->peer == source->peer &&
		    left->before->identity == source->identity &&
		    right->before->peer == target->peer &&
		    right->before->identity == target->identity &&
		    left->after->peer ==
			    generation_entry(differing->after.generation, from)->peer &&
		    right->after->peer == generation_entry(differing->after.generation, to)->peer)
			return &found->rows[i];
	}
	return NULL;
}

/* Flow by flow: a pair is listed when, and only when, some verdict changes. */
static void check_by_flows(const struct differing *differing)
{
	static const char *const names[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3", "192.0.2.1",
					    "10.9.0.1"};
	size_t differ = 0;

	for (size_t f = 0; f < 5; f++)
		for (size_t t = 0; t < 5; t++) {
			struct flow_query query = {.ingress = true, .egress = true};
			bool changes = false;

			if (f == t)
				continue;
			addr_parse(names[f], &query.source);
			addr_parse(names[t], &query.target);
			for (query.aim = 0; query.aim < CHQ_TARGETS; query.aim++)
				changes |= passes(&differing->before, &query) !=
					   passes(&differing->after, &query);
			assert_int_equal(changes, row_between(differing, &query.source,
							      &query.target) != NULL);
			differ += changes;
		}
	assert_true(differ > 0);
}

static void same_is_same(void **state)
{
	cleanup(differing_free) struct differing differing = {};
	const char *text = ENDPOINTS POLICY("db", FROM_WEB("{port: \"80\", protocol: TCP}"));

	(void)state;
	compare_texts(&differing, text, text);
	assert_int_equal(differing.difference->n_rows, 0);
	assert_false(differing.difference->cut_short);
}

static void ports_come_and_go(void **state)
{
	cleanup(differing_free) struct differing differing = {};
	const struct difference_row *row;

	(void)state;
	compare_texts(
		&differing,
		ENDPOINTS POLICY("db", FROM_WEB("{port: \"80\", endPort: 90, protocol: TCP}")),
		ENDPOINTS POLICY("db", FROM_WEB("{port: \"85\", endPort: 99, protocol: TCP},"
						" {port: \"53\", protocol: UDP}")));
	assert_int_equal(differing.difference->n_rows, 1);
	row = &differing.difference->rows[0];
	assert_string_equal(row->gained, "91-99/tcp, 53/udp");
	assert_string_equal(row->lost, "80-84/tcp");
	assert_int_equal(differing.difference->ends[row->to].rows, 2);
	check_by_flows(&differing);
}

/* What the other end does not let pass is no gain. */
static void both_ends_count(void **state)
{
	cleanup(differing_free) struct differing differing = {};

	(void)state;
	compare_texts(&differing,
		      ENDPOINTS POLICY("db", FROM_WEB("{port: \"80\", protocol: TCP}"))
			      POLICY("web", "  egressDeny:\n  - toEndpoints: [{}]\n"),
		      ENDPOINTS POLICY("db", FROM_WEB("{port: \"81\", protocol: TCP}"))
			      POLICY("web", "  egressDeny:\n  - toEndpoints: [{}]\n"));
	assert_int_equal(differing.difference->n_rows, 0);
}

static void a_policy_closes(void **state)
{
	cleanup(differing_free) struct differing differing = {};

	(void)state;
	compare_texts(&differing, ENDPOINTS,
		      ENDPOINTS POLICY("db", FROM_WEB("{port: \"80\", protocol: TCP}"))
			      POLICY("log", "  ingressDeny:\n"
					    "  - fromCIDR: [192.0.2.0/24]\n"));
	check_by_flows(&differing);
}

static void labels_move(void **state)
{
	cleanup(differing_free) struct differing differing = {};

	(void)state;
	compare_texts(&differing,
		      ENDPOINT("web", "10.0.0.1") ENDPOINT("db", "10.0.0.2")
			      POLICY("db", FROM_WEB("{port: \"80\", protocol: TCP}")),
		      ENDPOINT("web", "10.0.0.2") ENDPOINT("db", "10.0.0.1")
			      ENDPOINT("log", "10.0.0.3")
				      POLICY("db", FROM_WEB("{port: \"80\", protocol: TCP}")));
	check_by_flows(&differing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_is_same),	   cmocka_unit_test(ports_come_and_go),
		cmocka_unit_test(both_ends_count), cmocka_unit_test(a_policy_closes),
		cmocka_unit_test(labels_move),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
