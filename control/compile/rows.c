// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compile/compiler.h"

#include <errno.h>

#include "identity/label.h"
#include "util/addr.h"

/*
 * The address table: every prefix that documents or policies name, with what it
 * inherits from those around it. Families are apart: ::/0 says nothing of IPv4.
 */

enum claim_kind {
	CLAIM_CIDR,
	CLAIM_MANAGED,
	CLAIM_ENCRYPTED,
	CLAIM_ALLOWED,
	CLAIM_PEER,
	CLAIM_ENDPOINT,
	CLAIM_OWN
};

struct claim {
	struct chq_prefix prefix;
	enum claim_kind kind;
	uint32_t number; /* of the document */
};

static const struct chq_prefix all_ipv4 = {
	.length_bits = 96,
	.addr.byte = {[10] = 0xff, [11] = 0xff},
};
static const struct chq_prefix all_ipv6 = {};

int rows_compare(const void *a, const void *b)
{
	int left = !prefix_is_ipv4(a), right = !prefix_is_ipv4(b);

	return left != right ? left - right : prefix_compare(a, b);
}

static int compare_claims(const void *a, const void *b)
{
	const struct claim *left = a, *right = b;
	int order = rows_compare(&left->prefix, &right->prefix);

	if (order)
		return order;
	if (left->kind != right->kind)
		return left->kind < right->kind ? -1 : 1;
	return (left->number > right->number) - (left->number < right->number);
}

struct claims {
	struct claim *list;
	size_t count;
};

static void claim(struct claims *claims, const struct chq_prefix *prefix, enum claim_kind kind,
		  uint32_t number)
{
	claims->list[claims->count++] = (struct claim){*prefix, kind, number};
}

static void claim_all(struct claims *claims, const struct chq_prefix *prefixes, size_t count,
		      enum claim_kind kind, uint32_t number)
{
	for (size_t i = 0; i < count; i++)
		claim(claims, &prefixes[i], kind, number);
}

static size_t count_claims(const struct compiler *c)
{
	const struct config *config = c->config;
	size_t count = 2 + c->facts->n_own + config->gateway.n_management_from +
		       config->gateway.encryption.n_prefixes + config->gateway.encryption.n_allow;

	for (size_t i = 0; i < config->n_endpoints; i++)
		count += config->endpoints[i].n_prefixes;
	for (size_t i = 0; i < config->n_peers; i++)
		count += config->peers[i].n_prefixes;
	for (uint32_t i = 0; i < c->n_cidr_terms; i++)
		count += 1 + c->cidr_terms[i].rule->excepts;
	return count;
}

static void gather(struct compiler *c, struct claims *claims)
{
	const struct config *config = c->config;
	const struct encryption *encryption = &config->gateway.encryption;

	*claims = (struct claims){arena_array(c->scratch, struct claim, count_claims(c)), 0};
	claim(claims, &all_ipv4, CLAIM_CIDR, 0);
	claim(claims, &all_ipv6, CLAIM_CIDR, 0);
	for (uint32_t i = 0; i < c->n_cidr_terms; i++) {
		const struct cidr_rule *rule = c->cidr_terms[i].rule;

		claim(claims, &rule->prefix, CLAIM_CIDR, 0);
		claim_all(claims, rule->except, rule->excepts, CLAIM_CIDR, 0);
	}
	claim_all(claims, config->gateway.management_from, config->gateway.n_management_from,
		  CLAIM_MANAGED, 0);
	if (encryption->strict) {
		claim_all(claims, encryption->prefixes, encryption->n_prefixes, CLAIM_ENCRYPTED, 0);
		claim_all(claims, encryption->allow, encryption->n_allow, CLAIM_ALLOWED, 0);
	}
	for (size_t i = 0; i < config->n_peers; i++)
		claim_all(claims, config->peers[i].prefixes, config->peers[i].n_prefixes,
			  CLAIM_PEER, i);
	for (size_t i = 0; i < config->n_endpoints; i++)
		claim_all(claims, config->endpoints[i].prefixes, config->endpoints[i].n_prefixes,
			  CLAIM_ENDPOINT, i);
	for (size_t i = 0; i < c->facts->n_own; i++) {
		struct chq_prefix own = {128, c->facts->own[i]};

		claim(claims, &own, CLAIM_OWN, 0);
	}
	qsort(claims->list, claims->count, sizeof(*claims->list), compare_claims);
}

static int refuse_twice(struct compiler *c, const struct claim *a, const struct claim *b)
{
	char text[PREFIX_TEXT_BYTES];

	prefix_print(&a->prefix, text);
	if (a->kind == CLAIM_ENDPOINT) {
		const struct endpoint *first = &c->config->endpoints[a->number];
		const struct endpoint *second = &c->config->endpoints[b->number];

		problems_add(c->problems, c->config, second->at,
			     "%s belongs to endpoint %s/%s already: an address has one owner", text,
			     first->namespace, first->name);
	} else {
		problems_add(c->problems, c->config, c->config->peers[b->number].at,
			     "%s is behind peer %s already: a prefix has one peer", text,
			     c->config->peers[a->number].name);
	}
	return -EINVAL;
}

static int check_claims(struct compiler *c, const struct claims *claims)
{
	int err = 0;

	for (size_t i = 1; i < claims->count; i++) {
		const struct claim *a = &claims->list[i - 1], *b = &claims->list[i];

		if (a->kind != b->kind || a->number == b->number ||
		    (a->kind != CLAIM_ENDPOINT && a->kind != CLAIM_PEER) ||
		    prefix_compare(&a->prefix, &b->prefix) != 0)
			continue;
		err = refuse_twice(c, a, b);
	}
	return err;
}

/* An endpoint that must come from a port of ours is here, whatever Peer has the prefix around it.
 */
static bool is_local(const struct compiler *c, const struct endpoint *endpoint)
{
	const struct tunnel *tunnel = &c->config->gateway.tunnel;

	return endpoint->port && !(tunnel->at.line && strcmp(endpoint->port, tunnel->name) == 0);
}

/* Claims of a lower kind come first, so that an endpoint has the last word but for our own. */
static void take_claim(struct compiler *c, struct row *row, const struct claim *claim)
{
	switch (claim->kind) {
	case CLAIM_CIDR:
		if (!row->cidr || rows_compare(&c->cidrs[row->cidr], &row->prefix) != 0) {
			row->cidr = ++c->n_cidrs;
			c->cidrs[row->cidr] = row->prefix;
		}
		break;
	case CLAIM_MANAGED:
		row->managed = true;
		break;
	case CLAIM_ENCRYPTED:
		row->encrypted = true;
		break;
	case CLAIM_ALLOWED:
		row->allowed = true;
		break;
	case CLAIM_PEER:
		row->actor = ACTOR_PEERS + claim->number;
		row->tunnel_peer = claim->number + 1;
		break;
	case CLAIM_ENDPOINT:
		row->actor = ACTOR_PEERS + c->config->n_peers + claim->number;
		if (is_local(c, &c->config->endpoints[claim->number]))
			row->tunnel_peer = 0;
		break;
	case CLAIM_OWN:
		row->actor = ACTOR_HOST;
		row->own = true;
		break;
	}
}

static struct row inherit(const struct compiler *c, const struct chq_prefix *prefix,
			  uint32_t parent)
{
	struct row row = {.actor = prefix_is_ipv4(prefix) ? ACTOR_WORLD4 : ACTOR_WORLD6};

	if (parent != NOBODY)
		row = c->rows[parent];
	row.prefix = *prefix;
	row.parent = parent;
	return row;
}

/* IPv4 comes first, and holds nothing of IPv6. */
static uint32_t find_parent(const struct compiler *c, const struct chq_prefix *prefix)
{
	uint32_t parent = c->n_rows ? c->n_rows - 1 : NOBODY;

	while (parent != NOBODY && !prefix_contains(&c->rows[parent].prefix, prefix))
		parent = c->rows[parent].parent;
	return parent;
}

static void make_rows(struct compiler *c, const struct claims *claims)
{
	for (size_t i = 0; i < claims->count;) {
		const struct chq_prefix *prefix = &claims->list[i].prefix;
		struct row row = inherit(c, prefix, find_parent(c, prefix));

		for (; i < claims->count && prefix_compare(prefix, &claims->list[i].prefix) == 0;
		     i++)
			take_claim(c, &row, &claims->list[i]);
		if (row.own)
			row.tunnel_peer = 0;
		c->rows[c->n_rows++] = row;
	}
}

int rows_gather(struct compiler *c)
{
	struct claims claims;
	int err;

	gather(c, &claims);
	err = check_claims(c, &claims);
	if (err < 0)
		return err;
	c->rows = arena_array(c->scratch, struct row, claims.count);
	c->cidrs = arena_array(c->scratch, struct chq_prefix, claims.count + 1);
	make_rows(c, &claims);
	c->own = (struct row){.actor = ACTOR_HOST, .parent = NOBODY, .own = true};
	if (c->n_rows > c->limits.prefixes)
		return compiler_refuse(c, "prefixes and addresses", c->n_rows, c->limits.prefixes,
				       "limits.prefixes");
	return 0;
}

/* cidr:PREFIX and the world it is part of; colons would part source and key. */
static const struct labels *cidr_labels(struct compiler *c, const struct chq_prefix *prefix)
{
	struct labels *labels = arena_array(c->keep, struct labels, 1);
	char text[PREFIX_TEXT_BYTES];

	prefix_print_label(prefix, text);
	labels->list = arena_array(c->keep, struct label, 2);
	labels->count = 2;
	labels->list[0] = (struct label){"cidr", arena_text(c->keep, text, strlen(text)), ""};
	labels->list[1] = (struct label){"reserved",
					 prefix_is_ipv4(prefix) ? "world-ipv4" : "world-ipv6", ""};
	return labels;
}

static bool is_world(const struct compiler *c, const struct row *row)
{
	return c->label_sets[c->actors[row->actor].label_set].category == CATEGORY_WORLD;
}

/* A prefix of the world that a CIDR rule names is somebody of its own, and so is what it holds. */
int rows_name(struct compiler *c)
{
	uint32_t set;

	for (uint32_t i = 0; i < c->n_rows; i++) {
		struct row *row = &c->rows[i];

		if (!is_world(c, row) || row->parent == NOBODY)
			continue;
		row->actor = c->rows[row->parent].actor;
		if (rows_compare(&c->cidrs[row->cidr], &row->prefix) != 0)
			continue;
		set = who_label_set(c, cidr_labels(c, &row->prefix), CATEGORY_WORLD);
		row->actor = who_actor(c, (struct actor){.label_set = set});
	}
	return 0;
}
