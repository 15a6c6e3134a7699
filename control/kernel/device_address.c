/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "kernel/device.h"
#include "util/addr.h"
#include "util/cleanup.h"

#define REQUEST_BYTES 256
#define DUMP_TRIES    5

struct address_list {
	unsigned ifindex;
	struct device_address *list;
	size_t count;
};

static bool to_address(const struct ifaddrmsg *info, const struct nlattr *attr,
		       struct device_address *ret)
{
	static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
	bool ipv4 = info->ifa_family == AF_INET;

	if (mnl_attr_get_payload_len(attr) != (ipv4 ? 4 : 16) ||
	    info->ifa_prefixlen > (ipv4 ? 32 : 128))
		return false;
	*ret = (struct device_address){.length_bits = info->ifa_prefixlen + (ipv4 ? 96 : 0)};
	if (ipv4)
		memcpy(ret->addr.byte, mapped, sizeof(mapped));
	memcpy(ret->addr.byte + (ipv4 ? 12 : 0), mnl_attr_get_payload(attr), ipv4 ? 4 : 16);
	return true;
}

/* IFA_LOCAL is ours; without it, IFA_ADDRESS is. */
static int note_address(const struct nlmsghdr *message, void *data)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr, *local = NULL, *address = NULL;
	struct address_list *found = data;
	struct device_address *grown;

	if (message->nlmsg_type != RTM_NEWADDR || info->ifa_index != found->ifindex)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, message, sizeof(*info))
	{
		if (mnl_attr_get_type(attr) == IFA_LOCAL)
			local = attr;
		if (mnl_attr_get_type(attr) == IFA_ADDRESS)
			address = attr;
	}
	if (!local)
		local = address;
	grown = reallocarray(found->list, found->count + 1, sizeof(*grown));
	if (!grown) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	found->list = grown;
	if (local && to_address(info, local, &grown[found->count]))
		found->count++;
	return MNL_CB_OK;
}

static int read_addresses(struct netlink *nl, struct address_list *found)
{
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request;
	struct ifaddrmsg *info;
	int err = -EINTR;

	for (int i = 0; i < DUMP_TRIES && err == -EINTR; i++) {
		found->count = 0;
		request = mnl_nlmsg_put_header(buffer);
		request->nlmsg_type = RTM_GETADDR;
		request->nlmsg_flags = NLM_F_DUMP;
		info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
		info->ifa_family = AF_UNSPEC;
		err = netlink_ask(nl, request, note_address, found);
	}
	return err;
}

static int change(struct netlink *nl, uint16_t type, unsigned ifindex,
		  const struct device_address *address)
{
	bool ipv4 = addr_is_ipv4(&address->addr);
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct ifaddrmsg *info;

	request->nlmsg_type = type;
	request->nlmsg_flags = type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_REPLACE : 0;
	info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
	info->ifa_family = ipv4 ? AF_INET : AF_INET6;
	info->ifa_prefixlen = address->length_bits - (ipv4 ? 96 : 0);
	info->ifa_index = ifindex;
	info->ifa_flags = ipv4 ? 0 : IFA_F_NODAD;
	mnl_attr_put(request, IFA_LOCAL, ipv4 ? 4 : 16, address->addr.byte + (ipv4 ? 12 : 0));
	if (!ipv4)
		mnl_attr_put(request, IFA_ADDRESS, 16, address->addr.byte);
	return netlink_ask(nl, request, NULL, NULL);
}

static bool has(const struct device_address *list, size_t count,
		const struct device_address *address)
{
	for (size_t i = 0; i < count; i++)
		if (memcmp(&list[i], address, sizeof(*address)) == 0)
			return true;
	return false;
}

static int refuse_address(struct refusal *refusal, int err, const struct netlink *nl,
			  const struct device_address *address)
{
	char text[ADDR_TEXT_BYTES];

	return refuse(refusal, err, "address %s: %s", addr_print(&address->addr, text),
		      nl->refusal);
}

int device_set_addresses(struct netlink *nl, unsigned ifindex, const struct device_address *list,
			 size_t count, struct refusal *refusal)
{
	struct address_list found = {.ifindex = ifindex};
	int err = read_addresses(nl, &found);
	cleanup_free struct device_address *owned = found.list;

	if (err)
		return refuse(refusal, err, "addresses of interface %u", ifindex);
	for (size_t i = 0; i < found.count; i++) {
		if (has(list, count, &owned[i]))
			continue;
		err = change(nl, RTM_DELADDR, ifindex, &owned[i]);
		if (err && err != -EADDRNOTAVAIL)
			return refuse_address(refusal, err, nl, &owned[i]);
	}
	for (size_t i = 0; i < count; i++) {
		if (has(owned, found.count, &list[i]))
			continue;
		err = change(nl, RTM_NEWADDR, ifindex, &list[i]);
		if (err)
			return refuse_address(refusal, err, nl, &list[i]);
	}
	return 0;
}
