// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compile_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/addr.h"

static const char gateway_head[] =
	"apiVersion: chasqui.io/v1\n"
	"kind: Gateway\n"
	"metadata: {name: gw, labels: {role: gateway}}\n"
	"spec:\n"
	"  ports: [{name: lan0, role: inside}, {name: wan0, role: outside}]\n";

static const char others[] =
	"---\n"
	"apiVersion: chasqui.io/v1\n"
	"kind: Endpoint\n"
	"metadata: {name: web, namespace: shop, labels: {app: web}}\n"
	"spec:\n"
	"  addresses: [10.0.0.1, 'fd00::1']\n"
	"  port: lan0\n"
	"  namedPorts: [{name: http, port: 8080, protocol: TCP}, {name: dns, port: 53, protocol: UDP}]\n"
	"---\n"
	"apiVersion: chasqui.io/v1\n"
	"kind: Endpoint\n"
	"metadata: {name: db, namespace: shop, labels: {app: db}}\n"
	"spec:\n"
	"  addresses: [10.0.0.2, 'fd00::2']\n"
	"  namedPorts: [{name: http, port: 9090, protocol: TCP}]\n"
	"---\n"
	"apiVersion: chasqui.io/v1\n"
	"kind: Endpoint\n"
	"metadata: {name: labweb, namespace: lab, labels: {app: web, tier: x}}\n"
	"spec: {addresses: [10.0.0.3]}\n"
	"---\n"
	"apiVersion: chasqui.io/v1\n"
	"kind: Endpoint\n"
	"metadata: {name: net, namespace: shop, labels: {app: net}}\n"
	"spec: {prefixes: [10.1.0.0/16]}\n"
	"---\n"
	"apiVersion: chasqui.io/v1\n"
	"kind: Endpoint\n"
	"metadata: {name: far, namespace: lab, labels: {app: far}}\n"
	"spec: {addresses: [10.9.1.1]}\n"
	"---\n"
	"apiVersion: chasqui.io/v1\n"
	"kind: Peer\n"
	"metadata: {name: p, labels: {site: oslo}}\n"
	"spec:\n"
	"  publicKey: AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n"
	"  endpoint: 192.0.2.1:51820\n"
	"  prefixes: [10.9.0.0/16]\n"
	"---\n"
	"apiVersion: v1\n"
	"kind: Namespace\n"
	"metadata: {name: lab, labels: {env: test}}\n";

static const struct {
	const char *name, *address;
} ends[] = {
	{"web", "10.0.0.1"},   {"web6", "fd00::1"},	  {"db", "10.0.0.2"},
	{"db6", "fd00::2"},    {"labweb", "10.0.0.3"},	  {"net", "10.1.2.3"},
	{"far", "10.9.1.1"},   {"peer", "10.9.5.5"},	  {"host", "10.0.0.254"},
	{"host6", "fd00::fe"}, {"world", "198.51.100.7"}, {"world6", "2001:db8::7"},
	{"cidr", "192.0.2.5"},
};

static uint16_t port_number(void *data, const char *name)
{
	(void)data;
	return strcmp(name, "lan0") == 0 ? 1 : strcmp(name, "wan0") == 0 ? 2 : 3;
}

void built_compile(struct built *built)
{
	struct chq_addr own[2];
	struct facts facts = {port_number, registry_number, built->registry, own, 2};

	addr_parse("10.0.0.254", &own[0]);
	addr_parse("fd00::fe", &own[1]);
	generation_free(built->generation);
	built->generation = NULL;
	built->err =
		generation_compile(built->config, &facts, &built->generation, &built->problems);
}

static struct built build_with(struct registry *registry, const struct text_file *texts,
			       size_t count)
{
	struct built built = {.registry = registry};

	built.err = config_parse(texts, count, &built.config, &built.problems);
	if (!built.err)
		built_compile(&built);
	return built;
}

struct built build_texts(const struct text_file *texts, size_t count)
{
	struct registry *registry = registry_new(100000);
	struct built built = build_with(registry, texts, count);

	built.own_registry = registry;
	return built;
}

static struct built build_documents(struct registry *registry, const char *gateway,
				    const char *policies)
{
	struct text_file files[] = {{.path = "a.yaml"}, {.path = "b.yaml"}};
	struct built built;
	char *text;

	assert_true(asprintf(&text, "%s%s\n%s", gateway_head, gateway ? gateway : "", others) > 0);
	files[0].text = text;
	files[0].length_bytes = strlen(text);
	files[1].text = policies ? policies : "";
	files[1].length_bytes = strlen(files[1].text);
	built = build_with(registry, files, 2);
	free(text);
	return built;
}

struct built build(const char *gateway, const char *policies)
{
	struct registry *registry = registry_new(100000);
	struct built built = build_documents(registry, gateway, policies);

	built.own_registry = registry;
	return built;
}

struct built build_next(const struct built *before, const char *gateway, const char *policies)
{
	return build_documents(before->registry, gateway, policies);
}

void built_free(struct built *built)
{
	generation_free(built->generation);
	config_free(built->config);
	registry_free(built->own_registry);
	problems_free(&built->problems);
}

static struct chq_addr address_of(const char *name)
{
	struct chq_addr addr;

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (strcmp(ends[i].name, name) == 0)
			name = ends[i].address;
	if (addr_parse(name, &addr) < 0)
		fail_msg("who is %s?", name);
	return addr;
}

static uint32_t target_of(const char *protocol, unsigned number)
{
	static const struct {
		const char *name;
		uint32_t first;
	} rows[] = {
		{"tcp", CHQ_TARGET_TCP},   {"udp", CHQ_TARGET_UDP},	  {"sctp", CHQ_TARGET_SCTP},
		{"icmp", CHQ_TARGET_ICMP}, {"icmpv6", CHQ_TARGET_ICMPV6}, {"ip", CHQ_TARGET_OTHER},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].name, protocol) == 0)
			return rows[i].first + number;
	fail_msg("which protocol is %s?", protocol);
	return 0;
}

static void print_decision(const struct chq_decision *decision, char *to)
{
	static const struct {
		uint8_t reason;
		const char *word;
	} rows[] = {
		{CHQ_PASS_NO_POLICY, "none"},	{CHQ_PASS_ALLOWED, "allow"},
		{CHQ_DROP_NO_RULE, "drop"},	{CHQ_DROP_DENIED, "deny"},
		{CHQ_PASS_MANAGEMENT, "guard"},
	};
	const char *word = "?";

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].reason == decision->reason)
			word = rows[i].word;
	sprintf(to + strlen(to), "%s%s%s", word, decision->flags & CHQ_DECISION_AUDIT ? "~" : "",
		decision->flags & CHQ_DECISION_REJECT ? "!" : "");
}

void ask(const struct built *built, const char *text, struct flow_text *ret)
{
	char source[48], target[48], protocol[8], egress[16], ingress[16];
	unsigned number;

	memset(ret, 0, sizeof(*ret));
	if (sscanf(text, "%47s > %47s %7[a-z0-9]/%u: %15s %15s", source, target, protocol, &number,
		   egress, ingress) != 6)
		fail_msg("no flow: %s", text);
	ret->query = (struct flow_query){.source = address_of(source),
					 .target = address_of(target),
					 .aim = target_of(protocol, number),
					 .ingress = true,
					 .egress = true};
	snprintf(ret->expected, sizeof(ret->expected), "%s %s", egress, ingress);
	generation_ask(built->generation, &ret->query, &ret->answer);
	print_decision(&ret->answer.egress, ret->found);
	strcat(ret->found, " ");
	print_decision(&ret->answer.ingress, ret->found);
}

void check_flows(const char *what, const struct built *built, const char *const *flows)
{
	struct flow_text flow;
	char *problems;

	if (built->err) {
		problems = problems_print(&built->problems);
		fail_msg("%s: %d\n%s", what, built->err, problems);
	}
	for (; *flows; flows++) {
		ask(built, *flows, &flow);
		if (strcmp(flow.expected, flow.found) != 0)
			fail_msg("%s: %s, but found %s", what, *flows, flow.found);
	}
}
