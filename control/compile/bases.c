// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compile/bases.h"

static void split_by(struct compiler *c, struct partition *partition, uint32_t flag, uint32_t *room)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < c->n_peers; i++)
		if (flag == BY_HOST ? c->peers[i].host : c->peers[i].managed)
			room[count++] = i;
	partition_split(partition, room, count);
}

static void split_by_named(struct compiler *c, struct partition *partition, uint32_t *room)
{
	uint32_t *first = arena_array(c->scratch, uint32_t, c->n_named + 2);

	for (uint32_t i = 0; i < c->n_peers; i++)
		first[c->peers[i].named + 2]++;
	for (uint32_t n = 2; n < c->n_named + 2; n++)
		first[n] += first[n - 1];
	for (uint32_t i = 0; i < c->n_peers; i++)
		room[first[c->peers[i].named + 1]++] = i;
	for (uint32_t n = 0; n < c->n_named; n++)
		partition_split(partition, &room[first[n]], first[n + 1] - first[n]);
}

static void fill_base(struct compiler *c, struct base *base)
{
	uint32_t *room = arena_array(c->scratch, uint32_t, c->n_peers + 1);

	partition_start(&base->partition, &base->arena, c->n_peers);
	for (uint32_t i = 0; i < base->n_specs; i++) {
		partition_split_set(&base->partition, &c->specs[base->specs[i]].peers, room);
		c->work += c->specs[base->specs[i]].peers.count;
	}
	if (base->flags & BY_NAMED)
		split_by_named(c, &base->partition, room);
	if (base->flags & BY_MANAGED)
		split_by(c, &base->partition, BY_MANAGED, room);
	if (base->flags & BY_HOST)
		split_by(c, &base->partition, BY_HOST, room);
	c->work += c->n_peers;
	obstack_free(c->scratch, room);
}

static bool is_made_of(const struct base *base, const uint32_t *specs, uint32_t n_specs,
		       uint32_t flags)
{
	return base->used && base->flags == flags && base->n_specs == n_specs &&
	       memcmp(base->specs, specs, n_specs * sizeof(*specs)) == 0;
}

void bases_start(struct bases *bases, const struct compiler *c)
{
	*bases = (struct bases){.most = BASES};
	if (c->n_peers > BASE_ROOM / BASES)
		bases->most = BASE_ROOM / c->n_peers + 1;
}

const struct base *bases_find(struct compiler *c, struct bases *bases, const uint32_t *specs,
			      uint32_t n_specs, uint32_t flags)
{
	struct base *base;

	for (uint32_t i = 0; i < bases->most; i++)
		if (is_made_of(&bases->list[i], specs, n_specs, flags))
			return &bases->list[i];
	base = &bases->list[bases->next];
	bases->next = bases->next + 1 < bases->most ? bases->next + 1 : 0;
	if (base->used)
		obstack_free(&base->arena, NULL);
	obstack_init(&base->arena);
	base->used = true;
	base->flags = flags;
	base->n_specs = n_specs;
	base->specs = arena_array(&base->arena, uint32_t, n_specs);
	memcpy(base->specs, specs, n_specs * sizeof(*specs));
	fill_base(c, base);
	return base;
}

void bases_free(struct bases *bases)
{
	for (uint32_t i = 0; i < BASES; i++)
		if (bases->list[i].used)
			obstack_free(&bases->list[i].arena, NULL);
}
