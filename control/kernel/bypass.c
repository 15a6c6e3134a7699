/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "kernel/bypass.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/xfrm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/netlink.h"
#include "util/cleanup.h"

#define DUMP_TRIES 5

struct bypass {
	struct netlink *netfilter; /* NULL: this kernel has none */
	struct netlink *xfrm;	   /* as well */
	struct mnl_socket *news;   /* of nftables; NULL as well */
};

struct found {
	char *who;
	size_t size;
	bool any;
};

static void bypass_close_p(struct bypass **bypass)
{
	bypass_close(*bypass);
}

static int open_if_there(int protocol, struct netlink **ret)
{
	int err = netlink_open_for(protocol, ret);

	return err == -EPROTONOSUPPORT ? 0 : err;
}

static int hear_of_nftables(struct bypass *bypass)
{
	int group = NFNLGRP_NFTABLES;

	bypass->news = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!bypass->news || mnl_socket_bind(bypass->news, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_setsockopt(bypass->news, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		return -errno;
	return 0;
}

int bypass_open(struct bypass **ret)
{
	cleanup(bypass_close_p) struct bypass *bypass = calloc(1, sizeof(*bypass));
	int err;

	if (!bypass)
		return -ENOMEM;
	err = open_if_there(NETLINK_NETFILTER, &bypass->netfilter);
	if (!err && bypass->netfilter)
		err = hear_of_nftables(bypass);
	if (!err)
		err = open_if_there(NETLINK_XFRM, &bypass->xfrm);
	if (err)
		return err;
	*ret = give(bypass);
	return 0;
}

void bypass_close(struct bypass *bypass)
{
	if (!bypass)
		return;
	netlink_close(bypass->netfilter);
	netlink_close(bypass->xfrm);
	if (bypass->news)
		mnl_socket_close(bypass->news);
	free(bypass);
}

int bypass_fd(const struct bypass *bypass)
{
	return bypass->news ? mnl_socket_get_fd(bypass->news) : -1;
}

/* Only that there was news matters; a queue that overran is news, too. */
static void read_news(struct bypass *bypass)
{
	char message[8192];

	while (bypass->news && (mnl_socket_recvfrom(bypass->news, message, sizeof(message)) > 0 ||
				errno == ENOBUFS || errno == ENOSPC || errno == EINTR))
		;
}

static bool sees_forwarded(unsigned family, unsigned hook)
{
	switch (family) {
	case NFPROTO_NETDEV:
		return hook == NF_NETDEV_INGRESS;
	case NFPROTO_INET:
	case NFPROTO_IPV4:
	case NFPROTO_IPV6:
		return hook == NF_INET_PRE_ROUTING || hook == NF_INET_FORWARD ||
		       hook == NF_INET_POST_ROUTING || hook == NF_INET_INGRESS;
	default:
		return false;
	}
}

static const char *family_word(unsigned family)
{
	return family == NFPROTO_NETDEV ? "netdev"
	       : family == NFPROTO_INET ? "inet"
	       : family == NFPROTO_IPV4 ? "ip"
					: "ip6";
}

static bool hook_of(const struct nlattr *nest, unsigned *ret)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest)
	{
		if (mnl_attr_get_type(attr) != NFTA_HOOK_HOOKNUM ||
		    mnl_attr_validate(attr, MNL_TYPE_U32) < 0)
			continue;
		*ret = ntohl(mnl_attr_get_u32(attr));
		return true;
	}
	return false;
}

static int on_chain(const struct nlmsghdr *message, void *data)
{
	const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
	const char *table = "?", *chain = "?";
	struct found *found = data;
	const struct nlattr *attr;
	unsigned hook = 0;
	bool based = false;

	if (found->any || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return MNL_CB_OK;
	mnl_attr_for_each(attr, message, sizeof(*header))
	{
		unsigned type = mnl_attr_get_type(attr);

		if (type == NFTA_CHAIN_HOOK)
			based = hook_of(attr, &hook);
		else if (type == NFTA_CHAIN_TABLE &&
			 mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
			table = mnl_attr_get_str(attr);
		else if (type == NFTA_CHAIN_NAME &&
			 mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
			chain = mnl_attr_get_str(attr);
	}
	if (based && sees_forwarded(header->nfgen_family, hook)) {
		found->any = true;
		snprintf(found->who, found->size, "nftables chain %s %s %s",
			 family_word(header->nfgen_family), table, chain);
	}
	return MNL_CB_OK;
}

/* -EINVAL: this kernel's netfilter has no nftables. */
static int find_chains(struct bypass *bypass, struct found *found)
{
	char buffer[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *request;
	struct nfgenmsg *header;
	int err = -EINTR;

	for (int i = 0; bypass->netfilter && i < DUMP_TRIES && err == -EINTR; i++) {
		request = mnl_nlmsg_put_header(buffer);
		request->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN;
		request->nlmsg_flags = NLM_F_DUMP;
		header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
		header->version = NFNETLINK_V0;
		found->any = false;
		err = netlink_ask(bypass->netfilter, request, on_chain, found);
	}
	return !bypass->netfilter || err == -EINVAL ? 0 : err;
}

/* The old iptables says which of its tables are there; each has its hooks, rules or none. */
static int find_old_tables(const char *path, const char *word, struct found *found)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	char names[64] = "";
	ssize_t length;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	length = read(fd, names, sizeof(names) - 1);
	if (length < 0)
		return -errno;
	names[strcspn(names, "\n")] = '\0';
	if (length > 0) {
		found->any = true;
		snprintf(found->who, found->size, "%s table %s", word, names);
	}
	return 0;
}

static int on_policies(const struct nlmsghdr *message, void *data)
{
	struct xfrmu_spdinfo info;
	struct found *found = data;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(__u32))
	{
		if (mnl_attr_get_type(attr) != XFRMA_SPD_INFO ||
		    mnl_attr_get_payload_len(attr) < sizeof(info))
			continue;
		memcpy(&info, mnl_attr_get_payload(attr), sizeof(info));
		if (!info.incnt && !info.outcnt && !info.fwdcnt)
			continue;
		found->any = true;
		snprintf(found->who, found->size, "IPsec policies");
	}
	return MNL_CB_OK;
}

static int find_ipsec(struct bypass *bypass, struct found *found)
{
	char buffer[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	int err;

	if (!bypass->xfrm)
		return 0;
	request->nlmsg_type = XFRM_MSG_GETSPDINFO;
	mnl_nlmsg_put_extra_header(request, sizeof(__u32));
	err = netlink_ask(bypass->xfrm, request, on_policies, found);
	return err == -EINVAL ? 0 : err;
}

bool bypass_harmless(struct bypass *bypass, char *who, size_t size)
{
	struct found found = {.who = who, .size = size};
	int err;

	read_news(bypass);
	err = find_chains(bypass, &found);
	if (!err && !found.any)
		err = find_old_tables("/proc/net/ip_tables_names", "iptables", &found);
	if (!err && !found.any)
		err = find_old_tables("/proc/net/ip6_tables_names", "ip6tables", &found);
	if (!err && !found.any)
		err = find_ipsec(bypass, &found);
	if (err)
		snprintf(who, size, "the kernel does not say who else there is: %s",
			 strerror(-err));
	return !err && !found.any;
}
