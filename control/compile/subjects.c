// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compile/compiler.h"

#include <xxhash.h>

/* Those whom the same policies select, with the same named ports, audit and guard: one class. */

/* Closed whatever policies say: always mode, and who has no labels yet. */
static bool is_closed(const struct compiler *c, const struct label_set *set)
{
	enum enforcement mode = c->config->gateway.enforcement;

	if (set->category != CATEGORY_ENDPOINT || mode == ENFORCE_NEVER)
		return false;
	return mode == ENFORCE_ALWAYS || set->entities & 1 << ENTITY_INIT;
}

static void split_by_closed(struct compiler *c, struct partition *partition, uint32_t *room)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < c->n_label_sets; i++)
		if (is_closed(c, &c->label_sets[i]))
			room[count++] = i;
	partition_split(partition, room, count);
}

static bool names_ports(const struct compiler *c, const struct compiled_policy *policy)
{
	const struct compiled_rule *rules = &c->rules[policy->first_rule];

	for (uint32_t i = 0; i < policy->n_rules; i++)
		if (rules[i].direction == CHQ_INGRESS && c->ports[rules[i].ports].n_names)
			return true;
	return false;
}

static void join_group(struct compiler *c, struct subject_group *group, uint32_t policy, bool names)
{
	struct numbers list = {group->policies, group->n_policies, group->room};

	numbers_add(c->scratch, &list, policy);
	group->policies = list.list;
	group->n_policies = list.count;
	group->room = list.room;
	group->names |= names;
}

static int join_groups(struct compiler *c, const struct partition *partition, uint32_t policy,
		       uint32_t *room)
{
	const struct selector_term *term = &c->selectors[c->policies[policy].subject];
	uint32_t count;
	const uint32_t *groups = selectors_classes(c, term, partition, room, &count);
	bool names = names_ports(c, &c->policies[policy]);

	c->policies[policy].cost += count;
	c->memberships += count;
	if (c->memberships > MEMBERSHIPS_MAX)
		return compiler_refuse(c, "policies for each differently treated group, added up",
				       c->memberships, MEMBERSHIPS_MAX, NULL);
	for (uint32_t i = 0; i < count; i++)
		join_group(c, &c->groups[groups[i]], policy, names);
	return compiler_spend(c, count);
}

static int make_subject_groups(struct compiler *c)
{
	uint32_t *room = c->room;
	struct partition partition;
	int err = 0;

	partition_start(&partition, c->scratch, c->n_label_sets);
	for (uint32_t i = 0; i < c->n_selectors; i++)
		if (c->selectors[i].scope >= SCOPE_SUBJECTS)
			partition_split_set(&partition, &c->selectors[i].label_sets, room);
	split_by_closed(c, &partition, room);
	for (uint32_t i = 0; i < c->n_selectors; i++)
		if (c->selectors[i].scope >= SCOPE_SUBJECTS)
			selectors_keep_classes(c, &c->selectors[i], &partition, room);
	c->ranks = partition_ranks(&partition, c->scratch);
	c->n_groups = partition.n_classes;
	c->groups = arena_array(c->scratch, struct subject_group, c->n_groups);
	for (uint32_t i = 0; i < c->n_label_sets; i++) {
		c->label_sets[i].subject_group = partition.class_of[i];
		c->groups[partition.class_of[i]].closed = is_closed(c, &c->label_sets[i]);
	}
	if (c->config->gateway.enforcement == ENFORCE_NEVER)
		return 0;
	for (size_t i = 0; i < c->config->n_policies && !err; i++)
		if (c->config->policies[i].applies[0] || c->config->policies[i].applies[1])
			err = join_groups(c, &partition, i, room);
	return err;
}

static bool same_subject(const void *data, uint32_t number, const void *wanted)
{
	const struct subject_class *a = &((const struct compiler *)data)->subjects[number];
	const struct subject_class *b = wanted;

	return a->group == b->group && a->named == b->named && a->audit == b->audit &&
	       a->managed == b->managed && a->host == b->host;
}

/* Class 0 is nobody's: whatever comes or goes, no policy of theirs has a say. */
static uint32_t subject_of(struct compiler *c, const struct row *row)
{
	const struct actor *actor = &c->actors[row->actor];
	const struct label_set *set = &c->label_sets[actor->label_set];
	const struct subject_group *group = &c->groups[set->subject_group];
	bool guard = c->management_ports != PORTS_ALL;
	struct subject_class subject = {
		.group = set->subject_group,
		.host = set->category == CATEGORY_HOST,
		.managed = guard && row->managed,
		.example = set->identity,
	};
	uint32_t words[4], number;
	uint64_t hash;

	if (!group->n_policies && !group->closed && !subject.managed && !(guard && subject.host))
		return 0;
	subject.named = group->names ? actor->named_ingress : 0;
	subject.audit = actor->endpoint && actor->endpoint->audit;
	words[0] = subject.group;
	words[1] = subject.named;
	words[2] = subject.audit;
	words[3] = subject.managed << 1 | subject.host;
	hash = XXH3_64bits(words, sizeof(words));
	number = index_find(&c->subject_index, hash, same_subject, c, &subject);
	if (number != INDEX_NONE)
		return number;
	GROW(c, c->subjects, c->n_subjects, c->room_subjects);
	c->subjects[c->n_subjects] = subject;
	index_keep(&c->subject_index, hash, c->n_subjects);
	return c->n_subjects++;
}

static int compare_subjects(const void *a, const void *b, void *data)
{
	const struct compiler *c = data;
	const struct subject_class *left = &c->subjects[*(const uint32_t *)a];
	const struct subject_class *right = &c->subjects[*(const uint32_t *)b];
	int order = compiler_order(c->ranks[left->group], c->ranks[right->group]);

	if (!order)
		order = compiler_order(left->named, right->named);
	if (!order)
		order = left->audit - right->audit;
	if (!order)
		order = left->managed - right->managed;
	return order ? order : left->host - right->host;
}

static void number_subjects(struct compiler *c)
{
	struct subject_class *sorted = arena_array(c->scratch, struct subject_class, c->n_subjects);
	uint32_t *order;
	uint32_t *numbers = compiler_renumber(c, c->n_subjects, 1, compare_subjects, &order);

	for (uint32_t i = 0; i < c->n_subjects; i++)
		sorted[i] = c->subjects[order[i]];
	c->subjects = sorted;
	c->own.subject = numbers[c->own.subject];
	for (uint32_t i = 0; i < c->n_rows; i++)
		c->rows[i].subject = numbers[c->rows[i].subject];
}

static void make_subject_classes(struct compiler *c)
{
	GROW(c, c->subjects, 0, c->room_subjects);
	c->n_subjects = 1;
	c->own.subject = subject_of(c, &c->own);
	for (uint32_t i = 0; i < c->n_rows; i++) {
		c->rows[i].subject = subject_of(c, &c->rows[i]);
		c->subjects[c->rows[i].subject].entries++;
	}
	number_subjects(c);
}

int subjects_make(struct compiler *c)
{
	int err = make_subject_groups(c);

	if (err < 0)
		return err;
	make_subject_classes(c);
	return 0;
}
