// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compile_case.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/addr.h"
#include "util/cleanup.h"

/* What a generation holds beside its verdicts, its bounds, and what is refused. */

#define CNP(name, spec)                                         \
	"apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n" \
	"metadata: {name: " name ", namespace: shop}\nspec: " spec "\n---\n"

static void check_built(const struct built *built)
{
	if (built->err)
		fail_msg("%d: %s", built->err,
			 built->problems.count ? built->problems.list[0].text : "no problem");
}

static const struct chq_entry *entry(const struct built *built, const char *text)
{
	struct chq_addr addr;

	assert_int_equal(0, addr_parse(text, &addr));
	return generation_entry(built->generation, &addr);
}

static void an_entry_says_whose_address_it_is(void **state)
{
	static const struct {
		const char *address;
		chq_identity identity; /* 0 = an endpoint's */
		unsigned kind, guard_port, tunnel_peer;
	} rows[] = {
		{"10.0.0.1", 0, CHQ_KIND_ENDPOINT, 1, 0},
		{"fd00::1", 0, CHQ_KIND_ENDPOINT, 1, 0},
		{"10.0.0.2", 0, CHQ_KIND_ENDPOINT, 0, 0},
		{"10.1.255.255", 0, CHQ_KIND_ENDPOINT, 0, 0},
		{"10.2.0.0", CHQ_ID_WORLD_IPV4, CHQ_KIND_WORLD, 0, 0},
		{"10.9.1.1", 0, CHQ_KIND_PEER, 0, 1},
		{"10.9.1.2", CHQ_ID_REMOTE_NODE, CHQ_KIND_PEER, 0, 1},
		{"10.0.0.254", CHQ_ID_HOST, CHQ_KIND_OWN, 0, 0},
		{"fd00::fe", CHQ_ID_HOST, CHQ_KIND_OWN, 0, 0},
		{"0.0.0.0", CHQ_ID_WORLD_IPV4, CHQ_KIND_WORLD, 0, 0},
		{"255.255.255.255", CHQ_ID_WORLD_IPV4, CHQ_KIND_WORLD, 0, 0},
		{"::", CHQ_ID_WORLD_IPV6, CHQ_KIND_WORLD, 0, 0},
		{"ffff:ffff::1", CHQ_ID_WORLD_IPV6, CHQ_KIND_WORLD, 0, 0},
	};
	struct built built = build(NULL, NULL);

	(void)state;
	check_built(&built);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct chq_entry *found = entry(&built, rows[i].address);

		if (rows[i].identity ? found->identity != rows[i].identity
				     : found->identity < CHQ_ID_FIRST)
			fail_msg("%s has identity %u", rows[i].address, found->identity);
		if (found->kind != rows[i].kind || found->guard_port != rows[i].guard_port ||
		    found->tunnel_peer != rows[i].tunnel_peer)
			fail_msg("%s is of kind %u, port %u, peer %u", rows[i].address, found->kind,
				 found->guard_port, found->tunnel_peer);
	}
	assert_memory_equal(&built.generation->own, entry(&built, "10.0.0.254"),
			    sizeof(struct chq_entry));
	built_free(&built);
}

static void what_lies_inside_inherits(void **state)
{
	struct built built =
		build("  management: {ports: [22/tcp], from: [10.1.7.0/24, 192.0.2.128/25]}",
		      CNP("a", "{endpointSelector: {}, egressDeny: [{toCIDR: [10.9.1.0/24, "
			       "10.1.8.0/24, 192.0.2.0/24]}]}"));

	(void)state;
	check_built(&built);
	assert_int_equal(entry(&built, "10.1.1.1")->identity, entry(&built, "10.1.7.1")->identity);
	assert_int_equal(entry(&built, "10.1.1.1")->identity, entry(&built, "10.1.8.1")->identity);
	assert_int_not_equal(entry(&built, "10.1.1.1")->peer, entry(&built, "10.1.7.1")->peer);
	assert_int_equal(CHQ_KIND_ENDPOINT, entry(&built, "10.1.7.1")->kind);
	assert_int_equal(CHQ_KIND_PEER, entry(&built, "10.9.1.7")->kind);
	assert_int_equal(CHQ_ID_REMOTE_NODE, entry(&built, "10.9.1.7")->identity);
	assert_int_equal(CHQ_ID_PREFIX, entry(&built, "192.0.2.1")->identity & CHQ_ID_PREFIX);
	assert_int_equal(entry(&built, "192.0.2.1")->identity,
			 entry(&built, "192.0.2.200")->identity);
	assert_int_not_equal(entry(&built, "192.0.2.1")->peer, entry(&built, "192.0.2.200")->peer);
	built_free(&built);
}

/* "policy:line policy:line" of the rules behind what the receiver's policies say. */
static void print_origin(const struct built *built, const char *flow, char *ret)
{
	struct flow_text asked;
	const struct origin_set *set;

	ask(built, flow, &asked);
	assert_string_equal(asked.expected, asked.found);
	set = &built->generation->origins[asked.answer.ingress.origin];
	*ret = '\0';
	for (size_t i = 0; i < set->count; i++) {
		const struct rule_ref *ref = &built->generation->rule_refs[set->rules[i]];

		sprintf(ret + strlen(ret), "%s%s:%u%s", i ? " " : "", ref->name, ref->line,
			ref->default_deny ? "*" : "");
	}
}

static void a_verdict_names_all_rules_that_give_it(void **state)
{
	static const char policies[] = "apiVersion: cilium.io/v2\n"
				       "kind: CiliumNetworkPolicy\n"
				       "metadata: {name: a, namespace: shop}\n"
				       "spec:\n"
				       "  endpointSelector: {matchLabels: {app: web}}\n"
				       "  ingress:\n"
				       "  - fromEndpoints: [{matchLabels: {app: db}}]\n"
				       "  - toPorts: [{ports: [{port: '80', protocol: TCP}]}]\n"
				       "  ingressDeny:\n"
				       "  - fromEntities: [host]\n"
				       "---\n"
				       "apiVersion: cilium.io/v2\n"
				       "kind: CiliumNetworkPolicy\n"
				       "metadata: {name: b, namespace: shop}\n"
				       "spec:\n"
				       "  endpointSelector: {}\n"
				       "  ingressDeny:\n"
				       "  - toPorts: [{ports: [{port: '22'}]}]\n"
				       "  ingress:\n"
				       "  - fromEndpoints: [{}]\n";
	static const struct {
		const char *flow, *origin;
	} rows[] = {
		{"db > web tcp/80: none allow", "a:7 a:8 b:20"},
		{"db > web tcp/81: none allow", "a:7 b:20"},
		{"net > web tcp/81: none allow", "b:20"},
		{"world > web tcp/80: none allow", "a:8"},
		{"world > web tcp/81: none drop", "a:5* b:16*"},
		{"world > db tcp/81: none drop", "b:16*"},
		{"host > web tcp/22: none deny", "a:10 b:18"},
		{"host > web tcp/80: none deny", "a:10"},
		{"db > web tcp/22: none deny", "b:18"},
		{"db > labweb tcp/22: none none", ""},
	};
	struct built built = build(NULL, policies);
	char found[128];

	(void)state;
	check_built(&built);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_origin(&built, rows[i].flow, found);
		if (strcmp(rows[i].origin, found) != 0)
			fail_msg("%s by \"%s\", not \"%s\"", rows[i].flow, found, rows[i].origin);
	}
	built_free(&built);
}

static void both_sides_join_into_one_reason(void **state)
{
	static const char policies[] =
		CNP("a", "{endpointSelector: {matchLabels: {app: web}}, "
			 "egress: [{toEndpoints: [{matchLabels: {app: db}}]}]}")
			CNP("b", "{endpointSelector: {matchLabels: {app: db}}, ingress: [{toPorts: "
				 "[{ports: [{port: '80'}]}]}], egress: [{}]}");
	static const struct {
		const char *flow;
		unsigned reason, decided;
	} rows[] = {
		{"web > db tcp/80: allow allow", CHQ_PASS_ALLOWED, CHQ_EGRESS},
		{"web > db tcp/81: allow drop", CHQ_DROP_NO_RULE, CHQ_INGRESS},
		{"web > net tcp/80: drop none", CHQ_DROP_NO_RULE, CHQ_EGRESS},
		{"db > web tcp/80: drop none", CHQ_DROP_NO_RULE, CHQ_EGRESS},
		{"net > db tcp/80: none allow", CHQ_PASS_ALLOWED, CHQ_INGRESS},
		{"net > far tcp/80: none none", CHQ_PASS_NO_POLICY, 0xff},
	};
	struct built built = build(NULL, policies);
	struct flow_text flow;

	(void)state;
	check_built(&built);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ask(&built, rows[i].flow, &flow);
		assert_string_equal(flow.expected, flow.found);
		if (flow.answer.reason != rows[i].reason || flow.answer.decided != rows[i].decided)
			fail_msg("%s: reason %u, decided by %u", rows[i].flow, flow.answer.reason,
				 flow.answer.decided);
	}
	ask(&built, "web > db tcp/81: allow drop", &flow);
	flow.query.ingress = false;
	generation_ask(built.generation, &flow.query, &flow.answer);
	assert_int_equal(CHQ_PASS_ALLOWED, flow.answer.reason);
	assert_int_equal(CHQ_UNDECIDED, flow.answer.ingress.reason);
	built_free(&built);
}

/* A watched drop of the sender's does not hide an enforced one of the receiver's. */
static void an_enforced_drop_beats_a_watched_one(void **state)
{
	struct built built = build(
		NULL,
		"apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n"
		"metadata: {name: a, namespace: shop, annotations: {chasqui.io/audit: 'true'}}\n"
		"spec: {endpointSelector: {matchLabels: {app: web}}, egress: [{}]}\n---\n" CNP(
			"b", "{endpointSelector: {matchLabels: {app: db}}, ingress: [{}]}"));
	struct flow_text flow;

	(void)state;
	check_built(&built);
	ask(&built, "web > db tcp/1: drop~ drop", &flow);
	assert_string_equal(flow.expected, flow.found);
	assert_int_equal(CHQ_DROP_NO_RULE, flow.answer.reason);
	assert_int_equal(CHQ_INGRESS, flow.answer.decided);
	ask(&built, "web > net tcp/1: drop~ none", &flow);
	assert_string_equal(flow.expected, flow.found);
	assert_int_equal(CHQ_PASS_AUDIT, flow.answer.reason);
	assert_int_equal(CHQ_EGRESS, flow.answer.decided);
	built_free(&built);
}

static void settings_are_filled_in(void **state)
{
	struct built built = build(
		"  denyPrefixes: [203.0.113.0/24, 198.51.100.1/32, 203.0.113.0/24, '2001:db8::/32']\n"
		"  timeouts: {udp: 1s, icmp: 100ms}\n"
		"  ethertypes: [0x88f7]",
		NULL);
	const struct generation *generation = built.generation;
	char text[PREFIX_TEXT_BYTES];

	(void)state;
	check_built(&built);
	assert_int_equal(3, generation->n_deny);
	assert_string_equal("198.51.100.1/32", prefix_print(&generation->deny[0], text));
	assert_string_equal("203.0.113.0/24", prefix_print(&generation->deny[1], text));
	assert_string_equal("2001:db8::/32", prefix_print(&generation->deny[2], text));
	assert_int_equal(8, generation->timeout_ticks[CHQ_TIMEOUT_UDP]);
	assert_int_equal(1, generation->timeout_ticks[CHQ_TIMEOUT_ICMP]);
	assert_int_equal(59605, generation->timeout_ticks[CHQ_TIMEOUT_TCP_ESTABLISHED]);
	assert_int_equal(1, generation->n_ethertypes);
	assert_int_equal(0x88f7, generation->ethertypes[0]);
	assert_int_equal(2, generation->n_ports);
	assert_string_equal("lan0", generation->ports[0].name);
	assert_int_equal(1, generation->ports[0].value.port);
	assert_int_equal(CHQ_INSIDE, generation->ports[0].value.role);
	assert_int_equal(CHQ_OUTSIDE, generation->ports[1].value.role);
	assert_int_equal(CHQ_PREFIXES_DEFAULT, generation->limits.prefixes);
	built_free(&built);
}

static void running_flows_are_taken_up_for_as_long_as_it_says(void **state)
{
	struct built given = build("  pickup: 0", NULL), silent = build("", NULL);

	(void)state;
	check_built(&given);
	check_built(&silent);
	assert_int_equal(0, given.generation->pickup_ticks);
	assert_int_equal(2236, silent.generation->pickup_ticks);
	built_free(&given);
	built_free(&silent);
}

static void port_flags_follow_the_document(void **state)
{
	static const char gateway[] =
		"apiVersion: chasqui.io/v1\nkind: Gateway\nmetadata: {name: g}\nspec:\n"
		"  ports:\n"
		"  - {name: lan0, role: inside, onDeny: reject}\n"
		"  - {name: wan0, role: outside, antiSpoofing: false}\n";
	struct text_file file = {"g.yaml", gateway, sizeof(gateway) - 1};
	struct built built = build_texts(&file, 1);

	(void)state;
	check_built(&built);
	assert_int_equal(CHQ_PORT_REJECT, built.generation->ports[0].value.flags);
	assert_int_equal(CHQ_PORT_ANY_SRC, built.generation->ports[1].value.flags);
	built_free(&built);
}

static void lists_tell_people_what_there_is(void **state)
{
	struct built built = build(
		NULL, CNP("a", "{endpointSelector: {matchLabels: {app: web}}, ingress: [{}, {}]}")
			      CNP("b", "{endpointSelector: {}, egress: [{}]}"));
	const struct generation *generation = built.generation;
	size_t at_world = 0;

	(void)state;
	check_built(&built);
	assert_int_equal(2, generation->n_policies);
	assert_string_equal("b.yaml", generation->policies[0].file);
	assert_int_equal(1, generation->policies[0].subjects);
	assert_int_equal(2, generation->policies[0].rules);
	assert_int_equal(3, generation->policies[1].subjects);
	assert_int_equal(5, generation->n_endpoints);
	assert_string_equal("web", generation->endpoints[0].name);
	assert_true(generation->endpoints[0].enforced[CHQ_INGRESS]);
	assert_true(generation->endpoints[0].enforced[CHQ_EGRESS]);
	assert_false(generation->endpoints[1].enforced[CHQ_INGRESS]);
	assert_true(generation->endpoints[1].enforced[CHQ_EGRESS]);
	assert_int_equal(entry(&built, "10.0.0.1")->subject, generation->endpoints[0].subject);
	for (size_t i = 1; i < generation->n_identities; i++)
		assert_true(generation->identities[i - 1].number <
			    generation->identities[i].number);
	for (size_t i = 0; i < generation->n_identities; i++)
		if (generation->identities[i].number == CHQ_ID_WORLD_IPV4)
			at_world = generation->identities[i].prefixes;
	assert_int_equal(1, at_world);
	built_free(&built);
}

static void the_tables_are_sorted_and_their_numbers_in_range(void **state)
{
	struct built built = build(
		NULL, CNP("a", "{endpointSelector: {}, ingress: [{fromEndpoints: "
			       "[{matchLabels: {app: db}}], toPorts: [{ports: [{port: '80'}, "
			       "{port: '90', endPort: 95, protocol: UDP}]}]}, {fromCIDR: "
			       "[192.0.2.0/24], toPorts: [{ports: [{port: '80'}]}]}], egressDeny: "
			       "[{toEntities: [world-ipv6]}]}"));
	const struct generation *generation = built.generation;

	(void)state;
	check_built(&built);
	assert_true(generation->n_pairs > 1 && generation->n_rules > 1);
	for (size_t i = 1; i < generation->n_pairs; i++) {
		const struct chq_pair *a = &generation->pairs[i - 1].key;
		const struct chq_pair *b = &generation->pairs[i].key;

		assert_true(a->subject < b->subject ||
			    (a->subject == b->subject &&
			     (a->peer < b->peer ||
			      (a->peer == b->peer && a->direction < b->direction))));
	}
	for (size_t i = 0; i < generation->n_rules; i++) {
		assert_in_range(generation->rules[i].key.rule_set, 1, generation->n_rule_sets);
		assert_true(generation->rules[i].key.port_class < generation->n_port_classes);
		assert_true(generation->rules[i].value.origin < generation->n_origins);
	}
	for (size_t i = 1; i < generation->n_rules; i++)
		assert_true(generation->rules[i - 1].key.rule_set <
				    generation->rules[i].key.rule_set ||
			    generation->rules[i - 1].key.port_class <
				    generation->rules[i].key.port_class);
	built_free(&built);
}

static void refusals_name_limit_figure_and_policy(void **state)
{
	static const struct {
		struct limits limits;
		const char *policies, *says;
	} rows[] = {
		{{.prefixes = 8},
		 CNP("a", "{endpointSelector: {}, ingress: [{}]}"),
		 "need 12 prefixes and addresses; the limit is 8 (limits.prefixes); "
		 "CiliumNetworkPolicy shop/a costs most"},
		{{.identities = 4}, NULL, "need 5 identities; the limit is 4 (limits.identities)"},
		{{.identities = 5},
		 CNP("a", "{endpointSelector: {}, egress: [{toCIDR: [192.0.2.0/24]}]}"),
		 "need 6 identities; the limit is 5 (limits.identities)"},
		{{.pairs = 1},
		 CNP("a", "{endpointSelector: {}, ingress: [{}]}") CNP(
			 "b",
			 "{endpointSelector: {}, ingress: [{fromEndpoints: [{matchLabels: {app: db}}]}, "
			 "{fromEntities: [host], toPorts: [{ports: [{port: '80'}]}]}]}"),
		 "need 2 pairs of differently treated groups; the limit is 1 (limits.pairs); "
		 "CiliumNetworkPolicy shop/b costs most"},
		{{.rules = 1},
		 CNP("a", "{endpointSelector: {}, ingress: [{toPorts: [{ports: [{port: '80', "
			  "protocol: TCP}]}]}, {toPorts: [{ports: [{port: '81'}]}], "
			  "fromEntities: [host]}]}"),
		 "the limit is 1 (limits.rules); CiliumNetworkPolicy shop/a costs most"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct built built = build(NULL, rows[i].policies);

		check_built(&built);
		built.config->gateway.limits = rows[i].limits;
		built_compile(&built);
		if (built.err != -E2BIG)
			fail_msg("not refused: it should say \"%s\"", rows[i].says);
		assert_null(built.generation);
		assert_int_equal(1, built.problems.count);
		if (!strstr(built.problems.list[0].text, rows[i].says))
			fail_msg("\"%s\" does not say \"%s\"", built.problems.list[0].text,
				 rows[i].says);
		built_free(&built);
	}
}

static char *many_documents(unsigned endpoints, unsigned sets, unsigned policies)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	for (unsigned i = 0; i < endpoints; i++)
		fprintf(out,
			"apiVersion: chasqui.io/v1\nkind: Endpoint\n"
			"metadata: {name: e%u, namespace: shop, labels: {app: a%u}}\n"
			"spec: {addresses: [10.%u.%u.%u]}\n---\n",
			i, i % sets, i >> 16, i >> 8 & 255, i & 255);
	for (unsigned i = 0; i < policies; i++)
		fprintf(out,
			CNP("p%u", "{endpointSelector: {matchLabels: {app: a%u}}, ingress: "
				   "[{fromEndpoints: [{matchLabels: {app: a%u}}], toPorts: "
				   "[{ports: [{port: '%u', protocol: TCP}]}]}]}"),
			i, i % sets, i * 7 % sets, 1 + i % 20);
	fclose(out);
	return text;
}

/* 50 label sets need what 50 classes need, however many endpoints have them. */
static void size_follows_classes(void **state)
{
	size_t pairs[2], rules[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		cleanup_free char *text = many_documents(i ? 10000 : 200, 50, 500);
		struct text_file file = {"many.yaml", text, strlen(text)};
		struct built built = build_texts(&file, 1);
		size_t subjects = 0, peers = 0;

		check_built(&built);
		for (size_t k = 0; k < built.generation->n_classes; k++)
			*(built.generation->classes[k].is_subject ? &subjects : &peers) += 1;
		assert_int_equal(51, subjects);
		assert_int_equal(51, peers);
		pairs[i] = built.generation->n_pairs;
		rules[i] = built.generation->n_rules;
		built_free(&built);
	}
	assert_int_equal(pairs[0], pairs[1]);
	assert_int_equal(rules[0], rules[1]);
	assert_in_range(pairs[0], 50, 50 * 50);
}

/* What most peers, and most ports, get is said once. */
static void the_common_case_is_not_stored(void **state)
{
	struct built built = build(
		NULL,
		CNP("a", "{endpointSelector: {matchLabels: {app: web}}, ingress: [{fromEndpoints: "
			 "[{matchLabels: {app: db}}]}]}")
			CNP("b", "{endpointSelector: {matchLabels: {app: db}}, ingress: "
				 "[{toPorts: [{ports: [{port: '1', protocol: TCP}]}]}, "
				 "{toPorts: [{ports: [{port: '2', protocol: TCP}]}]}, "
				 "{toPorts: [{ports: [{port: '3', protocol: TCP}]}]}]}")
				CNP("c", "{endpointSelector: {matchLabels: {app: net}}, "
					 "ingress: [{toPorts: [{ports: [{port: '0'}]}]}]}"));

	(void)state;
	check_built(&built);
	assert_int_equal(1, built.generation->n_pairs);
	assert_int_equal(5, built.generation->n_port_classes);
	assert_int_equal(2, built.generation->n_rule_sets);
	assert_int_equal(3 + 1, built.generation->n_rules);
	built_free(&built);
}

static void the_same_documents_give_the_same_bytes(void **state)
{
	cleanup_free char *text = many_documents(300, 30, 200);
	struct text_file file = {"many.yaml", text, strlen(text)};
	struct built a = build_texts(&file, 1), b = build_texts(&file, 1);
	const struct generation *x = a.generation, *y = b.generation;

	(void)state;
	assert_int_equal(0, a.err);
	assert_int_equal(x->n_hosts, y->n_hosts);
	assert_int_equal(x->n_prefixes, y->n_prefixes);
	assert_int_equal(x->n_pairs, y->n_pairs);
	assert_int_equal(x->n_rules, y->n_rules);
	assert_memory_equal(x->hosts, y->hosts, x->n_hosts * sizeof(*x->hosts));
	assert_memory_equal(x->prefixes, y->prefixes, x->n_prefixes * sizeof(*x->prefixes));
	assert_memory_equal(x->pairs, y->pairs, x->n_pairs * sizeof(*x->pairs));
	assert_memory_equal(x->rules, y->rules, x->n_rules * sizeof(*x->rules));
	assert_memory_equal(x->blocks, y->blocks, CHQ_BLOCKS * sizeof(*x->blocks));
	built_free(&a);
	built_free(&b);
}

static void the_order_of_files_changes_no_verdict(void **state)
{
	static const char first[] = CNP(
		"a", "{endpointSelector: {matchLabels: {app: a1}}, ingress: [{fromEndpoints: "
		     "[{matchLabels: {app: a2}}]}], egressDeny: [{toCIDR: [192.0.2.0/24]}]}")
		CNP("b",
		    "{endpointSelector: {}, ingressDeny: [{toPorts: [{ports: [{port: '7'}]}]}]}");
	cleanup_free char *text = many_documents(60, 12, 40);
	struct text_file files[] = {{"a.yaml", first, sizeof(first) - 1},
				    {"b.yaml", text, strlen(text)}};
	struct text_file turned[] = {files[1], files[0]};
	struct built a = build_texts(files, 2), b = build_texts(turned, 2);
	struct flow_answer x, y;

	(void)state;
	assert_int_equal(0, a.err);
	assert_int_equal(0, b.err);
	turned[0].path = "a.yaml";
	turned[1].path = "b.yaml";
	for (unsigned i = 0; i < 60 * 60; i++) {
		struct flow_query query = {.aim = i % 25, .ingress = true, .egress = true};

		addr_parse("10.0.0.0", &query.source);
		query.target = query.source;
		query.source.byte[15] = i % 60;
		query.target.byte[15] = i / 60;
		if (i % 60 == 7)
			addr_parse("192.0.2.1", &query.target);
		generation_ask(a.generation, &query, &x);
		generation_ask(b.generation, &query, &y);
		assert_int_equal(x.reason, y.reason);
		assert_int_equal(x.egress.reason, y.egress.reason);
		assert_int_equal(x.ingress.reason, y.ingress.reason);
	}
	built_free(&a);
	built_free(&b);
}

/* Documents made by hand may be wrong where the reader refuses what is in files. */
static void an_address_has_one_owner(void **state)
{
	struct chq_prefix address = {.length_bits = 128, .addr.byte = {[15] = 9}};
	struct endpoint endpoints[] = {
		{.namespace = "a", .name = "x", .prefixes = &address, .n_prefixes = 1},
		{.namespace = "a", .name = "y", .prefixes = &address, .n_prefixes = 1},
	};
	struct config config = {.endpoints = endpoints, .n_endpoints = 2};
	struct registry *registry = registry_new(10);
	struct facts facts = {NULL, registry_number, registry, NULL, 0};
	struct generation *generation = NULL;
	struct problems problems = {};

	(void)state;
	assert_int_equal(-EINVAL, generation_compile(&config, &facts, &generation, &problems));
	assert_int_equal(1, problems.count);
	assert_non_null(strstr(problems.list[0].text, "belongs to endpoint a/x already"));
	assert_null(generation);
	problems_free(&problems);
	registry_free(registry);
	generation_free(NULL);
}

static void nothing_at_all_compiles(void **state)
{
	struct built built = build_texts(NULL, 0);
	struct flow_query query = {.ingress = true, .egress = true};
	struct flow_answer answer;

	(void)state;
	check_built(&built);
	assert_int_equal(2, built.generation->n_prefixes);
	assert_int_equal(2, built.generation->n_hosts);
	generation_ask(built.generation, &query, &answer);
	assert_int_equal(CHQ_PASS_NO_POLICY, answer.reason);
	built_free(&built);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_says_whose_address_it_is),
		cmocka_unit_test(what_lies_inside_inherits),
		cmocka_unit_test(a_verdict_names_all_rules_that_give_it),
		cmocka_unit_test(both_sides_join_into_one_reason),
		cmocka_unit_test(an_enforced_drop_beats_a_watched_one),
		cmocka_unit_test(settings_are_filled_in),
		cmocka_unit_test(running_flows_are_taken_up_for_as_long_as_it_says),
		cmocka_unit_test(port_flags_follow_the_document),
		cmocka_unit_test(lists_tell_people_what_there_is),
		cmocka_unit_test(the_tables_are_sorted_and_their_numbers_in_range),
		cmocka_unit_test(refusals_name_limit_figure_and_policy),
		cmocka_unit_test(size_follows_classes),
		cmocka_unit_test(the_common_case_is_not_stored),
		cmocka_unit_test(the_same_documents_give_the_same_bytes),
		cmocka_unit_test(the_order_of_files_changes_no_verdict),
		cmocka_unit_test(an_address_has_one_owner),
		cmocka_unit_test(nothing_at_all_compiles),
	};

	return cmocka_run_group_tests_name("generation", tests, NULL, NULL);
}
