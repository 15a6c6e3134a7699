// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compile/compiler.h"

#include <errno.h>
#include <xxhash.h>

#include "util/addr.h"

/* Who is treated alike: as a peer, and as the one whose policies count. */

static void split_by_entity(struct compiler *c, uint32_t entity, uint32_t *room)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < c->n_label_sets; i++)
		if (c->label_sets[i].entities & 1u << entity)
			room[count++] = i;
	partition_split(&c->label_classes, room, count);
}

static void split_by_category(struct compiler *c, struct partition *partition,
			      enum category category, uint32_t *room)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < c->n_label_sets; i++)
		if (c->label_sets[i].category == category)
			room[count++] = i;
	partition_split(partition, room, count);
}

/* Classes of the members, each once: `seen` has a place for every class, and is left clean. */
static uint32_t list_classes(const struct partition *partition, uint32_t *members, uint32_t count,
			     bool *seen)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t class = partition->class_of[members[i]];

		if (!seen[class])
			members[kept++] = class;
		seen[class] = true;
	}
	for (uint32_t i = 0; i < kept; i++)
		seen[members[i]] = false;
	return kept;
}

/* Long lists are made again when they are asked for: ten thousand of them would not fit. */
static void keep_term_classes(struct compiler *c, struct selector_term *term,
			      const struct partition *partition, uint32_t *room)
{
	uint32_t count;

	set_members(&term->label_sets, room);
	count = list_classes(partition, room, term->label_sets.count, c->seen);
	if (count > 64 && count > c->n_label_sets / 32)
		return;
	term->n_label_classes = count;
	term->label_classes = arena_array(c->scratch, uint32_t, count + 1);
	if (count)
		memcpy(term->label_classes, room, count * sizeof(*room));
}

static const uint32_t *classes_of(struct compiler *c, const struct selector_term *term,
				  const struct partition *partition, uint32_t *room,
				  uint32_t *ret_count)
{
	*ret_count = term->n_label_classes;
	if (term->label_classes)
		return term->label_classes;
	set_members(&term->label_sets, room);
	*ret_count = list_classes(partition, room, term->label_sets.count, c->seen);
	c->work += term->label_sets.count;
	return room;
}

static int make_label_classes(struct compiler *c, uint32_t *room)
{
	int err = 0;

	partition_start(&c->label_classes, c->scratch, c->n_label_sets);
	for (uint32_t i = 0; i < c->n_selectors && !err; i++) {
		if (c->selectors[i].scope >= SCOPE_SUBJECTS)
			continue;
		partition_split_set(&c->label_classes, &c->selectors[i].label_sets, room);
		err = compiler_spend(c, c->selectors[i].label_sets.count);
	}
	if (err < 0)
		return err;
	for (uint32_t entity = 0; entity < ENTITY_ALL; entity++)
		if (c->used_entities & 1u << entity)
			split_by_entity(c, entity, room);
	if (c->management_ports != PORTS_ALL)
		split_by_category(c, &c->label_classes, CATEGORY_HOST, room);
	for (uint32_t i = 0; i < c->n_selectors; i++)
		if (c->selectors[i].scope < SCOPE_SUBJECTS)
			keep_term_classes(c, &c->selectors[i], &c->label_classes, room);
	return 0;
}

/* Cilium's rules by address speak of the world alone; Kubernetes' ipBlock of any address. */
static bool eligible(const struct compiler *c, const struct cidr_rule *rule, enum category category)
{
	const struct gateway *gateway = &c->config->gateway;

	if (category == CATEGORY_WORLD || rule->endpoints_too)
		return true;
	return category == CATEGORY_ENDPOINT ? gateway->cidr_matches_endpoints
					     : gateway->cidr_matches_nodes;
}

static uint32_t find_cidr(const struct compiler *c, const struct chq_prefix *prefix)
{
	uint32_t low = 1, high = c->n_cidrs;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (rows_compare(&c->cidrs[middle], prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool same_family(const struct chq_prefix *a, const struct chq_prefix *b)
{
	return rows_is_ipv4(a) == rows_is_ipv4(b);
}

/* Sorted as they are, the prefixes inside one follow it: up to which number? */
static uint32_t *find_ends(struct compiler *c)
{
	uint32_t *end = arena_array(c->scratch, uint32_t, c->n_cidrs + 2);
	uint32_t *open = arena_array(c->scratch, uint32_t, c->n_cidrs + 2), depth = 0;

	for (uint32_t i = 1; i <= c->n_cidrs; i++) {
		while (depth && (!same_family(&c->cidrs[open[depth - 1]], &c->cidrs[i]) ||
				 !prefix_contains(&c->cidrs[open[depth - 1]], &c->cidrs[i])))
			end[open[--depth]] = i;
		open[depth++] = i;
	}
	while (depth)
		end[open[--depth]] = c->n_cidrs + 1;
	return end;
}

/* A hole may be wider than the prefix, where a group of prefixes shares one list of holes. */
static bool is_all_hole(const struct cidr_rule *rule)
{
	for (size_t i = 0; i < rule->excepts; i++)
		if (same_family(&rule->except[i], &rule->prefix) &&
		    prefix_contains(&rule->except[i], &rule->prefix))
			return true;
	return false;
}

/* Those inside the rule's prefix and in none of its holes. */
static uint32_t cidr_members(struct compiler *c, const struct cidr_rule *rule, const uint32_t *end,
			     uint32_t *ret)
{
	uint32_t start = find_cidr(c, &rule->prefix), count = 0, n = start;

	if (is_all_hole(rule))
		return 0;
	for (size_t i = 0; i < rule->excepts; i++)
		c->left_out[find_cidr(c, &rule->except[i])] = true;
	while (n < end[start]) {
		if (c->left_out[n]) {
			n = end[n];
			continue;
		}
		ret[count++] = n++;
	}
	for (size_t i = 0; i < rule->excepts; i++)
		c->left_out[find_cidr(c, &rule->except[i])] = false;
	return count;
}

static int make_cidr_classes(struct compiler *c, enum category category, const uint32_t *end,
			     uint32_t *room)
{
	struct partition partition;
	uint32_t base = c->n_cidr_classes, count;
	int err = 0;

	partition_start(&partition, c->scratch, c->n_cidrs + 1);
	for (uint32_t i = 0; i < c->n_cidr_terms && !err; i++) {
		if (!eligible(c, c->cidr_terms[i].rule, category))
			continue;
		count = cidr_members(c, c->cidr_terms[i].rule, end, room);
		partition_split(&partition, room, count);
		err = compiler_spend(c, count + c->cidr_terms[i].rule->excepts);
	}
	c->cidr_class[category] = arena_array(c->scratch, uint32_t, c->n_cidrs + 1);
	for (uint32_t n = 0; n <= c->n_cidrs; n++)
		if (partition.class_of[n])
			c->cidr_class[category][n] = base + partition.class_of[n];
	c->n_cidr_classes += partition.n_classes - 1;
	return err;
}

static void keep_cidr_term_classes(struct compiler *c, const uint32_t *end, uint32_t *room)
{
	static const enum category apart[] = {CATEGORY_WORLD, CATEGORY_ENDPOINT, CATEGORY_HOST};

	for (uint32_t i = 0; i < c->n_cidr_terms; i++) {
		struct cidr_term *term = &c->cidr_terms[i];
		struct numbers classes = {};

		for (size_t a = 0; a < sizeof(apart) / sizeof(*apart); a++) {
			uint32_t count = 0;

			if (!eligible(c, term->rule, apart[a]))
				continue;
			count = cidr_members(c, term->rule, end, room);
			for (uint32_t n = 0; n < count; n++)
				room[n] = c->cidr_class[apart[a]][room[n]];
			count = sort_unique(room, count);
			for (uint32_t n = 0; n < count; n++)
				numbers_add(c->scratch, &classes, room[n]);
		}
		term->classes = classes.list;
		term->n_classes = classes.count;
	}
}

static int make_all_cidr_classes(struct compiler *c)
{
	uint32_t *end = find_ends(c), *room = arena_array(c->scratch, uint32_t, c->n_cidrs + 2);
	int err;

	c->left_out = arena_array(c->scratch, bool, c->n_cidrs + 2);
	c->n_cidr_classes = 0;
	err = make_cidr_classes(c, CATEGORY_WORLD, end, room);
	if (!err)
		err = make_cidr_classes(c, CATEGORY_ENDPOINT, end, room);
	if (!err)
		err = make_cidr_classes(c, CATEGORY_HOST, end, room);
	c->cidr_class[CATEGORY_REMOTE] = c->cidr_class[CATEGORY_HOST];
	if (!err)
		keep_cidr_term_classes(c, end, room);
	return err;
}

static bool same_peer(const void *data, uint32_t number, const void *wanted)
{
	const struct peer_class *a = &((const struct compiler *)data)->peers[number], *b = wanted;

	return a->label_class == b->label_class && a->cidr_class == b->cidr_class &&
	       a->named == b->named && a->managed == b->managed;
}

static uint32_t peer_of(struct compiler *c, const struct row *row)
{
	const struct actor *actor = &c->actors[row->actor];
	const struct label_set *set = &c->label_sets[actor->label_set];
	struct peer_class peer = {
		.label_class = c->label_classes.class_of[actor->label_set],
		.cidr_class = c->cidr_class[set->category][row->cidr],
		.named = actor->named_egress,
		.managed = row->managed && c->management_ports != PORTS_ALL,
		.host = set->category == CATEGORY_HOST,
		.example = set->identity,
		.entities = set->entities,
	};
	uint32_t words[] = {peer.label_class, peer.cidr_class, peer.named, peer.managed};
	uint64_t hash = XXH3_64bits(words, sizeof(words));
	uint32_t number = index_find(&c->peer_index, hash, same_peer, c, &peer);

	if (number == INDEX_NONE) {
		number = c->n_peers++;
		GROW(c, c->peers, number, c->room_peers);
		c->peers[number] = peer;
		index_keep(&c->peer_index, hash, number);
	}
	c->peers[number].entries += row->parent != NOBODY || !row->own;
	return number;
}

static void make_peer_classes(struct compiler *c)
{
	c->own.peer = peer_of(c, &c->own);
	for (uint32_t i = 0; i < c->n_rows; i++)
		c->rows[i].peer = peer_of(c, &c->rows[i]);
}

/* Peer classes by what they are made of, so that a list of peers finds its own. */
struct members {
	uint32_t *first, *list;
};

static struct members group_peers(struct compiler *c, uint32_t groups,
				  uint32_t (*group_of)(const struct peer_class *peer))
{
	struct members members = {
		.first = arena_array(c->scratch, uint32_t, groups + 2),
		.list = arena_array(c->scratch, uint32_t, c->n_peers),
	};

	for (uint32_t i = 0; i < c->n_peers; i++)
		members.first[group_of(&c->peers[i]) + 2]++;
	for (uint32_t g = 2; g < groups + 2; g++)
		members.first[g] += members.first[g - 1];
	for (uint32_t i = 0; i < c->n_peers; i++)
		members.list[members.first[group_of(&c->peers[i]) + 1]++] = i;
	return members;
}

static uint32_t label_class_of(const struct peer_class *peer)
{
	return peer->label_class;
}

static uint32_t cidr_class_of(const struct peer_class *peer)
{
	return peer->cidr_class;
}

struct spec_room {
	struct members by_label, by_cidr;
	uint32_t *found, n_found;
	uint32_t *stamp, round;
	uint32_t *classes; /* for those of one selector */
};

static void find_peer(struct spec_room *room, uint32_t peer)
{
	if (room->stamp[peer] == room->round)
		return;
	room->stamp[peer] = room->round;
	room->found[room->n_found++] = peer;
}

static void find_members(struct spec_room *room, const struct members *members,
			 const uint32_t *groups, uint32_t count)
{
	for (uint32_t g = 0; g < count; g++)
		for (uint32_t i = members->first[groups[g]]; i < members->first[groups[g] + 1]; i++)
			find_peer(room, members->list[i]);
}

static int fill_spec(struct compiler *c, struct peer_spec *spec, struct spec_room *room)
{
	room->round++;
	room->n_found = 0;
	for (uint32_t i = 0; i < spec->n_selectors; i++) {
		const struct selector_term *term = &c->selectors[spec->selectors[i]];
		uint32_t count;
		const uint32_t *classes =
			classes_of(c, term, &c->label_classes, room->classes, &count);

		find_members(room, &room->by_label, classes, count);
		c->work += count;
	}
	for (uint32_t i = 0; i < spec->n_cidrs; i++) {
		const struct cidr_term *term = &c->cidr_terms[spec->cidrs[i]];

		find_members(room, &room->by_cidr, term->classes, term->n_classes);
		c->work += term->n_classes;
	}
	for (uint32_t i = 0; i < c->n_peers && (spec->entities || spec->any); i++)
		if (spec->any || c->peers[i].entities & spec->entities)
			find_peer(room, i);
	spec->peers = compiler_set(c, c->n_peers, room->found, room->n_found);
	return compiler_spend(c, room->n_found);
}

static int fill_specs(struct compiler *c)
{
	struct spec_room room = {
		.by_label = group_peers(c, c->label_classes.n_classes, label_class_of),
		.by_cidr = group_peers(c, c->n_cidr_classes + 1, cidr_class_of),
		.found = arena_array(c->scratch, uint32_t, c->n_peers),
		.stamp = arena_array(c->scratch, uint32_t, c->n_peers),
		.classes = arena_array(c->scratch, uint32_t, c->n_label_sets),
	};
	int err = 0;

	for (uint32_t i = 0; i < c->n_specs && !err; i++)
		err = fill_spec(c, &c->specs[i], &room);
	return err;
}

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
	const uint32_t *groups = classes_of(c, term, partition, room, &count);
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

static int make_subject_groups(struct compiler *c, uint32_t *room)
{
	struct partition partition;
	int err = 0;

	partition_start(&partition, c->scratch, c->n_label_sets);
	for (uint32_t i = 0; i < c->n_selectors; i++)
		if (c->selectors[i].scope >= SCOPE_SUBJECTS)
			partition_split_set(&partition, &c->selectors[i].label_sets, room);
	split_by_closed(c, &partition, room);
	for (uint32_t i = 0; i < c->n_selectors; i++)
		if (c->selectors[i].scope >= SCOPE_SUBJECTS)
			keep_term_classes(c, &c->selectors[i], &partition, room);
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

static void make_subject_classes(struct compiler *c)
{
	GROW(c, c->subjects, 0, c->room_subjects);
	c->n_subjects = 1;
	c->own.subject = subject_of(c, &c->own);
	for (uint32_t i = 0; i < c->n_rows; i++) {
		c->rows[i].subject = subject_of(c, &c->rows[i]);
		c->subjects[c->rows[i].subject].entries++;
	}
}

int classes_make(struct compiler *c)
{
	uint32_t *room = arena_array(c->scratch, uint32_t, c->n_label_sets + 1);
	int err;

	c->seen = arena_array(c->scratch, bool, c->n_label_sets + 1);
	err = make_label_classes(c, room);
	if (!err)
		err = make_all_cidr_classes(c);
	if (err < 0)
		return err;
	make_peer_classes(c);
	err = fill_specs(c);
	if (!err)
		err = make_subject_groups(c, room);
	if (err < 0)
		return err;
	make_subject_classes(c);
	return 0;
}
