// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compile/compiler.h"

#include <xxhash.h>

/* Peers that no selector, CIDR rule, entity, named port or guard tells apart are one class. */

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

static int make_label_classes(struct compiler *c)
{
	uint32_t *room = c->room;
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
			selectors_keep_classes(c, &c->selectors[i], &c->label_classes, room);
	return 0;
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

static int compare_peers(const void *a, const void *b, void *data)
{
	const struct compiler *c = data;
	const struct peer_class *left = &c->peers[*(const uint32_t *)a];
	const struct peer_class *right = &c->peers[*(const uint32_t *)b];
	int order = compiler_order(c->ranks[left->label_class], c->ranks[right->label_class]);

	if (!order)
		order = compiler_order(left->cidr_class, right->cidr_class);
	if (!order)
		order = compiler_order(left->named, right->named);
	return order ? order : left->managed - right->managed;
}

/*
 * Numbers that hang on policies and not on who is there first: one endpoint more of
 * a known class is one entry more, and all other tables are the same bytes.
 */
static void number_peers(struct compiler *c)
{
	struct peer_class *sorted = arena_array(c->scratch, struct peer_class, c->n_peers);
	uint32_t *order, *numbers;

	c->ranks = partition_ranks(&c->label_classes, c->scratch);
	numbers = compiler_renumber(c, c->n_peers, 0, compare_peers, &order);
	for (uint32_t i = 0; i < c->n_peers; i++)
		sorted[i] = c->peers[order[i]];
	c->peers = sorted;
	c->own.peer = numbers[c->own.peer];
	for (uint32_t i = 0; i < c->n_rows; i++)
		c->rows[i].peer = numbers[c->rows[i].peer];
}

static void make_peer_classes(struct compiler *c)
{
	c->own.peer = peer_of(c, &c->own);
	for (uint32_t i = 0; i < c->n_rows; i++)
		c->rows[i].peer = peer_of(c, &c->rows[i]);
	number_peers(c);
}

int peers_make(struct compiler *c)
{
	int err = make_label_classes(c);

	if (!err)
		err = cidrs_part(c);
	if (err < 0)
		return err;
	make_peer_classes(c);
	return 0;
}
