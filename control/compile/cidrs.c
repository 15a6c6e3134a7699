// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compile/compiler.h"

#include "util/addr.h"

/* Prefixes that CIDR rules name, in classes: those that no rule tells apart are one. */

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
	return prefix_is_ipv4(a) == prefix_is_ipv4(b);
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
	uint32_t base = c->n_cidr_classes, count, *ranks;
	int err = 0;

	partition_start(&partition, c->scratch, c->n_cidrs + 1);
	for (uint32_t i = 0; i < c->n_cidr_terms && !err; i++) {
		if (!eligible(c, c->cidr_terms[i].rule, category))
			continue;
		count = cidr_members(c, c->cidr_terms[i].rule, end, room);
		partition_split(&partition, room, count);
		err = compiler_spend(c, count + c->cidr_terms[i].rule->excepts);
	}
	ranks = partition_ranks(&partition, c->scratch);
	c->cidr_class[category] = arena_array(c->scratch, uint32_t, c->n_cidrs + 1);
	for (uint32_t n = 0; n <= c->n_cidrs; n++)
		if (partition.class_of[n])
			c->cidr_class[category][n] = base + 1 + ranks[partition.class_of[n]];
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

int cidrs_part(struct compiler *c)
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
