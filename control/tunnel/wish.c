/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "tunnel/wish.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/rule.h"
#include "tunnel/key.h"
#include "util/addr.h"
#include "util/cleanup.h"

#define KEY_FILE "tunnel.key"

void wish_free(struct wish *wish)
{
	if (!wish)
		return;
	for (size_t i = 0; wish->peers && i < wish->device.n_peers; i++) {
		free(wish->peers[i].name);
		free(wish->peers[i].host);
	}
	free(wish->peers);
	free(wish->addresses);
	free(wish->prefixes);
	wg_device_clear(&wish->device);
	free(wish);
}

static void wish_free_p(struct wish **wish)
{
	wish_free(*wish);
}

static void place_of(const char *directory, const char *path, char *ret, size_t size)
{
	if (*path == '/')
		snprintf(ret, size, "%s", path);
	else
		snprintf(ret, size, "%s/%s", directory, path);
}

static int read_private_key(struct wish *wish, const struct tunnel *tunnel,
			    const struct wish_places *places, struct refusal *refusal)
{
	struct wg_device *device = &wish->device;
	char path[PATH_MAX];
	int err;

	if (tunnel->private_key_file)
		place_of(places->config_directory, tunnel->private_key_file, path, sizeof(path));
	else
		place_of(places->state_directory, KEY_FILE, path, sizeof(path));
	err = key_file_read(path, true, &device->private_key, refusal);
	if (err == -ENOENT)
		err = key_file_make(path, &device->private_key, refusal);
	if (err)
		return err;
	key_clamp(&device->private_key);
	key_public(&device->private_key, &device->public_key);
	return 0;
}

static int read_preshared_key(struct wg_peer *peer, const struct peer_gateway *document,
			      const struct wish_places *places, struct refusal *refusal)
{
	char path[PATH_MAX];

	if (!document->preshared_key_file)
		return 0;
	place_of(places->config_directory, document->preshared_key_file, path, sizeof(path));
	return key_file_read(path, true, &peer->preshared_key, refusal);
}

static int read_endpoint(struct wish_peer *to, struct wg_peer *peer,
			 const struct peer_gateway *document)
{
	char host[256];

	if (!document->endpoint)
		return 0;
	if (!endpoint_split(document->endpoint, host, sizeof(host), &to->port))
		return -EINVAL;
	to->host = strdup(host);
	to->is_name = !endpoint_numeric(host, to->port, &peer->endpoint);
	return to->host ? 0 : -ENOMEM;
}

static int add_peer(struct wish *wish, const struct peer_gateway *document,
		    const struct wish_places *places, struct refusal *refusal)
{
	struct wg_peer *peer = wg_peer_add(&wish->device);
	struct wish_peer *to = &wish->peers[wish->device.n_peers - 1];
	int err;

	if (!peer)
		return -ENOMEM;
	to->name = strdup(document->name);
	err = to->name ? read_endpoint(to, peer, document) : -ENOMEM;
	if (err)
		return refuse(refusal, err, "Peer %s", document->name);
	err = key_parse(document->public_key, &peer->public_key);
	if (err)
		return refuse(refusal, err, "Peer %s: public key", document->name);
	if (wg_key_equal(&peer->public_key, &wish->device.public_key))
		return refuse_plainly(
			refusal, -EINVAL,
			"Peer %s has this gateway's own public key, expected the other's",
			document->name);
	peer->keepalive_s = document->keepalive_s;
	err = read_preshared_key(peer, document, places, refusal);
	for (size_t i = 0; i < document->n_prefixes && !err; i++) {
		err = wg_allowed_add(peer, &document->prefixes[i]);
		wish->prefixes[wish->n_prefixes++] = document->prefixes[i];
	}
	return err;
}

/* The reader has seen to it that no two Peers have one prefix or one key. */
static int add_peers(struct wish *wish, const struct config *config,
		     const struct wish_places *places, struct refusal *refusal)
{
	size_t prefixes = 0;
	int err = 0;

	for (size_t i = 0; i < config->n_peers; i++)
		prefixes += config->peers[i].n_prefixes;
	wish->peers = calloc(config->n_peers + 1, sizeof(*wish->peers));
	wish->prefixes = calloc(prefixes + 1, sizeof(*wish->prefixes));
	if (!wish->peers || !wish->prefixes)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_peers && !err; i++)
		err = add_peer(wish, &config->peers[i], places, refusal);
	return err;
}

static bool holds_endpoint(const struct wish *wish, const struct chq_prefix *prefix)
{
	struct chq_addr addr;

	if (prefix->length_bits == 0 || (addr_is_ipv4(&prefix->addr) && prefix->length_bits == 96))
		return true;
	for (size_t i = 0; i < wish->device.n_peers; i++)
		if (endpoint_addr(&wish->device.peers[i].endpoint, &addr) &&
		    prefix_contains(prefix, &(struct chq_prefix){128, addr}))
			return true;
	return false;
}

/*
 * A way into the tunnel must not be the tunnel's own: these go first, and need a mark. An endpoint
 * that is a name counts only where all is the Peer's.
 */
static void set_aside(struct wish *wish)
{
	struct chq_prefix *list = wish->prefixes, held;

	for (size_t i = 0; i < wish->n_prefixes; i++) {
		if (!holds_endpoint(wish, &list[i]))
			continue;
		held = list[i];
		list[i] = list[wish->n_aside];
		list[wish->n_aside++] = held;
	}
	if (wish->n_aside && !wish->device.fwmark)
		wish->device.fwmark = RULE_MARK;
}

static int copy_addresses(struct wish *wish, const struct tunnel *tunnel)
{
	wish->addresses = calloc(tunnel->n_addresses + 1, sizeof(*wish->addresses));
	if (!wish->addresses)
		return -ENOMEM;
	for (size_t i = 0; i < tunnel->n_addresses; i++)
		wish->addresses[wish->n_addresses++] = (struct device_address){
			tunnel->addresses[i].addr, tunnel->addresses[i].length_bits};
	return 0;
}

int wish_make(const struct config *config, const struct wish_places *places, struct wish **ret,
	      struct refusal *refusal)
{
	const struct tunnel *tunnel = &config->gateway.tunnel;
	cleanup(wish_free_p) struct wish *wish = NULL;
	int err;

	if (!tunnel->at.line) {
		*ret = NULL;
		return 0;
	}
	wish = calloc(1, sizeof(*wish));
	if (!wish)
		return refuse(refusal, -ENOMEM, "tunnel");
	refusal->text[0] = '\0';
	snprintf(wish->device.name, sizeof(wish->device.name), "%s", tunnel->name);
	wish->device.listen_port = tunnel->listen_port;
	wish->device.fwmark = tunnel->fwmark;
	wish->backend = tunnel->backend;
	wish->mtu_bytes = tunnel->mtu;
	err = copy_addresses(wish, tunnel);
	if (!err)
		err = read_private_key(wish, tunnel, places, refusal);
	if (!err)
		err = add_peers(wish, config, places, refusal);
	if (err)
		return *refusal->text ? err : refuse(refusal, err, "tunnel");
	set_aside(wish);
	*ret = give(wish);
	return 0;
}
