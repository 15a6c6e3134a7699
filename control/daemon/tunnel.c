// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "daemon/tunnel.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "daemon/ports.h"
#include "tunnel/key.h"
#include "tunnel/tunnel.h"
#include "tunnel/wish.h"
#include "util/addr.h"
#include "util/cleanup.h"
#include "util/log.h"

/* From the tunnel's thread: the loop hears of it by a descriptor. */
static void ring(void *data)
{
	const struct daemon *daemon = data;
	uint64_t one = 1;

	if (write(daemon->tunnel_fd, &one, sizeof(one)) != sizeof(one))
		return; /* it is full, so the loop will hear anyway */
}

/* Where Peers are reached: as configured, and where they have roamed to. */
static void tell_outer(struct daemon *daemon, const struct tunnel_view *view, bool *ret_any)
{
	cleanup_free struct chq_addr *list = calloc(view->n_peers + 1, sizeof(*list));
	size_t count = 0;

	*ret_any = !list;
	for (size_t i = 0; list && i < view->n_peers; i++) {
		if (endpoint_addr(&view->peers[i].state.endpoint, &list[count]))
			count++;
		else
			*ret_any = true;
	}
	if (list && datapath_outer_addresses(daemon->datapath, list, count) < 0) {
		*ret_any = true;
		log_error("%s", datapath_refusal(daemon->datapath));
	}
}

static void tell_checkpoint(struct daemon *daemon, const struct tunnel_view *view)
{
	struct tunnel_state state = {
		.ifindex = view->ifindex, .listen_port = view->listen_port, .up = view->up};

	tell_outer(daemon, view, &state.any_peer);
	datapath_tunnel_set(daemon->datapath, &state);
}

static void tell_log(struct daemon *daemon, const struct tunnel_view *view)
{
	bool was_up = daemon->tunnel_up;

	if (strcmp(view->note, daemon->tunnel_note) != 0 && *view->note)
		log_error("tunnel %s: %s", view->name, view->note);
	snprintf(daemon->tunnel_note, sizeof(daemon->tunnel_note), "%s", view->note);
	daemon->tunnel_up = view->up;
	if (view->up && !was_up)
		log_info("tunnel %s is up (%s), %zu peer%s", view->name, view->backend,
			 view->n_peers, view->n_peers == 1 ? "" : "s");
	else if (was_up && !view->up)
		log_warn("the tunnel is down: what is bound for a Peer is dropped");
}

static void on_news(evutil_socket_t fd, short what, void *data)
{
	struct daemon *daemon = data;
	struct tunnel_view view;
	uint64_t count;

	(void)what;
	if (read(fd, &count, sizeof(count)) < 0 || tunnel_look(daemon->tunnel, &view) < 0)
		return;
	if (view.known) {
		tell_checkpoint(daemon, &view);
		tell_log(daemon, &view);
	}
	tunnel_view_clear(&view);
	ports_sync(daemon, false);
}

int tunnel_join(struct daemon *daemon)
{
	const struct tunnel_options options = {
		.config_directory = daemon->options.config_directory,
		.state_directory = daemon->options.state_directory,
		.news = ring,
		.data = daemon,
	};

	daemon->tunnel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (daemon->tunnel_fd < 0)
		return -errno;
	daemon->tunnel_event =
		event_new(daemon->base, daemon->tunnel_fd, EV_READ | EV_PERSIST, on_news, daemon);
	if (!daemon->tunnel_event || event_add(daemon->tunnel_event, NULL) < 0)
		return -ENOMEM;
	return tunnel_open(&options, &daemon->tunnel);
}

void tunnel_leave(struct daemon *daemon)
{
	tunnel_close(daemon->tunnel);
	if (daemon->tunnel_event)
		event_free(daemon->tunnel_event);
	if (daemon->tunnel_fd > 0)
		close(daemon->tunnel_fd);
}

int tunnel_begin_change(struct daemon *daemon, const struct config *config, char *words,
			size_t size)
{
	struct refusal refusal = {};
	int err = tunnel_apply(daemon->tunnel, config, &refusal);

	snprintf(words, size, "%s", refusal.text);
	return err;
}

void tunnel_end_change(struct daemon *daemon, bool keep)
{
	tunnel_end(daemon->tunnel, keep);
}

void tunnel_follow_ports(struct daemon *daemon)
{
	const struct generation *generation = daemon->live.generation;
	const struct attachment *list;
	size_t count = datapath_attachments(daemon->datapath, &list);
	const char *name = NULL;
	unsigned guarded = 0;

	for (size_t i = 0; generation && i < generation->n_ports; i++)
		if (generation->ports[i].value.role == CHQ_TUNNEL)
			name = generation->ports[i].name;
	for (size_t i = 0; name && i < count; i++)
		if (list[i].present && list[i].checkpoint && strcmp(list[i].name, name) == 0)
			guarded = list[i].ifindex;
	if (daemon->tunnel)
		tunnel_guarded(daemon->tunnel, guarded);
}

static json_t *time_as_json(int64_t seconds)
{
	time_t when = seconds;
	struct tm parts;
	char text[32];

	if (seconds <= 0 || !gmtime_r(&when, &parts))
		return json_null();
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
	return json_string(text);
}

static json_t *prefixes_as_json(const struct wg_peer *peer)
{
	json_t *list = json_array();
	char text[PREFIX_TEXT_BYTES];

	for (size_t i = 0; i < peer->n_allowed; i++)
		json_array_append_new(list, json_string(prefix_print(&peer->allowed[i], text)));
	return list;
}

static json_t *peer_as_json(const struct tunnel_peer *peer)
{
	char key[KEY_TEXT_BYTES], address[ENDPOINT_TEXT_BYTES];
	const struct wg_peer *state = &peer->state;

	endpoint_print(&state->endpoint, address);
	return json_pack("{s:s, s:s, s:s?, s:s?, s:b, s:i, s:o, s:o, s:I, s:I, s:I, s:s?}", "name",
			 peer->name, "publicKey", key_print(&state->public_key, key), "endpoint",
			 peer->endpoint, "address", *address ? address : NULL, "presharedKey",
			 peer->preshared, "keepalive", (int)state->keepalive_s, "prefixes",
			 prefixes_as_json(state), "latestHandshake",
			 time_as_json(state->handshake_s), "received", (json_int_t)state->rx_bytes,
			 "sent", (json_int_t)state->tx_bytes, "disallowed",
			 (json_int_t)state->rx_disallowed, "problem", peer->problem);
}

static json_t *view_as_json(const struct tunnel_view *view)
{
	char key[KEY_TEXT_BYTES];

	return json_pack("{s:s, s:s, s:s, s:i, s:i, s:I, s:s, s:I, s:i, s:s}", "name", view->name,
			 "backend", view->backend, "state", view->up ? "up" : "down", "mtu",
			 (int)view->mtu_bytes, "listenPort", (int)view->listen_port, "fwmark",
			 (json_int_t)view->fwmark, "publicKey", key_print(&view->public_key, key),
			 "disallowed", (json_int_t)view->rx_disallowed, "engineStarts",
			 (int)view->restarts, "note", view->note);
}

static json_t *show(struct daemon *daemon, bool with_peers)
{
	struct tunnel_view view;
	json_t *tunnel, *peers;

	if (!daemon->tunnel || tunnel_look(daemon->tunnel, &view) < 0)
		return NULL;
	if (!view.wanted) {
		tunnel_view_clear(&view);
		return NULL;
	}
	tunnel = view_as_json(&view);
	json_object_set_new(tunnel, "peerCount", json_integer((json_int_t)view.n_peers));
	if (with_peers) {
		peers = json_array();
		for (size_t i = 0; i < view.n_peers; i++)
			json_array_append_new(peers, peer_as_json(&view.peers[i]));
		json_object_set_new(tunnel, "peers", peers);
	}
	tunnel_view_clear(&view);
	return tunnel;
}

json_t *show_tunnel_summary(struct daemon *daemon)
{
	return show(daemon, false);
}

json_t *show_tunnel(struct daemon *daemon)
{
	json_t *tunnel = show(daemon, true);

	return tunnel ? tunnel : json_object();
}

static json_t *labels_as_json(const struct labels *labels)
{
	json_t *list = json_array();
	char text[600];

	for (size_t i = 0; i < labels->count; i++) {
		const struct label *label = &labels->list[i];

		snprintf(text, sizeof(text), "%s:%s=%s", label->source, label->key, label->value);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

json_t *show_peers(struct daemon *daemon)
{
	const struct config *config = daemon->live.config;
	json_t *rows = json_array(), *prefixes;
	char text[PREFIX_TEXT_BYTES];

	for (size_t i = 0; config && i < config->n_peers; i++) {
		const struct peer_gateway *peer = &config->peers[i];

		prefixes = json_array();
		for (size_t j = 0; j < peer->n_prefixes; j++)
			json_array_append_new(prefixes,
					      json_string(prefix_print(&peer->prefixes[j], text)));
		json_array_append_new(
			rows,
			json_pack("{s:s, s:s, s:s?, s:i, s:o, s:o, s:s, s:i}", "name", peer->name,
				  "publicKey", peer->public_key, "endpoint", peer->endpoint,
				  "keepalive", (int)peer->keepalive_s, "prefixes", prefixes,
				  "labels", labels_as_json(&peer->labels), "file",
				  config->sources[peer->at.file].path, "line", (int)peer->at.line));
	}
	return rows;
}
