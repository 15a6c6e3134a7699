// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compile/compiler.h"

#include <errno.h>
#include <xxhash.h>

#include "identity/selector.h"
#include "util/addr.h"

/* Every selector, CIDR rule, list of peers and list of ports that policies speak of, once each. */

static bool same_selector(const void *data, uint32_t number, const void *wanted)
{
	const struct compiler *c = data;
	const struct selector_term *term = wanted;

	return c->selectors[number].scope == term->scope &&
	       selector_same(c->selectors[number].selector, term->selector);
}

static uint32_t add_selector(struct compiler *c, const struct selector *selector, enum scope scope)
{
	struct selector_term term = {.selector = selector, .scope = scope};
	uint64_t hash = selector_hash(selector) * SCOPE_MAX + scope;
	uint32_t number = index_find(&c->selector_index, hash, same_selector, c, &term);

	if (number != INDEX_NONE)
		return number;
	GROW(c, c->selectors, c->n_selectors, c->room_selectors);
	c->selectors[c->n_selectors] = term;
	index_keep(&c->selector_index, hash, c->n_selectors);
	return c->n_selectors++;
}

static bool same_cidr(const void *data, uint32_t number, const void *wanted)
{
	const struct cidr_rule *a = ((const struct compiler *)data)->cidr_terms[number].rule;
	const struct cidr_rule *b = wanted;

	if (a->endpoints_too != b->endpoints_too || a->excepts != b->excepts ||
	    prefix_compare(&a->prefix, &b->prefix) != 0)
		return false;
	for (size_t i = 0; i < a->excepts; i++)
		if (prefix_compare(&a->except[i], &b->except[i]) != 0)
			return false;
	return true;
}

static uint32_t add_cidr(struct compiler *c, const struct cidr_rule *rule)
{
	uint64_t hash = XXH3_64bits_withSeed(&rule->prefix, sizeof(rule->prefix),
					     rule->excepts << 1 | rule->endpoints_too);
	uint32_t number;

	for (size_t i = 0; i < rule->excepts; i++)
		hash = XXH3_64bits_withSeed(&rule->except[i], sizeof(rule->except[i]), hash);
	number = index_find(&c->cidr_index, hash, same_cidr, c, rule);
	if (number != INDEX_NONE)
		return number;
	GROW(c, c->cidr_terms, c->n_cidr_terms, c->room_cidr_terms);
	c->cidr_terms[c->n_cidr_terms] = (struct cidr_term){.rule = rule};
	index_keep(&c->cidr_index, hash, c->n_cidr_terms);
	return c->n_cidr_terms++;
}

static bool same_spec(const void *data, uint32_t number, const void *wanted)
{
	const struct peer_spec *a = &((const struct compiler *)data)->specs[number], *b = wanted;

	return a->any == b->any && a->entities == b->entities && a->n_selectors == b->n_selectors &&
	       a->n_cidrs == b->n_cidrs &&
	       memcmp(a->selectors, b->selectors, a->n_selectors * sizeof(*a->selectors)) == 0 &&
	       memcmp(a->cidrs, b->cidrs, a->n_cidrs * sizeof(*a->cidrs)) == 0;
}

static uint32_t keep_spec(struct compiler *c, const struct peer_spec *spec)
{
	uint64_t hash =
		XXH3_64bits_withSeed(spec->selectors, spec->n_selectors * sizeof(*spec->selectors),
				     (uint64_t)spec->entities << 1 | spec->any);
	uint32_t number;

	hash = XXH3_64bits_withSeed(spec->cidrs, spec->n_cidrs * sizeof(*spec->cidrs), hash);
	number = index_find(&c->spec_index, hash, same_spec, c, spec);
	if (number != INDEX_NONE)
		return number;
	GROW(c, c->specs, c->n_specs, c->room_specs);
	c->specs[c->n_specs] = *spec;
	index_keep(&c->spec_index, hash, c->n_specs);
	return c->n_specs++;
}

static uint32_t *list_room(struct compiler *c, size_t count)
{
	return arena_array(c->scratch, uint32_t, count + 1);
}

static uint32_t add_spec(struct compiler *c, const struct peers *peers, enum scope scope)
{
	struct peer_spec spec = {.entities = peers->entities & ~(1u << ENTITY_NONE)};

	spec.any = peers->kind == PEER_ANY || spec.entities & 1 << ENTITY_ALL;
	spec.selectors = list_room(c, peers->n_selectors + peers->n_nodes);
	spec.cidrs = list_room(c, peers->n_cidrs);
	if (spec.any) {
		spec.entities = 0;
		return keep_spec(c, &spec);
	}
	for (size_t i = 0; i < peers->n_selectors; i++)
		spec.selectors[spec.n_selectors++] = add_selector(c, &peers->selectors[i], scope);
	for (size_t i = 0; i < peers->n_nodes; i++)
		spec.selectors[spec.n_selectors++] = add_selector(c, &peers->nodes[i], SCOPE_NODES);
	for (size_t i = 0; i < peers->n_cidrs; i++)
		spec.cidrs[spec.n_cidrs++] = add_cidr(c, &peers->cidrs[i]);
	spec.n_selectors = sort_unique(spec.selectors, spec.n_selectors);
	spec.n_cidrs = sort_unique(spec.cidrs, spec.n_cidrs);
	c->used_entities |= spec.entities;
	return keep_spec(c, &spec);
}

static const char *file_of(const struct config *config, struct place at)
{
	return at.file < config->n_sources ? config->sources[at.file].path : "";
}

static uint32_t add_ref(struct compiler *c, const struct policy *policy, struct rule_ref ref,
			struct place at)
{
	ref.policy = policy - c->config->policies;
	ref.kind = policy->kind;
	ref.namespace = policy->namespace;
	ref.name = policy->name;
	ref.file = file_of(c->config, at);
	ref.line = at.line;
	c->out->rule_refs[c->out->n_rule_refs] = ref;
	return c->out->n_rule_refs++;
}

static int compare_rules(const void *a, const void *b)
{
	const struct rule *left = *(const struct rule *const *)a;
	const struct rule *right = *(const struct rule *const *)b;

	if (left->at.line != right->at.line)
		return left->at.line < right->at.line ? -1 : 1;
	if (left->at.column != right->at.column)
		return left->at.column < right->at.column ? -1 : 1;
	return (left > right) - (left < right);
}

static void add_rule(struct compiler *c, uint32_t policy, const struct rule *rule)
{
	struct compiled_rule *compiled = &c->rules[c->n_rules++];
	struct rule_ref ref = {.direction = rule->direction, .deny = rule->deny, .rule = rule};
	/* toPorts: [{}]: there is a list, and no port in it */
	bool nothing = rule->selects_nobody || (rule->ports_given && !rule->n_ports);
	bool pods = strcmp(c->config->policies[policy].kind, "NetworkPolicy") == 0;
	enum scope scope = pods ? SCOPE_PODS : SCOPE_PEERS;

	*compiled = (struct compiled_rule){
		.policy = policy,
		.ref = add_ref(c, &c->config->policies[policy], ref, rule->at),
		.spec = nothing ? SPEC_NOBODY : add_spec(c, &rule->peers, scope),
		.ports = PORTS_ALL,
		.direction = rule->direction,
		.deny = rule->deny,
	};
	if (!nothing && rule->ports_given)
		compiled->ports = ports_list(c, rule->ports, rule->n_ports, rule->direction);
}

static void add_policy(struct compiler *c, uint32_t number)
{
	const struct policy *policy = &c->config->policies[number];
	struct compiled_policy *compiled = &c->policies[number];
	const struct rule **rules = arena_array(c->scratch, const struct rule *, policy->n_rules);
	struct rule_ref itself = {.direction = CHQ_INGRESS, .default_deny = true};

	compiled->subject = add_selector(c, &policy->subject,
					 policy->selects_nodes ? SCOPE_HOST : SCOPE_SUBJECTS);
	compiled->first_rule = c->n_rules;
	compiled->n_rules = policy->n_rules;
	compiled->ref = add_ref(c, policy, itself, policy->at);
	itself.direction = CHQ_EGRESS;
	add_ref(c, policy, itself, policy->at);
	for (size_t i = 0; i < policy->n_rules; i++)
		rules[i] = &policy->rules[i];
	qsort(rules, policy->n_rules, sizeof(*rules), compare_rules);
	for (size_t i = 0; i < policy->n_rules; i++)
		add_rule(c, number, rules[i]);
}

int terms_gather(struct compiler *c)
{
	const struct config *config = c->config;
	const struct gateway *gateway = &config->gateway;
	struct peer_spec any = {
		.any = true, .selectors = list_room(c, 0), .cidrs = list_room(c, 0)};
	struct peer_spec nobody = {.selectors = list_room(c, 0), .cidrs = list_room(c, 0)};
	size_t rules = 0;

	for (size_t i = 0; i < config->n_policies; i++)
		rules += config->policies[i].n_rules;
	c->policies = arena_array(c->scratch, struct compiled_policy, config->n_policies);
	c->rules = arena_array(c->scratch, struct compiled_rule, rules);
	c->out->rule_refs = arena_array(c->keep, struct rule_ref, rules + config->n_policies * 2);
	keep_spec(c, &any);
	keep_spec(c, &nobody);
	ports_list(c, NULL, 0, CHQ_INGRESS); /* PORTS_ALL */
	for (size_t i = 0; i < config->n_policies; i++)
		add_policy(c, i);
	if (gateway->n_management_from && gateway->n_management_ports)
		c->management_ports = ports_list(c, gateway->management_ports,
						 gateway->n_management_ports, CHQ_INGRESS);
	return 0;
}
