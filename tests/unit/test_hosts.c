// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compile/hosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compile_case.h"
#include "util/addr.h"

/* What may change without a new generation. */

#define POLICIES(prefix)                                                                        \
	"apiVersion: cilium.io/v2\n"                                                            \
	"kind: CiliumNetworkPolicy\n"                                                           \
	"metadata: {name: a, namespace: shop}\n"                                                \
	"spec:\n"                                                                               \
	"  endpointSelector: {matchLabels: {app: web}}\n"                                       \
	"  ingress:\n"                                                                          \
	"  - fromEndpoints: [{matchLabels: {app: db}}]\n"                                       \
	"    toPorts: [{ports: [{port: http}]}]\n"                                              \
	"  - fromCIDR: [" prefix "]\n"                                                          \
	"  egressDeny:\n"                                                                       \
	"  - toEndpoints: [{matchExpressions: [{key: app, operator: NotIn, values: [net]}]}]\n" \
	"---\n"                                                                                 \
	"apiVersion: cilium.io/v2\n"                                                            \
	"kind: CiliumClusterwideNetworkPolicy\n"                                                \
	"metadata: {name: b}\n"                                                                 \
	"spec:\n"                                                                               \
	"  endpointSelector: {matchLabels: {app: far}}\n"                                       \
	"  egress:\n"                                                                           \
	"  - toEndpoints: [{}]\n"                                                               \
	"    toPorts: [{ports: [{port: http, protocol: TCP}]}]\n"                               \
	"---\n"

static const char policies[] = POLICIES("192.0.2.0/24");

static int note_set(void *data, const struct host_row *row)
{
	char text[ADDR_TEXT_BYTES];

	sprintf((char *)data + strlen(data), "+%s ", addr_print(&row->key, text));
	return 0;
}

static int note_delete(void *data, const struct chq_addr *addr)
{
	char text[ADDR_TEXT_BYTES];

	sprintf((char *)data + strlen(data), "-%s ", addr_print(addr, text));
	return 0;
}

static int stop(void *data, const struct host_row *row)
{
	(void)data;
	(void)row;
	return 7;
}

#define ENDPOINT(name, labels, spec)                                          \
	"apiVersion: chasqui.io/v1\nkind: Endpoint\n"                         \
	"metadata: {name: " name ", namespace: shop, labels: {" labels "}}\n" \
	"spec: {" spec "}\n---\n"

static void a_known_kind_of_endpoint_changes_its_addresses_alone(void **state)
{
	static const struct {
		const char *what, *more, *changes;
		bool alone;
	} rows[] = {
		{"nothing", "", "", true},
		{"one more web",
		 ENDPOINT("n", "app: web",
			  "addresses: [10.0.0.0, '::9'], namedPorts: [{name: http, "
			  "port: 8080, protocol: TCP}, {name: dns, port: 53, "
			  "protocol: UDP}]"),
		 "+::9 +10.0.0.0 ", true},
		{"one more db with a label that nobody asks for",
		 ENDPOINT(
			 "n", "app: db, colour: red",
			 "addresses: [10.0.0.0], namedPorts: [{name: http, port: 9090, protocol: TCP}]"),
		 "+10.0.0.0 ", true},
		{"one that no policy speaks of differently",
		 ENDPOINT("n", "app: net", "addresses: [10.0.0.7]"), "+10.0.0.7 ", true},
		{"a new kind", ENDPOINT("n", "app: far", "addresses: [10.0.0.7]"), NULL, false},
		{"another number behind the name",
		 ENDPOINT(
			 "n", "app: web",
			 "addresses: [10.0.0.7], namedPorts: [{name: http, port: 81, protocol: TCP}]"),
		 NULL, false},
		{"a prefix", ENDPOINT("n", "app: web", "prefixes: [10.7.0.0/24]"), NULL, false},
		{"a watched one", ENDPOINT("n", "app: web", "addresses: [10.0.0.7], audit: true"),
		 NULL, false},
	};
	struct built before = build(NULL, policies);

	(void)state;
	assert_int_equal(0, before.err);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct built after;
		char changes[256] = "";
		char *text;

		assert_true(asprintf(&text, "%s%s", policies, rows[i].more) > 0);
		after = build_next(&before, NULL, text);
		assert_int_equal(0, after.err);
		if (hosts_alone_differ(before.generation, after.generation) != rows[i].alone)
			fail_msg("%s: %s", rows[i].what,
				 rows[i].alone ? "other tables changed" : "no other table changed");
		assert_int_equal(0, hosts_walk(before.generation, after.generation, note_set,
					       note_delete, changes));
		if (rows[i].changes && strcmp(rows[i].changes, changes) != 0)
			fail_msg("%s: %s", rows[i].what, changes);
		if (rows[i].alone && *rows[i].more)
			assert_int_equal(7, hosts_walk(before.generation, after.generation, stop,
						       note_delete, changes));
		*changes = '\0';
		hosts_walk(after.generation, before.generation, note_set, note_delete, changes);
		if (rows[i].changes && strlen(rows[i].changes) != strlen(changes))
			fail_msg("back from %s: %s", rows[i].what, changes);
		built_free(&after);
		free(text);
	}
	built_free(&before);
}

/* What may come into a live table: there is no instant at which two have come. */
static void one_endpoint_comes_and_two_do_not(void **state)
{
	static const struct {
		const char *before, *after;
		bool grew;
	} rows[] = {
		{"", "", false},
		{"", ENDPOINT("n", "app: net", "addresses: [10.0.0.7, '::9']"), true},
		{ENDPOINT("n", "app: net", "addresses: [10.0.0.7, '::9']"), "", false},
		{ENDPOINT("n", "app: net", "addresses: [10.0.0.7]"),
		 ENDPOINT("n", "app: net", "addresses: [10.0.0.7, 10.0.0.9]"), true},
		{ENDPOINT("n", "app: net", "addresses: [10.0.0.7]"),
		 ENDPOINT("n", "app: net", "addresses: [10.0.0.9]"), false},
		{ENDPOINT("n", "app: net", "addresses: [10.0.0.7]"),
		 ENDPOINT("n", "app: db", "addresses: [10.0.0.7, 10.0.0.9]"), false},
		{"",
		 ENDPOINT("n", "app: net", "addresses: [10.0.0.7]")
			 ENDPOINT("o", "app: net", "addresses: [10.0.0.8]"),
		 false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *from, *to;
		struct built before, after;

		assert_true(asprintf(&from, "%s%s", policies, rows[i].before) > 0);
		assert_true(asprintf(&to, "%s%s", policies, rows[i].after) > 0);
		before = build(NULL, from);
		after = build_next(&before, NULL, to);
		assert_int_equal(0, before.err | after.err);
		if (hosts_grew_by_one(before.generation, after.generation) != rows[i].grew)
			fail_msg("row %zu: %s", i, rows[i].grew ? "it grew" : "it did not grow");
		built_free(&after);
		built_free(&before);
		free(from);
		free(to);
	}
}

static void another_policy_or_setting_is_more(void **state)
{
	static const struct {
		const char *gateway, *policies;
	} rows[] = {
		{"  onDeny: reject", policies},
		{"  timeouts: {udp: 7s}", policies},
		{"  denyPrefixes: [203.0.113.0/24]", policies},
		{"  limits: {conntrack: 4096}", policies},
		{NULL, POLICIES("202.0.2.0/24")},
		{NULL, "# a line more: verdicts are told by lines\n" POLICIES("192.0.2.0/24")},
	};
	struct built before = build(NULL, policies);

	(void)state;
	assert_int_equal(0, before.err);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct built after = build_next(&before, rows[i].gateway, rows[i].policies);

		assert_int_equal(0, after.err);
		if (hosts_alone_differ(before.generation, after.generation))
			fail_msg("row %zu is not seen", i);
		built_free(&after);
	}
	built_free(&before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_known_kind_of_endpoint_changes_its_addresses_alone),
		cmocka_unit_test(one_endpoint_comes_and_two_do_not),
		cmocka_unit_test(another_policy_or_setting_is_more),
	};

	return cmocka_run_group_tests_name("hosts", tests, NULL, NULL);
}
