// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "cli/offline.h"

#include <errno.h>
#include <string.h>

#include "util/cleanup.h"

#define ADDED_NAME "(labels)"
/* Numbers of added nodes, for address_of(), begin above those of endpoints. */
#define FIRST_NODE 0xf00000

/* Numbers of ports: their order in the Gateway document. */
static uint16_t port_number(void *data, const char *name)
{
	const struct offline *offline = data;
	const struct gateway *gateway = &offline->config->gateway;

	for (size_t i = 0; i < gateway->n_ports; i++)
		if (strcmp(gateway->ports[i].name, name) == 0)
			return i + 1;
	if (gateway->tunnel.at.line && strcmp(gateway->tunnel.name, name) == 0)
		return gateway->n_ports + 1;
	return CHQ_PORT_MAX - 1; /* a port that no Gateway document lists */
}

static chq_identity identity_number(void *data, const struct labels *labels, bool is_prefix)
{
	const struct offline *offline = data;

	return registry_number(offline->identities, labels, is_prefix);
}

int offline_read(struct offline *offline, const char *directory, struct problems *problems)
{
	return config_read(directory, &offline->config, problems);
}

int offline_compile(struct offline *offline, struct problems *problems)
{
	struct facts facts = {.port_number = port_number,
			      .identity_number = identity_number,
			      .data = offline,
			      .own = offline->own,
			      .n_own = offline->n_own};

	offline->identities = registry_new(offline->config->gateway.limits.identities);
	if (!offline->identities)
		return -ENOMEM;
	return generation_compile(offline->config, &facts, &offline->generation, problems);
}

int offline_open(struct offline *offline, const char *directory, struct problems *problems)
{
	int err = offline_read(offline, directory, problems);

	return err ? err : offline_compile(offline, problems);
}

/* 240.0.0.0/4 is nobody's, 100::/64 discards: no document has reason to name them. */
static void address_of(size_t number, struct chq_prefix *ipv4, struct chq_prefix *ipv6)
{
	*ipv4 = (struct chq_prefix){.length_bits = 128};
	memset(&ipv4->addr.byte[10], 0xff, 2);
	ipv4->addr.byte[12] = 0xf0;
	*ipv6 = (struct chq_prefix){.length_bits = 128};
	ipv6->addr.byte[0] = 1;
	for (int i = 0; i < 3; i++) {
		ipv4->addr.byte[15 - i] = number >> 8 * i;
		ipv6->addr.byte[15 - i] = number >> 8 * i;
	}
}

/* The list is the configuration's own, which frees it. */
static int make_room(struct offline *offline)
{
	struct config *config = offline->config;
	size_t room = offline->room ? 2 * offline->room : config->n_endpoints + 64;
	struct endpoint *list;

	if (config->n_endpoints < offline->room)
		return 0;
	list = realloc(config->endpoints, room * sizeof(*list));
	if (!list)
		return -ENOMEM;
	config->endpoints = list;
	offline->room = room;
	return 0;
}

int offline_add(struct offline *offline, const struct labels *labels, struct chq_addr *ret_ipv4,
		struct chq_addr *ret_ipv6)
{
	struct config *config = offline->config;
	struct chq_prefix *prefixes = calloc(2, sizeof(*prefixes));

	if (!prefixes || make_room(offline) < 0) {
		free(prefixes);
		return -ENOMEM;
	}
	address_of(config->n_endpoints + 1, &prefixes[0], &prefixes[1]);
	config->endpoints[config->n_endpoints++] = (struct endpoint){.namespace = "",
								     .name = ADDED_NAME,
								     .labels = *labels,
								     .prefixes = prefixes,
								     .n_prefixes = 2};
	*ret_ipv4 = prefixes[0].addr;
	*ret_ipv6 = prefixes[1].addr;
	return 0;
}

int offline_add_node(struct offline *offline, const struct labels *labels,
		     struct chq_addr *ret_ipv4, struct chq_addr *ret_ipv6)
{
	struct config *config = offline->config;
	struct chq_prefix *prefixes = calloc(2, sizeof(*prefixes));
	struct peer_gateway *list = reallocarray(config->peers, config->n_peers + 1, sizeof(*list));

	if (list)
		config->peers = list;
	if (!prefixes || !list) {
		free(prefixes);
		return -ENOMEM;
	}
	address_of(FIRST_NODE + config->n_peers, &prefixes[0], &prefixes[1]);
	list[config->n_peers++] = (struct peer_gateway){
		.name = ADDED_NAME, .labels = *labels, .prefixes = prefixes, .n_prefixes = 2};
	*ret_ipv4 = prefixes[0].addr;
	*ret_ipv6 = prefixes[1].addr;
	return 0;
}

static void free_added(struct offline *offline)
{
	struct config *config = offline->config;

	for (size_t i = 0; config && i < config->n_peers; i++)
		if (strcmp(config->peers[i].name, ADDED_NAME) == 0)
			free(config->peers[i].prefixes);
	for (size_t i = 0; config && i < config->n_endpoints; i++)
		if (strcmp(config->endpoints[i].name, ADDED_NAME) == 0)
			free(config->endpoints[i].prefixes);
}

void offline_free(struct offline *offline)
{
	generation_free(give(offline->generation));
	free_added(offline);
	config_free(give(offline->config));
	registry_free(give(offline->identities));
	free(give(offline->own));
}
