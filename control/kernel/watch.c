/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "kernel/watch.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/netlink.h"
#include "util/cleanup.h"

/* Room for a burst (a full routing table takes more: then we read everything anew). */
#define WATCH_QUEUE_BYTES (4 << 20)
#define DUMP_TRIES	  5

struct watch {
	struct mnl_socket *socket;
};

static const int groups[] = {
	RTNLGRP_LINK,	    RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
	RTNLGRP_IPV6_ROUTE, RTNLGRP_NEIGH,	 RTNLGRP_TC,
};

static void watch_close_p(struct watch **watch)
{
	watch_close(*watch);
}

int watch_open(struct watch **ret)
{
	cleanup(watch_close_p) struct watch *watch = calloc(1, sizeof(*watch));
	int queue_bytes = WATCH_QUEUE_BYTES;

	if (!watch)
		return -ENOMEM;
	watch->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!watch->socket)
		return -errno;
	if (mnl_socket_bind(watch->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	/* Without the capability to force it the default stays, and we resynchronise more often. */
	setsockopt(watch_fd(watch), SOL_SOCKET, SO_RCVBUFFORCE, &queue_bytes, sizeof(queue_bytes));
	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
		int group = groups[i];

		if (mnl_socket_setsockopt(watch->socket, NETLINK_ADD_MEMBERSHIP, &group,
					  sizeof(group)) < 0)
			return -errno;
	}
	*ret = give(watch);
	return 0;
}

void watch_close(struct watch *watch)
{
	if (!watch)
		return;
	if (watch->socket)
		mnl_socket_close(watch->socket);
	free(watch);
}

int watch_fd(const struct watch *watch)
{
	return mnl_socket_get_fd(watch->socket);
}

static int note_message(const struct nlmsghdr *message, void *data)
{
	int *news = data;

	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		*news |= WATCH_LINKS;
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		*news |= WATCH_ADDRESSES;
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		*news |= WATCH_ROUTES;
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		*news |= WATCH_NEIGHBOURS;
		break;
	case RTM_NEWQDISC:
	case RTM_DELQDISC:
	case RTM_NEWTFILTER:
	case RTM_DELTFILTER:
		*news |= WATCH_FILTERS;
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

int watch_read(struct watch *watch)
{
	char message[32768];
	ssize_t length;
	int news = 0;

	for (;;) {
		length = mnl_socket_recvfrom(watch->socket, message, sizeof(message));
		if (length < 0 && (errno == ENOBUFS || errno == ENOSPC)) {
			news |= WATCH_LINKS | WATCH_ADDRESSES | WATCH_ROUTES | WATCH_NEIGHBOURS |
				WATCH_FILTERS | WATCH_LOST;
			continue;
		}
		if (length < 0 && (errno == EAGAIN || errno == EINTR))
			return news;
		if (length < 0)
			return -errno;
		mnl_cb_run(message, length, 0, 0, note_message, &news);
	}
}

struct addresses {
	struct chq_addr *list;
	size_t count;
};

static void set_address(struct chq_addr *addr, int family, const struct nlattr *attr)
{
	static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (family == AF_INET && mnl_attr_get_payload_len(attr) == 4) {
		memcpy(addr->byte, mapped, sizeof(mapped));
		memcpy(addr->byte + 12, mnl_attr_get_payload(attr), 4);
	}
	if (family == AF_INET6 && mnl_attr_get_payload_len(attr) == 16)
		memcpy(addr->byte, mnl_attr_get_payload(attr), 16);
}

/* On a point-to-point link IFA_ADDRESS is the other end, IFA_LOCAL ours. */
static int add_address(const struct nlmsghdr *message, void *data)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr, *local = NULL, *address = NULL;
	struct addresses *addresses = data;
	struct chq_addr *grown;

	if (message->nlmsg_type != RTM_NEWADDR)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, message, sizeof(*info))
	{
		if (mnl_attr_get_type(attr) == IFA_LOCAL)
			local = attr;
		if (mnl_attr_get_type(attr) == IFA_ADDRESS)
			address = attr;
	}
	local = local ? local : address;
	if (!local)
		return MNL_CB_OK;
	grown = reallocarray(addresses->list, addresses->count + 1, sizeof(*grown));
	if (!grown) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	addresses->list = grown;
	memset(&grown[addresses->count], 0, sizeof(*grown));
	set_address(&grown[addresses->count++], info->ifa_family, local);
	return MNL_CB_OK;
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct chq_addr));
}

static void sort_once(struct addresses *addresses)
{
	size_t kept = 0;

	qsort(addresses->list, addresses->count, sizeof(*addresses->list), by_bytes);
	for (size_t i = 0; i < addresses->count; i++) {
		if (!kept || by_bytes(&addresses->list[kept - 1], &addresses->list[i]))
			addresses->list[kept++] = addresses->list[i];
	}
	addresses->count = kept;
}

static int read_addresses(struct netlink *nl, struct addresses *ret)
{
	char buffer[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct ifaddrmsg *info;

	free(ret->list);
	*ret = (struct addresses){};
	request->nlmsg_type = RTM_GETADDR;
	request->nlmsg_flags = NLM_F_DUMP;
	info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
	info->ifa_family = AF_UNSPEC;
	return netlink_ask(nl, request, add_address, ret);
}

int watch_addresses(struct chq_addr **ret, size_t *ret_count)
{
	cleanup(netlink_close_p) struct netlink *nl = NULL;
	struct addresses addresses = {};
	int err = netlink_open(&nl);

	if (err)
		return err;
	err = -EINTR;
	for (int i = 0; i < DUMP_TRIES && err == -EINTR; i++)
		err = read_addresses(nl, &addresses);
	if (err) {
		free(addresses.list);
		return err;
	}
	sort_once(&addresses);
	*ret = addresses.list;
	*ret_count = addresses.count;
	return 0;
}
