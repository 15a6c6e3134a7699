// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compile/compiler.h"

#include <errno.h>

#include "identity/label.h"

static const struct {
	const char *key;
	uint32_t entities;
} entity_labels[] = {
	{"host", 1 << ENTITY_HOST},
	{"remote-node", 1 << ENTITY_REMOTE_NODE},
	{"kube-apiserver", 1 << ENTITY_KUBE_API},
	{"health", 1 << ENTITY_HEALTH},
	{"init", 1 << ENTITY_INIT},
	{"ingress", 1 << ENTITY_INGRESS},
	{"unmanaged", 1 << ENTITY_UNMANAGED},
	{"world", 1 << ENTITY_WORLD},
	{"world-ipv4", 1 << ENTITY_WORLD | 1 << ENTITY_WORLD_IPV4},
	{"world-ipv6", 1 << ENTITY_WORLD | 1 << ENTITY_WORLD_IPV6},
};

static uint32_t find_entities(const struct labels *labels, enum category category)
{
	uint32_t entities = category == CATEGORY_WORLD ? 0 : 1 << ENTITY_CLUSTER;

	for (size_t i = 0; i < labels->count; i++)
		for (size_t e = 0; e < sizeof(entity_labels) / sizeof(*entity_labels); e++)
			if (strcmp(labels->list[i].source, "reserved") == 0 &&
			    strcmp(labels->list[i].key, entity_labels[e].key) == 0)
				entities |= entity_labels[e].entities;
	return entities;
}

static bool same_label_set(const void *data, uint32_t number, const void *wanted)
{
	const struct compiler *c = data;
	const struct label_set *set = wanted;

	return c->label_sets[number].category == set->category &&
	       labels_compare(c->label_sets[number].labels, set->labels) == 0;
}

uint32_t who_label_set(struct compiler *c, const struct labels *labels, enum category category)
{
	struct label_set set = {.labels = labels, .category = category};
	uint64_t hash = labels_hash(labels) + category;
	uint32_t number = index_find(&c->label_set_index, hash, same_label_set, c, &set);

	if (number != INDEX_NONE)
		return number;
	set.entities = find_entities(labels, category);
	GROW(c, c->label_sets, c->n_label_sets, c->room_label_sets);
	c->label_sets[c->n_label_sets] = set;
	index_keep(&c->label_set_index, hash, c->n_label_sets);
	return c->n_label_sets++;
}

uint32_t who_actor(struct compiler *c, struct actor actor)
{
	GROW(c, c->actors, c->n_actors, c->room_actors);
	c->actors[c->n_actors] = actor;
	return c->n_actors++;
}

/* A copy with one label more, in the arena that the generation keeps. */
static const struct labels *with_reserved(struct compiler *c, const struct labels *labels,
					  const char *key)
{
	struct labels *all = arena_array(c->keep, struct labels, 1);

	all->list = arena_array(c->keep, struct label, labels->count + 1);
	if (labels->count)
		memcpy(all->list, labels->list, labels->count * sizeof(*all->list));
	all->list[labels->count] = (struct label){"reserved", key, ""};
	all->count = labels->count + 1;
	labels_sort(all);
	return all;
}

static void add_reserved(struct compiler *c, const struct labels *labels, const char *key,
			 enum category category, chq_identity identity)
{
	uint32_t set = who_label_set(c, with_reserved(c, labels, key), category);

	c->label_sets[set].identity = identity;
	c->label_sets[set].endpoints += category == CATEGORY_HOST;
	who_actor(c, (struct actor){.label_set = set});
}

static bool has_port(const struct gateway *gateway, const char *name)
{
	for (size_t i = 0; i < gateway->n_ports; i++)
		if (strcmp(gateway->ports[i].name, name) == 0)
			return true;
	return gateway->tunnel.at.line && strcmp(gateway->tunnel.name, name) == 0;
}

static int find_guard(struct compiler *c, const struct endpoint *endpoint, uint16_t *ret)
{
	const struct gateway *gateway = &c->config->gateway;

	*ret = 0;
	if (!endpoint->port)
		return 0;
	if (!has_port(gateway, endpoint->port) && gateway->at.line) {
		problems_add(
			c->problems, c->config, endpoint->at,
			"the Gateway document has no port \"%s\", which endpoint %s/%s must come from",
			endpoint->port, endpoint->namespace, endpoint->name);
		return -EINVAL;
	}
	*ret = c->facts->port_number(c->facts->data, endpoint->port);
	if (*ret)
		return 0;
	problems_add(c->problems, c->config, endpoint->at,
		     "no number is left for port \"%s\": a gateway has at most %d", endpoint->port,
		     CHQ_PORT_MAX - 1);
	return -E2BIG;
}

static int add_endpoint(struct compiler *c, const struct endpoint *endpoint)
{
	struct actor actor = {.endpoint = endpoint};
	int err = find_guard(c, endpoint, &actor.guard_port);

	if (err < 0)
		return err;
	actor.label_set = who_label_set(c, &endpoint->labels, CATEGORY_ENDPOINT);
	c->label_sets[actor.label_set].endpoints++;
	who_actor(c, actor);
	return 0;
}

/* Those of the reserved identities have their number already. */
int who_number(struct compiler *c)
{
	uint32_t wanted = 0;

	for (uint32_t i = 0; i < c->n_label_sets; i++)
		wanted += !c->label_sets[i].identity;
	if (wanted > c->limits.identities)
		return compiler_refuse(c, "identities", wanted, c->limits.identities,
				       "limits.identities");
	for (uint32_t i = 0; i < c->n_label_sets; i++) {
		struct label_set *set = &c->label_sets[i];

		if (!set->identity)
			set->identity = c->facts->identity_number(c->facts->data, set->labels,
								  set->category == CATEGORY_WORLD);
		if (!set->identity)
			return compiler_refuse(c, "identities beside those still in use", wanted,
					       c->limits.identities, "limits.identities");
	}
	return 0;
}

int who_gather(struct compiler *c)
{
	const struct config *config = c->config;
	static const struct labels none;
	int err = 0, endpoint_err;

	add_reserved(c, &none, "world-ipv4", CATEGORY_WORLD, CHQ_ID_WORLD_IPV4);
	add_reserved(c, &none, "world-ipv6", CATEGORY_WORLD, CHQ_ID_WORLD_IPV6);
	add_reserved(c, &config->gateway.labels, "host", CATEGORY_HOST, CHQ_ID_HOST);
	for (size_t i = 0; i < config->n_peers; i++)
		add_reserved(c, &config->peers[i].labels, "remote-node", CATEGORY_REMOTE,
			     CHQ_ID_REMOTE_NODE);
	for (size_t i = 0; i < config->n_endpoints && err != -E2BIG; i++) {
		endpoint_err = add_endpoint(c, &config->endpoints[i]);
		err = endpoint_err ? endpoint_err : err;
	}
	return err;
}
