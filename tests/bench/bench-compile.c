// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "compile/generation.h"
#include "identity/registry.h"
#include "policy/memory.h"

/*
 * How long a generation takes to compile, for good shapes and bad ones, in seconds
 * of one processor: a line of JSON each on stdout, a table on stderr.
 */

static struct obstack arena;

static const char *text(const char *format, unsigned number)
{
	char line[64];
	int length = snprintf(line, sizeof(line), format, number);

	return arena_text(&arena, line, length);
}

static struct label label(const char *key, const char *value)
{
	return (struct label){"k8s", key, value};
}

static struct chq_prefix host(unsigned number)
{
	struct chq_prefix prefix = {.length_bits = 128,
				    .addr.byte = {[10] = 0xff, [11] = 0xff, [12] = 10}};

	prefix.addr.byte[13] = number >> 16;
	prefix.addr.byte[14] = number >> 8;
	prefix.addr.byte[15] = number;
	return prefix;
}

static struct chq_prefix network(unsigned number)
{
	struct chq_prefix prefix = host(number << 4);

	prefix.addr.byte[12] = 20 + (number >> 20);
	prefix.length_bits = 124;
	return prefix;
}

/* Sorted by key already. */
static struct endpoint endpoint(unsigned number, unsigned sets)
{
	struct endpoint endpoint = {.namespace = "bench", .name = text("e%u", number)};

	endpoint.labels.count = 5;
	endpoint.labels.list = arena_array(&arena, struct label, 5);
	endpoint.labels.list[0] = label("app", text("app-%u", number % sets));
	endpoint.labels.list[1] = label("env", number % sets % 2 ? "dev" : "prod");
	endpoint.labels.list[2] = label("io.kubernetes.pod.namespace", "bench");
	endpoint.labels.list[3] = label("team", text("team-%u", number % sets % 10));
	endpoint.labels.list[4] = label("tier", number % sets % 3 ? "back" : "front");
	endpoint.prefixes = arena_array(&arena, struct chq_prefix, 1);
	endpoint.prefixes[0] = host(number);
	endpoint.n_prefixes = 1;
	return endpoint;
}

static struct selector selector(enum requirement_op op, const char *app)
{
	struct selector selector = {.count = 2};

	selector.list = arena_array(&arena, struct requirement, 2);
	selector.list[0] = (struct requirement){"any", "app", op, NULL, 1};
	selector.list[0].values = arena_array(&arena, const char *, 1);
	selector.list[0].values[0] = app;
	selector.list[1] =
		(struct requirement){"k8s", "io.kubernetes.pod.namespace", REQUIRE_IN, NULL, 1};
	selector.list[1].values = arena_array(&arena, const char *, 1);
	selector.list[1].values[0] = "bench";
	return selector;
}

static struct selector everyone(void)
{
	struct selector all = selector(REQUIRE_IN, "");

	all.list++;
	all.count = 1;
	return all;
}

static struct rule rule_from(struct selector peer, unsigned port)
{
	struct rule rule = {.direction = CHQ_INGRESS, .ports_given = port, .n_ports = !!port};

	rule.peers.kind = PEER_SELECTORS;
	rule.peers.selectors = arena_array(&arena, struct selector, 1);
	rule.peers.selectors[0] = peer;
	rule.peers.n_selectors = 1;
	rule.ports = arena_array(&arena, struct port_rule, 1);
	rule.ports[0] = (struct port_rule){.protocols = PORT_TCP, .first = port};
	return rule;
}

static struct policy policy(unsigned number, struct selector subject, unsigned rules)
{
	struct policy policy = {.kind = "CiliumNetworkPolicy",
				.namespace = "bench",
				.name = text("p%u", number),
				.subject = subject,
				.default_deny = {true, false},
				.applies = {true, false},
				.n_rules = rules};

	policy.rules = arena_array(&arena, struct rule, rules);
	return policy;
}

static void make_room(struct config *config, unsigned endpoints, unsigned sets, unsigned policies)
{
	config->endpoints = arena_array(&arena, struct endpoint, endpoints);
	config->n_endpoints = endpoints;
	for (unsigned i = 0; i < endpoints; i++)
		config->endpoints[i] = endpoint(i, sets);
	config->policies = arena_array(&arena, struct policy, policies);
	config->n_policies = policies;
	config->gateway.at.line = 1;
	config->gateway.limits = (struct limits){.identities = 1 << 20, .rules = 1 << 20};
}

static void few_sets(struct config *config, unsigned endpoints, unsigned policies)
{
	make_room(config, endpoints, 50, policies);
	for (unsigned i = 0; i < policies; i++) {
		config->policies[i] = policy(i, selector(REQUIRE_IN, text("app-%u", i % 50)), 1);
		config->policies[i].rules[0] =
			rule_from(selector(REQUIRE_IN, text("app-%u", i / 50 % 50)), 1 + i % 1000);
	}
}

static void all_distinct(struct config *config, unsigned endpoints, unsigned policies)
{
	make_room(config, endpoints, endpoints, policies);
	for (unsigned i = 0; i < policies; i++) {
		config->policies[i] = policy(i, selector(REQUIRE_IN, text("app-%u", i)), 1);
		config->policies[i].rules[0] =
			rule_from(selector(REQUIRE_IN, text("app-%u", (i * 7 + 1) % endpoints)),
				  1 + i % 1000);
	}
}

static void distinct_and_everyone(struct config *config, unsigned endpoints, unsigned policies)
{
	all_distinct(config, endpoints, policies);
	for (unsigned i = 0; i < policies; i++) {
		struct rule own = config->policies[i].rules[0];

		config->policies[i].n_rules = 2;
		config->policies[i].rules = arena_array(&arena, struct rule, 2);
		config->policies[i].rules[0] = own;
		config->policies[i].rules[1] = rule_from(everyone(), 443);
	}
}

/* Every policy selects everybody but one, and lets in everybody but another. */
static void all_but_one(struct config *config, unsigned endpoints, unsigned policies)
{
	make_room(config, endpoints, endpoints, policies);
	for (unsigned i = 0; i < policies; i++) {
		config->policies[i] = policy(i, selector(REQUIRE_NOT_IN, text("app-%u", i)), 1);
		config->policies[i].rules[0] =
			rule_from(selector(REQUIRE_NOT_IN, text("app-%u", i + 1)), 1 + i % 1000);
	}
}

static void peers_but_one(struct config *config, unsigned endpoints, unsigned policies)
{
	all_distinct(config, endpoints, policies);
	for (unsigned i = 0; i < policies; i++)
		config->policies[i].rules[0] =
			rule_from(selector(REQUIRE_NOT_IN, text("app-%u", i + 1)), 1 + i % 1000);
}

static void one_for_all(struct config *config, unsigned endpoints, unsigned policies)
{
	make_room(config, endpoints, endpoints, policies);
	for (unsigned i = 0; i < policies; i++) {
		config->policies[i] = policy(i, everyone(), 1);
		config->policies[i].rules[0] =
			rule_from(selector(REQUIRE_IN, text("app-%u", i)), 1 + i % 1000);
	}
}

static void many_cidrs(struct config *config, unsigned endpoints, unsigned policies)
{
	few_sets(config, endpoints, policies);
	for (unsigned i = 0; i < policies; i++) {
		struct peers *peers = &config->policies[i].rules[0].peers;

		*peers = (struct peers){.kind = PEER_CIDRS, .n_cidrs = 1};
		peers->cidrs = arena_array(&arena, struct cidr_rule, 1);
		peers->cidrs[0].prefix = network(i);
		config->policies[i].rules[0].deny = i % 2;
	}
}

static void many_ports(struct config *config, unsigned endpoints, unsigned policies)
{
	few_sets(config, endpoints, policies);
	for (unsigned i = 0; i < policies; i++) {
		struct port_rule *port = &config->policies[i].rules[0].ports[0];

		port->first = 1 + i * 7919u % 60000;
		port->last = port->first + i * 104729u % 5000;
	}
}

/* Processor time: what else runs on the machine is not the compiler's doing. */
static double now_s(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static uint16_t port_number(void *data, const char *name)
{
	(void)data;
	(void)name;
	return 1;
}

static double time_asks(const struct generation *generation, unsigned endpoints)
{
	double start = now_s();
	struct flow_answer answer;

	for (unsigned i = 0; i < 100000; i++) {
		struct flow_query query = {.aim = i % 1000, .ingress = true, .egress = true};

		query.source = host(i * 7919u % endpoints).addr;
		query.target = host(i * 104729u % endpoints).addr;
		generation_ask(generation, &query, &answer);
	}
	return now_s() - start;
}

struct shape {
	const char *name;
	void (*make)(struct config *config, unsigned endpoints, unsigned policies);
	unsigned endpoints, policies;
};

static void print(const struct shape *shape, double first_s, double best_s,
		  const struct generation *generation, const char *refusal)
{
	double asks_s = generation ? time_asks(generation, shape->endpoints) : 0;

	printf("{\"case\":\"compile %s\",\"endpoints\":%u,\"policies\":%u,\"first_s\":%.4f,\"best_s\":%.4f",
	       shape->name, shape->endpoints, shape->policies, first_s, best_s);
	if (generation)
		printf(",\"pairs\":%zu,\"rules\":%zu,\"rule_sets\":%u,\"port_classes\":%u,\"asks_100k_s\":%.4f",
		       generation->n_pairs, generation->n_rules, generation->n_rule_sets,
		       generation->n_port_classes, asks_s);
	printf(",\"fits\":%s}\n", generation ? "true" : "false");
	fprintf(stderr, "%-26s %7u %7u %8.3f %8.3f", shape->name, shape->endpoints, shape->policies,
		first_s, best_s);
	if (generation)
		fprintf(stderr, " %8zu %8zu %8.3f\n", generation->n_pairs, generation->n_rules,
			asks_s);
	else
		fprintf(stderr, " %s\n", refusal);
	fflush(stdout);
}

static int run(const struct shape *shape)
{
	struct registry *registry = registry_new(1 << 20);
	struct facts facts = {port_number, registry_number, registry, NULL, 0};
	struct generation *generation = NULL;
	struct problems problems = {};
	struct config config = {};
	double start, took, first = 0, best = 1e9;
	int err = 0;

	obstack_init(&arena);
	shape->make(&config, shape->endpoints, shape->policies);
	for (int round = 0; round < 5 && (!round || first < 1); round++) {
		generation_free(generation);
		generation = NULL;
		problems_free(&problems);
		start = now_s();
		err = generation_compile(&config, &facts, &generation, &problems);
		took = now_s() - start;
		first = round ? first : took;
		best = took < best ? took : best;
	}
	print(shape, first, best, generation, problems.count ? problems.list[0].text : "");
	generation_free(generation);
	problems_free(&problems);
	registry_free(registry);
	obstack_free(&arena, NULL);
	return err && err != -E2BIG;
}

int main(void)
{
	static const struct shape shapes[] = {
		{"50 label sets", few_sets, 10000, 10000},
		{"50 label sets, large", few_sets, 100000, 500},
		{"all distinct", all_distinct, 10000, 10000},
		{"all distinct, large", all_distinct, 100000, 100000},
		{"distinct and everyone", distinct_and_everyone, 10000, 10000},
		{"one policy subject", one_for_all, 10000, 10000},
		{"prefixes", many_cidrs, 10000, 10000},
		{"prefixes, large", many_cidrs, 100000, 100000},
		{"overlapping port ranges", many_ports, 10000, 10000},
		{"peers all but one", peers_but_one, 10000, 10000},
		{"subjects all but one", all_but_one, 10000, 10000},
	};
	int failed = 0;

	fprintf(stderr, "%-26s %7s %7s %8s %8s %8s %8s %8s\n", "shape", "endpts", "rules",
		"first_s", "best_s", "pairs", "rows", "100k asks");
	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
		failed |= run(&shapes[i]);
	return failed;
}
