// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compile/compiler.h"

#include <errno.h>
#include <inttypes.h>

/* What policies bring about is counted as they are compiled; rules stand in before that. */
static size_t find_costliest(const struct compiler *c)
{
	uint64_t most = 0, cost;
	size_t found = 0;

	for (size_t i = 0; i < c->config->n_policies; i++) {
		cost = c->policies ? c->policies[i].cost : 0;
		cost = cost ? cost : c->config->policies[i].n_rules;
		if (cost > most) {
			most = cost;
			found = i;
		}
	}
	return found;
}

int compiler_refuse(struct compiler *c, const char *what, uint64_t figure, uint64_t limit,
		    const char *setting)
{
	const struct config *config = c->config;
	const struct policy *policy;

	if (!config->n_policies) {
		problems_add(c->problems, config, config->gateway.at,
			     "these documents need %s%" PRIu64 " %s; the limit is %" PRIu64
			     "%s%s%s",
			     setting ? "" : "at least ", figure, what, limit, setting ? " (" : "",
			     setting ? setting : "", setting ? ")" : "");
		return -E2BIG;
	}
	policy = &config->policies[find_costliest(c)];
	problems_add(c->problems, config, policy->at,
		     "these documents need %s%" PRIu64 " %s; the limit is %" PRIu64
		     "%s%s%s; %s %s%s%s costs most",
		     setting ? "" : "at least ", figure, what, limit, setting ? " (" : "",
		     setting ? setting : "", setting ? ")" : "", policy->kind, policy->namespace,
		     *policy->namespace ? "/" : "", policy->name);
	return -E2BIG;
}

struct set compiler_set(struct compiler *c, uint32_t n, uint32_t *list, uint32_t count)
{
	struct set set = set_make(c->scratch, n, list, count);

	c->set_bytes += set.bits ? n / 8 : set.count * sizeof(*set.list);
	return set;
}

int compiler_spend(struct compiler *c, uint64_t steps)
{
	c->work += steps;
	if (c->set_bytes > SETS_MAX_BYTES)
		return compiler_refuse(c, "bytes to hold what selectors match", c->set_bytes,
				       SETS_MAX_BYTES, NULL);
	if (c->work <= WORK_MAX)
		return 0;
	return compiler_refuse(c, "steps to work out who may reach whom", c->work, WORK_MAX, NULL);
}

void *compiler_grow(struct obstack *arena, void *list, uint32_t count, uint32_t *room, size_t bytes)
{
	void *larger;

	if (count < *room)
		return list;
	*room = *room ? *room * 2 : 64;
	larger = arena_zero(arena, *room * bytes);
	if (list)
		memcpy(larger, list, count * bytes);
	return larger;
}

void index_keep(struct index *index, uint64_t hash, uint32_t number)
{
	if (index_add(index, hash, number) < 0)
		obstack_alloc_failed_handler();
}

int compiler_order(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

uint32_t *compiler_renumber(struct compiler *c, uint32_t count, uint32_t fixed,
			    int (*compare)(const void *, const void *, void *),
			    uint32_t **ret_order)
{
	uint32_t *order = arena_array(c->scratch, uint32_t, count);
	uint32_t *numbers = arena_array(c->scratch, uint32_t, count);

	for (uint32_t i = 0; i < count; i++)
		order[i] = i;
	qsort_r(&order[fixed], count - fixed, sizeof(*order), compare, c);
	for (uint32_t i = 0; i < count; i++)
		numbers[order[i]] = i;
	*ret_order = order;
	return numbers;
}
