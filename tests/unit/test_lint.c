// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "compile/lint.h"
#include "compiled.h"
#include "util/cleanup.h"

#define ENDPOINTS                                                                                \
	"apiVersion: chasqui.io/v1\nkind: Endpoint\nmetadata: {name: web, labels: {app: web}}\n" \
	"spec: {addresses: [10.0.0.1], namedPorts: [{name: http, port: 80}]}\n---\n"             \
	"apiVersion: chasqui.io/v1\nkind: Endpoint\nmetadata: {name: db, labels: {app: db}}\n"   \
	"spec: {addresses: [10.0.0.2]}\n---\n"

#define POLICY(name, spec)                                                                         \
	"apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: " name "}\nspec:\n" \
	"  endpointSelector: {matchLabels: {app: web}}\n" spec "---\n"

struct linted {
	struct compiled compiled;
	struct findings findings;
};

static void linted_free(struct linted *linted)
{
	findings_free(&linted->findings);
	compiled_free(&linted->compiled);
}

static void lint_text(struct linted *linted, const char *text)
{
	compile_text(&linted->compiled, text);
	assert_int_equal(
		lint_run(linted->compiled.config, linted->compiled.generation, &linted->findings),
		0);
}

static size_t count_of(const struct linted *linted, enum lint_kind kind)
{
	size_t count = 0;

	for (size_t i = 0; i < linted->findings.count; i++)
		count += linted->findings.list[i].kind == kind;
	return count;
}

static const struct finding *one_of(const struct linted *linted, enum lint_kind kind)
{
	assert_int_equal(count_of(linted, kind), 1);
	for (size_t i = 0; i < linted->findings.count; i++)
		if (linted->findings.list[i].kind == kind)
			return &linted->findings.list[i];
	return NULL;
}

static void clean_is_clean(void **state)
{
	cleanup(linted_free) struct linted linted = {};

	(void)state;
	lint_text(&linted,
		  ENDPOINTS POLICY("p", "  ingress:\n"
					"  - fromEndpoints: [{matchLabels: {app: db}}]\n"
					"    toPorts: [{ports: [{port: http, protocol: TCP}]}]\n"));
	assert_int_equal(linted.findings.count, linted.findings.notes);
	assert_int_equal(count_of(&linted, LINT_OPEN_ENDPOINT), 2);
}

/* What no policy closes is told of twenty; a long list of them would bury the findings. */
static void open_endpoints_are_counted(void **state)
{
	cleanup(linted_free) struct linted linted = {};
	cleanup_free char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	for (int i = 0; i < 30; i++)
		fprintf(out,
			"apiVersion: chasqui.io/v1\nkind: Endpoint\nmetadata: {name: e%d}\n"
			"spec: {addresses: [10.0.1.%d]}\n---\n",
			i, i);
	fclose(out);
	lint_text(&linted, text);
	assert_int_equal(count_of(&linted, LINT_OPEN_ENDPOINT), LINT_OPEN_MOST + 1);
	assert_non_null(strstr(linted.findings.list[LINT_OPEN_MOST].text, "and 10 more"));
	assert_int_equal(linted.findings.list[LINT_OPEN_MOST].line, LINT_OPEN_MOST * 5 + 1);
}

static void deny_shadows_allow(void **state)
{
	cleanup(linted_free) struct linted linted = {};

	(void)state;
	lint_text(&linted,
		  ENDPOINTS POLICY("p", "  ingress:\n"
					"  - fromEndpoints: [{matchLabels: {app: db}}]\n"
					"    toPorts: [{ports: [{port: \"80\", protocol: TCP}]}]\n"
					"  ingressDeny:\n"
					"  - fromEndpoints: [{matchLabels: {app: db}}]\n"
					"    toPorts: [{ports: [{port: \"1\", endPort: 100,"
					" protocol: TCP}]}]\n"));
	assert_string_equal(one_of(&linted, LINT_SHADOWED)->file, "test.yaml");
	assert_int_equal(one_of(&linted, LINT_SHADOWED)->line, 17);
	assert_int_equal(count_of(&linted, LINT_COVERED), 0);
}

/* One port outside the deny is enough for the allow to count. */
static void half_a_deny_shadows_nothing(void **state)
{
	cleanup(linted_free) struct linted linted = {};

	(void)state;
	lint_text(&linted,
		  ENDPOINTS POLICY("p",
				   "  ingress:\n"
				   "  - fromEndpoints: [{matchLabels: {app: db}}]\n"
				   "    toPorts: [{ports: [{port: \"80\", protocol: TCP},"
				   " {port: \"443\", protocol: TCP}]}]\n"
				   "  ingressDeny:\n"
				   "  - fromEndpoints: [{matchLabels: {app: db}}]\n"
				   "    toPorts: [{ports: [{port: \"80\", protocol: TCP}]}]\n"));
	assert_int_equal(count_of(&linted, LINT_SHADOWED), 0);
}

static void wider_rule_covers_narrower(void **state)
{
	cleanup(linted_free) struct linted linted = {};

	(void)state;
	lint_text(&linted,
		  ENDPOINTS POLICY("p", "  ingress:\n"
					"  - fromEndpoints: [{matchLabels: {app: db}}]\n"
					"    toPorts: [{ports: [{port: \"80\", protocol: TCP}]}]\n")
			  POLICY("q", "  ingress:\n"
				      "  - fromEndpoints: [{matchLabels: {app: db}}]\n"));
	assert_int_equal(one_of(&linted, LINT_COVERED)->line, 17);
	assert_non_null(strstr(one_of(&linted, LINT_COVERED)->text, "test.yaml:26"));
}

/* Of twins one may go, and it is the later. */
static void twins_are_told_once(void **state)
{
	cleanup(linted_free) struct linted linted = {};

	(void)state;
	lint_text(&linted, ENDPOINTS POLICY("p", "  ingress:\n"
						 "  - fromEndpoints: [{matchLabels: {app: db}}]\n")
				   POLICY("q", "  ingress:\n"
					       "  - fromEndpoints: [{matchLabels: {app: db}}]\n"));
	assert_int_equal(one_of(&linted, LINT_COVERED)->line, 25);
}

static void nothing_is_matched(void **state)
{
	cleanup(linted_free) struct linted linted = {};

	(void)state;
	lint_text(
		&linted,
		ENDPOINTS POLICY(
			"p",
			"  ingress:\n"
			"  - fromEndpoints: [{matchLabels: {app: dbb}}]\n"
			"  - fromEndpoints: [{matchLabels: {app: db}}]\n"
			"    toPorts: [{ports: [{port: htp, protocol: TCP}]}]\n") "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: q}\n"
										  "spec:\n  endpointSelector: {matchLabels: {app: gone}}\n"
										  "  ingress: [{fromEndpoints: [{matchLabels: {app: db}}]}]\n");
	assert_int_equal(one_of(&linted, LINT_EMPTY_SELECTOR)->line, 17);
	assert_int_equal(one_of(&linted, LINT_NO_SUCH_PORT)->line, 19);
	assert_non_null(strstr(one_of(&linted, LINT_NO_SUBJECT)->text, "default/q"));
	assert_int_equal(count_of(&linted, LINT_SHADOWED), 0);
}

static void everybody_is_wide(void **state)
{
	cleanup(linted_free) struct linted linted = {};

	(void)state;
	lint_text(&linted, ENDPOINTS POLICY("p", "  ingress:\n"
						 "  - fromCIDR: [0.0.0.0/0]\n"
						 "  - fromEntities: [world]\n"
						 "    toPorts: [{ports: [{port: \"443\"}]}]\n"
						 "  egress:\n"
						 "  - toEntities: [all]\n"
						 "  egressDeny:\n"
						 "  - toCIDR: [\"::/0\"]\n"));
	assert_int_equal(count_of(&linted, LINT_WIDE), 2);
}

/* An empty list is not the absence of one. */
static void no_port_is_told(void **state)
{
	cleanup(linted_free) struct linted linted = {};

	(void)state;
	lint_text(&linted, ENDPOINTS POLICY("p", "  ingress:\n"
						 "  - fromEndpoints: [{matchLabels: {app: db}}]\n"
						 "    toPorts: []\n"
						 "  - fromEntities: [all]\n"
						 "    toPorts: [{ports: []}]\n"));
	assert_int_equal(one_of(&linted, LINT_NO_PORT)->line, 19);
	assert_int_equal(count_of(&linted, LINT_WIDE), 0);
	assert_int_equal(count_of(&linted, LINT_SHADOWED), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clean_is_clean),
		cmocka_unit_test(open_endpoints_are_counted),
		cmocka_unit_test(deny_shadows_allow),
		cmocka_unit_test(half_a_deny_shadows_nothing),
		cmocka_unit_test(wider_rule_covers_narrower),
		cmocka_unit_test(twins_are_told_once),
		cmocka_unit_test(nothing_is_matched),
		cmocka_unit_test(everybody_is_wide),
		cmocka_unit_test(no_port_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
