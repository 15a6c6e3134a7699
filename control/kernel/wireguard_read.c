/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <string.h>

#include "kernel/wireguard.h"

/*
 * The kernel's answers. Each attribute is held against its size before it is read; one
 * that a newer kernel may have added is passed over.
 */

/* Nested attributes end at the first that its room does not hold. */
#define FOR_EACH_NESTED(attr, nest) mnl_attr_for_each_nested((attr), (nest))

static bool copy_exactly(void *to, size_t bytes, const struct nlattr *attr)
{
	if (mnl_attr_get_payload_len(attr) != bytes)
		return false;
	memcpy(to, mnl_attr_get_payload(attr), bytes);
	return true;
}

static void read_endpoint(union wg_endpoint *ret, const struct nlattr *attr)
{
	union wg_endpoint endpoint = {};
	size_t bytes = mnl_attr_get_payload_len(attr);

	if (bytes > sizeof(endpoint) || bytes < sizeof(endpoint.any.sa_family))
		return;
	memcpy(&endpoint, mnl_attr_get_payload(attr), bytes);
	if ((endpoint.any.sa_family == AF_INET && bytes == sizeof(endpoint.in)) ||
	    (endpoint.any.sa_family == AF_INET6 && bytes == sizeof(endpoint.in6)))
		*ret = endpoint;
}

/* What one entry of ALLOWEDIPS says, before it is known to be whole. */
struct reading {
	uint16_t family;
	uint8_t bits;
	bool has_bits;
	const void *address;
	size_t address_bytes;
};

static bool to_prefix(const struct reading *reading, struct chq_prefix *ret)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	bool ipv4 = reading->family == AF_INET && reading->address_bytes == 4;
	bool ipv6 = reading->family == AF_INET6 && reading->address_bytes == 16;

	if ((!ipv4 && !ipv6) || !reading->has_bits || reading->bits > (ipv4 ? 32 : 128))
		return false;
	*ret = (struct chq_prefix){.length_bits = reading->bits + (ipv4 ? 96 : 0)};
	if (ipv4)
		memcpy(ret->addr.byte, mapped, sizeof(mapped));
	memcpy(ret->addr.byte + (ipv4 ? 12 : 0), reading->address, reading->address_bytes);
	return true;
}

static int read_allowed(struct wg_peer *peer, const struct nlattr *entry)
{
	struct reading reading = {};
	struct chq_prefix prefix;
	const struct nlattr *attr;

	FOR_EACH_NESTED(attr, entry)
	{
		switch (mnl_attr_get_type(attr)) {
		case WGALLOWEDIP_A_FAMILY:
			copy_exactly(&reading.family, sizeof(reading.family), attr);
			break;
		case WGALLOWEDIP_A_IPADDR:
			reading.address = mnl_attr_get_payload(attr);
			reading.address_bytes = mnl_attr_get_payload_len(attr);
			break;
		case WGALLOWEDIP_A_CIDR_MASK:
			reading.has_bits = copy_exactly(&reading.bits, sizeof(reading.bits), attr);
			break;
		default:
			break;
		}
	}
	return to_prefix(&reading, &prefix) ? wg_allowed_add(peer, &prefix) : 0;
}

static int read_all_allowed(struct wg_peer *peer, const struct nlattr *list)
{
	const struct nlattr *entry;
	int err = 0;

	FOR_EACH_NESTED(entry, list)
	{
		if (!err)
			err = read_allowed(peer, entry);
	}
	return err;
}

static void read_handshake(struct wg_peer *peer, const struct nlattr *attr)
{
	int64_t when[2];

	if (copy_exactly(when, sizeof(when), attr))
		peer->handshake_s = when[0];
}

static int read_peer_attr(struct wg_peer *peer, const struct nlattr *attr)
{
	switch (mnl_attr_get_type(attr)) {
	case WGPEER_A_PRESHARED_KEY:
		copy_exactly(&peer->preshared_key, sizeof(peer->preshared_key), attr);
		return 0;
	case WGPEER_A_ENDPOINT:
		read_endpoint(&peer->endpoint, attr);
		return 0;
	case WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL:
		copy_exactly(&peer->keepalive_s, sizeof(peer->keepalive_s), attr);
		return 0;
	case WGPEER_A_LAST_HANDSHAKE_TIME:
		read_handshake(peer, attr);
		return 0;
	case WGPEER_A_RX_BYTES:
		copy_exactly(&peer->rx_bytes, sizeof(peer->rx_bytes), attr);
		return 0;
	case WGPEER_A_TX_BYTES:
		copy_exactly(&peer->tx_bytes, sizeof(peer->tx_bytes), attr);
		return 0;
	case WGPEER_A_ALLOWEDIPS:
		return read_all_allowed(peer, attr);
	default:
		return 0;
	}
}

/* A peer that one message could not hold goes on in the next, under the same key. */
static struct wg_peer *peer_of(struct wg_device *device, const struct wg_key *key)
{
	struct wg_peer *last = device->n_peers ? &device->peers[device->n_peers - 1] : NULL;

	if (last && wg_key_equal(&last->public_key, key))
		return last;
	last = wg_peer_add(device);
	if (last)
		last->public_key = *key;
	return last;
}

static int read_peer(struct wg_device *device, const struct nlattr *entry)
{
	const struct nlattr *attr;
	struct wg_peer *peer;
	struct wg_key key;
	bool named = false;
	int err = 0;

	FOR_EACH_NESTED(attr, entry)
	{
		if (mnl_attr_get_type(attr) == WGPEER_A_PUBLIC_KEY)
			named = copy_exactly(&key, sizeof(key), attr) || named;
	}
	if (!named)
		return -EBADMSG;
	peer = peer_of(device, &key);
	if (!peer)
		return -ENOMEM;
	FOR_EACH_NESTED(attr, entry)
	{
		if (!err)
			err = read_peer_attr(peer, attr);
	}
	return err;
}

static int read_peers(struct wg_device *device, const struct nlattr *list)
{
	const struct nlattr *entry;
	int err = 0;

	FOR_EACH_NESTED(entry, list)
	{
		if (!err)
			err = read_peer(device, entry);
	}
	return err;
}

static void read_name(struct wg_device *device, const struct nlattr *attr)
{
	size_t bytes = mnl_attr_get_payload_len(attr);

	if (bytes <= sizeof(device->name) && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		memcpy(device->name, mnl_attr_get_str(attr), bytes);
}

static int read_device_attr(struct wg_device *device, const struct nlattr *attr)
{
	switch (mnl_attr_get_type(attr)) {
	case WGDEVICE_A_IFNAME:
		read_name(device, attr);
		return 0;
	case WGDEVICE_A_PRIVATE_KEY:
		copy_exactly(&device->private_key, sizeof(device->private_key), attr);
		return 0;
	case WGDEVICE_A_PUBLIC_KEY:
		copy_exactly(&device->public_key, sizeof(device->public_key), attr);
		return 0;
	case WGDEVICE_A_LISTEN_PORT:
		copy_exactly(&device->listen_port, sizeof(device->listen_port), attr);
		return 0;
	case WGDEVICE_A_FWMARK:
		copy_exactly(&device->fwmark, sizeof(device->fwmark), attr);
		return 0;
	case WGDEVICE_A_PEERS:
		return read_peers(device, attr);
	default:
		return 0;
	}
}

int wireguard_read(const struct nlmsghdr *message, struct wg_device *ret)
{
	const struct nlattr *attr;
	int err = 0;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(struct genlmsghdr))
		return -EBADMSG;
	mnl_attr_for_each(attr, message, sizeof(struct genlmsghdr))
	{
		if (!err)
			err = read_device_attr(ret, attr);
	}
	return err;
}
