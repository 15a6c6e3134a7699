// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <ctype.h>
#include <string.h>

#include "policy/reader.h"

/* The lists of a spec, by direction and deny. */
static const struct {
	const char *name;
	enum chq_direction direction;
	bool deny;
} sections[] = {
	{"ingress", CHQ_INGRESS, false},
	{"ingressDeny", CHQ_INGRESS, true},
	{"egress", CHQ_EGRESS, false},
	{"egressDeny", CHQ_EGRESS, true},
};
#define SECTIONS (sizeof(sections) / sizeof(sections[0]))

enum { DENY_UNSAID, DENY_OFF, DENY_ON };

/* One spec while it is read. */
struct spec_reading {
	const struct node *endpoint_selector, *node_selector;
	const struct node *lists[SECTIONS];
	int default_deny[2]; /* DENY_*, by enum chq_direction */
};

static void read_switch(struct reader *rd, const struct node *node, void *ret)
{
	bool on = false;

	read_bool(rd, node, &on);
	*(int *)ret = on ? DENY_ON : DENY_OFF;
}

static const struct field switch_fields[] = {
	{"ingress", read_switch, CHQ_INGRESS * sizeof(int)},
	{"egress", read_switch, CHQ_EGRESS * sizeof(int)},
	{},
};

static void read_default_deny(struct reader *rd, const struct node *node, void *ret)
{
	read_fields(rd, node, "enableDefaultDeny", switch_fields, ret);
}

/* Notes for people: looked at so that nothing wrong is passed over, then let go. */

static const struct field label_fields[] = {
	{"key", read_text, 0, FIELD_MUST},
	{"value", read_text, 0},
	{"source", read_text, 0},
	{},
};

static void check_rule_labels(struct reader *rd, const struct node *node, void *ret)
{
	const char *unused;

	(void)ret;
	list_count(rd, node, "labels");
	FOR_EACH_CHILD(child, node)
	read_fields(rd, child, "a label", label_fields, &unused);
}

static void check_text(struct reader *rd, const struct node *node, void *ret)
{
	(void)ret;
	if (node->kind != NODE_SCALAR)
		text_of(rd, node, "description");
}

static void check_log_value(struct reader *rd, const struct node *node, void *ret)
{
	const char *text = text_of(rd, node, "a log's value");

	(void)ret;
	if (!text)
		return;
	for (const char *p = text; *p; p++)
		if (p - text >= 32 || !isprint((unsigned char)*p)) {
			problem_at(
				rd, node->at,
				"a log's value is too long or odd, expected up to 32 printable characters");
			return;
		}
}

static const struct field log_fields[] = {{"value", check_log_value}, {}};

static void check_log(struct reader *rd, const struct node *node, void *ret)
{
	read_fields(rd, node, "log", log_fields, ret);
}

#define LIST(number) read_node, offsetof(struct spec_reading, lists) + (number) * sizeof(void *)

static const struct field spec_fields[] = {
	{"endpointSelector", read_node, offsetof(struct spec_reading, endpoint_selector)},
	{"nodeSelector", read_node, offsetof(struct spec_reading, node_selector)},
	{"ingress", LIST(0)},
	{"ingressDeny", LIST(1)},
	{"egress", LIST(2)},
	{"egressDeny", LIST(3)},
	{"enableDefaultDeny", read_default_deny, offsetof(struct spec_reading, default_deny)},
	{"labels", check_rule_labels},
	{"description", check_text},
	{"log", check_log},
	{},
};

/*
 * The namespace of a CiliumNetworkPolicy is not the selector's to choose: another one in
 * matchLabels gives way, as in Cilium; one in matchExpressions stays and is never met.
 */
static void set_namespace(struct reader *rd, const struct node *node, struct selector *selector,
			  const char *namespace)
{
	const struct node *labels = node_field(node, "matchLabels");
	const struct node *given = labels ? node_field(labels, "k8s:" NAMESPACE_KEY) : NULL;
	size_t kept = 0;

	for (size_t i = 0; i < selector->count; i++) {
		const struct requirement *req = &selector->list[i];

		if (!given || strcmp(req->source, "k8s") != 0 ||
		    strcmp(req->key, NAMESPACE_KEY) != 0 || req->op != REQUIRE_IN ||
		    req->count != 1 || strcmp(req->values[0], given->text) != 0)
			selector->list[kept++] = *req;
	}
	selector->count = kept;
	selector_require(rd, selector, "k8s", NAMESPACE_KEY, REQUIRE_IN, namespace);
}

static void read_subject(struct reader *rd, const struct node *node,
			 const struct spec_reading *reading, bool fields_right,
			 struct policy *policy)
{
	bool clusterwide = !*policy->namespace;

	if (reading->endpoint_selector && reading->node_selector) {
		problem_at(
			rd, reading->node_selector->at,
			"\"nodeSelector\" stands beside \"endpointSelector\", expected one of them");
	} else if (reading->node_selector) {
		policy->selects_nodes = true;
		if (!clusterwide)
			problem_at(
				rd, reading->node_selector->at,
				"a CiliumNetworkPolicy selects no nodes, expected a CiliumClusterwideNetworkPolicy");
		read_selector(rd, reading->node_selector, "nodeSelector", &cilium_keys,
			      &policy->subject);
	} else if (reading->endpoint_selector) {
		if (read_selector(rd, reading->endpoint_selector, "endpointSelector", &cilium_keys,
				  &policy->subject) &&
		    !clusterwide)
			set_namespace(rd, reading->endpoint_selector, &policy->subject,
				      policy->namespace);
	} else if (fields_right) {
		problem_at(rd, node->at, "a spec selects nothing, expected \"endpointSelector\"%s",
			   clusterwide ? " or \"nodeSelector\"" : "");
	}
}

static void read_section(struct reader *rd, size_t section, const struct node *list,
			 struct policy *policy)
{
	struct rule_context context = {
		.namespace = policy->namespace,
		.direction = sections[section].direction,
		.deny = sections[section].deny,
		.init = selector_has_reserved(&policy->subject, "init"),
		.policy = rd->config->n_policies,
	};

	FOR_EACH_CHILD(child, list)
	{
		context.rule = policy->n_rules;
		read_rule(rd, child, &context, &policy->rules[policy->n_rules++]);
		policy->applies[context.direction] = true;
	}
}

/* enableDefaultDeny says nothing about a direction that has no rules. */
static void read_rules(struct reader *rd, const struct node *node,
		       const struct spec_reading *reading, bool fields_right, struct policy *policy)
{
	size_t count = 0, before = rd->problems->count;

	for (size_t i = 0; i < SECTIONS; i++)
		if (reading->lists[i])
			count += list_count(rd, reading->lists[i], sections[i].name);
	if (!count && fields_right && rd->problems->count == before)
		problem_at(
			rd, node->at,
			"a spec has no rules, expected ingress, egress, ingressDeny or egressDeny");
	policy->rules = arena_array(&rd->memory->kept, struct rule, count);
	for (size_t i = 0; i < SECTIONS; i++)
		if (reading->lists[i])
			read_section(rd, i, reading->lists[i], policy);
	for (int direction = CHQ_INGRESS; direction <= CHQ_EGRESS; direction++)
		policy->default_deny[direction] =
			policy->applies[direction] && reading->default_deny[direction] != DENY_OFF;
}

static void read_spec(struct reader *rd, const struct node *node, const struct policy *head)
{
	struct spec_reading reading = {};
	struct policy policy = *head, *place;
	bool right = read_fields(rd, node, "a spec", spec_fields, &reading);

	policy.at = node->at;
	if (node->kind != NODE_MAP)
		return;
	read_subject(rd, node, &reading, right, &policy);
	read_rules(rd, node, &reading, right, &policy);
	place = READER_ADD(rd, rd->config->policies, rd->config->n_policies);
	if (place)
		*place = policy;
}

struct policy_nodes {
	const struct node *spec, *specs;
};

static const struct field policy_fields[] = {
	{"apiVersion", read_ignored},
	{"kind", read_ignored},
	{"metadata", read_ignored},
	{"spec", read_node, offsetof(struct policy_nodes, spec)},
	{"specs", read_node, offsetof(struct policy_nodes, specs)},
	{"status"},
	{},
};

void note_policy(struct reader *rd, const struct policy *policy, struct place at)
{
	struct policy_head *head;

	if (!*policy->name)
		return;
	head = READER_ADD(rd, rd->policy_heads, rd->n_policy_heads);
	if (head)
		*head = (struct policy_head){policy->kind, policy->namespace, policy->name, at};
}

void read_cilium_policy(struct reader *rd, const struct node *document)
{
	const char *kind = node_field(document, "kind")->text;
	bool clusterwide = strcmp(kind, "CiliumClusterwideNetworkPolicy") == 0;
	struct policy head = {.kind = keep(rd, kind), .name = "", .namespace = ""};
	struct policy_nodes nodes = {};
	struct metadata meta = {};

	if (read_metadata(rd, document, &meta)) {
		head.name = meta.name;
		head.audit = meta.audit;
		head.on_deny = meta.on_deny;
	}
	if (clusterwide)
		refuse_namespace(rd, &meta, kind);
	else
		head.namespace = meta.namespace ? meta.namespace : "default";
	if (read_fields(rd, document, kind, policy_fields, &nodes) && !nodes.spec &&
	    (!nodes.specs || (nodes.specs->kind == NODE_LIST && !nodes.specs->count)))
		problem_at(rd, document->at, "a %s has no rules, expected \"spec\" or \"specs\"",
			   kind);
	note_policy(rd, &head, document->at);
	if (nodes.spec)
		read_spec(rd, nodes.spec, &head);
	if (!nodes.specs)
		return;
	list_count(rd, nodes.specs, "specs");
	FOR_EACH_CHILD(child, nodes.specs)
	read_spec(rd, child, &head);
}
