// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compile/compiler.h"

#include <xxhash.h>

/* Sets of rules that together give one verdict, each once. */

static bool same_origin(const void *data, uint32_t number, const void *wanted)
{
	const struct origin_set *a = &((const struct compiler *)data)->out->origins[number];
	const struct origin_set *b = wanted;

	return a->count == b->count &&
	       memcmp(a->rules, b->rules, a->count * sizeof(*a->rules)) == 0;
}

uint32_t origin_number(struct compiler *c, const uint32_t *rules, uint32_t count)
{
	struct generation *out = c->out;
	struct origin_set set = {.rules = (uint32_t *)rules, .count = count};
	uint64_t hash = XXH3_64bits(rules, count * sizeof(*rules));
	uint32_t number = index_find(&c->origin_index, hash, same_origin, c, &set);

	if (number != INDEX_NONE)
		return number;
	c->origin_members += count;
	if (c->origin_members > ORIGIN_MEMBERS_MAX || out->n_origins >= ORIGINS_MAX)
		return 0; /* refused in the end */
	set.rules = arena_array(c->keep, uint32_t, count);
	if (count)
		memcpy(set.rules, rules, count * sizeof(*rules));
	out->origins =
		compiler_grow(c->keep, out->origins, out->n_origins, &c->room_origins, sizeof(set));
	out->origins[out->n_origins] = set;
	index_keep(&c->origin_index, hash, out->n_origins);
	return out->n_origins++;
}
