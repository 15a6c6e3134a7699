/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "kernel/route.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "kernel/rule.h"
#include "util/addr.h"
#include "util/cleanup.h"

#define REQUEST_BYTES 256
#define DUMP_TRIES    5

/* Ordered by prefix first, blackholes first of one prefix. */
struct route {
	struct chq_prefix to;
	uint32_t table;
	unsigned ifindex; /* 0: a blackhole */
	uint32_t metric;
};

struct routes {
	struct route *list;
	size_t count;
};

static void routes_free(struct routes *routes)
{
	free(routes->list);
}

static int compare(const void *a, const void *b)
{
	const struct route *left = a, *right = b;
	int order = prefix_compare(&left->to, &right->to);

	if (!order)
		order = (left->table > right->table) - (left->table < right->table);
	if (!order)
		order = (left->ifindex > right->ifindex) - (left->ifindex < right->ifindex);
	if (!order)
		order = (left->metric > right->metric) - (left->metric < right->metric);
	return order;
}

static int add_route(struct routes *routes, const struct route *route)
{
	struct route *grown = routes->list;

	if (!(routes->count & (routes->count - 1)))
		grown = reallocarray(grown, routes->count ? routes->count * 2 : 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	routes->list = grown;
	grown[routes->count++] = *route;
	return 0;
}

static bool to_prefix(const struct rtmsg *info, const struct nlattr *attr, struct chq_prefix *ret)
{
	static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
	bool ipv4 = info->rtm_family == AF_INET;

	*ret = (struct chq_prefix){.length_bits = info->rtm_dst_len + (ipv4 ? 96 : 0)};
	if (ipv4)
		memcpy(ret->addr.byte, mapped, sizeof(mapped));
	if (!attr)
		return info->rtm_dst_len == 0;
	if (mnl_attr_get_payload_len(attr) != (ipv4 ? 4 : 16))
		return false;
	memcpy(ret->addr.byte + (ipv4 ? 12 : 0), mnl_attr_get_payload(attr), ipv4 ? 4 : 16);
	return true;
}

static uint32_t number_in(const struct nlattr *attr)
{
	return mnl_attr_get_payload_len(attr) == sizeof(uint32_t) ? mnl_attr_get_u32(attr) : 0;
}

/* An IPv6 blackhole names the loopback interface. */
static int note_route(const struct nlmsghdr *message, void *data)
{
	const struct rtmsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr, *target = NULL;
	struct routes *routes = data;
	struct route route = {.table = info->rtm_table};

	if (message->nlmsg_type != RTM_NEWROUTE || info->rtm_protocol != ROUTE_PROTOCOL)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, message, sizeof(*info))
	{
		switch (mnl_attr_get_type(attr)) {
		case RTA_DST:
			target = attr;
			break;
		case RTA_OIF:
			route.ifindex = number_in(attr);
			break;
		case RTA_PRIORITY:
			route.metric = number_in(attr);
			break;
		case RTA_TABLE:
			route.table = number_in(attr);
			break;
		default:
			break;
		}
	}
	if (info->rtm_type == RTN_BLACKHOLE)
		route.ifindex = 0;
	if ((route.table != RT_TABLE_MAIN && route.table != RULE_TABLE) ||
	    !to_prefix(info, target, &route.to) ||
	    (info->rtm_type != RTN_UNICAST && info->rtm_type != RTN_BLACKHOLE))
		return MNL_CB_OK;
	if (!add_route(routes, &route))
		return MNL_CB_OK;
	errno = ENOMEM;
	return MNL_CB_ERROR;
}

static int read_family(struct netlink *nl, int family, struct routes *routes)
{
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request;
	size_t before = routes->count;
	struct rtmsg *info;
	int err = -EINTR;

	for (int i = 0; i < DUMP_TRIES && err == -EINTR; i++) {
		routes->count = before;
		request = mnl_nlmsg_put_header(buffer);
		request->nlmsg_type = RTM_GETROUTE;
		request->nlmsg_flags = NLM_F_DUMP;
		info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
		info->rtm_family = family;
		info->rtm_protocol = ROUTE_PROTOCOL;
		err = netlink_ask(nl, request, note_route, routes);
	}
	return err;
}

static int change(struct netlink *nl, uint16_t type, const struct route *route)
{
	bool ipv4 = prefix_is_ipv4(&route->to);
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct rtmsg *info;

	request->nlmsg_type = type;
	request->nlmsg_flags = type == RTM_NEWROUTE ? NLM_F_CREATE | NLM_F_EXCL : 0;
	info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
	info->rtm_family = ipv4 ? AF_INET : AF_INET6;
	info->rtm_dst_len = prefix_bits(&route->to);
	info->rtm_table = RT_TABLE_UNSPEC; /* RTA_TABLE says it */
	info->rtm_protocol = ROUTE_PROTOCOL;
	info->rtm_type = route->ifindex ? RTN_UNICAST : RTN_BLACKHOLE;
	info->rtm_scope = type == RTM_DELROUTE ? RT_SCOPE_NOWHERE
			  : route->ifindex     ? RT_SCOPE_LINK
					       : RT_SCOPE_UNIVERSE;
	mnl_attr_put(request, RTA_DST, ipv4 ? 4 : 16, route->to.addr.byte + (ipv4 ? 12 : 0));
	mnl_attr_put_u32(request, RTA_TABLE, route->table);
	mnl_attr_put_u32(request, RTA_PRIORITY, route->metric);
	if (route->ifindex)
		mnl_attr_put_u32(request, RTA_OIF, route->ifindex);
	return netlink_ask(nl, request, NULL, NULL);
}

static int want(struct routes *wanted, unsigned ifindex, const struct routes_wish *wish)
{
	struct route route;
	int err = 0;

	for (size_t i = 0; i < wish->count && !err; i++) {
		route = (struct route){wish->list[i], i < wish->aside ? RULE_TABLE : RT_TABLE_MAIN,
				       0, ROUTE_METRIC_BLACKHOLE};
		err = add_route(wanted, &route);
		route.ifindex = ifindex;
		route.metric = ROUTE_METRIC;
		if (!err && ifindex)
			err = add_route(wanted, &route);
	}
	if (wanted->count)
		qsort(wanted->list, wanted->count, sizeof(*wanted->list), compare);
	return err;
}

static bool has(const struct routes *routes, const struct route *route)
{
	return routes->count &&
	       bsearch(route, routes->list, routes->count, sizeof(*route), compare);
}

/* Adds or removes those of `a` that `b` does not have; blackholes alone, or the others. */
static int change_all(struct netlink *nl, uint16_t type, const struct routes *a,
		      const struct routes *b, bool blackholes, struct refusal *refusal)
{
	char text[PREFIX_TEXT_BYTES];
	int err;

	for (size_t i = 0; i < a->count; i++) {
		if (!a->list[i].ifindex != blackholes || has(b, &a->list[i]))
			continue;
		err = change(nl, type, &a->list[i]);
		if (err && !(type == RTM_DELROUTE && (err == -ESRCH || err == -ENODEV)))
			return refuse(refusal, err, "route to %s: %s",
				      prefix_print(&a->list[i].to, text), nl->refusal);
	}
	return 0;
}

int routes_set(struct netlink *nl, unsigned ifindex, const struct routes_wish *wish,
	       struct refusal *refusal)
{
	static const struct routes_wish none;
	cleanup(routes_free) struct routes wanted = {};
	cleanup(routes_free) struct routes found = {};
	int err = read_family(nl, AF_INET, &found);

	wish = wish ? wish : &none;
	if (!err)
		err = read_family(nl, AF_INET6, &found);
	if (!err)
		err = want(&wanted, ifindex, wish);
	if (err)
		return refuse(refusal, err, "routes into the tunnel");
	if (found.count)
		qsort(found.list, found.count, sizeof(*found.list), compare);
	err = change_all(nl, RTM_NEWROUTE, &wanted, &found, true, refusal);
	if (!err)
		err = rules_set(nl, wish->mark, wish->list, wish->aside, refusal);
	if (!err)
		err = change_all(nl, RTM_NEWROUTE, &wanted, &found, false, refusal);
	if (!err)
		err = change_all(nl, RTM_DELROUTE, &found, &wanted, false, refusal);
	if (!err)
		err = change_all(nl, RTM_DELROUTE, &found, &wanted, true, refusal);
	return err;
}

struct way {
	unsigned ifindex;
	uint32_t mtu_bytes;
};

static int note_way(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *attr, *metric;
	struct way *way = data;

	mnl_attr_for_each(attr, message, sizeof(struct rtmsg))
	{
		if (mnl_attr_get_type(attr) == RTA_OIF)
			way->ifindex = number_in(attr);
		if (mnl_attr_get_type(attr) != RTA_METRICS)
			continue;
		mnl_attr_for_each_nested(metric, attr)
		{
			if (mnl_attr_get_type(metric) == RTAX_MTU)
				way->mtu_bytes = number_in(metric);
		}
	}
	return MNL_CB_OK;
}

static uint32_t interface_mtu(unsigned ifindex)
{
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq about = {};

	if (fd < 0 || !if_indextoname(ifindex, about.ifr_name) ||
	    ioctl(fd, SIOCGIFMTU, &about) < 0 || about.ifr_mtu < 0)
		return 0;
	return about.ifr_mtu;
}

uint32_t route_mtu(struct netlink *nl, const struct chq_addr *to, uint32_t fwmark,
		   unsigned *ret_ifindex)
{
	bool ipv4 = addr_is_ipv4(to);
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct way way = {};
	struct rtmsg *info;

	request->nlmsg_type = RTM_GETROUTE;
	info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
	info->rtm_family = ipv4 ? AF_INET : AF_INET6;
	info->rtm_dst_len = ipv4 ? 32 : 128;
	mnl_attr_put(request, RTA_DST, ipv4 ? 4 : 16, to->byte + (ipv4 ? 12 : 0));
	if (fwmark)
		mnl_attr_put_u32(request, RTA_MARK, fwmark);
	if (netlink_ask(nl, request, note_way, &way) || !way.ifindex)
		return 0;
	if (ret_ifindex)
		*ret_ifindex = way.ifindex;
	return way.mtu_bytes ? way.mtu_bytes : interface_mtu(way.ifindex);
}
