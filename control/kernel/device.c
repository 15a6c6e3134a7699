/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "kernel/device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "chasqui/limits.h"
#include "util/addr.h"
#include "util/cleanup.h"

#define REQUEST_BYTES 1024

static const char *words(const struct netlink *nl)
{
	return nl->refusal;
}

static void note_info(struct device_seen *seen, const struct nlattr *info)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, info)
	{
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			snprintf(seen->kind, sizeof(seen->kind), "%s", mnl_attr_get_str(attr));
	}
}

/* Newer kernels have more of them behind these. */
static void note_counters(struct device_seen *seen, const struct nlattr *attr)
{
	struct rtnl_link_stats64 counters = {};
	size_t bytes = mnl_attr_get_payload_len(attr);

	memcpy(&counters, mnl_attr_get_payload(attr),
	       bytes < sizeof(counters) ? bytes : sizeof(counters));
	seen->rx_frame_errors = counters.rx_frame_errors;
}

static int note_device(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	struct device_seen *seen = data;
	const struct nlattr *attr;

	if (message->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	seen->ifindex = info->ifi_index;
	seen->up = info->ifi_flags & IFF_UP;
	seen->running = info->ifi_flags & IFF_LOWER_UP;
	mnl_attr_for_each(attr, message, sizeof(*info))
	{
		if (mnl_attr_get_type(attr) == IFLA_MTU &&
		    mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
			seen->mtu_bytes = mnl_attr_get_u32(attr);
		if (mnl_attr_get_type(attr) == IFLA_CARRIER &&
		    mnl_attr_validate(attr, MNL_TYPE_U8) >= 0)
			seen->carrier = mnl_attr_get_u8(attr);
		if (mnl_attr_get_type(attr) == IFLA_IFALIAS &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			seen->ours = strcmp(mnl_attr_get_str(attr), DEVICE_ALIAS) == 0;
		if (mnl_attr_get_type(attr) == IFLA_STATS64)
			note_counters(seen, attr);
		if (mnl_attr_get_type(attr) == IFLA_LINKINFO)
			note_info(seen, attr);
	}
	return MNL_CB_OK;
}

static struct nlmsghdr *begin(char *buffer, uint16_t type, uint16_t flags, unsigned ifindex)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *info;

	request->nlmsg_type = type;
	request->nlmsg_flags = flags;
	info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
	info->ifi_family = AF_UNSPEC;
	info->ifi_index = ifindex;
	return request;
}

int device_find(struct netlink *nl, const char *name, struct device_seen *ret)
{
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request = begin(buffer, RTM_GETLINK, 0, 0);
	struct device_seen seen = {};
	int err;

	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	err = netlink_ask(nl, request, note_device, &seen);
	if (err && err != -ENODEV)
		return err;
	*ret = seen;
	return 0;
}

/* No address of its own making: the checkpoint judges what is told, and nothing else. */
static void put_no_addresses(struct nlmsghdr *request)
{
	struct nlattr *all = mnl_attr_nest_start(request, IFLA_AF_SPEC);
	struct nlattr *ipv6 = mnl_attr_nest_start(request, AF_INET6);

	mnl_attr_put_u8(request, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(request, ipv6);
	mnl_attr_nest_end(request, all);
}

/* It takes every packet at once or drops it: a queueing discipline would only cost. */
static void leave_out_queue(struct netlink *nl, unsigned ifindex)
{
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct tcmsg *about;

	request->nlmsg_type = RTM_NEWQDISC;
	request->nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE;
	about = mnl_nlmsg_put_extra_header(request, sizeof(*about));
	about->tcm_ifindex = (int)ifindex;
	about->tcm_parent = TC_H_ROOT;
	mnl_attr_put_strz(request, TCA_KIND, "noqueue");
	netlink_ask(nl, request, NULL, NULL);
}

/* IPv6 may be off altogether; then there is nothing to turn off. */
static int dress(struct netlink *nl, unsigned ifindex)
{
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request = begin(buffer, RTM_NEWLINK, 0, ifindex);
	int err;

	put_no_addresses(request);
	netlink_ask(nl, request, NULL, NULL);
	request = begin(buffer, RTM_NEWLINK, 0, ifindex);
	mnl_attr_put_strz(request, IFLA_IFALIAS, DEVICE_ALIAS);
	err = netlink_ask(nl, request, NULL, NULL);
	if (err)
		return err;
	request = begin(buffer, RTM_NEWLINK, 0, ifindex);
	mnl_attr_put_u32(request, IFLA_TXQLEN, CHQ_TUNNEL_QUEUE_PACKETS);
	err = netlink_ask(nl, request, NULL, NULL);
	if (!err)
		leave_out_queue(nl, ifindex);
	return err;
}

static int dress_named(struct netlink *nl, const char *name, struct refusal *refusal)
{
	struct device_seen seen;
	int err = device_find(nl, name, &seen);

	if (!err)
		err = seen.ifindex ? dress(nl, seen.ifindex) : -ENODEV;
	if (!err)
		return 0;
	refuse(refusal, err, "%s was made, but not set up: %s", name, words(nl));
	if (seen.ifindex)
		netlink_ask(nl, begin((char[REQUEST_BYTES]){}, RTM_DELLINK, 0, seen.ifindex), NULL,
			    NULL);
	return err;
}

int device_make_wireguard(struct netlink *nl, const char *name, struct refusal *refusal)
{
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request = begin(buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
	struct nlattr *info;
	int err;

	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	info = mnl_attr_nest_start(request, IFLA_LINKINFO);
	mnl_attr_put_strz(request, IFLA_INFO_KIND, KIND_WIREGUARD);
	mnl_attr_nest_end(request, info);
	err = netlink_ask(nl, request, NULL, NULL);
	if (err == -EOPNOTSUPP)
		return refuse_plainly(
			refusal, err,
			"this kernel has no WireGuard (backend: userspace does without)");
	if (err)
		return refuse(refusal, err, "%s cannot be made: %s", name, words(nl));
	return dress_named(nl, name, refusal);
}

/*
 * Without an engine at its queues it has no carrier, and drops what it is given. One that was made
 * with a single queue keeps that.
 */
static int attach_queue(const char *name, int *ret_fd)
{
	cleanup_close int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	struct ifreq about = {};

	if (fd < 0)
		return -errno;
	snprintf(about.ifr_name, sizeof(about.ifr_name), "%s", name);
	about.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE;
	if (ioctl(fd, TUNSETIFF, &about) < 0) {
		about.ifr_flags &= ~IFF_MULTI_QUEUE;
		if (errno != EINVAL || ioctl(fd, TUNSETIFF, &about) < 0)
			return -errno;
	}
	if (ioctl(fd, TUNSETPERSIST, 1) < 0)
		return -errno;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

int device_open_tun(struct netlink *nl, const char *name, int *ret_fd, struct refusal *refusal)
{
	struct device_seen seen;
	int fd = -1, err = device_find(nl, name, &seen);

	/* There is always one more queue: only the carrier says that another has one. */
	if (!err && seen.carrier && strcmp(seen.kind, KIND_TUN) == 0)
		err = -EBUSY;
	if (!err)
		err = attach_queue(name, &fd);
	if (err == -EBUSY)
		return refuse_plainly(refusal, err, "%s is held by a process that does not answer",
				      name);
	if (err)
		return refuse(refusal, err, "TUN device %s (/dev/net/tun)", name);
	if (!seen.ifindex)
		err = dress_named(nl, name, refusal);
	if (err) {
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

int device_adopt(struct netlink *nl, unsigned ifindex, struct refusal *refusal)
{
	int err = dress(nl, ifindex);

	return err ? refuse(refusal, err, "interface %u: %s", ifindex, words(nl)) : 0;
}

int device_delete(struct netlink *nl, unsigned ifindex, struct refusal *refusal)
{
	char buffer[REQUEST_BYTES];
	int err = netlink_ask(nl, begin(buffer, RTM_DELLINK, 0, ifindex), NULL, NULL);

	if (err && err != -ENODEV)
		return refuse(refusal, err, "interface %u cannot be removed: %s", ifindex,
			      words(nl));
	return 0;
}

int device_set_up(struct netlink *nl, unsigned ifindex, bool up, struct refusal *refusal)
{
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request = begin(buffer, RTM_NEWLINK, 0, ifindex);
	struct ifinfomsg *info = mnl_nlmsg_get_payload(request);
	int err;

	info->ifi_change = IFF_UP;
	info->ifi_flags = up ? IFF_UP : 0;
	err = netlink_ask(nl, request, NULL, NULL);
	return err ? refuse(refusal, err, "interface %u cannot be set %s: %s", ifindex,
			    up ? "up" : "down", words(nl))
		   : 0;
}

int device_set_mtu(struct netlink *nl, unsigned ifindex, uint32_t mtu_bytes,
		   struct refusal *refusal)
{
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request = begin(buffer, RTM_NEWLINK, 0, ifindex);
	int err;

	mnl_attr_put_u32(request, IFLA_MTU, mtu_bytes);
	err = netlink_ask(nl, request, NULL, NULL);
	return err ? refuse(refusal, err, "MTU %u of interface %u: %s", mtu_bytes, ifindex,
			    words(nl))
		   : 0;
}
