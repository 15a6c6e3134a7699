/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "kernel/wireguard.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

#define DUMP_TRIES 5

bool wg_key_equal(const struct wg_key *a, const struct wg_key *b)
{
	uint8_t differs = 0;

	for (size_t i = 0; i < sizeof(a->byte); i++)
		differs |= a->byte[i] ^ b->byte[i];
	return !differs;
}

bool wg_key_is_zero(const struct wg_key *key)
{
	return wg_key_equal(key, &(struct wg_key){});
}

/* Room is doubled whenever the count reaches a power of two. */
static void *grow(void *list, size_t count, size_t element_bytes)
{
	if (count & (count - 1))
		return list;
	return reallocarray(list, count ? count * 2 : 1, element_bytes);
}

struct wg_peer *wg_peer_add(struct wg_device *device)
{
	struct wg_peer *grown = grow(device->peers, device->n_peers, sizeof(*grown)), *peer;

	if (!grown)
		return NULL;
	device->peers = grown;
	peer = &grown[device->n_peers++];
	*peer = (struct wg_peer){};
	return peer;
}

int wg_allowed_add(struct wg_peer *peer, const struct chq_prefix *prefix)
{
	struct chq_prefix *grown = grow(peer->allowed, peer->n_allowed, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	peer->allowed = grown;
	grown[peer->n_allowed++] = *prefix;
	return 0;
}

void wg_device_clear(struct wg_device *device)
{
	for (size_t i = 0; i < device->n_peers; i++) {
		free(device->peers[i].allowed);
		explicit_bzero(&device->peers[i], sizeof(device->peers[i]));
	}
	free(device->peers);
	explicit_bzero(device, sizeof(*device));
}

/* Number of the family; -ENOENT: this kernel has no WireGuard, or has not loaded it. */
static int note_family(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct genlmsghdr))
	{
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID &&
		    mnl_attr_validate(attr, MNL_TYPE_U16) >= 0)
			*(uint16_t *)data = mnl_attr_get_u16(attr);
	}
	return MNL_CB_OK;
}

static struct nlmsghdr *begin(void *buffer, uint16_t type, uint8_t command, uint8_t version)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct genlmsghdr *generic;

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST;
	generic = mnl_nlmsg_put_extra_header(message, sizeof(*generic));
	generic->cmd = command;
	generic->version = version;
	return message;
}

static int find_family(struct netlink *nl, uint16_t *ret)
{
	char buffer[256];
	struct nlmsghdr *request = begin(buffer, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	uint16_t found = 0;
	int err;

	mnl_attr_put_strz(request, CTRL_ATTR_FAMILY_NAME, WG_GENL_NAME);
	err = netlink_ask(nl, request, note_family, &found);
	if (err || !found)
		return err ? err : -ENOENT;
	*ret = found;
	return 0;
}

static int open_family(struct netlink **ret_nl, uint16_t *ret_family, struct refusal *refusal)
{
	cleanup(netlink_close_p) struct netlink *nl = NULL;
	int err = netlink_open_for(NETLINK_GENERIC, &nl);

	if (!err)
		err = find_family(nl, ret_family);
	if (err)
		return refuse(refusal, err, "the kernel's WireGuard cannot be spoken to");
	*ret_nl = give(nl);
	return 0;
}

static int read_message(const struct nlmsghdr *message, void *data)
{
	int err = wireguard_read(message, data);

	if (!err)
		return MNL_CB_OK;
	errno = -err;
	return MNL_CB_ERROR;
}

static int get_once(struct netlink *nl, uint16_t family, const char *name, struct wg_device *ret)
{
	char buffer[256];
	struct nlmsghdr *request = begin(buffer, family, WG_CMD_GET_DEVICE, WG_GENL_VERSION);

	request->nlmsg_flags |= NLM_F_DUMP;
	mnl_attr_put_strz(request, WGDEVICE_A_IFNAME, name);
	return netlink_ask(nl, request, read_message, ret);
}

int wireguard_get(const char *name, struct wg_device *ret, struct refusal *refusal)
{
	cleanup(netlink_close_p) struct netlink *nl = NULL;
	cleanup(wg_device_clear) struct wg_device device = {};
	uint16_t family;
	int err = open_family(&nl, &family, refusal);

	if (err)
		return err;
	err = -EINTR;
	for (int i = 0; i < DUMP_TRIES && err == -EINTR; i++) {
		wg_device_clear(&device);
		err = get_once(nl, family, name, &device);
	}
	if (err)
		return refuse(refusal, err, "WireGuard device %s%s%s", name,
			      *nl->refusal ? ": " : "", nl->refusal);
	*ret = device;
	device = (struct wg_device){};
	return 0;
}

static int ask_one(void *data, struct nlmsghdr *message)
{
	return netlink_ask(data, message, NULL, NULL);
}

int wireguard_set(const struct wg_device *change, struct refusal *refusal)
{
	cleanup(netlink_close_p) struct netlink *nl = NULL;
	uint16_t family;
	int err = open_family(&nl, &family, refusal);

	if (err)
		return err;
	err = wireguard_write(change, family, ask_one, nl);
	if (err == -EADDRINUSE)
		return refuse(refusal, err, "UDP port %u", change->listen_port);
	if (err)
		return refuse(refusal, err, "WireGuard device %s%s%s", change->name,
			      *nl->refusal ? ": " : "", nl->refusal);
	return 0;
}
