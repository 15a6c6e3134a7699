/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "kernel/link.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Headers of the distribution may be older than the kernel. */
#ifndef ARPHRD_RAWIP
#define ARPHRD_RAWIP 519
#endif

#define DUMP_TRIES 5

static void copy_text(char *to, size_t size, const struct nlattr *attr)
{
	if (mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
		snprintf(to, size, "%s", mnl_attr_get_str(attr));
}

static void read_kind(struct link *link, const struct nlattr *info)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, info)
	{
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
			copy_text(link->kind, sizeof(link->kind), attr);
	}
}

static void read_xdp(struct link *link, const struct nlattr *xdp)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, xdp)
	{
		if (mnl_attr_get_type(attr) == IFLA_XDP_PROG_ID)
			link->xdp_id = mnl_attr_get_u32(attr);
		if (mnl_attr_get_type(attr) == IFLA_XDP_ATTACHED)
			link->xdp_native = mnl_attr_get_u8(attr) == XDP_ATTACHED_DRV;
	}
}

static void read_attr(struct link *link, const struct nlattr *attr, bool *elsewhere)
{
	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		copy_text(link->name, sizeof(link->name), attr);
		break;
	case IFLA_MASTER:
		link->master = mnl_attr_get_u32(attr);
		break;
	case IFLA_LINK:
		link->lower = mnl_attr_get_u32(attr);
		break;
	case IFLA_LINK_NETNSID:
		*elsewhere = true;
		break;
	case IFLA_MTU:
		link->mtu_bytes = mnl_attr_get_u32(attr);
		break;
	case IFLA_ADDRESS:
		if (mnl_attr_get_payload_len(attr) == sizeof(link->mac))
			memcpy(link->mac, mnl_attr_get_payload(attr), sizeof(link->mac));
		break;
	case IFLA_LINKINFO:
		read_kind(link, attr);
		break;
	case IFLA_XDP:
		read_xdp(link, attr);
		break;
	default:
		break;
	}
}

static int add_link(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	struct links *links = data;
	const struct nlattr *attr;
	bool elsewhere = false;
	struct link *grown;
	struct link *link;

	if (message->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	grown = reallocarray(links->list, links->count + 1, sizeof(*grown));
	if (!grown) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	links->list = grown;
	link = &grown[links->count++];
	*link = (struct link){
		.ifindex = info->ifi_index,
		.type = info->ifi_type,
		.up = info->ifi_flags & IFF_UP,
	};
	mnl_attr_for_each(attr, message, sizeof(*info)) read_attr(link, attr, &elsewhere);
	if (elsewhere)
		link->lower = 0;
	return MNL_CB_OK;
}

static int by_ifindex(const void *a, const void *b)
{
	const struct link *left = a, *right = b;

	return (left->ifindex > right->ifindex) - (left->ifindex < right->ifindex);
}

static int read_once(struct netlink *nl, struct links *ret)
{
	char buffer[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *info;

	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_DUMP;
	info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
	info->ifi_family = AF_UNSPEC;
	return netlink_ask(nl, request, add_link, ret);
}

int links_read(struct netlink *nl, struct links *ret)
{
	struct links links = {};
	int err = -EINTR;

	for (int i = 0; i < DUMP_TRIES && err == -EINTR; i++) {
		links_free(&links);
		err = read_once(nl, &links);
	}
	if (err) {
		links_free(&links);
		return err;
	}
	qsort(links.list, links.count, sizeof(*links.list), by_ifindex);
	*ret = links;
	return 0;
}

void links_free(struct links *links)
{
	free(links->list);
	*links = (struct links){};
}

const struct link *links_find(const struct links *links, unsigned ifindex)
{
	const struct link key = {.ifindex = ifindex};

	if (!links->count)
		return NULL;
	return bsearch(&key, links->list, links->count, sizeof(key), by_ifindex);
}

const struct link *links_named(const struct links *links, const char *name)
{
	for (size_t i = 0; i < links->count; i++) {
		if (strcmp(links->list[i].name, name) == 0)
			return &links->list[i];
	}
	return NULL;
}

bool link_is_l3(const struct link *link)
{
	return link->type != ARPHRD_ETHER && link->type != ARPHRD_LOOPBACK;
}

/* Types whose packets begin with an Ethernet header or with the IP header itself. */
static bool has_known_header(const struct link *link)
{
	switch (link->type) {
	case ARPHRD_ETHER:
	case ARPHRD_NONE:
	case ARPHRD_RAWIP:
	case ARPHRD_PPP:
	case ARPHRD_TUNNEL:
	case ARPHRD_TUNNEL6:
	case ARPHRD_SIT:
	case ARPHRD_IPGRE:
		return true;
	default:
		return false;
	}
}

bool link_can_be_port(const struct links *links, const struct link *link, char *why, size_t size)
{
	const struct link *master = links_find(links, link->master);

	if (master && strcmp(master->kind, "vrf") == 0) {
		snprintf(
			why, size,
			"%s is a member of VRF %s, and one policy cannot judge several routing tables: take it out of the VRF",
			link->name, master->name);
		return false;
	}
	if (master) {
		snprintf(why, size, "%s is a member of %s %s: make %s the port", link->name,
			 *master->kind ? master->kind : "device", master->name, master->name);
		return false;
	}
	if (strcmp(link->kind, "vrf") == 0) {
		snprintf(why, size, "%s is a VRF, not a port", link->name);
		return false;
	}
	if (link->type == ARPHRD_LOOPBACK) {
		snprintf(why, size, "%s is the loopback interface, not a port", link->name);
		return false;
	}
	if (!has_known_header(link)) {
		snprintf(why, size, "%s carries neither Ethernet nor bare IP packets (type %u)",
			 link->name, link->type);
		return false;
	}
	return true;
}
