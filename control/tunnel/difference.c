/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "tunnel/difference.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/addr.h"
#include "util/cleanup.h"

/* Peers of one device by their keys, so that two devices are compared in one walk. */
static int by_key(const void *a, const void *b)
{
	const struct wg_peer *const *left = a, *const *right = b;

	return memcmp(&(*left)->public_key, &(*right)->public_key, sizeof((*left)->public_key));
}

static const struct wg_peer **sorted_peers(const struct wg_device *device)
{
	const struct wg_peer **list = calloc(device->n_peers + 1, sizeof(*list));

	for (size_t i = 0; list && i < device->n_peers; i++)
		list[i] = &device->peers[i];
	if (list)
		qsort(list, device->n_peers, sizeof(*list), by_key);
	return list;
}

static const struct wg_peer *find(const struct wg_peer **list, size_t count,
				  const struct wg_peer *peer)
{
	const struct wg_peer **found =
		count ? bsearch(&peer, list, count, sizeof(*list), by_key) : NULL;

	return found ? *found : NULL;
}

static struct chq_prefix *sorted_prefixes(const struct wg_peer *peer)
{
	struct chq_prefix *list = calloc(peer->n_allowed + 1, sizeof(*list));

	if (list && peer->n_allowed) {
		memcpy(list, peer->allowed, peer->n_allowed * sizeof(*list));
		qsort(list, peer->n_allowed, sizeof(*list), prefix_compare);
	}
	return list;
}

static int add_all(struct wg_peer *to, const struct wg_peer *from)
{
	int err = 0;

	for (size_t i = 0; i < from->n_allowed && !err; i++)
		err = wg_allowed_add(to, &from->allowed[i]);
	return err;
}

/*
 * What is only added is added: replacing would leave a moment without. Else all of it is
 * said anew, which every version of WireGuard understands.
 */
static int compare_allowed(struct wg_peer *to, const struct wg_peer *wished,
			   const struct wg_peer *found)
{
	cleanup_free struct chq_prefix *want = sorted_prefixes(wished);
	cleanup_free struct chq_prefix *have = sorted_prefixes(found);
	size_t kept = 0, j = 0;
	int err = 0, order;

	if (!want || !have)
		return -ENOMEM;
	for (size_t i = 0; i < wished->n_allowed && !err; i++) {
		while (j < found->n_allowed && prefix_compare(&have[j], &want[i]) < 0)
			j++;
		order = j < found->n_allowed ? prefix_compare(&have[j], &want[i]) : 1;
		if (order == 0)
			kept++;
		else
			err = wg_allowed_add(to, &want[i]);
	}
	if (err || kept == found->n_allowed)
		return err;
	free(to->allowed);
	to->allowed = NULL;
	to->n_allowed = 0;
	to->change |= WG_PEER_REPLACE_ALLOWED;
	return add_all(to, wished);
}

static void compare_endpoint(struct wg_peer *to, const struct wg_peer *wished,
			     const struct wg_peer *found, const struct wg_peer *before)
{
	bool said_before = before && endpoint_equal(&before->endpoint, &wished->endpoint);

	if (!wished->endpoint.any.sa_family || endpoint_equal(&wished->endpoint, &found->endpoint))
		return;
	if (found->endpoint.any.sa_family && (said_before || !before))
		return;
	to->endpoint = wished->endpoint;
	to->change |= WG_PEER_SET_ENDPOINT;
}

static void compare_values(struct wg_peer *to, const struct wg_peer *wished,
			   const struct wg_peer *found)
{
	if (!wg_key_equal(&wished->preshared_key, &found->preshared_key)) {
		to->preshared_key = wished->preshared_key;
		to->change |= WG_PEER_SET_PRESHARED;
	}
	if (wished->keepalive_s != found->keepalive_s) {
		to->keepalive_s = wished->keepalive_s;
		to->change |= WG_PEER_SET_KEEPALIVE;
	}
}

static int add_fresh(struct wg_device *ret, const struct wg_peer *wished)
{
	struct wg_peer *to = wg_peer_add(ret);

	if (!to)
		return -ENOMEM;
	*to = *wished;
	to->allowed = NULL;
	to->n_allowed = 0;
	to->change = WG_PEER_REPLACE_ALLOWED | WG_PEER_SET_KEEPALIVE;
	if (!wg_key_is_zero(&wished->preshared_key))
		to->change |= WG_PEER_SET_PRESHARED;
	if (wished->endpoint.any.sa_family)
		to->change |= WG_PEER_SET_ENDPOINT;
	return add_all(to, wished);
}

static int add_changed(struct wg_device *ret, const struct wg_peer *wished,
		       const struct wg_peer *found, const struct wg_peer *before)
{
	struct wg_peer change = {.public_key = wished->public_key}, *to;
	int err = compare_allowed(&change, wished, found);

	compare_values(&change, wished, found);
	compare_endpoint(&change, wished, found, before);
	if (err || (!change.change && !change.n_allowed)) {
		free(change.allowed);
		return err;
	}
	change.change |= WG_PEER_UPDATE_ONLY;
	to = wg_peer_add(ret);
	if (!to) {
		free(change.allowed);
		return -ENOMEM;
	}
	*to = change;
	return 0;
}

static int add_removal(struct wg_device *ret, const struct wg_peer *found)
{
	struct wg_peer *to = wg_peer_add(ret);

	if (!to)
		return -ENOMEM;
	to->public_key = found->public_key;
	to->change = WG_PEER_REMOVE;
	return 0;
}

/* Of three devices, sorted. */
struct sides {
	const struct wg_peer **wish, **found, **before;
	size_t n_wish, n_found, n_before;
};

/* Those that go come first: what they were allowed may be another's now. */
static int compare_peers(const struct sides *sides, struct wg_device *ret)
{
	int err = 0;

	for (size_t i = 0; i < sides->n_found && !err; i++)
		if (!find(sides->wish, sides->n_wish, sides->found[i]))
			err = add_removal(ret, sides->found[i]);
	for (size_t i = 0; i < sides->n_wish && !err; i++) {
		const struct wg_peer *peer = sides->wish[i];
		const struct wg_peer *found = find(sides->found, sides->n_found, peer);

		err = found ? add_changed(ret, peer, found,
					  find(sides->before, sides->n_before, peer))
			    : add_fresh(ret, peer);
	}
	return err;
}

int difference_find(const struct wish *wish, const struct wish *before,
		    const struct wg_device *found, struct wg_device *ret)
{
	static const struct wg_device nothing;
	const struct wg_device *wanted = &wish->device, *last = before ? &before->device : &nothing;
	cleanup_free const struct wg_peer **by_wish = sorted_peers(wanted);
	cleanup_free const struct wg_peer **by_found = sorted_peers(found);
	cleanup_free const struct wg_peer **by_last = sorted_peers(last);
	struct sides sides = {by_wish,	       by_found,       by_last,
			      wanted->n_peers, found->n_peers, last->n_peers};
	cleanup(wg_device_clear) struct wg_device change = {};
	int err;

	if (!by_wish || !by_found || !by_last)
		return -ENOMEM;
	memcpy(change.name, wanted->name, sizeof(change.name));
	if (!wg_key_equal(&wanted->private_key, &found->private_key)) {
		change.private_key = wanted->private_key;
		change.change |= WG_SET_PRIVATE;
	}
	change.listen_port = wanted->listen_port;
	if (wanted->listen_port != found->listen_port)
		change.change |= WG_SET_PORT;
	change.fwmark = wanted->fwmark;
	if (wanted->fwmark != found->fwmark)
		change.change |= WG_SET_FWMARK;
	err = compare_peers(&sides, &change);
	if (err)
		return err;
	*ret = change;
	change = (struct wg_device){};
	return 0;
}

bool difference_is_empty(const struct wg_device *change)
{
	return !change->change && !change->n_peers;
}
