/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/inside.h"
#include "util/cleanup.h"

void tunnel_view_clear(struct tunnel_view *view)
{
	for (size_t i = 0; i < view->n_peers; i++) {
		free(view->peers[i].name);
		free(view->peers[i].endpoint);
		free(view->peers[i].problem);
		free(view->peers[i].state.allowed);
	}
	free(view->peers);
	*view = (struct tunnel_view){};
}

static char *copy_text(const char *text, int *err)
{
	char *copy = text && *text ? strdup(text) : NULL;

	if (text && *text && !copy)
		*err = -ENOMEM;
	return copy;
}

static int copy_peer(struct tunnel_peer *to, const struct tunnel_peer *from)
{
	size_t bytes = from->state.n_allowed * sizeof(*from->state.allowed);
	int err = 0;

	*to = *from;
	to->name = copy_text(from->name, &err);
	to->endpoint = copy_text(from->endpoint, &err);
	to->problem = copy_text(from->problem, &err);
	to->state.allowed = malloc(bytes + 1);
	if (!to->state.allowed) {
		to->state.n_allowed = 0;
		return -ENOMEM;
	}
	if (bytes)
		memcpy(to->state.allowed, from->state.allowed, bytes);
	return err;
}

static int copy_view(struct tunnel_view *to, const struct tunnel_view *from)
{
	int err = 0;

	*to = *from;
	to->n_peers = 0;
	to->peers = calloc(from->n_peers + 1, sizeof(*to->peers));
	if (!to->peers)
		return -ENOMEM;
	for (size_t i = 0; i < from->n_peers && !err; i++)
		err = copy_peer(&to->peers[to->n_peers++], &from->peers[i]);
	return err;
}

int tunnel_look(struct tunnel_control *t, struct tunnel_view *ret)
{
	struct tunnel_view copy;
	int err;

	pthread_mutex_lock(&t->view_lock);
	err = copy_view(&copy, &t->view);
	pthread_mutex_unlock(&t->view_lock);
	if (err)
		tunnel_view_clear(&copy);
	else
		*ret = copy;
	return err;
}

/* Device and documents by their keys: both are in the order in which they were told. */
static const struct wg_peer *state_of(const struct tunnel_control *t, const struct wg_key *key,
				      size_t guess)
{
	for (size_t i = 0; i < t->found.n_peers; i++) {
		const struct wg_peer *peer = &t->found.peers[(guess + i) % t->found.n_peers];

		if (wg_key_equal(&peer->public_key, key))
			return peer;
	}
	return NULL;
}

static int show_peer(const struct tunnel_control *t, size_t i, struct tunnel_peer *ret)
{
	const struct wish_peer *wished = &t->wish->peers[i];
	const struct wg_peer *document = &t->wish->device.peers[i];
	const struct wg_peer *state = state_of(t, &document->public_key, i);
	char endpoint[300] = "";
	struct tunnel_peer peer = {.name = wished->name,
				   .state = state ? *state : *document,
				   .preshared = !wg_key_is_zero(&document->preshared_key)};

	if (wished->host)
		snprintf(endpoint, sizeof(endpoint),
			 strchr(wished->host, ':') ? "[%s]:%u" : "%s:%u", wished->host,
			 wished->port);
	peer.endpoint = endpoint;
	if (i < t->n_watched)
		peer.problem = (char *)t->watched[i].problem;
	memset(&peer.state.preshared_key, 0, sizeof(peer.state.preshared_key));
	return copy_peer(ret, &peer);
}

/* chasqui-wg counts for each peer, the kernel for the device. */
static uint64_t disallowed(const struct tunnel_control *t)
{
	uint64_t sum = t->backend == &backend_kernel ? t->seen.rx_frame_errors : 0;

	for (size_t i = 0; i < t->found.n_peers; i++)
		sum += t->found.peers[i].rx_disallowed;
	return sum;
}

static void fill(const struct tunnel_control *t, struct tunnel_view *view)
{
	bool alive = t->backend == &backend_kernel || engine_lives(&t->engine);

	view->known = true;
	view->wanted = t->wish;
	view->backend = t->backend ? t->backend->name : "";
	view->restarts = t->restarts;
	if (!t->wish)
		return;
	memcpy(view->name, t->wish->device.name, sizeof(view->name));
	view->ifindex = t->seen.ifindex;
	view->up = t->seen.ifindex && t->seen.up && alive;
	view->mtu_bytes = t->seen.mtu_bytes;
	view->fwmark = t->wish->device.fwmark;
	view->listen_port = t->wish->device.listen_port;
	view->public_key = t->wish->device.public_key;
	view->rx_disallowed = disallowed(t);
	view->peers = calloc(t->wish->device.n_peers + 1, sizeof(*view->peers));
	for (size_t i = 0; view->peers && i < t->wish->device.n_peers; i++)
		if (show_peer(t, i, &view->peers[view->n_peers++]) < 0)
			break;
}

static bool is_news(const struct tunnel_view *a, const struct tunnel_view *b)
{
	if (a->known != b->known || a->wanted != b->wanted || a->ifindex != b->ifindex ||
	    a->up != b->up || a->listen_port != b->listen_port || a->n_peers != b->n_peers ||
	    strcmp(a->note, b->note) != 0)
		return true;
	for (size_t i = 0; i < a->n_peers; i++)
		if (!endpoint_equal(&a->peers[i].state.endpoint, &b->peers[i].state.endpoint))
			return true;
	return false;
}

void tunnel_publish(struct tunnel_control *t, const char *note)
{
	struct tunnel_view view = {}, old;
	bool news;

	fill(t, &view);
	snprintf(view.note, sizeof(view.note), "%s", note);
	pthread_mutex_lock(&t->view_lock);
	old = t->view;
	t->view = view;
	news = is_news(&old, &view);
	pthread_mutex_unlock(&t->view_lock);
	tunnel_view_clear(&old);
	if (news)
		t->options.news(t->options.data);
}
