// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compile/bases.h"
#include "compile/compiler.h"

#include <xxhash.h>

/*
 * For each subject class and direction, what holds towards each peer class. Most
 * subjects share the lists that match many peers, and have few of their own: the
 * many are parted once into a base, shared by all subjects that use the same wide
 * lists, and only what the narrow ones touch is looked at peer by peer.
 */

/* Beyond that many touched peers the narrow lists of a subject count as wide. */
#define TOUCHED_MAX (2u << 20)

/* Rules of one direction that have the same peers. */
struct slot {
	uint32_t spec;
	uint32_t *rules, n_rules;
};

/* One subject class in one direction. */
struct plan {
	struct judge judge;
	struct slot *slots;
	uint32_t n_slots;
	uint32_t *any, n_any;	/* rules for every peer */
	uint32_t *wide, n_wide; /* slots */
	uint32_t flags;
	const struct base *base;
	uint64_t *touched; /* peer << 32 | slot, sorted */
	uint32_t n_touched, room_touched;
};

/* A rule set that some peers of the plan get. */
struct outcome {
	struct chq_ruleset value;
	uint32_t peers;
};

struct outcomes {
	struct outcome *list;
	uint32_t count, room;
	struct index index;
	uint32_t *of_group;  /* by base group, NOBODY = not judged yet */
	uint32_t *untouched; /* by base group: peers that only wide lists match */
};

static bool is_wide(const struct set *peers)
{
	return peers->count > 32 && peers->count > peers->n / 16;
}

static void touch(struct compiler *c, struct plan *plan, uint32_t slot)
{
	const struct set *peers = &c->specs[plan->slots[slot].spec].peers;
	uint32_t *room = arena_array(c->scratch, uint32_t, peers->count);

	set_members(peers, room);
	for (uint32_t i = 0; i < peers->count; i++) {
		plan->touched = compiler_grow(c->scratch, plan->touched, plan->n_touched,
					      &plan->room_touched, sizeof(*plan->touched));
		plan->touched[plan->n_touched++] = (uint64_t)room[i] << 32 | slot;
	}
	c->work += peers->count;
}

/* Rules sorted by who they speak of, those for everybody apart. */
static void make_slots(struct compiler *c, struct plan *plan)
{
	const struct judge *judge = &plan->judge;
	uint64_t *sorted = arena_array(c->scratch, uint64_t, judge->n_rules);
	uint32_t *rules = arena_array(c->scratch, uint32_t, judge->n_rules), spec;

	plan->slots = arena_array(c->scratch, struct slot, judge->n_rules);
	plan->any = arena_array(c->scratch, uint32_t, judge->n_rules);
	for (uint32_t i = 0; i < judge->n_rules; i++)
		sorted[i] = (uint64_t)c->rules[judge->rules[i]].spec << 32 | judge->rules[i];
	sort_u64(sorted, judge->n_rules);
	for (uint32_t i = 0; i < judge->n_rules; i++) {
		spec = sorted[i] >> 32;
		rules[i] = sorted[i];
		if (c->specs[spec].peers.count == c->n_peers) {
			plan->any[plan->n_any++] = rules[i];
			continue;
		}
		if (!plan->n_slots || plan->slots[plan->n_slots - 1].spec != spec)
			plan->slots[plan->n_slots++] = (struct slot){spec, &rules[i], 0};
		plan->slots[plan->n_slots - 1].n_rules++;
	}
	plan->n_any = sort_unique(plan->any, plan->n_any);
}

static bool uses_names(const struct judge *judge)
{
	for (uint32_t i = 0; i < judge->n_rules; i++)
		if (judge->c->ports[judge->c->rules[judge->rules[i]].ports].n_names)
			return true;
	return false;
}

static uint32_t find_flags(const struct judge *judge)
{
	bool guard = judge->c->management_ports != PORTS_ALL;

	if (judge->direction == CHQ_INGRESS)
		return guard && judge->subject->host ? BY_MANAGED : 0;
	return (uses_names(judge) ? BY_NAMED : 0) |
	       (guard && judge->subject->managed ? BY_HOST : 0);
}

static void charge(struct compiler *c, const struct slot *slot, uint32_t peers)
{
	for (uint32_t r = 0; r < slot->n_rules; r++)
		c->policies[c->rules[slot->rules[r]].policy].cost += peers;
}

static void make_plan(struct compiler *c, struct plan *plan, struct bases *bases)
{
	uint32_t *specs;

	make_slots(c, plan);
	specs = arena_array(c->scratch, uint32_t, plan->n_slots);
	plan->flags = find_flags(&plan->judge);
	plan->wide = arena_array(c->scratch, uint32_t, plan->n_slots);
	for (uint32_t i = 0; i < plan->n_slots; i++) {
		const struct set *peers = &c->specs[plan->slots[i].spec].peers;

		charge(c, &plan->slots[i], peers->count);
		if (!is_wide(peers) && plan->n_touched <= TOUCHED_MAX) {
			touch(c, plan, i);
			continue;
		}
		specs[plan->n_wide] = plan->slots[i].spec;
		plan->wide[plan->n_wide++] = i;
	}
	sort_u64(plan->touched, plan->n_touched);
	plan->base = bases_find(c, bases, specs, plan->n_wide, plan->flags);
}

static uint32_t example_of(const struct plan *plan, uint32_t group)
{
	return plan->base->partition.element[plan->base->partition.first[group]];
}

static void add_slot(uint32_t *rules, uint32_t *count, const struct slot *slot)
{
	memcpy(&rules[*count], slot->rules, slot->n_rules * sizeof(*rules));
	*count += slot->n_rules;
}

/* All the rules between the subject and a peer of this group that these slots touch too. */
static struct chq_ruleset judge_group(struct compiler *c, const struct plan *plan, uint32_t group,
				      const uint64_t *touched, uint32_t n_touched)
{
	const struct peer_class *peer = &c->peers[example_of(plan, group)];
	uint32_t *rules = arena_array(c->scratch, uint32_t, plan->judge.n_rules);
	struct chq_ruleset value;
	uint32_t count = 0, named;
	bool managed = (plan->flags & BY_MANAGED && peer->managed) ||
		       (plan->flags & BY_HOST && peer->host);

	memcpy(rules, plan->any, plan->n_any * sizeof(*rules));
	count = plan->n_any;
	for (uint32_t i = 0; i < plan->n_wide; i++)
		if (set_has(&c->specs[plan->slots[plan->wide[i]].spec].peers,
			    example_of(plan, group)))
			add_slot(rules, &count, &plan->slots[plan->wide[i]]);
	for (uint32_t i = 0; i < n_touched; i++)
		add_slot(rules, &count, &plan->slots[(uint32_t)touched[i]]);
	count = sort_unique(rules, count);
	named = plan->judge.direction == CHQ_INGRESS ? plan->judge.subject->named : peer->named;
	value = judge_rules(&plan->judge, rules, count, named, managed);
	c->work += count;
	obstack_free(c->scratch, rules);
	return value;
}

static bool same_outcome(const void *data, uint32_t number, const void *wanted)
{
	const struct outcomes *outcomes = data;

	return memcmp(&outcomes->list[number].value, wanted, sizeof(struct chq_ruleset)) == 0;
}

static uint32_t add_outcome(struct compiler *c, struct outcomes *outcomes,
			    const struct chq_ruleset *value, uint32_t peers)
{
	uint64_t hash = XXH3_64bits(value, sizeof(*value));
	uint32_t number = index_find(&outcomes->index, hash, same_outcome, outcomes, value);

	if (number == INDEX_NONE) {
		number = outcomes->count++;
		GROW(c, outcomes->list, number, outcomes->room);
		outcomes->list[number] = (struct outcome){*value, 0};
		index_keep(&outcomes->index, hash, number);
	}
	outcomes->list[number].peers += peers;
	return number;
}

static void judge_untouched(struct compiler *c, const struct plan *plan, struct outcomes *outcomes)
{
	const struct partition *groups = &plan->base->partition;
	struct chq_ruleset value;

	outcomes->of_group = arena_array(c->scratch, uint32_t, groups->n_classes);
	outcomes->untouched = arena_array(c->scratch, uint32_t, groups->n_classes);
	for (uint32_t g = 0; g < groups->n_classes; g++)
		outcomes->untouched[g] = groups->size[g];
	for (uint32_t i = 0; i < plan->n_touched; i++)
		if (!i || plan->touched[i] >> 32 != plan->touched[i - 1] >> 32)
			outcomes->untouched[groups->class_of[plan->touched[i] >> 32]]--;
	for (uint32_t g = 0; g < groups->n_classes; g++) {
		outcomes->of_group[g] = NOBODY;
		if (!outcomes->untouched[g])
			continue;
		value = judge_group(c, plan, g, NULL, 0);
		outcomes->of_group[g] = add_outcome(c, outcomes, &value, outcomes->untouched[g]);
	}
}

/* Peers that the same slots touch in the same group are judged once. */
struct combination {
	uint32_t group, first, count; /* in plan->touched */
	uint32_t outcome;
};

struct combinations {
	const struct plan *plan;
	struct combination *list;
	uint32_t count, room;
	struct index index;
};

static bool same_combination(const void *data, uint32_t number, const void *wanted)
{
	const struct combinations *all = data;
	const struct combination *a = &all->list[number], *b = wanted;

	if (a->group != b->group || a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++)
		if ((uint32_t)all->plan->touched[a->first + i] !=
		    (uint32_t)all->plan->touched[b->first + i])
			return false;
	return true;
}

static uint64_t hash_combination(const struct plan *plan, const struct combination *combination)
{
	uint64_t hash = combination->group;

	for (uint32_t i = 0; i < combination->count; i++) {
		uint32_t slot = plan->touched[combination->first + i];

		hash = XXH3_64bits_withSeed(&slot, sizeof(slot), hash);
	}
	return hash;
}

static uint32_t judge_combination(struct compiler *c, const struct plan *plan,
				  struct combinations *all, struct combination wanted,
				  struct outcomes *outcomes)
{
	uint64_t hash = hash_combination(plan, &wanted);
	uint32_t number = index_find(&all->index, hash, same_combination, all, &wanted);
	struct chq_ruleset value;

	if (number == INDEX_NONE) {
		value = judge_group(c, plan, wanted.group, &plan->touched[wanted.first],
				    wanted.count);
		wanted.outcome = add_outcome(c, outcomes, &value, 0);
		number = all->count++;
		GROW(c, all->list, number, all->room);
		all->list[number] = wanted;
		index_keep(&all->index, hash, number);
	}
	outcomes->list[all->list[number].outcome].peers++;
	return all->list[number].outcome;
}

/* Outcome of each touched peer, in the order of `touched`; returns how many peers there are. */
static uint32_t judge_touched(struct compiler *c, const struct plan *plan,
			      struct outcomes *outcomes, uint64_t *ret)
{
	struct combinations all = {.plan = plan};
	uint32_t peers = 0;

	for (uint32_t i = 0, next; i < plan->n_touched && c->work <= WORK_MAX; i = next) {
		uint32_t peer = plan->touched[i] >> 32;

		for (next = i; next < plan->n_touched && plan->touched[next] >> 32 == peer; next++)
			;
		ret[peers++] =
			(uint64_t)peer << 32 |
			judge_combination(c, plan, &all,
					  (struct combination){plan->base->partition.class_of[peer],
							       i, next - i, 0},
					  outcomes);
	}
	index_free(&all.index);
	return peers;
}

static void emit(struct compiler *c, const struct plan *plan, uint32_t peer,
		 const struct chq_ruleset *value)
{
	struct generation *out = c->out;

	out->pairs = compiler_grow(c->keep, out->pairs, out->n_pairs, &c->room_pairs,
				   sizeof(*out->pairs));
	out->pairs[out->n_pairs++] = (struct pair_row){
		.key = {.subject = plan->judge.subject - c->subjects,
			.peer = peer,
			.direction = plan->judge.direction},
		.value = *value,
	};
}

/* What most peers get is the subject's default, and only the others are stored. */
static uint32_t most_peers(const struct outcomes *outcomes)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < outcomes->count; i++)
		if (outcomes->list[i].peers > outcomes->list[best].peers)
			best = i;
	return best;
}

static void emit_untouched(struct compiler *c, const struct plan *plan,
			   const struct outcomes *outcomes, uint32_t standard,
			   const uint64_t *touched, uint32_t n_touched)
{
	const struct partition *groups = &plan->base->partition;
	bool *skip = arena_array(c->scratch, bool, c->n_peers);

	for (uint32_t i = 0; i < n_touched; i++)
		skip[touched[i] >> 32] = true;
	for (uint32_t g = 0; g < groups->n_classes; g++) {
		if (outcomes->of_group[g] == NOBODY || outcomes->of_group[g] == standard)
			continue;
		for (uint32_t i = groups->first[g]; i < groups->first[g] + groups->size[g]; i++)
			if (!skip[groups->element[i]])
				emit(c, plan, groups->element[i],
				     &outcomes->list[outcomes->of_group[g]].value);
	}
}

static bool all_standard(const struct plan *plan, const struct outcomes *outcomes,
			 uint32_t standard)
{
	for (uint32_t g = 0; g < plan->base->partition.n_classes; g++)
		if (outcomes->of_group[g] != NOBODY && outcomes->of_group[g] != standard)
			return false;
	return true;
}

static struct chq_ruleset judge_all(struct compiler *c, struct plan *plan)
{
	uint64_t *touched = arena_array(c->scratch, uint64_t, plan->n_touched);
	struct outcomes outcomes = {};
	uint32_t peers, standard;

	judge_untouched(c, plan, &outcomes);
	peers = judge_touched(c, plan, &outcomes, touched);
	standard = most_peers(&outcomes);
	index_free(&outcomes.index);
	c->wanted_pairs += c->n_peers - outcomes.list[standard].peers;
	if (c->wanted_pairs > c->limits.pairs)
		return outcomes.list[standard].value; /* refused in the end */
	for (uint32_t i = 0; i < peers; i++)
		if ((uint32_t)touched[i] != standard)
			emit(c, plan, touched[i] >> 32, &outcomes.list[(uint32_t)touched[i]].value);
	if (!all_standard(plan, &outcomes, standard))
		emit_untouched(c, plan, &outcomes, standard, touched, peers);
	return outcomes.list[standard].value;
}

static void judge_subject(struct compiler *c, struct bases *bases, uint32_t number,
			  enum chq_direction direction)
{
	struct subject_class *subject = &c->subjects[number];
	void *mark = obstack_alloc(c->scratch, 1);
	struct plan plan = {};

	judge_start(&plan.judge, c, subject, direction);
	subject->enforced[direction] = plan.judge.enforced;
	subject->spoken[direction] = plan.judge.spoken;
	make_plan(c, &plan, bases);
	subject->defaults[direction] = judge_all(c, &plan);
	obstack_free(c->scratch, mark);
}

static int check_limits(struct compiler *c)
{
	if (c->origin_members > ORIGIN_MEMBERS_MAX)
		return compiler_refuse(c, "rules that stand behind verdicts, added up",
				       c->origin_members, ORIGIN_MEMBERS_MAX, NULL);
	return compiler_spend(c, 0);
}

static int compare_pairs(const void *a, const void *b)
{
	const struct chq_pair *left = a, *right = b;

	if (left->subject != right->subject)
		return left->subject < right->subject ? -1 : 1;
	if (left->peer != right->peer)
		return left->peer < right->peer ? -1 : 1;
	return (int)left->direction - (int)right->direction;
}

int pairs_make(struct compiler *c)
{
	struct bases *bases = arena_array(c->scratch, struct bases, 1);
	struct chq_ruleset open = {.otherwise = {.reason = CHQ_PASS_NO_POLICY}};
	int err = 0;

	bases_start(bases, c);
	origin_number(c, NULL, 0); /* set 0 is empty */
	c->subjects[0].defaults[CHQ_INGRESS] = c->subjects[0].defaults[CHQ_EGRESS] = open;
	for (uint32_t i = 1; i < c->n_subjects && !err; i++) {
		judge_subject(c, bases, i, CHQ_INGRESS);
		judge_subject(c, bases, i, CHQ_EGRESS);
		err = check_limits(c);
	}
	bases_free(bases);
	if (!err && c->wanted_pairs > c->limits.pairs)
		err = compiler_refuse(c, "pairs of differently treated groups", c->wanted_pairs,
				      c->limits.pairs, "limits.pairs");
	if (!err && c->wanted_rules > c->limits.rules)
		err = compiler_refuse(c, "rules of all rule sets", c->wanted_rules, c->limits.rules,
				      "limits.rules");
	if (c->out->n_pairs)
		qsort(c->out->pairs, c->out->n_pairs, sizeof(*c->out->pairs), compare_pairs);
	return err;
}
