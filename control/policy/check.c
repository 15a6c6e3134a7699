// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/reader.h"
#include "util/addr.h"
#include "util/cleanup.h"

/* uthash gives up by this instead of by exit(). */
#define uthash_fatal(message) abort()
#include <uthash.h>

/* A name or an address that may stand once, with the place where it stood first. */
struct mention {
	const void *key;
	struct place at;
	const char *who;
	UT_hash_handle hh;
};

/* All mentions of one kind: room for each, and the table over them. */
struct mentions {
	struct mention *room, *table;
	size_t used;
};

static void mentions_free(struct mentions *mentions)
{
	HASH_CLEAR(hh, mentions->table);
	free(mentions->room);
}

/* The earlier mention of the same key, or NULL after noting this one. */
static const struct mention *mention(struct mentions *mentions, const void *key, size_t key_bytes,
				     struct place at, const char *who)
{
	struct mention *found, *fresh;

	HASH_FIND(hh, mentions->table, key, key_bytes, found);
	if (found)
		return found;
	fresh = &mentions->room[mentions->used++];
	*fresh = (struct mention){.key = key, .at = at, .who = who};
	HASH_ADD_KEYPTR(hh, mentions->table, fresh->key, key_bytes, fresh);
	return NULL;
}

static bool make_room(struct reader *rd, struct mentions *mentions, size_t count)
{
	mentions->room = calloc(count + 1, sizeof(*mentions->room));
	rd->out_of_memory = rd->out_of_memory || !mentions->room;
	return mentions->room;
}

static const char *path_of(const struct reader *rd, struct place at)
{
	return rd->config->sources[at.file].path;
}

static const char *full_name(struct reader *rd, const char *kind, const char *namespace,
			     const char *name)
{
	char text[1024];
	int length = snprintf(text, sizeof(text), "%s %s%s%s", kind, namespace,
			      *namespace ? "/" : "", name);

	return arena_text(&rd->memory->kept, text, length);
}

static void check_name(struct reader *rd, struct mentions *mentions, const char *name,
		       struct place at)
{
	const struct mention *first = mention(mentions, name, strlen(name), at, name);

	if (first)
		problem_at(rd, at, "%s is given twice, the first is in %s:%u", name,
			   path_of(rd, first->at), first->at.line);
}

static void check_endpoint_names(struct reader *rd)
{
	cleanup(mentions_free) struct mentions mentions = {};

	if (!make_room(rd, &mentions, rd->config->n_endpoints))
		return;
	for (size_t i = 0; i < rd->config->n_endpoints; i++) {
		const struct endpoint *endpoint = &rd->config->endpoints[i];

		check_name(rd, &mentions,
			   full_name(rd, "Endpoint", endpoint->namespace, endpoint->name),
			   endpoint->at);
	}
}

static void check_peer_names(struct reader *rd)
{
	cleanup(mentions_free) struct mentions mentions = {};

	if (!make_room(rd, &mentions, rd->config->n_peers))
		return;
	for (size_t i = 0; i < rd->config->n_peers; i++)
		check_name(rd, &mentions, full_name(rd, "Peer", "", rd->config->peers[i].name),
			   rd->config->peers[i].at);
}

static void check_tracing_names(struct reader *rd)
{
	cleanup(mentions_free) struct mentions mentions = {};

	if (!make_room(rd, &mentions, rd->config->n_tracing))
		return;
	for (size_t i = 0; i < rd->config->n_tracing; i++)
		check_name(rd, &mentions,
			   full_name(rd, "TracingPolicy", "", rd->config->tracing[i].name),
			   rd->config->tracing[i].at);
}

/* WireGuard knows a peer by its key. */
static void check_peer_keys(struct reader *rd)
{
	cleanup(mentions_free) struct mentions mentions = {};
	const struct mention *first;

	if (!make_room(rd, &mentions, rd->config->n_peers))
		return;
	for (size_t i = 0; i < rd->config->n_peers; i++) {
		const struct peer_gateway *peer = &rd->config->peers[i];

		if (!peer->public_key)
			continue;
		first = mention(&mentions, peer->public_key, strlen(peer->public_key), peer->at,
				peer->name);
		if (first)
			problem_at(
				rd, peer->at,
				"Peer %s has the public key of %s in %s:%u, expected one of its own",
				peer->name, first->who, path_of(rd, first->at), first->at.line);
	}
}

/* The specs of one document share a name; they have one `document` place. */
static void check_policy_names(struct reader *rd)
{
	cleanup(mentions_free) struct mentions mentions = {};

	if (!make_room(rd, &mentions, rd->n_policy_heads))
		return;
	for (size_t i = 0; i < rd->n_policy_heads; i++) {
		const struct policy_head *head = &rd->policy_heads[i];

		check_name(rd, &mentions, full_name(rd, head->kind, head->namespace, head->name),
			   head->at);
	}
}

static void check_prefix(struct reader *rd, struct mentions *mentions,
			 const struct chq_prefix *prefix, struct place at, const char *who)
{
	const struct mention *first = mention(mentions, prefix, sizeof(*prefix), at, who);
	char text[PREFIX_TEXT_BYTES];

	if (first)
		problem_at(rd, at, "%s is also that of %s in %s:%u, expected one owner",
			   prefix_print(prefix, text), first->who, path_of(rd, first->at),
			   first->at.line);
}

static void check_endpoint_addresses(struct reader *rd)
{
	cleanup(mentions_free) struct mentions mentions = {};
	size_t count = 0;

	for (size_t i = 0; i < rd->config->n_endpoints; i++)
		count += rd->config->endpoints[i].n_prefixes;
	if (!make_room(rd, &mentions, count))
		return;
	for (size_t i = 0; i < rd->config->n_endpoints; i++) {
		const struct endpoint *endpoint = &rd->config->endpoints[i];

		for (size_t j = 0; j < endpoint->n_prefixes; j++)
			check_prefix(rd, &mentions, &endpoint->prefixes[j], endpoint->at,
				     endpoint->name);
	}
}

static void check_peer_prefixes(struct reader *rd)
{
	cleanup(mentions_free) struct mentions mentions = {};
	size_t count = 0;

	for (size_t i = 0; i < rd->config->n_peers; i++)
		count += rd->config->peers[i].n_prefixes;
	if (!make_room(rd, &mentions, count))
		return;
	for (size_t i = 0; i < rd->config->n_peers; i++) {
		const struct peer_gateway *peer = &rd->config->peers[i];

		for (size_t j = 0; j < peer->n_prefixes; j++)
			check_prefix(rd, &mentions, &peer->prefixes[j], peer->at, peer->name);
	}
}

static const struct gateway_port *find_port(const struct gateway *gateway, const char *name,
					    size_t length)
{
	for (size_t i = 0; i < gateway->n_ports; i++)
		if (strncmp(gateway->ports[i].name, name, length) == 0 &&
		    !gateway->ports[i].name[length])
			return &gateway->ports[i];
	return NULL;
}

static bool is_tunnel(const struct gateway *gateway, const char *name)
{
	return gateway->tunnel.at.line && strcmp(gateway->tunnel.name, name) == 0;
}

/* lan0.20 stands on lan0: its packets would be judged twice, once with a tag. */
static void check_vlan(struct reader *rd, const struct gateway_port *port)
{
	const struct gateway_port *base;

	for (const char *dot = strchr(port->name, '.'); dot; dot = strchr(dot + 1, '.')) {
		base = find_port(&rd->config->gateway, port->name, dot - port->name);
		if (base)
			problem_at(
				rd, port->at,
				"%s is a VLAN of %s, which is a port too (%s:%u), expected one of them",
				port->name, base->name, path_of(rd, base->at), base->at.line);
	}
}

static void check_ports(struct reader *rd)
{
	const struct gateway *gateway = &rd->config->gateway;

	for (size_t i = 0; i < gateway->n_ports; i++) {
		const struct gateway_port *port = &gateway->ports[i];
		const struct gateway_port *first =
			find_port(gateway, port->name, strlen(port->name));

		if (first != port)
			problem_at(rd, port->at, "port %s is given twice, the first is in %s:%u",
				   port->name, path_of(rd, first->at), first->at.line);
		if (is_tunnel(gateway, port->name))
			problem_at(
				rd, port->at,
				"%s is the tunnel's device (%s:%u), which is guarded anyway, expected another port",
				port->name, path_of(rd, gateway->tunnel.at),
				gateway->tunnel.at.line);
		check_vlan(rd, port);
	}
}

/* Without a Gateway document (a check of policies alone) there is nothing to compare with. */
static void check_endpoint_ports(struct reader *rd)
{
	const struct gateway *gateway = &rd->config->gateway;

	for (size_t i = 0; gateway->at.line && i < rd->config->n_endpoints; i++) {
		const struct endpoint *endpoint = &rd->config->endpoints[i];

		if (endpoint->port && !is_tunnel(gateway, endpoint->port) &&
		    !find_port(gateway, endpoint->port, strlen(endpoint->port)))
			problem_at(
				rd, endpoint->at,
				"Endpoint %s must come from port %s, which the Gateway in %s:%u does not have",
				endpoint->name, endpoint->port, path_of(rd, gateway->at),
				gateway->at.line);
	}
}

void check_all(struct reader *rd)
{
	check_ports(rd);
	check_endpoint_names(rd);
	check_peer_names(rd);
	check_tracing_names(rd);
	check_peer_keys(rd);
	check_policy_names(rd);
	check_endpoint_addresses(rd);
	check_peer_prefixes(rd);
	check_endpoint_ports(rd);
}
