// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compile/compiler.h"

#include <xxhash.h>

/*
 * Precedence, settled here once: management guard, then any deny that matches,
 * then any allow, then the default. One decision for each port class.
 */

/* One rule at one port class, or (rule NOBODY) the management guard. */
#define AIM(port_class, rule) ((uint64_t)(port_class) << 32 | (rule))
#define AIM_CLASS(aim)	      ((uint32_t)((aim) >> 32))
#define AIM_RULE(aim)	      ((uint32_t)(aim))
#define AIMS_MAX	      (8u << 20) /* of one rule set */

static const struct policy *policy_of(const struct compiler *c, uint32_t rule)
{
	return &c->config->policies[c->rules[rule].policy];
}

/* The first policy that says how its drops are met decides, else the gateway. */
static uint8_t reject_flag(const struct compiler *c, enum on_deny said)
{
	if (said == ON_DENY_DEFAULT)
		said = c->config->gateway.on_deny;
	return said == ON_DENY_REJECT ? CHQ_DECISION_REJECT : 0;
}

static bool audits_all(const struct judge *judge)
{
	return judge->c->config->gateway.audit || judge->subject->audit;
}

static void start_fallback(struct judge *judge, const struct subject_group *group)
{
	struct compiler *c = judge->c;
	uint32_t *refs = arena_array(c->scratch, uint32_t, group->n_policies), count = 0;
	enum on_deny said = ON_DENY_DEFAULT;
	bool all_audit = !group->closed;

	judge->spoken = group->closed;
	for (uint32_t i = 0; i < group->n_policies; i++) {
		const struct policy *policy = &c->config->policies[group->policies[i]];

		judge->spoken |= policy->applies[judge->direction];
		if (!policy->applies[judge->direction] || !policy->default_deny[judge->direction])
			continue;
		refs[count++] = c->policies[group->policies[i]].ref + judge->direction;
		all_audit &= policy->audit;
		if (said == ON_DENY_DEFAULT)
			said = policy->on_deny;
	}
	judge->enforced = count || group->closed;
	judge->default_audits = all_audit;
	judge->fallback = (struct chq_decision){.reason = CHQ_PASS_NO_POLICY};
	if (!judge->enforced)
		return;
	judge->fallback.reason = CHQ_DROP_NO_RULE;
	judge->fallback.origin = origin_number(c, refs, count);
	judge->fallback.flags = reject_flag(c, said);
	if (all_audit || audits_all(judge))
		judge->fallback.flags |= CHQ_DECISION_AUDIT;
}

void judge_start(struct judge *judge, struct compiler *c, const struct subject_class *subject,
		 enum chq_direction direction)
{
	const struct subject_group *group = &c->groups[subject->group];
	size_t most = 0;

	*judge = (struct judge){.c = c, .subject = subject, .direction = direction};
	start_fallback(judge, group);
	for (uint32_t i = 0; i < group->n_policies; i++)
		most += c->policies[group->policies[i]].n_rules;
	judge->rules = arena_array(c->scratch, uint32_t, most);
	for (uint32_t i = 0; i < group->n_policies; i++) {
		const struct compiled_policy *policy = &c->policies[group->policies[i]];

		if (!c->config->policies[group->policies[i]].applies[direction])
			continue;
		for (uint32_t r = policy->first_rule; r < policy->first_rule + policy->n_rules; r++)
			if (c->rules[r].direction == direction && c->rules[r].spec != SPEC_NOBODY)
				judge->rules[judge->n_rules++] = r;
	}
}

/* What decides at one port class: the rules for all ports, and those for this one. */
struct matching {
	const uint32_t *all;
	uint32_t n_all;
	const uint64_t *aims;
	uint32_t n_aims;
};

/* Goes through both lists in file order. */
static uint32_t next_rule(const struct matching *matching, uint32_t *a, uint32_t *b)
{
	uint32_t left = *a < matching->n_all ? matching->all[*a] : NOBODY;
	uint32_t right = *b < matching->n_aims ? AIM_RULE(matching->aims[*b]) : NOBODY;

	if (left < right)
		(*a)++;
	else
		(*b)++;
	return left < right ? left : right;
}

static bool any_denies(const struct judge *judge, const struct matching *matching)
{
	for (uint32_t i = 0; i < matching->n_all; i++)
		if (judge->c->rules[matching->all[i]].deny)
			return true;
	for (uint32_t i = 0; i < matching->n_aims; i++)
		if (judge->c->rules[AIM_RULE(matching->aims[i])].deny)
			return true;
	return false;
}

/*
 * A deny of policies that are all under audit is only watched, unless what would
 * hold without them is a drop as well: trying out a policy opens nothing.
 */
static uint8_t deny_flags(const struct judge *judge, const struct matching *matching)
{
	const struct compiler *c = judge->c;
	enum on_deny said = ON_DENY_DEFAULT;
	bool all_audit = true, allowed = false;
	uint32_t a = 0, b = 0, rule;
	uint8_t flags;

	while ((rule = next_rule(matching, &a, &b)) != NOBODY) {
		const struct policy *policy = policy_of(c, rule);

		if (!c->rules[rule].deny) {
			allowed = true;
			continue;
		}
		all_audit &= policy->audit;
		if (said == ON_DENY_DEFAULT)
			said = policy->on_deny;
	}
	flags = reject_flag(c, said);
	if (audits_all(judge) ||
	    (all_audit && (allowed || !judge->enforced || judge->default_audits)))
		flags |= CHQ_DECISION_AUDIT;
	return flags;
}

static struct chq_decision decide(const struct judge *judge, const struct matching *matching)
{
	struct compiler *c = judge->c;
	bool deny = any_denies(judge, matching);
	uint32_t *refs = arena_array(c->scratch, uint32_t, matching->n_all + matching->n_aims);
	uint32_t count = 0, a = 0, b = 0, rule;
	struct chq_decision decision = {};

	c->work += matching->n_all + matching->n_aims;
	if (!matching->n_all && !matching->n_aims)
		return judge->fallback;
	while ((rule = next_rule(matching, &a, &b)) != NOBODY)
		if (c->rules[rule].deny == deny)
			refs[count++] = c->rules[rule].ref;
	decision.origin = origin_number(c, refs, count);
	decision.reason = deny ? CHQ_DROP_DENIED : CHQ_PASS_ALLOWED;
	decision.flags = deny ? deny_flags(judge, matching) : 0;
	obstack_free(c->scratch, refs);
	return decision;
}

struct aims {
	uint64_t *list;
	uint32_t count, room;
};

static void add_aim(struct compiler *c, struct aims *aims, uint32_t port_class, uint32_t rule)
{
	aims->list = compiler_grow(c->scratch, aims->list, aims->count, &aims->room,
				   sizeof(*aims->list));
	aims->list[aims->count++] = AIM(port_class, rule);
}

static void add_aims(struct compiler *c, struct aims *aims, uint32_t ports, uint32_t named,
		     uint32_t rule)
{
	const struct port_list *list = &c->ports[ports];
	const struct named_ports *targets = &c->named[named];

	c->work += list->n_classes;
	if (aims->count > AIMS_MAX) {
		c->work = WORK_MAX + 1; /* refused in the end */
		return;
	}
	for (uint32_t i = 0; i < list->n_classes; i++)
		add_aim(c, aims, list->classes[i], rule);
	for (uint32_t n = 0; n < list->n_names; n++)
		for (uint32_t t = 0; t < targets->count; t++)
			if (targets->list[t].name == list->names[n].name &&
			    targets->list[t].protocol & list->names[n].protocols)
				add_aim(c, aims, ports_class_of(c, targets->list[t].target), rule);
}

static void sort_aims(struct aims *aims)
{
	uint32_t kept = 0;

	sort_u64(aims->list, aims->count);
	for (uint32_t i = 0; i < aims->count; i++)
		if (!kept || aims->list[kept - 1] != aims->list[i])
			aims->list[kept++] = aims->list[i];
	aims->count = kept;
}

/* The decisions of one rule set, one a port class that some rule speaks of. */
struct draft {
	struct rule_row *rows;
	uint32_t count;
	struct chq_decision rest; /* of all other port classes */
};

static void decide_each(const struct judge *judge, const uint32_t *all, uint32_t n_all,
			const struct aims *aims, struct draft *draft)
{
	struct chq_decision guard = {.reason = CHQ_PASS_MANAGEMENT};

	for (uint32_t i = 0, next; i < aims->count; i = next) {
		struct matching matching = {all, n_all, &aims->list[i], 0};
		uint32_t class = AIM_CLASS(aims->list[i]);

		for (next = i; next < aims->count && AIM_CLASS(aims->list[next]) == class; next++)
			;
		matching.n_aims = next - i;
		draft->rows[draft->count++] = (struct rule_row){
			.key = {.port_class = class},
			.value = AIM_RULE(aims->list[next - 1]) == NOBODY
					 ? guard
					 : decide(judge, &matching),
		};
	}
}

static uint64_t decision_word(const struct chq_decision *decision)
{
	uint64_t word;

	memcpy(&word, decision, sizeof(word));
	return word;
}

/* The decision of the most port classes; where that is not the rest's, the rest is spelled out. */
static struct chq_decision most_common(struct compiler *c, const struct draft *draft)
{
	uint32_t best = c->port_classes.n_classes - draft->count, run = 0;
	uint64_t *words = arena_array(c->scratch, uint64_t, draft->count);
	uint64_t rest = decision_word(&draft->rest), chosen = rest;
	struct chq_decision decision;

	for (uint32_t i = 0; i < draft->count; i++) {
		words[i] = decision_word(&draft->rows[i].value);
		best += words[i] == rest;
	}
	sort_u64(words, draft->count);
	for (uint32_t i = 0; i < draft->count; i++) {
		run = i && words[i] == words[i - 1] ? run + 1 : 1;
		if (run > best) {
			best = run;
			chosen = words[i];
		}
	}
	memcpy(&decision, &chosen, sizeof(decision));
	return decision;
}

/* Leaves the rows that differ from `otherwise`, and spells out the rest where it does. */
static void reduce(struct compiler *c, struct draft *draft, const struct chq_decision *otherwise)
{
	uint32_t classes = c->port_classes.n_classes, next = 0, kept = 0;
	struct rule_row *rows = draft->rows;

	if (decision_word(otherwise) != decision_word(&draft->rest))
		rows = arena_array(c->scratch, struct rule_row, classes);
	for (uint32_t class = 0; rows != draft->rows && class < classes; class ++) {
		bool said = next < draft->count && draft->rows[next].key.port_class == class;

		rows[class].key.port_class = class;
		rows[class].value = said ? draft->rows[next].value : draft->rest;
		next += said;
	}
	if (rows != draft->rows)
		draft->count = classes;
	for (uint32_t i = 0; i < draft->count; i++)
		if (decision_word(&rows[i].value) != decision_word(otherwise))
			rows[kept++] = rows[i];
	draft->rows = rows;
	draft->count = kept;
}

/* Written one after the other, the rows of a number are found by where they start. */
static bool same_rule_set(const void *data, uint32_t number, const void *wanted)
{
	const struct compiler *c = data;
	const struct draft *draft = wanted;
	size_t first = c->rule_sets[number].first;

	if (c->rule_sets[number].count != draft->count)
		return false;
	for (uint32_t i = 0; i < draft->count; i++)
		if (c->out->rules[first + i].key.port_class != draft->rows[i].key.port_class ||
		    decision_word(&c->out->rules[first + i].value) !=
			    decision_word(&draft->rows[i].value))
			return false;
	return true;
}

static uint64_t hash_draft(const struct draft *draft)
{
	return XXH3_64bits(draft->rows, draft->count * sizeof(*draft->rows));
}

static uint32_t keep_rule_set(struct compiler *c, const struct draft *draft)
{
	struct generation *out = c->out;
	uint64_t hash = hash_draft(draft);
	uint32_t number;

	if (!draft->count)
		return 0;
	number = index_find(&c->rule_set_index, hash, same_rule_set, c, draft);
	if (number != INDEX_NONE)
		return number;
	c->wanted_rules += draft->count;
	if (c->wanted_rules > c->limits.rules)
		return 1; /* refused in the end */
	number = ++out->n_rule_sets;
	c->rule_sets = compiler_grow(c->keep, c->rule_sets, number, &c->room_rule_sets,
				     sizeof(*c->rule_sets));
	c->rule_sets[number] = (struct rule_set_rows){out->n_rules, draft->count};
	for (uint32_t i = 0; i < draft->count; i++) {
		out->rules = compiler_grow(c->keep, out->rules, out->n_rules, &c->room_rules,
					   sizeof(*out->rules));
		out->rules[out->n_rules] = draft->rows[i];
		out->rules[out->n_rules++].key.rule_set = number;
	}
	index_keep(&c->rule_set_index, hash, number);
	return number;
}

struct chq_ruleset judge_rules(const struct judge *judge, const uint32_t *rules, uint32_t count,
			       uint32_t named, bool managed)
{
	struct compiler *c = judge->c;
	uint32_t *all = arena_array(c->scratch, uint32_t, count), n_all = 0;
	struct matching rest = {.all = all};
	struct chq_ruleset value = {};
	struct draft draft = {};
	struct aims aims = {};

	for (uint32_t i = 0; i < count; i++) {
		if (c->rules[rules[i]].ports == PORTS_ALL)
			all[n_all++] = rules[i];
		else
			add_aims(c, &aims, c->rules[rules[i]].ports, named, rules[i]);
	}
	if (managed)
		add_aims(c, &aims, c->management_ports, 0, NOBODY);
	sort_aims(&aims);
	rest.n_all = n_all;
	draft.rest = decide(judge, &rest);
	draft.rows = arena_array(c->scratch, struct rule_row, aims.count);
	decide_each(judge, all, n_all, &aims, &draft);
	value.otherwise = most_common(c, &draft);
	reduce(c, &draft, &value.otherwise);
	value.rule_set = keep_rule_set(c, &draft);
	obstack_free(c->scratch, all);
	return value;
}
