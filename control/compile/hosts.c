// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compile/hosts.h"

#include <string.h>

static bool same(const void *a, size_t n_a, const void *b, size_t n_b, size_t bytes)
{
	return n_a == n_b && (!n_a || memcmp(a, b, n_a * bytes) == 0);
}
#define SAME(a, b, list, count) \
	same((a)->list, (a)->count, (b)->list, (b)->count, sizeof(*(a)->list))

static bool same_origins(const struct generation *a, const struct generation *b)
{
	if (a->n_origins != b->n_origins)
		return false;
	for (size_t i = 0; i < a->n_origins; i++)
		if (!SAME(&a->origins[i], &b->origins[i], rules, count))
			return false;
	return true;
}

static bool same_ref(const struct rule_ref *a, const struct rule_ref *b)
{
	return a->line == b->line && a->direction == b->direction && a->deny == b->deny &&
	       a->default_deny == b->default_deny && strcmp(a->kind, b->kind) == 0 &&
	       strcmp(a->namespace, b->namespace) == 0 && strcmp(a->name, b->name) == 0 &&
	       strcmp(a->file, b->file) == 0;
}

/* Lines count: verdicts are told by them. */
static bool same_refs(const struct generation *a, const struct generation *b)
{
	if (a->n_rule_refs != b->n_rule_refs)
		return false;
	for (size_t i = 0; i < a->n_rule_refs; i++)
		if (!same_ref(&a->rule_refs[i], &b->rule_refs[i]))
			return false;
	return true;
}

static bool same_settings(const struct generation *a, const struct generation *b)
{
	return SAME(a, b, deny, n_deny) && SAME(a, b, encrypt, n_encrypt) &&
	       SAME(a, b, ports, n_ports) && SAME(a, b, ethertypes, n_ethertypes) &&
	       a->pickup_ticks == b->pickup_ticks && a->by_stack == b->by_stack &&
	       memcmp(a->timeout_ticks, b->timeout_ticks, sizeof(a->timeout_ticks)) == 0 &&
	       memcmp(&a->limits, &b->limits, sizeof(a->limits)) == 0;
}

bool hosts_alone_differ(const struct generation *from, const struct generation *to)
{
	return SAME(from, to, prefixes, n_prefixes) && SAME(from, to, pairs, n_pairs) &&
	       SAME(from, to, rules, n_rules) &&
	       memcmp(from->blocks, to->blocks, CHQ_BLOCKS * sizeof(*from->blocks)) == 0 &&
	       memcmp(&from->own, &to->own, sizeof(from->own)) == 0 && same_settings(from, to) &&
	       same_origins(from, to) && same_refs(from, to);
}

/* What is new, and whether all of it means the same. */
struct growth {
	const struct chq_entry *meaning;
	bool mixed;
};

static int note_growth(void *data, const struct host_row *row)
{
	struct growth *growth = data;

	growth->mixed = growth->mixed || (growth->meaning &&
					  memcmp(growth->meaning, &row->value, sizeof(row->value)));
	growth->meaning = &row->value;
	return 0;
}

static int note_loss(void *data, const struct chq_addr *addr)
{
	(void)addr;
	((struct growth *)data)->mixed = true;
	return 0;
}

bool hosts_grew_by_one(const struct generation *from, const struct generation *to)
{
	struct growth growth = {};

	if (to->n_endpoints < from->n_endpoints || to->n_endpoints > from->n_endpoints + 1 ||
	    to->n_hosts <= from->n_hosts || !hosts_alone_differ(from, to))
		return false;
	hosts_walk(from, to, note_growth, note_loss, &growth);
	return growth.meaning && !growth.mixed;
}

int hosts_walk(const struct generation *from, const struct generation *to,
	       int (*set)(void *data, const struct host_row *row),
	       int (*delete)(void *data, const struct chq_addr *addr), void *data)
{
	size_t f = 0, t = 0;
	int order, err = 0;

	while (!err && (f < from->n_hosts || t < to->n_hosts)) {
		const struct host_row *old = f < from->n_hosts ? &from->hosts[f] : NULL;
		const struct host_row *new = t < to->n_hosts ? &to->hosts[t] : NULL;

		order = !old ? 1 : !new ? -1 : memcmp(&old->key, &new->key, sizeof(old->key));
		if (order < 0)
			err = delete (data, &old->key);
		else if (order > 0 || memcmp(&old->value, &new->value, sizeof(old->value)) != 0)
			err = set(data, new);
		f += order <= 0;
		t += order >= 0;
	}
	return err;
}
