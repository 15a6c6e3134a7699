// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <string.h>

#include "policy/reader.h"
#include "util/addr.h"

static const struct key_style pod_keys = {.source = "k8s", .prefix = ""};
static const struct key_style namespace_keys = {.source = "k8s", .prefix = NAMESPACE_LABELS_KEY};
static const struct word type_words[] = {{"Ingress", CHQ_INGRESS}, {"Egress", CHQ_EGRESS}, {}};

/* Peers. */

struct peer_nodes {
	const struct node *pods, *namespaces, *block;
};

static const struct field peer_fields[] = {
	{"podSelector", read_node, offsetof(struct peer_nodes, pods)},
	{"namespaceSelector", read_node, offsetof(struct peer_nodes, namespaces)},
	{"ipBlock", read_node, offsetof(struct peer_nodes, block)},
	{},
};

struct block_nodes {
	const struct node *cidr, *except;
};

static const struct field block_fields[] = {
	{"cidr", read_node, offsetof(struct block_nodes, cidr), FIELD_MUST},
	{"except", read_node, offsetof(struct block_nodes, except)},
	{},
};

static void check_except(struct reader *rd, const struct node *node, const struct cidr_rule *block)
{
	char text[PREFIX_TEXT_BYTES];

	for (size_t i = 0; i < block->excepts; i++)
		if (!prefix_contains(&block->prefix, &block->except[i]) ||
		    block->except[i].length_bits == block->prefix.length_bits)
			problem_at(
				rd, node->at,
				"except %s is not inside the cidr, expected a smaller part of it",
				prefix_print(&block->except[i], text));
}

static bool read_block(struct reader *rd, const struct node *node, struct cidr_rule *ret)
{
	struct cidr_rule block = {.at = node->at, .endpoints_too = true};
	struct block_nodes nodes = {};

	if (!read_fields(rd, node, "ipBlock", block_fields, &nodes) ||
	    !read_prefix(rd, nodes.cidr, PREFIX_LENGTH, &block.prefix))
		return false;
	if (nodes.except) {
		read_prefixes(rd, nodes.except, "except", PREFIX_LENGTH, &block.except,
			      &block.excepts);
		check_except(rd, nodes.except, &block);
	}
	*ret = block;
	return true;
}

/* Both selectors hold together; without namespaceSelector the policy's own namespace is meant. */
static bool read_pods(struct reader *rd, const struct peer_nodes *nodes, const char *namespace,
		      struct place at, struct selector *ret)
{
	struct selector pods = {}, namespaces = {};

	if ((nodes->pods && !read_selector(rd, nodes->pods, "podSelector", &pod_keys, &pods)) ||
	    (nodes->namespaces && !read_selector(rd, nodes->namespaces, "namespaceSelector",
						 &namespace_keys, &namespaces)))
		return false;
	pods.at = at;
	if (!nodes->namespaces)
		selector_require(rd, &pods, "k8s", NAMESPACE_KEY, REQUIRE_IN, namespace);
	else if (!namespaces.count)
		selector_require(rd, &pods, "k8s", NAMESPACE_KEY, REQUIRE_EXISTS, NULL);
	else
		selector_append(rd, &pods, &namespaces);
	*ret = pods;
	return true;
}

static void read_from_peer(struct reader *rd, const struct node *node, const char *namespace,
			   struct peers *peers)
{
	struct peer_nodes nodes = {};

	if (!read_fields(rd, node, "a peer", peer_fields, &nodes))
		return;
	if (!nodes.block && !nodes.pods && !nodes.namespaces)
		problem_at(rd, node->at,
			   "a peer is empty, expected podSelector, namespaceSelector or ipBlock");
	else if (nodes.block && (nodes.pods || nodes.namespaces))
		problem_at(rd, nodes.block->at,
			   "\"ipBlock\" stands beside a selector, expected a peer of its own");
	else if (nodes.block)
		peers->n_cidrs += read_block(rd, nodes.block, &peers->cidrs[peers->n_cidrs]);
	else
		peers->n_selectors += read_pods(rd, &nodes, namespace, node->at,
						&peers->selectors[peers->n_selectors]);
}

/* None given, or an empty list: everyone. */
static void read_peers(struct reader *rd, const struct node *node, const char *namespace,
		       const char *what, struct peers *peers)
{
	size_t count = node ? list_count(rd, node, what) : 0;

	peers->kind = PEER_ANY;
	if (!count)
		return;
	peers->kind = PEER_SELECTORS;
	peers->selectors = arena_array(&rd->memory->kept, struct selector, count);
	peers->cidrs = arena_array(&rd->memory->kept, struct cidr_rule, count);
	FOR_EACH_CHILD(child, node)
	read_from_peer(rd, child, namespace, peers);
	if (!peers->n_selectors)
		peers->kind = PEER_CIDRS;
}

/* Rules. */

struct rule_nodes {
	const struct node *peers, *ports;
};

static const struct field ingress_fields[] = {
	{"from", read_node, offsetof(struct rule_nodes, peers)},
	{"ports", read_node, offsetof(struct rule_nodes, ports)},
	{},
};

static const struct field egress_fields[] = {
	{"to", read_node, offsetof(struct rule_nodes, peers)},
	{"ports", read_node, offsetof(struct rule_nodes, ports)},
	{},
};

static void read_network_rule(struct reader *rd, const struct node *node, const char *namespace,
			      enum chq_direction direction, struct rule *ret)
{
	bool ingress = direction == CHQ_INGRESS;
	struct rule rule = {.direction = direction, .at = node->at};
	struct rule_nodes nodes = {};

	read_fields(rd, node, ingress ? "an ingress rule" : "an egress rule",
		    ingress ? ingress_fields : egress_fields, &nodes);
	read_peers(rd, nodes.peers, namespace, ingress ? "from" : "to", &rule.peers);
	if (nodes.ports)
		read_network_ports(rd, nodes.ports, &rule);
	*ret = rule;
}

/* The policy. */

struct spec_nodes {
	const struct node *pods, *ingress, *egress, *types;
};

static const struct field spec_fields[] = {
	{"podSelector", read_node, offsetof(struct spec_nodes, pods)},
	{"ingress", read_node, offsetof(struct spec_nodes, ingress)},
	{"egress", read_node, offsetof(struct spec_nodes, egress)},
	{"policyTypes", read_node, offsetof(struct spec_nodes, types)},
	{},
};

/* Not given: Ingress always, Egress when there are egress rules. */
static void read_types(struct reader *rd, const struct spec_nodes *nodes, bool applies[2])
{
	size_t count = nodes->types ? list_count(rd, nodes->types, "policyTypes") : 0;
	unsigned direction;

	if (!count) {
		applies[CHQ_INGRESS] = true;
		applies[CHQ_EGRESS] = nodes->egress && nodes->egress->count;
		return;
	}
	FOR_EACH_CHILD(child, nodes->types)
	if (read_word(rd, child, "policy type", type_words, &direction))
		applies[direction] = true;
}

/* Rules of a direction that policyTypes leaves out are read for mistakes and have no say. */
static void read_section(struct reader *rd, const struct node *list, enum chq_direction direction,
			 struct policy *policy)
{
	struct rule unused;

	if (!list)
		return;
	list_count(rd, list, direction == CHQ_INGRESS ? "ingress" : "egress");
	FOR_EACH_CHILD(child, list)
	read_network_rule(rd, child, policy->namespace, direction,
			  policy->applies[direction] ? &policy->rules[policy->n_rules++] : &unused);
}

static void read_spec(struct reader *rd, const struct node *node, void *ret)
{
	struct policy *policy = ret;
	struct spec_nodes nodes = {};

	policy->at = node->at;
	policy->subject.at = node->at;
	if (!read_fields(rd, node, "spec", spec_fields, &nodes) && node->kind != NODE_MAP)
		return;
	if (nodes.pods)
		read_selector(rd, nodes.pods, "podSelector", &pod_keys, &policy->subject);
	selector_require(rd, &policy->subject, "k8s", NAMESPACE_KEY, REQUIRE_IN, policy->namespace);
	read_types(rd, &nodes, policy->applies);
	memcpy(policy->default_deny, policy->applies, sizeof(policy->applies));
	policy->rules = arena_array(&rd->memory->kept, struct rule,
				    (nodes.ingress ? nodes.ingress->count : 0) +
					    (nodes.egress ? nodes.egress->count : 0));
	read_section(rd, nodes.ingress, CHQ_INGRESS, policy);
	read_section(rd, nodes.egress, CHQ_EGRESS, policy);
}

static const struct field policy_fields[] = {
	{"apiVersion", read_ignored},
	{"kind", read_ignored},
	{"metadata", read_ignored},
	{"spec", read_spec},
	{"status"},
	{},
};

/* No spec is an empty one: Kubernetes closes ingress of every pod of the namespace. */
static void close_all(struct reader *rd, const struct node *document, struct policy *policy)
{
	policy->at = policy->subject.at = document->at;
	selector_require(rd, &policy->subject, "k8s", NAMESPACE_KEY, REQUIRE_IN, policy->namespace);
	policy->applies[CHQ_INGRESS] = policy->default_deny[CHQ_INGRESS] = true;
}

void read_network_policy(struct reader *rd, const struct node *document)
{
	struct policy policy = {.kind = "NetworkPolicy", .name = "", .namespace = "default"};
	struct metadata meta = {};
	struct policy *place;

	if (read_metadata(rd, document, &meta)) {
		policy.name = meta.name;
		policy.namespace = meta.namespace ? meta.namespace : "default";
		policy.audit = meta.audit;
		policy.on_deny = meta.on_deny;
	}
	read_fields(rd, document, "NetworkPolicy", policy_fields, &policy);
	if (!policy.at.line)
		close_all(rd, document, &policy);
	note_policy(rd, &policy, document->at);
	place = READER_ADD(rd, rd->config->policies, rd->config->n_policies);
	if (place)
		*place = policy;
}
