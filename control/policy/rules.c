// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <stdio.h>
#include <string.h>

#include "policy/reader.h"
#include "util/addr.h"

static const struct word entities[] = {
	{"host", ENTITY_HOST},
	{"remote-node", ENTITY_REMOTE_NODE},
	{"kube-apiserver", ENTITY_KUBE_API},
	{"health", ENTITY_HEALTH},
	{"init", ENTITY_INIT},
	{"ingress", ENTITY_INGRESS},
	{"unmanaged", ENTITY_UNMANAGED},
	{"world", ENTITY_WORLD},
	{"world-ipv4", ENTITY_WORLD_IPV4},
	{"world-ipv6", ENTITY_WORLD_IPV6},
	{"cluster", ENTITY_CLUSTER},
	{"all", ENTITY_ALL},
	{"none", ENTITY_NONE},
	{},
};

/* One entry of ingress, egress, ingressDeny or egressDeny while it is read. */
struct rule_reading {
	const struct rule_context *context;
	struct rule rule;
	const char *member; /* the peer member that has entries */
	bool nobody;	    /* a member is given and empty: whatever else, nobody */
	const struct node *ports, *icmps;
};

static const struct key_style group_keys = {.source = "any", .prefix = ""};

/* A second member with entries cannot be combined; one without entries selects nobody. */
static bool take_member(struct reader *rd, const struct node *node, const char *name,
			enum peer_kind kind, struct rule_reading *reading)
{
	size_t count = list_count(rd, node, name);

	if (node->kind != NODE_LIST)
		return false;
	reading->nobody = reading->nobody || !count;
	reading->rule.peers.kind = kind;
	if (!count)
		return false;
	if (reading->member) {
		problem_at(rd, node->at,
			   "\"%s\" stands beside \"%s\", expected a rule of its own for either",
			   name, reading->member);
		return false;
	}
	reading->member = name;
	return true;
}

/*
 * Cilium's getEndpointSelector: a selector that does not speak of namespaces means
 * the policy's own, and in a clusterwide policy whatever has a namespace.
 */
static bool read_peer_selector(struct reader *rd, const struct node *node,
			       const struct rule_context *context, struct selector *ret)
{
	if (!read_selector(rd, node, "a selector", &cilium_keys, ret))
		return false;
	if (selector_has_source(ret, "reserved") || selector_names(ret, NAMESPACE_KEY))
		return true;
	if (*context->namespace && !selector_names_prefix(ret, NAMESPACE_LABELS_KEY))
		selector_require(rd, ret, "k8s", NAMESPACE_KEY, REQUIRE_IN, context->namespace);
	else if (!*context->namespace && !context->init)
		selector_require(rd, ret, "k8s", NAMESPACE_KEY, REQUIRE_EXISTS, NULL);
	return true;
}

/* Only other nodes: the gateway itself is no remote node. */
static bool read_node_selector(struct reader *rd, const struct node *node, struct selector *ret)
{
	if (!read_selector(rd, node, "a selector", &cilium_keys, ret))
		return false;
	selector_require(rd, ret, "reserved", "remote-node", REQUIRE_EXISTS, NULL);
	return true;
}

static void read_endpoints(struct reader *rd, const struct node *node, const char *name,
			   struct rule_reading *reading)
{
	struct peers *peers = &reading->rule.peers;

	if (!take_member(rd, node, name, PEER_SELECTORS, reading))
		return;
	peers->selectors = arena_array(&rd->memory->kept, struct selector, node->count);
	FOR_EACH_CHILD(child, node)
	peers->n_selectors += read_peer_selector(rd, child, reading->context,
						 &peers->selectors[peers->n_selectors]);
}

static void read_nodes(struct reader *rd, const struct node *node, const char *name,
		       struct rule_reading *reading)
{
	struct peers *peers = &reading->rule.peers;

	if (!take_member(rd, node, name, PEER_SELECTORS, reading))
		return;
	peers->nodes = arena_array(&rd->memory->kept, struct selector, node->count);
	FOR_EACH_CHILD(child, node)
	peers->n_nodes += read_node_selector(rd, child, &peers->nodes[peers->n_nodes]);
}

static void read_entities(struct reader *rd, const struct node *node, const char *name,
			  struct rule_reading *reading)
{
	unsigned value;

	if (!take_member(rd, node, name, PEER_ENTITIES, reading))
		return;
	FOR_EACH_CHILD(child, node)
	if (child->kind == NODE_SCALAR && strcmp(child->text, "cluster-mesh") == 0)
		problem_at(
			rd, child->at,
			"entity \"cluster-mesh\" is not served: a gateway is in no mesh of clusters");
	else if (read_word(rd, child, "entity", entities, &value))
		reading->rule.peers.entities |= 1u << value;
}

static void read_cidrs(struct reader *rd, const struct node *node, const char *name,
		       struct rule_reading *reading)
{
	struct peers *peers = &reading->rule.peers;

	if (!take_member(rd, node, name, PEER_CIDRS, reading))
		return;
	peers->cidrs = arena_array(&rd->memory->kept, struct cidr_rule, node->count);
	FOR_EACH_CHILD(child, node)
	{
		struct cidr_rule *cidr = &peers->cidrs[peers->n_cidrs];

		cidr->at = child->at;
		peers->n_cidrs += read_prefix(rd, child, PREFIX_LENIENT, &cidr->prefix);
	}
}

/* CIDRSet. */

struct cidr_nodes {
	const struct node *cidr, *except, *group, *selector;
};

static const struct field cidr_set_fields[] = {
	{"cidr", read_node, offsetof(struct cidr_nodes, cidr)},
	{"except", read_node, offsetof(struct cidr_nodes, except)},
	{"cidrGroupRef", read_node, offsetof(struct cidr_nodes, group)},
	{"cidrGroupSelector", read_node, offsetof(struct cidr_nodes, selector)},
	{},
};

static void check_except(struct reader *rd, const struct node *node, const struct chq_prefix *cidr)
{
	struct chq_prefix except;
	const char *expected;
	char text[PREFIX_TEXT_BYTES];

	FOR_EACH_CHILD(child, node)
	if (child->kind == NODE_SCALAR &&
	    parse_prefix_text(child->text, PREFIX_LENGTH, &except, &expected) &&
	    !prefix_contains(cidr, &except))
		problem_at(rd, child->at, "%.64s is not inside the cidr, expected a part of %s",
			   child->text, prefix_print(cidr, text));
}

static void note_group_use(struct reader *rd, const struct cidr_nodes *nodes,
			   const struct rule_reading *reading, struct cidr_rule *cidr)
{
	struct group_use use = {.policy = reading->context->policy,
				.rule = reading->context->rule,
				.except = cidr->except,
				.excepts = cidr->excepts,
				.at = cidr->at},
			 *place;

	if (nodes->group) {
		use.name = text_of(rd, nodes->group, "cidrGroupRef");
		if (!use.name)
			return;
		if (!*use.name) {
			problem_at(rd, nodes->group->at,
				   "cidrGroupRef is empty, expected a CiliumCIDRGroup's name");
			return;
		}
		use.name = keep(rd, use.name);
	} else if (!read_selector(rd, nodes->selector, "cidrGroupSelector", &group_keys,
				  &use.selector)) {
		return;
	}
	place = READER_ADD(rd, rd->uses, rd->n_uses);
	if (place)
		*place = use;
}

static void read_cidr_entry(struct reader *rd, const struct node *node,
			    struct rule_reading *reading)
{
	struct peers *peers = &reading->rule.peers;
	struct cidr_rule cidr = {.at = node->at};
	struct cidr_nodes nodes = {};
	unsigned given;

	if (!read_fields(rd, node, "an entry of a CIDRSet", cidr_set_fields, &nodes))
		return;
	given = !!nodes.cidr + !!nodes.group + !!nodes.selector;
	if (given != 1) {
		problem_at(rd, node->at,
			   "%u of cidr, cidrGroupRef and cidrGroupSelector are given, expected one",
			   given);
		return;
	}
	if (nodes.except)
		read_prefixes(rd, nodes.except, "except", PREFIX_LENGTH, &cidr.except,
			      &cidr.excepts);
	if (!nodes.cidr) {
		note_group_use(rd, &nodes, reading, &cidr);
		return;
	}
	if (!read_prefix(rd, nodes.cidr, PREFIX_LENGTH, &cidr.prefix))
		return;
	if (nodes.except)
		check_except(rd, nodes.except, &cidr.prefix);
	peers->cidrs[peers->n_cidrs++] = cidr;
}

static void read_cidr_set(struct reader *rd, const struct node *node, const char *name,
			  struct rule_reading *reading)
{
	struct peers *peers = &reading->rule.peers;

	if (!take_member(rd, node, name, PEER_CIDRS, reading))
		return;
	peers->cidrs = arena_array(&rd->memory->kept, struct cidr_rule, node->count);
	FOR_EACH_CHILD(child, node)
	read_cidr_entry(rd, child, reading);
}

/* What Cilium took until 1.16 and now wants empty. */
static void read_requires(struct reader *rd, const struct node *node, const char *name)
{
	if (list_count(rd, node, name))
		problem_at(
			rd, node->at,
			"\"%s\" is read by no Cilium of today, expected it to be empty or left out",
			name);
}

#define MEMBER(function, name)                                                               \
	static void function##_##name(struct reader *rd, const struct node *node, void *ret) \
	{                                                                                    \
		function(rd, node, #name, ret);                                              \
	}

MEMBER(read_endpoints, fromEndpoints)
MEMBER(read_endpoints, toEndpoints)
MEMBER(read_nodes, fromNodes)
MEMBER(read_nodes, toNodes)
MEMBER(read_entities, fromEntities)
MEMBER(read_entities, toEntities)
MEMBER(read_cidrs, fromCIDR)
MEMBER(read_cidrs, toCIDR)
MEMBER(read_cidr_set, fromCIDRSet)
MEMBER(read_cidr_set, toCIDRSet)

static void read_from_requires(struct reader *rd, const struct node *node, void *ret)
{
	(void)ret;
	read_requires(rd, node, "fromRequires");
}

static void read_to_requires(struct reader *rd, const struct node *node, void *ret)
{
	(void)ret;
	read_requires(rd, node, "toRequires");
}

#define NEEDS_AUTH "mutual authentication is not part of this version"

static void read_mode(struct reader *rd, const struct node *node, void *ret)
{
	*(const char **)ret = text_of(rd, node, "mode");
}

static const struct field authentication_fields[] = {{"mode", read_mode, .need = FIELD_MUST}, {}};

/* `mode: disabled` asks for none, which is what everybody has. */
static void read_authentication(struct reader *rd, const struct node *node, void *ret)
{
	const struct rule_reading *reading = ret;
	const char *mode = NULL;

	if (reading->context->deny)
		problem_at(rd, node->at, "\"authentication\" is not served: a deny rule has none");
	else if (read_fields(rd, node, "authentication", authentication_fields, &mode) &&
		 strcmp(mode, "disabled") != 0)
		problem_at(rd, node->at, "\"authentication\" is not served: %s", NEEDS_AUTH);
}

#define NEEDS_DNS      "it needs DNS names, which this version does not read"
#define NEEDS_SERVICES "it needs services, which a gateway does not know"
#define NEEDS_CLOUD    "it needs a cloud provider's groups, which a gateway does not know"

static const struct field ingress_fields[] = {
	{"fromEndpoints", read_endpoints_fromEndpoints},
	{"fromNodes", read_nodes_fromNodes},
	{"fromEntities", read_entities_fromEntities},
	{"fromCIDR", read_cidrs_fromCIDR},
	{"fromCIDRSet", read_cidr_set_fromCIDRSet},
	{"fromRequires", read_from_requires},
	{"toPorts", read_node, offsetof(struct rule_reading, ports)},
	{"icmps", read_node, offsetof(struct rule_reading, icmps)},
	{"fromGroups", .refused = NEEDS_CLOUD},
	{"authentication", read_authentication},
	{},
};

static const struct field egress_fields[] = {
	{"toEndpoints", read_endpoints_toEndpoints},
	{"toNodes", read_nodes_toNodes},
	{"toEntities", read_entities_toEntities},
	{"toCIDR", read_cidrs_toCIDR},
	{"toCIDRSet", read_cidr_set_toCIDRSet},
	{"toRequires", read_to_requires},
	{"toPorts", read_node, offsetof(struct rule_reading, ports)},
	{"icmps", read_node, offsetof(struct rule_reading, icmps)},
	{"toFQDNs", .refused = NEEDS_DNS},
	{"toServices", .refused = NEEDS_SERVICES},
	{"toGroups", .refused = NEEDS_CLOUD},
	{"authentication", read_authentication},
	{},
};

/* No peer member and no port: the entry counts for default deny and speaks of nobody. */
static void settle_peers(struct rule_reading *reading)
{
	struct rule *rule = &reading->rule;
	bool given = reading->member || reading->nobody;

	if (reading->nobody)
		rule->peers = (struct peers){.kind = rule->peers.kind};
	rule->selects_nobody = reading->nobody || (!given && !rule->ports_given);
	if (!given)
		rule->peers.kind = PEER_ANY;
}

void read_rule(struct reader *rd, const struct node *node, const struct rule_context *context,
	       struct rule *ret)
{
	struct rule_reading reading = {.context = context};
	struct rule *rule = &reading.rule;
	bool ingress = context->direction == CHQ_INGRESS;

	rule->at = node->at;
	rule->direction = context->direction;
	rule->deny = context->deny;
	read_fields(rd, node, ingress ? "an ingress rule" : "an egress rule",
		    ingress ? ingress_fields : egress_fields, &reading);
	if (reading.ports)
		read_to_ports(rd, reading.ports, context->deny, rule);
	if (reading.icmps)
		read_icmps(rd, reading.icmps, rule);
	settle_peers(&reading);
	*ret = *rule;
}
