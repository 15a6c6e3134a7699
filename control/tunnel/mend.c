/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/inside.h"
#include "util/addr.h"
#include "util/cleanup.h"

/*
 * Where peers are reached. An endpoint that is a name is resolved before the first packet and
 * again while the peer is silent: it may have moved. A peer that roams and is heard is left
 * where it is.
 */

/*
 * Nothing was heard since, though we spoke: one that is there answers data within 10 s, by a
 * keepalive if by nothing else, and a handshake within 5.
 */
#define SILENT_S    20
#define ASK_AGAIN_S 30 /* a name, of a peer that stays silent */
#define TRY_AGAIN_S 5  /* a name that had no answer yet */

static int follow_list(struct tunnel_control *t)
{
	struct watched_peer *list;

	if (t->n_watched == t->wish->device.n_peers) {
		size_t same = 0;

		while (same < t->n_watched &&
		       wg_key_equal(&t->watched[same].key, &t->wish->device.peers[same].public_key))
			same++;
		if (same == t->n_watched)
			return 0;
	}
	list = calloc(t->wish->device.n_peers + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	free(t->watched);
	t->watched = list;
	t->n_watched = t->wish->device.n_peers;
	for (size_t i = 0; i < t->n_watched; i++) {
		list[i].key = t->wish->device.peers[i].public_key;
		list[i].heard_s = tunnel_now_ms() / 1000;
	}
	return 0;
}

static bool is_silent(struct watched_peer *watched, const struct wg_peer *found, long now_s)
{
	if (found->rx_bytes != watched->rx_bytes || found->tx_bytes == watched->tx_bytes) {
		watched->rx_bytes = found->rx_bytes;
		watched->tx_bytes = found->tx_bytes;
		watched->heard_s = now_s;
		return false;
	}
	return now_s - watched->heard_s >= SILENT_S;
}

/* Only the tunnel leads there, so its own packets would go round and round. */
static bool leads_into_tunnel(const struct wish *wish, const union wg_endpoint *endpoint)
{
	struct chq_addr addr;

	if (!endpoint_addr(endpoint, &addr))
		return false;
	for (size_t i = wish->n_aside; i < wish->n_prefixes; i++)
		if (prefix_contains(&wish->prefixes[i], &(struct chq_prefix){128, addr}))
			return true;
	return false;
}

/* The address that the documents mean, as far as it is known. */
static bool wished_endpoint(struct tunnel_control *t, size_t i, long fresh_s,
			    union wg_endpoint *ret)
{
	const struct wish_peer *peer = &t->wish->peers[i];
	struct resolved resolved;

	*ret = t->wish->device.peers[i].endpoint;
	t->watched[i].problem[0] = '\0';
	if (!peer->is_name)
		return ret->any.sa_family;
	if (resolver_ask(t->resolver, peer->host, fresh_s, &resolved) < 0)
		return false;
	if (*resolved.problem)
		snprintf(t->watched[i].problem, sizeof(t->watched[i].problem), "%.60s: %.60s",
			 peer->host, resolved.problem);
	*ret = resolved.endpoint;
	if (ret->any.sa_family == AF_INET6)
		ret->in6.sin6_port = htons(peer->port);
	else
		ret->in.sin_port = htons(peer->port);
	if (!leads_into_tunnel(t->wish, ret))
		return ret->any.sa_family;
	snprintf(t->watched[i].problem, sizeof(t->watched[i].problem),
		 "%.60s: lies in a Peer's prefix, expected one outside the tunnel", peer->host);
	return false;
}

static int mend_peer(struct tunnel_control *t, size_t i, const struct wg_peer *found,
		     struct wg_device *change)
{
	struct watched_peer *watched = &t->watched[i];
	long now_s = tunnel_now_ms() / 1000;
	bool unknown = !found->endpoint.any.sa_family, silent = is_silent(watched, found, now_s);
	union wg_endpoint wished;
	struct wg_peer *to;

	if (!t->wish->peers[i].host || (!unknown && !silent))
		return 0;
	if (!wished_endpoint(t, i, unknown ? TRY_AGAIN_S : ASK_AGAIN_S, &wished) ||
	    endpoint_equal(&wished, &found->endpoint))
		return 0;
	to = wg_peer_add(change);
	if (!to)
		return -ENOMEM;
	to->public_key = found->public_key;
	to->endpoint = wished;
	to->change = WG_PEER_UPDATE_ONLY | WG_PEER_SET_ENDPOINT;
	return 0;
}

static const struct wg_peer *find(const struct wg_device *device, const struct wg_key *key,
				  size_t guess)
{
	if (guess < device->n_peers && wg_key_equal(&device->peers[guess].public_key, key))
		return &device->peers[guess];
	for (size_t i = 0; i < device->n_peers; i++)
		if (wg_key_equal(&device->peers[i].public_key, key))
			return &device->peers[i];
	return NULL;
}

int tunnel_mend(struct tunnel_control *t, struct refusal *refusal)
{
	cleanup(wg_device_clear) struct wg_device change = {};
	const struct wg_device *wanted = &t->wish->device;
	const struct wg_peer *found;
	int err = follow_list(t);

	memcpy(change.name, wanted->name, sizeof(change.name));
	for (size_t i = 0; i < wanted->n_peers && !err; i++) {
		if (!t->wish->peers[i].host)
			continue;
		found = find(&t->found, &wanted->peers[i].public_key, i);
		if (found)
			err = mend_peer(t, i, found, &change);
	}
	if (err)
		return refuse(refusal, err, "tunnel");
	if (!change.n_peers)
		return 0;
	err = t->backend->set(&change, refusal);
	if (err)
		return err;
	wg_device_clear(&t->found);
	return t->backend->get(wanted->name, &t->found, refusal);
}
