/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <string.h>

#include "kernel/wireguard.h"
#include "util/addr.h"
#include "util/cleanup.h"

/* As much as one page of the smallest netlink buffer and its head hold. */
#define MESSAGE_BYTES 8192
/* A peer without its addresses, and one address. */
#define PEER_ROOM    256
#define ALLOWED_ROOM 64

/* A change as it is being written: where the open nests began, to close them. */
struct writer {
	const struct wg_device *change;
	uint16_t family;
	wireguard_send send;
	void *data;
	struct nlmsghdr *message; /* NULL: none is open */
	struct nlattr *peers, *peer, *allowed;
	char *buffer;
};

static void begin_message(struct writer *out, bool first)
{
	const struct wg_device *change = out->change;
	struct genlmsghdr *generic;

	out->message = mnl_nlmsg_put_header(out->buffer);
	out->message->nlmsg_type = out->family;
	out->message->nlmsg_flags = NLM_F_REQUEST;
	generic = mnl_nlmsg_put_extra_header(out->message, sizeof(*generic));
	generic->cmd = WG_CMD_SET_DEVICE;
	generic->version = WG_GENL_VERSION;
	mnl_attr_put_strz(out->message, WGDEVICE_A_IFNAME, change->name);
	if (first && change->change & WG_SET_PRIVATE)
		mnl_attr_put(out->message, WGDEVICE_A_PRIVATE_KEY, WG_KEY_BYTES,
			     change->private_key.byte);
	if (first && change->change & WG_SET_PORT)
		mnl_attr_put_u16(out->message, WGDEVICE_A_LISTEN_PORT, change->listen_port);
	if (first && change->change & WG_SET_FWMARK)
		mnl_attr_put_u32(out->message, WGDEVICE_A_FWMARK, change->fwmark);
	if (change->n_peers)
		out->peers = mnl_attr_nest_start(out->message, WGDEVICE_A_PEERS);
}

static int end_message(struct writer *out)
{
	if (out->allowed)
		mnl_attr_nest_end(out->message, give(out->allowed));
	if (out->peer)
		mnl_attr_nest_end(out->message, give(out->peer));
	if (out->peers)
		mnl_attr_nest_end(out->message, give(out->peers));
	return out->send(out->data, give(out->message));
}

static bool has_room(const struct writer *out, size_t bytes)
{
	return out->message->nlmsg_len + bytes <= MESSAGE_BYTES;
}

static void put_endpoint(struct writer *out, const union wg_endpoint *endpoint)
{
	size_t bytes =
		endpoint->any.sa_family == AF_INET ? sizeof(endpoint->in) : sizeof(endpoint->in6);

	if (endpoint->any.sa_family)
		mnl_attr_put(out->message, WGPEER_A_ENDPOINT, bytes, endpoint);
}

/* `first`: not the part of a peer that goes on from the message before. */
static void begin_peer(struct writer *out, const struct wg_peer *peer, bool first)
{
	uint32_t flags = peer->change & WG_PEER_KERNEL_FLAGS;

	out->peer = mnl_attr_nest_start(out->message, 0);
	mnl_attr_put(out->message, WGPEER_A_PUBLIC_KEY, WG_KEY_BYTES, peer->public_key.byte);
	if (!first)
		return;
	if (flags)
		mnl_attr_put_u32(out->message, WGPEER_A_FLAGS, flags);
	if (peer->change & WG_PEER_SET_PRESHARED)
		mnl_attr_put(out->message, WGPEER_A_PRESHARED_KEY, WG_KEY_BYTES,
			     peer->preshared_key.byte);
	if (peer->change & WG_PEER_SET_ENDPOINT)
		put_endpoint(out, &peer->endpoint);
	if (peer->change & WG_PEER_SET_KEEPALIVE)
		mnl_attr_put_u16(out->message, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL,
				 peer->keepalive_s);
}

static void put_allowed(struct writer *out, const struct chq_prefix *prefix)
{
	bool ipv4 = prefix_is_ipv4(prefix);
	struct nlattr *entry = mnl_attr_nest_start(out->message, 0);

	mnl_attr_put_u16(out->message, WGALLOWEDIP_A_FAMILY, ipv4 ? AF_INET : AF_INET6);
	mnl_attr_put(out->message, WGALLOWEDIP_A_IPADDR, ipv4 ? 4 : 16,
		     prefix->addr.byte + (ipv4 ? 12 : 0));
	mnl_attr_put_u8(out->message, WGALLOWEDIP_A_CIDR_MASK, prefix_bits(prefix));
	mnl_attr_nest_end(out->message, entry);
}

static int next_message(struct writer *out)
{
	int err = end_message(out);

	if (!err)
		begin_message(out, false);
	return err;
}

static int write_allowed(struct writer *out, const struct wg_peer *peer)
{
	int err;

	for (size_t i = 0; i < peer->n_allowed; i++) {
		if (!has_room(out, ALLOWED_ROOM)) {
			err = next_message(out);
			if (err)
				return err;
			begin_peer(out, peer, false);
		}
		if (!out->allowed)
			out->allowed = mnl_attr_nest_start(out->message, WGPEER_A_ALLOWEDIPS);
		put_allowed(out, &peer->allowed[i]);
	}
	return 0;
}

static int write_peer(struct writer *out, const struct wg_peer *peer)
{
	int err = has_room(out, PEER_ROOM) ? 0 : next_message(out);

	if (err)
		return err;
	begin_peer(out, peer, true);
	err = write_allowed(out, peer);
	if (err)
		return err;
	if (out->allowed)
		mnl_attr_nest_end(out->message, give(out->allowed));
	mnl_attr_nest_end(out->message, give(out->peer));
	return 0;
}

int wireguard_write(const struct wg_device *change, uint16_t family, wireguard_send send,
		    void *data)
{
	char buffer[MESSAGE_BYTES];
	struct writer out = {
		.change = change, .family = family, .send = send, .data = data, .buffer = buffer};
	int err = 0;

	begin_message(&out, true);
	for (size_t i = 0; i < change->n_peers && !err; i++)
		err = write_peer(&out, &change->peers[i]);
	if (!err)
		err = end_message(&out);
	explicit_bzero(buffer, sizeof(buffer));
	return err;
}
