// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compile/compiler.h"

/* Which peer classes each distinct list of peers holds. */

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
			selectors_classes(c, term, &c->label_classes, room->classes, &count);

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

int specs_fill(struct compiler *c)
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
