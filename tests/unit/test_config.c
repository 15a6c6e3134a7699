// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What documents mean: each row of the language as the model says it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chasqui/control.h"
#include "policy/model.h"
#include "util/addr.h"
#include "util/cleanup.h"

#define POLICY_HEAD                   \
	"apiVersion: cilium.io/v2\n"  \
	"kind: CiliumNetworkPolicy\n" \
	"metadata: {name: p, namespace: shop}\n"
#define WIDE_HEAD                                \
	"apiVersion: cilium.io/v2\n"             \
	"kind: CiliumClusterwideNetworkPolicy\n" \
	"metadata: {name: p}\n"
#define NETWORK_HEAD                         \
	"apiVersion: networking.k8s.io/v1\n" \
	"kind: NetworkPolicy\n"              \
	"metadata: {name: p, namespace: shop}\n"
#define WEB	      "spec:\n  endpointSelector: {matchLabels: {app: web}}\n"
#define INGRESS(rule) POLICY_HEAD WEB "  ingress:\n  - " rule "\n"
#define EGRESS(rule)  POLICY_HEAD WEB "  egress:\n  - " rule "\n"
#define WIDE(rule)    WIDE_HEAD WEB "  ingress:\n  - " rule "\n"
#define GATEWAY(spec) \
	"apiVersion: chasqui.io/v1\nkind: Gateway\nmetadata: {name: gw}\nspec: " spec "\n"
#define ENDPOINT(meta, spec) \
	"apiVersion: chasqui.io/v1\nkind: Endpoint\nmetadata: " meta "\nspec: " spec "\n"
#define GROUP(name, labels, cidrs)                                                     \
	"---\napiVersion: cilium.io/v2\nkind: CiliumCIDRGroup\nmetadata: {name: " name \
	", labels: " labels "}\nspec: {externalCIDRs: " cidrs "}\n"

/* The configuration of one test; freed by the teardown. */
static struct config *config;

static void parse(const char *text)
{
	struct text_file file = {"a.yaml", text, strlen(text)};
	cleanup_free char *report = NULL;
	struct problems problems;
	int error;

	config_free(give(config));
	error = config_parse(&file, 1, &config, &problems);
	report = problems_print(&problems);
	problems_free(&problems);
	if (error)
		print_error("%s", report);
	assert_int_equal(error, 0);
}

/* The only rule of the only policy. */
static const struct rule *rule_of(const char *text)
{
	parse(text);
	assert_int_equal(config->n_policies, 1);
	assert_int_equal(config->policies[0].n_rules, 1);
	return &config->policies[0].rules[0];
}

/* "k8s:app In web,db; ..." */
static const char *print_selector(const struct selector *selector)
{
	static const char *const ops[] = {"In", "NotIn", "Exists", "DoesNotExist"};
	static char text[1024];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < selector->count; i++) {
		const struct requirement *req = &selector->list[i];

		used += snprintf(text + used, sizeof(text) - used, "%s%s:%s %s", i ? "; " : "",
				 req->source, req->key, ops[req->op]);
		for (size_t j = 0; j < req->count; j++)
			used += snprintf(text + used, sizeof(text) - used, "%c%s", j ? ',' : ' ',
					 req->values[j]);
	}
	return text;
}

static const char *print_prefix(const struct chq_prefix *prefix)
{
	static char text[PREFIX_TEXT_BYTES];

	return prefix_print(prefix, text);
}

static void test_selectors(void **state)
{
	static const struct {
		const char *text, *subject, *peer;
	} rows[] = {
		/* a namespaced policy speaks of its own namespace */
		{INGRESS("fromEndpoints: [{}]"),
		 "any:app In web; k8s:io.kubernetes.pod.namespace In shop",
		 "k8s:io.kubernetes.pod.namespace In shop"},
		/* a clusterwide one of all that have a namespace; its subject is not narrowed */
		{WIDE("fromEndpoints: [{}]"), "any:app In web",
		 "k8s:io.kubernetes.pod.namespace Exists"},
		{WIDE("fromEndpoints: [{matchLabels: {a: b}}]"), "any:app In web",
		 "any:a In b; k8s:io.kubernetes.pod.namespace Exists"},
		/* a peer that names its namespace, or its namespace's labels, is left alone */
		{INGRESS("fromEndpoints: [{matchLabels: {k8s:io.kubernetes.pod.namespace: x}}]"),
		 NULL, "k8s:io.kubernetes.pod.namespace In x"},
		{INGRESS("fromEndpoints: [{matchLabels: {io.kubernetes.pod.namespace: x}}]"), NULL,
		 "any:io.kubernetes.pod.namespace In x"},
		{INGRESS("fromEndpoints: [{matchLabels: {k8s:io.cilium.k8s.namespace.labels.t: x}}]"),
		 NULL, "k8s:io.cilium.k8s.namespace.labels.t In x"},
		/* and so is one of reserved labels */
		{INGRESS("fromEndpoints: [{matchLabels: {\"reserved:host\": \"\"}}]"), NULL,
		 "reserved:host In "},
		{WIDE("fromEndpoints: [{matchLabels: {reserved:world: }}]"), NULL,
		 "reserved:world In "},
		/* expressions, sorted */
		{INGRESS("fromEndpoints: [{matchExpressions: [{key: k8s:b, operator: NotIn, values: "
			 "[z, y]}, {key: a, operator: DoesNotExist}]}]"),
		 NULL,
		 "any:a DoesNotExist; k8s:b NotIn y,z; k8s:io.kubernetes.pod.namespace In shop"},
		/* the namespace of a CiliumNetworkPolicy is not the selector's to choose */
		{POLICY_HEAD
		 "spec:\n  endpointSelector: {matchLabels: "
		 "{k8s:io.kubernetes.pod.namespace: other}}\n  ingress: [{fromEndpoints: [{}]}]\n",
		 "k8s:io.kubernetes.pod.namespace In shop",
		 "k8s:io.kubernetes.pod.namespace In shop"},
		{POLICY_HEAD "spec:\n  endpointSelector: {matchExpressions: [{key: "
			     "k8s:io.kubernetes.pod.namespace, operator: In, values: [other]}]}\n"
			     "  ingress: [{fromEndpoints: [{}]}]\n",
		 "k8s:io.kubernetes.pod.namespace In other; k8s:io.kubernetes.pod.namespace In shop",
		 "k8s:io.kubernetes.pod.namespace In shop"},
		/* peers of an init policy need no namespace */
		{WIDE_HEAD "spec:\n  endpointSelector: {matchLabels: {reserved:init: }}\n"
			   "  ingress: [{fromEndpoints: [{matchLabels: {a: b}}]}]\n",
		 "reserved:init In ", "any:a In b"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct rule *rule = rule_of(rows[i].text);

		assert_int_equal(rule->peers.kind, PEER_SELECTORS);
		assert_int_equal(rule->peers.n_selectors, 1);
		assert_string_equal(print_selector(rule->peers.selectors), rows[i].peer);
		if (rows[i].subject)
			assert_string_equal(print_selector(&config->policies[0].subject),
					    rows[i].subject);
	}
}

static void test_peers(void **state)
{
	static const struct {
		const char *text;
		enum peer_kind kind;
		size_t selectors, nodes, cidrs;
		uint32_t entities;
		bool nobody, ports;
	} rows[] = {
		{INGRESS("{}"), PEER_ANY, .nobody = true},
		{INGRESS("toPorts: []"), PEER_ANY, .nobody = true},
		{INGRESS("fromEndpoints: ~"), PEER_ANY, .nobody = true},
		{INGRESS("toPorts: [{ports: [{port: \"80\"}]}]"), PEER_ANY, .ports = true},
		{INGRESS("icmps: [{fields: [{type: 8}]}]"), PEER_ANY, .ports = true},
		{INGRESS("fromEndpoints: []"), PEER_SELECTORS, .nobody = true},
		{INGRESS("{fromEndpoints: [], toPorts: [{ports: [{port: \"80\"}]}]}"),
		 PEER_SELECTORS, .nobody = true, .ports = true},
		{INGRESS("{fromEntities: [], fromCIDR: [10.0.0.0/8]}"), PEER_CIDRS, .nobody = true},
		{INGRESS("fromEndpoints: [{}, {matchLabels: {a: b}}]"), PEER_SELECTORS,
		 .selectors = 2},
		{INGRESS("fromNodes: [{matchLabels: {a: b}}]"), PEER_SELECTORS, .nodes = 1},
		{INGRESS("fromEntities: [world, host]"), PEER_ENTITIES,
		 .entities = 1 << ENTITY_WORLD | 1 << ENTITY_HOST},
		{INGRESS("fromEntities: [none]"), PEER_ENTITIES, .entities = 1 << ENTITY_NONE},
		{EGRESS("toCIDR: [10.1.2.3, \"fd00::/48\"]"), PEER_CIDRS, .cidrs = 2},
		{EGRESS("toCIDRSet: [{cidr: 10.0.0.0/8, except: [10.1.0.0/16]}]"), PEER_CIDRS,
		 .cidrs = 1},
		{EGRESS("{toEndpoints: [{}], toRequires: [], toPorts: ~}"), PEER_SELECTORS,
		 .selectors = 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct rule *rule = rule_of(rows[i].text);

		assert_int_equal(rule->peers.kind, rows[i].kind);
		assert_int_equal(rule->selects_nobody, rows[i].nobody);
		assert_int_equal(rule->ports_given, rows[i].ports);
		assert_int_equal(rule->peers.n_selectors, rows[i].selectors);
		assert_int_equal(rule->peers.n_nodes, rows[i].nodes);
		assert_int_equal(rule->peers.n_cidrs, rows[i].cidrs);
		assert_int_equal(rule->peers.entities, rows[i].entities);
	}
}

static void test_nodes_are_remote(void **state)
{
	const struct rule *rule = rule_of(EGRESS("toNodes: [{matchLabels: {site: x}}]"));

	(void)state;
	assert_string_equal(print_selector(rule->peers.nodes),
			    "any:site In x; reserved:remote-node Exists");
}

static void test_ports(void **state)
{
	static const struct {
		const char *port;
		struct port_rule want;
	} rows[] = {
		{"{port: \"80\"}", {.protocols = PORT_ANY, .first = 80, .last = 80}},
		{"{port: 80, protocol: tcp}", {.protocols = PORT_TCP, .first = 80, .last = 80}},
		{"{port: \"0\", protocol: UDP}", {.protocols = PORT_UDP}},
		{"{port: \"8080\", endPort: 8090, protocol: SCTP}",
		 {.protocols = PORT_SCTP, .first = 8080, .last = 8090}},
		/* Cilium: an end that is not above the port says nothing */
		{"{port: \"90\", endPort: 80}", {.protocols = PORT_ANY, .first = 90, .last = 90}},
		{"{port: HTTP, protocol: TCP}", {.protocols = PORT_TCP, .name = "http"}},
		{"{port: http, endPort: 90}", {.protocols = PORT_ANY, .name = "http"}},
		{"{protocol: VRRP}", {.protocols = PORT_OTHER, .ip_protocol = 112}},
		{"{port: \"0\", protocol: GRE}", {.protocols = PORT_OTHER, .ip_protocol = 47}},
		{"{protocol: esp}", {.protocols = PORT_OTHER, .ip_protocol = 50}},
	};
	char text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct port_rule *want = &rows[i].want, *found;
		const struct rule *rule;

		snprintf(text, sizeof(text), INGRESS("toPorts: [{ports: [%s]}]"), rows[i].port);
		rule = rule_of(text);
		assert_int_equal(rule->n_ports, 1);
		found = rule->ports;
		assert_int_equal(found->protocols, want->protocols);
		assert_int_equal(found->first, want->first);
		assert_int_equal(found->last, want->last);
		assert_int_equal(found->ip_protocol, want->ip_protocol);
		if (want->name)
			assert_string_equal(found->name, want->name);
		else
			assert_null(found->name);
	}
}

static void test_entries_without_ports(void **state)
{
	const struct rule *rule = rule_of(INGRESS("{fromEndpoints: [{}], toPorts: [{}]}"));

	(void)state;
	assert_true(rule->ports_given);
	assert_int_equal(rule->n_ports, 0);
}

static void test_icmps(void **state)
{
	static const struct {
		const char *field;
		uint32_t protocol;
		unsigned type;
	} rows[] = {
		{"{type: 8}", PORT_ICMP, 8},
		{"{type: EchoRequest}", PORT_ICMP, 8},
		{"{type: EchoRequest, family: IPv6}", PORT_ICMPV6, 128},
		{"{type: 0, family: IPv6}", PORT_ICMPV6, 0},
		{"{type: PacketTooBig, family: IPv6}", PORT_ICMPV6, 2},
		{"{type: TimestampReply, family: IPv4}", PORT_ICMP, 14},
	};
	char text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct rule *rule;

		snprintf(text, sizeof(text), INGRESS("icmps: [{fields: [%s]}]"), rows[i].field);
		rule = rule_of(text);
		assert_int_equal(rule->n_ports, 1);
		assert_int_equal(rule->ports[0].protocols, rows[i].protocol);
		assert_int_equal(rule->ports[0].icmp_type, rows[i].type);
	}
}

static void test_default_deny(void **state)
{
	static const struct {
		const char *spec;
		bool deny[2], applies[2];
	} rows[] = {
		{"ingress: [{}]", {true, false}, {true, false}},
		{"ingressDeny: [{fromEntities: [world]}]", {true, false}, {true, false}},
		{"{ingress: [{}], egress: []}", {true, false}, {true, false}},
		{"{ingress: [{}], egressDeny: [{}]}", {true, true}, {true, true}},
		{"{enableDefaultDeny: {ingress: false}, ingress: [{}]}",
		 {false, false},
		 {true, false}},
		{"{enableDefaultDeny: {egress: true}, ingress: [{}]}",
		 {true, false},
		 {true, false}},
		{"{enableDefaultDeny: {egress: false, ingress: true}, ingress: [{}], egress: [{}]}",
		 {true, false},
		 {true, true}},
	};
	char text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *spec = rows[i].spec;
		bool braces = *spec == '{';

		snprintf(text, sizeof(text), POLICY_HEAD "spec: {endpointSelector: {}, %.*s}\n",
			 (int)strlen(spec) - 2 * braces, spec + braces);
		parse(text);
		for (int d = CHQ_INGRESS; d <= CHQ_EGRESS; d++) {
			assert_int_equal(config->policies[0].default_deny[d], rows[i].deny[d]);
			assert_int_equal(config->policies[0].applies[d], rows[i].applies[d]);
		}
	}
}

static void test_specs(void **state)
{
	(void)state;
	parse(WIDE_HEAD
	      "spec: {nodeSelector: {matchLabels: {a: b}}, ingress: [{}]}\n"
	      "specs:\n- {endpointSelector: {}, egress: [{}]}\n"
	      "- {endpointSelector: {}, ingressDeny: [{}], description: x, log: {value: y}}\n");
	assert_int_equal(config->n_policies, 3);
	assert_true(config->policies[0].selects_nodes);
	assert_false(config->policies[1].selects_nodes);
	assert_true(config->policies[2].rules[0].deny);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(config->policies[i].name, "p");
	assert_int_equal(config->policies[2].at.line, 7);
}

static void test_annotations(void **state)
{
	(void)state;
	parse("apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n"
	      "metadata: {name: p, uid: x, generation: 3, managedFields: [{a: b}], annotations: "
	      "{chasqui.io/audit: \"true\", chasqui.io/on-deny: reject, other/x: y}}\n" WEB
	      "  ingress: [{}]\nstatus: {conditions: []}\n");
	assert_true(config->policies[0].audit);
	assert_int_equal(config->policies[0].on_deny, ON_DENY_REJECT);
	assert_string_equal(config->policies[0].namespace, "default");
}

static void test_cidr_groups(void **state)
{
	const struct peers *peers;

	(void)state;
	peers = &rule_of(EGRESS("toCIDRSet: [{cidrGroupRef: b, except: [10.2.0.0/16]}, {cidr: "
				"192.0.2.0/24}]") GROUP("a", "{}", "[10.1.0.0/16]")
				 GROUP("b", "{}", "[10.0.0.0/8, \"fd00::5\"]"))
			 ->peers;
	assert_int_equal(peers->n_cidrs, 3);
	assert_string_equal(print_prefix(&peers->cidrs[0].prefix), "192.0.2.0/24");
	assert_int_equal(peers->cidrs[0].excepts, 0);
	assert_string_equal(print_prefix(&peers->cidrs[1].prefix), "10.0.0.0/8");
	assert_string_equal(print_prefix(&peers->cidrs[1].except[0]), "10.2.0.0/16");
	assert_string_equal(print_prefix(&peers->cidrs[2].prefix), "fd00::5/128");

	peers = &rule_of(EGRESS("toCIDRSet: [{cidrGroupSelector: {matchExpressions: [{key: t, "
				"operator: In, values: [x, y]}]}}]")
				 GROUP("a", "{t: x}", "[10.1.0.0/16]")
					 GROUP("b", "{t: z}", "[10.2.0.0/16]")
						 GROUP("c", "{t: y}", "[10.3.0.0/16]"))
			 ->peers;
	assert_int_equal(peers->n_cidrs, 2);
	assert_string_equal(print_prefix(&peers->cidrs[1].prefix), "10.3.0.0/16");

	/* what an except takes away still gives addresses its label, so the compiler sees it */
	peers = &rule_of(EGRESS("toCIDRSet: [{cidrGroupRef: a, except: [10.1.2.0/24]}]")
				 GROUP("a", "{}", "[10.1.0.0/16, 10.1.2.3, 10.1.2.0/24]"))
			 ->peers;
	assert_int_equal(peers->n_cidrs, 3);
	assert_string_equal(print_prefix(&peers->cidrs[0].prefix), "10.1.0.0/16");

	/* a group that nobody has written has no prefixes: nobody, not everybody */
	peers = &rule_of(EGRESS("toCIDRSet: [{cidrGroupRef: missing}]"))->peers;
	assert_int_equal(peers->kind, PEER_CIDRS);
	assert_int_equal(peers->n_cidrs, 0);
}

static void test_cidr_bits_are_cleared(void **state)
{
	const struct rule *rule = rule_of(EGRESS("toCIDR: [10.1.2.3/8, \"fd00::1/16\"]"));

	(void)state;
	assert_string_equal(print_prefix(&rule->peers.cidrs[0].prefix), "10.0.0.0/8");
	assert_string_equal(print_prefix(&rule->peers.cidrs[1].prefix), "fd00::/16");
}

static void test_network_policy(void **state)
{
	static const struct {
		const char *spec;
		bool applies[2];
		size_t rules;
	} rows[] = {
		{"{podSelector: {}}", {true, false}, 0},
		{"{podSelector: {}, policyTypes: [Egress]}", {false, true}, 0},
		{"{podSelector: {}, egress: [{}]}", {true, true}, 1},
		{"{podSelector: {}, egress: []}", {true, false}, 0},
		{"{podSelector: {}, ingress: [{}], policyTypes: [Ingress, Egress]}",
		 {true, true},
		 1},
		/* rules of a direction that policyTypes leaves out have no say */
		{"{podSelector: {}, ingress: [{}], egress: [{}], policyTypes: [Egress]}",
		 {false, true},
		 1},
	};
	char text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), NETWORK_HEAD "spec: %s\n", rows[i].spec);
		parse(text);
		assert_int_equal(config->policies[0].n_rules, rows[i].rules);
		for (int d = CHQ_INGRESS; d <= CHQ_EGRESS; d++) {
			assert_int_equal(config->policies[0].applies[d], rows[i].applies[d]);
			assert_int_equal(config->policies[0].default_deny[d], rows[i].applies[d]);
		}
		assert_string_equal(print_selector(&config->policies[0].subject),
				    "k8s:io.kubernetes.pod.namespace In shop");
	}
}

static void test_network_peers(void **state)
{
	static const struct {
		const char *peer, *selector;
	} rows[] = {
		{"{podSelector: {matchLabels: {a: b}}}",
		 "k8s:a In b; k8s:io.kubernetes.pod.namespace In shop"},
		{"{namespaceSelector: {}}", "k8s:io.kubernetes.pod.namespace Exists"},
		{"{namespaceSelector: {matchLabels: {team: x}}}",
		 "k8s:io.cilium.k8s.namespace.labels.team In x"},
		{"{namespaceSelector: {matchLabels: {team: x}}, podSelector: {matchLabels: {a: b}}}",
		 "k8s:a In b; k8s:io.cilium.k8s.namespace.labels.team In x"},
	};
	char text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct rule *rule;

		snprintf(text, sizeof(text),
			 NETWORK_HEAD "spec: {podSelector: {}, ingress: [{from: [%s]}]}\n",
			 rows[i].peer);
		rule = rule_of(text);
		assert_int_equal(rule->peers.n_selectors, 1);
		assert_string_equal(print_selector(rule->peers.selectors), rows[i].selector);
	}
	parse(NETWORK_HEAD
	      "spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, "
	      "except: [10.1.0.0/16]}}, {podSelector: {}}]}, {from: []}, {ports: [{}]}]}\n");
	assert_int_equal(config->policies[0].rules[0].peers.n_cidrs, 1);
	assert_int_equal(config->policies[0].rules[0].peers.n_selectors, 1);
	assert_true(config->policies[0].rules[0].peers.cidrs[0].endpoints_too);
	assert_int_equal(config->policies[0].rules[1].peers.kind, PEER_ANY);
	assert_int_equal(config->policies[0].rules[2].ports[0].protocols, PORT_TCP);
	assert_int_equal(config->policies[0].rules[2].ports[0].last, 0);
	for (size_t i = 0; i < 3; i++)
		assert_false(config->policies[0].rules[i].selects_nobody);
}

static const char *label_of(const struct endpoint *endpoint, const char *key)
{
	for (size_t i = 0; i < endpoint->labels.count; i++)
		if (strcmp(endpoint->labels.list[i].key, key) == 0)
			return endpoint->labels.list[i].value;
	return NULL;
}

static void test_endpoint(void **state)
{
	const struct endpoint *endpoint;

	(void)state;
	parse(ENDPOINT(
		"{name: web, namespace: shop, labels: {app: web, container:x: y}}",
		"{addresses: [10.0.0.5], prefixes: [\"fd00:1::/64\"], audit: true, "
		"namedPorts: [{name: HTTP, port: 8080}, {name: http, port: 53, protocol: UDP}]}") "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: x}}\n");
	endpoint = &config->endpoints[0];
	assert_string_equal(endpoint->namespace, "shop");
	assert_int_equal(endpoint->n_prefixes, 2);
	assert_int_equal(endpoint->prefixes[0].length_bits, 128);
	assert_int_equal(endpoint->prefixes[1].length_bits, 64);
	assert_true(endpoint->audit);
	assert_null(endpoint->port);
	assert_string_equal(endpoint->named_ports[0].name, "http");
	assert_int_equal(endpoint->named_ports[0].protocol, PORT_TCP);
	assert_int_equal(endpoint->named_ports[1].protocol, PORT_UDP);
	assert_int_equal(endpoint->labels.count, 5);
	assert_string_equal(label_of(endpoint, "app"), "web");
	assert_string_equal(label_of(endpoint, "x"), "y");
	assert_string_equal(label_of(endpoint, "io.kubernetes.pod.namespace"), "shop");
	assert_string_equal(label_of(endpoint, "io.cilium.k8s.namespace.labels.team"), "x");
	assert_string_equal(
		label_of(endpoint, "io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name"),
		"shop");
	assert_string_equal(endpoint->labels.list[0].source, "container");
}

static void test_gateway(void **state)
{
	const struct gateway *gw;

	(void)state;
	parse(GATEWAY(
		"{ports: [{name: lan0, role: inside, onDeny: reject, antiSpoofing: false}, "
		"{name: wan0, role: outside}], policy: {enforcement: always, audit: true, "
		"cidrMatchMode: [nodes]}, onDeny: reject, denyPrefixes: [203.0.113.0/24, "
		"192.0.2.1, 203.0.113.0/24], management: {ports: [22/tcp, 6000-6010/udp], from: "
		"[192.0.2.0/24]}, limits: {conntrack: 4096}, timeouts: {udp: 1m30s, denied: "
		"500ms}, pickup: 0, ethertypes: [0x88f7, lldp]}"));
	gw = &config->gateway;
	assert_string_equal(gw->name, "gw");
	assert_int_equal(gw->n_ports, 2);
	assert_int_equal(gw->ports[0].role, CHQ_INSIDE);
	assert_int_equal(gw->ports[0].on_deny, ON_DENY_REJECT);
	assert_true(gw->ports[0].any_source);
	assert_false(gw->ports[1].any_source);
	assert_int_equal(gw->enforcement, ENFORCE_ALWAYS);
	assert_true(gw->audit);
	assert_true(gw->cidr_matches_nodes);
	assert_false(gw->cidr_matches_endpoints);
	assert_int_equal(gw->on_deny, ON_DENY_REJECT);
	assert_int_equal(gw->n_deny, 2);
	assert_string_equal(print_prefix(&gw->deny[0]), "192.0.2.1/32");
	assert_int_equal(gw->management_ports[1].last, 6010);
	assert_int_equal(gw->limits.conntrack, 4096);
	assert_int_equal(gw->limits.unproven, CHQ_UNPROVEN_DEFAULT);
	assert_true(gw->timeout_s[CHQ_TIMEOUT_UDP] == 90);
	assert_true(gw->timeout_s[CHQ_TIMEOUT_DENIED] == 0.5);
	assert_true(gw->timeout_s[CHQ_TIMEOUT_TCP_ESTABLISHED] == 8000);
	assert_true(gw->pickup_s == 0);
	assert_int_equal(gw->n_ethertypes, 2);
	assert_int_equal(gw->ethertypes[1], 0x88cc);
}

static void test_nothing(void **state)
{
	(void)state;
	parse("");
	parse("---\n---\n# nothing\n");
	assert_int_equal(config->gateway.at.line, 0);
	assert_int_equal(config->gateway.limits.conntrack, CHQ_FLOWS_DEFAULT);
	assert_true(config->gateway.timeout_s[CHQ_TIMEOUT_TCP_SYN] == 60);
}

/* Files in the order of their names, whatever order they come in. */
static void test_order(void **state)
{
	static const char policy[] = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n"
				     "metadata: {name: %s}\n" WEB "  ingress: [{}]\n";
	char texts[2][512];
	struct text_file files[2] = {{"b.yaml", texts[0]}, {"a.yaml", texts[1]}};
	struct problems problems;

	(void)state;
	for (size_t i = 0; i < 2; i++)
		files[i].length_bytes =
			snprintf(texts[i], sizeof(texts[i]), policy, i ? "first" : "second");
	config_free(give(config));
	assert_int_equal(config_parse(files, 2, &config, &problems), 0);
	assert_string_equal(config->policies[0].name, "first");
	assert_string_equal(config->sources[config->policies[1].at.file].path, "b.yaml");
}

static void write_file(const char *directory, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void remove_all(const char *directory, const char *const *names)
{
	char path[256];

	for (; *names; names++) {
		snprintf(path, sizeof(path), "%s/%s", directory, *names);
		assert_int_equal(remove(path), 0);
	}
	assert_int_equal(rmdir(directory), 0);
}

static void test_directory(void **state)
{
	static const char *const names[] = {"a.yaml", "b.yml", ".hidden.yaml", "notes.txt", "deny",
					    "c.yaml", NULL};
	char directory[] = "/tmp/chasqui-test-XXXXXX", path[64];
	cleanup_free char *report = NULL;
	struct problems problems;

	(void)state;
	config_free(give(config));
	assert_non_null(mkdtemp(directory));
	write_file(directory, "a.yaml", GATEWAY("{denyPrefixFiles: [deny]}"));
	write_file(directory, "b.yml", ENDPOINT("{name: a}", "{addresses: [10.0.0.1]}"));
	write_file(directory, ".hidden.yaml", "not: read");
	write_file(directory, "notes.txt", "not read");
	write_file(directory, "deny", "# list\n203.0.113.0/24  # one\r\n\n\t192.0.2.7\n");
	snprintf(path, sizeof(path), "%s/c.yaml", directory);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(config_read(directory, &config, &problems), -EINVAL);
	report = problems_print(&problems);
	assert_string_equal(report,
			    "c.yaml: the file cannot be read: Invalid argument, expected a regular "
			    "file\n");
	problems_free(&problems);

	assert_int_equal(rmdir(path), 0);
	write_file(directory, "c.yaml", "");
	assert_int_equal(config_read(directory, &config, &problems), 0);
	assert_int_equal(config->n_endpoints, 1);
	assert_int_equal(config->gateway.n_deny, 2);

	write_file(directory, "deny", "203.0.113.0/24\n  10.0.0.1/8\n");
	config_free(give(config));
	assert_int_equal(config_read(directory, &config, &problems), -EINVAL);
	assert_int_equal(problems.list[0].at.line, 2);
	assert_int_equal(problems.list[0].at.column, 3);
	assert_string_equal(problems.paths[problems.list[0].at.file], "deny");
	assert_string_equal(problems.lines[0], "  10.0.0.1/8");
	problems_free(&problems);
	remove_all(directory, names);
	assert_int_equal(config_read(directory, &config, &problems), -ENOENT);
}

/* A mistake that lies between two files names both. */
static void test_two_files(void **state)
{
	struct text_file files[2] = {
		{"a.yaml", ENDPOINT("{name: a}", "{addresses: [10.0.0.1]}")},
		{"b.yaml", ENDPOINT("{name: b}", "{addresses: [10.0.0.1]}")},
	};
	cleanup_free char *report = NULL;
	struct problems problems;

	(void)state;
	config_free(give(config));
	for (size_t i = 0; i < 2; i++)
		files[i].length_bytes = strlen(files[i].text);
	assert_int_equal(config_parse(files, 2, &config, &problems), -EINVAL);
	report = problems_print(&problems);
	problems_free(&problems);
	assert_non_null(strstr(report, "b.yaml:1:1: "));
	assert_non_null(strstr(report, "in a.yaml:1"));
}

static int free_config(void **state)
{
	(void)state;
	config_free(give(config));
	return 0;
}

#define ROW(name) cmocka_unit_test_teardown(test_##name, free_config)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(selectors),
		ROW(peers),
		ROW(nodes_are_remote),
		ROW(ports),
		ROW(entries_without_ports),
		ROW(icmps),
		ROW(default_deny),
		ROW(specs),
		ROW(annotations),
		ROW(cidr_groups),
		ROW(cidr_bits_are_cleared),
		ROW(network_policy),
		ROW(network_peers),
		ROW(endpoint),
		ROW(gateway),
		ROW(nothing),
		ROW(order),
		ROW(directory),
		ROW(two_files),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
