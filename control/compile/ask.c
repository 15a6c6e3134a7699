// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compile/generation.h"

#include <stdlib.h>
#include <string.h>

#include "util/addr.h"

/* The checkpoint's walk through the tables, step by step as in the kernel. */

static int compare_hosts(const void *key, const void *row)
{
	return memcmp(key, &((const struct host_row *)row)->key, sizeof(struct chq_addr));
}

/* The last of the rows that do not come after the address; those around it come before it. */
static size_t last_before(const struct generation *generation, const struct chq_prefix *wanted)
{
	size_t low = 0, high = generation->n_prefixes;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (prefix_compare(&generation->prefixes[middle].key, wanted) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct chq_entry *generation_meaning(const struct generation *generation,
					   const struct chq_prefix *prefix)
{
	const struct host_row *host = NULL;
	size_t i;

	if (generation->n_hosts && prefix->length_bits == 128)
		host = bsearch(&prefix->addr, generation->hosts, generation->n_hosts,
			       sizeof(*generation->hosts), compare_hosts);
	if (host)
		return &host->value;
	i = last_before(generation, prefix) - 1;
	while (!prefix_contains(&generation->prefixes[i].key, prefix))
		i = generation->around[i];
	return &generation->prefixes[i].value;
}

const struct chq_entry *generation_entry(const struct generation *generation,
					 const struct chq_addr *addr)
{
	struct chq_prefix wanted = {128, *addr};

	return generation_meaning(generation, &wanted);
}

static int compare_pair(const void *key, const void *row)
{
	const struct chq_pair *wanted = key, *found = &((const struct pair_row *)row)->key;

	if (wanted->subject != found->subject)
		return wanted->subject < found->subject ? -1 : 1;
	if (wanted->peer != found->peer)
		return wanted->peer < found->peer ? -1 : 1;
	return (int)wanted->direction - (int)found->direction;
}

static int compare_rule(const void *key, const void *row)
{
	const struct chq_rule *wanted = key, *found = &((const struct rule_row *)row)->key;

	if (wanted->rule_set != found->rule_set)
		return wanted->rule_set < found->rule_set ? -1 : 1;
	return (wanted->port_class > found->port_class) - (wanted->port_class < found->port_class);
}

const struct chq_ruleset *generation_ruleset(const struct generation *generation,
					     const struct chq_entry *subject,
					     const struct chq_entry *peer,
					     enum chq_direction direction)
{
	struct chq_pair key = {subject->subject, peer->peer, direction};
	const struct pair_row *pair = NULL;

	if (generation->n_pairs)
		pair = bsearch(&key, generation->pairs, generation->n_pairs,
			       sizeof(*generation->pairs), compare_pair);
	if (pair)
		return &pair->value;
	return direction == CHQ_INGRESS ? &subject->ingress : &subject->egress;
}

struct chq_decision generation_rule(const struct generation *generation,
				    const struct chq_ruleset *set, uint32_t aim)
{
	const struct chq_portblock *block = &generation->blocks[aim / CHQ_BLOCK_TARGETS];
	struct chq_rule wanted = {.port_class = block->port_class[aim % CHQ_BLOCK_TARGETS]};
	const struct rule_row *rule;

	if (!set->rule_set)
		return set->otherwise;
	wanted.rule_set = set->rule_set;
	rule = bsearch(&wanted, generation->rules, generation->n_rules, sizeof(*generation->rules),
		       compare_rule);
	return rule ? rule->value : set->otherwise;
}

struct chq_decision generation_decision(const struct generation *generation,
					const struct chq_entry *subject,
					const struct chq_entry *peer, enum chq_direction direction,
					uint32_t aim)
{
	return generation_rule(generation, generation_ruleset(generation, subject, peer, direction),
			       aim);
}

static bool is_drop(const struct chq_decision *decision)
{
	return decision->reason == CHQ_DROP_DENIED || decision->reason == CHQ_DROP_NO_RULE;
}

/* The reason that a decision alone would lead to. */
static uint8_t outcome_of(const struct chq_decision *decision)
{
	if (is_drop(decision) && decision->flags & CHQ_DECISION_AUDIT)
		return CHQ_PASS_AUDIT;
	return decision->reason;
}

static int rank(uint8_t reason)
{
	static const uint8_t order[] = {CHQ_PASS_NO_POLICY, CHQ_PASS_ALLOWED, CHQ_PASS_MANAGEMENT,
					CHQ_PASS_AUDIT};

	for (int i = 0; i < (int)sizeof(order); i++)
		if (order[i] == reason)
			return i + 1;
	return reason == CHQ_UNDECIDED ? 0 : 5;
}

/* The sender's policies are asked first. */
static void join(struct flow_answer *answer)
{
	uint8_t egress = outcome_of(&answer->egress), ingress = outcome_of(&answer->ingress);

	answer->reason = rank(ingress) > rank(egress) ? ingress : egress;
	answer->decided = 0xff;
	if (answer->reason == CHQ_UNDECIDED || answer->reason == CHQ_PASS_NO_POLICY)
		return;
	answer->decided = answer->reason == egress ? CHQ_EGRESS : CHQ_INGRESS;
}

void generation_judge(const struct generation *generation, const struct chq_entry *source,
		      const struct chq_entry *target, const struct flow_query *query,
		      struct flow_answer *ret)
{
	*ret = (struct flow_answer){.source = *source, .target = *target};
	if (query->egress)
		ret->egress =
			generation_decision(generation, source, target, CHQ_EGRESS, query->aim);
	if (query->ingress)
		ret->ingress =
			generation_decision(generation, target, source, CHQ_INGRESS, query->aim);
	join(ret);
}

void generation_ask(const struct generation *generation, const struct flow_query *query,
		    struct flow_answer *ret)
{
	generation_judge(generation, generation_entry(generation, &query->source),
			 generation_entry(generation, &query->target), query, ret);
}

const struct identity_row *generation_identity(const struct generation *generation,
					       chq_identity number)
{
	size_t low = 0, high = generation->n_identities;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (generation->identities[middle].number == number)
			return &generation->identities[middle];
		if (generation->identities[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
