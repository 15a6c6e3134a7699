/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "kernel/filter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

static struct tcmsg *put_header(char *buffer, struct nlmsghdr **ret, uint16_t type,
				unsigned ifindex)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct tcmsg *tc;

	request->nlmsg_type = type;
	tc = mnl_nlmsg_put_extra_header(request, sizeof(*tc));
	tc->tcm_family = AF_UNSPEC;
	tc->tcm_ifindex = ifindex;
	*ret = request;
	return tc;
}

static uint32_t hook(enum chq_direction direction)
{
	return TC_H_MAKE(TC_H_CLSACT,
			 direction == CHQ_INGRESS ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
}

struct qdisc_search {
	unsigned ifindex;
	char kind[16];
};

static int find_qdisc(const struct nlmsghdr *message, void *data)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(message);
	struct qdisc_search *search = data;
	const struct nlattr *attr;

	if ((unsigned)tc->tcm_ifindex != search->ifindex || tc->tcm_parent != TC_H_CLSACT)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, message, sizeof(*tc))
	{
		if (mnl_attr_get_type(attr) == TCA_KIND &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
			snprintf(search->kind, sizeof(search->kind), "%s", mnl_attr_get_str(attr));
	}
	return MNL_CB_OK;
}

static int qdisc_kind(struct netlink *nl, unsigned ifindex, struct qdisc_search *ret)
{
	char buffer[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *request;

	*ret = (struct qdisc_search){.ifindex = ifindex};
	put_header(buffer, &request, RTM_GETQDISC, ifindex);
	request->nlmsg_flags = NLM_F_DUMP;
	return netlink_ask(nl, request, find_qdisc, ret);
}

int clsact_present(struct netlink *nl, unsigned ifindex, bool *ret)
{
	struct qdisc_search found;
	int err = qdisc_kind(nl, ifindex, &found);

	if (err)
		return err;
	*ret = strcmp(found.kind, "clsact") == 0;
	return 0;
}

int clsact_make(struct netlink *nl, unsigned ifindex, bool *ret_made)
{
	char buffer[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *request;
	struct tcmsg *tc = put_header(buffer, &request, RTM_NEWQDISC, ifindex);
	bool present = false;
	int err;

	request->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	tc->tcm_parent = TC_H_CLSACT;
	tc->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	mnl_attr_put_strz(request, TCA_KIND, "clsact");
	err = netlink_ask(nl, request, NULL, NULL);
	*ret_made = err == 0;
	if (err != -EEXIST)
		return err;
	err = clsact_present(nl, ifindex, &present);
	if (err)
		return err;
	return present ? 0 : -EEXIST;
}

static struct tcmsg *put_place(char *buffer, struct nlmsghdr **ret, uint16_t type, unsigned ifindex,
			       enum chq_direction direction)
{
	struct tcmsg *tc = put_header(buffer, ret, type, ifindex);

	tc->tcm_parent = hook(direction);
	tc->tcm_handle = FILTER_HANDLE;
	tc->tcm_info = TC_H_MAKE((uint32_t)FILTER_PRIORITY << 16, htons(ETH_P_ALL));
	mnl_attr_put_strz(*ret, TCA_KIND, "bpf");
	return tc;
}

int filter_set(struct netlink *nl, unsigned ifindex, enum chq_direction direction, int program_fd,
	       const char *name)
{
	char buffer[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *request;
	struct nlattr *options;

	put_place(buffer, &request, RTM_NEWTFILTER, ifindex, direction);
	request->nlmsg_flags = NLM_F_CREATE;
	options = mnl_attr_nest_start(request, TCA_OPTIONS);
	mnl_attr_put_u32(request, TCA_BPF_FD, program_fd);
	mnl_attr_put_strz(request, TCA_BPF_NAME, name);
	mnl_attr_put_u32(request, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	mnl_attr_nest_end(request, options);
	return netlink_ask(nl, request, NULL, NULL);
}

static int read_filter(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *attr, *option;
	struct filter *filter = data;

	filter->present = true;
	mnl_attr_for_each(attr, message, sizeof(struct tcmsg))
	{
		if (mnl_attr_get_type(attr) != TCA_OPTIONS)
			continue;
		mnl_attr_for_each_nested(option, attr)
		{
			if (mnl_attr_get_type(option) == TCA_BPF_ID)
				filter->program_id = mnl_attr_get_u32(option);
			if (mnl_attr_get_type(option) == TCA_BPF_NAME &&
			    mnl_attr_validate(option, MNL_TYPE_NUL_STRING) == 0)
				snprintf(filter->name, sizeof(filter->name), "%s",
					 mnl_attr_get_str(option));
		}
	}
	return MNL_CB_OK;
}

int filter_get(struct netlink *nl, unsigned ifindex, enum chq_direction direction,
	       struct filter *ret)
{
	char buffer[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *request;
	struct filter filter = {};
	int err;

	put_place(buffer, &request, RTM_GETTFILTER, ifindex, direction);
	err = netlink_ask(nl, request, read_filter, &filter);
	/* No such filter, no such chain, no such qdisc: each has a number of its own. */
	if (err && err != -ENOENT && err != -EINVAL)
		return err;
	*ret = filter;
	return 0;
}

int filter_delete(struct netlink *nl, unsigned ifindex, enum chq_direction direction)
{
	char buffer[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *request;
	int err;

	put_place(buffer, &request, RTM_DELTFILTER, ifindex, direction);
	err = netlink_ask(nl, request, NULL, NULL);
	return err == -ENOENT || err == -EINVAL ? 0 : err;
}

/* A dump has one message for the classifier itself (handle 0) and one for each filter in it. */
static int count_filter(const struct nlmsghdr *message, void *data)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(message);
	struct filter_count *count = data;

	if (!tc->tcm_handle)
		return MNL_CB_OK;
	count->all++;
	count->before += (tc->tcm_info >> 16) < FILTER_PRIORITY;
	return MNL_CB_OK;
}

static int filter_count(struct netlink *nl, unsigned ifindex, enum chq_direction direction,
			struct filter_count *ret)
{
	char buffer[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *request;
	struct tcmsg *tc = put_header(buffer, &request, RTM_GETTFILTER, ifindex);

	*ret = (struct filter_count){};
	request->nlmsg_flags = NLM_F_DUMP;
	tc->tcm_parent = hook(direction);
	return netlink_ask(nl, request, count_filter, ret);
}

void filters_count(struct netlink *nl, unsigned ifindex, struct filter_count ret[2])
{
	for (int direction = CHQ_INGRESS; direction <= CHQ_EGRESS; direction++)
		if (filter_count(nl, ifindex, direction, &ret[direction]))
			ret[direction] = (struct filter_count){};
}

int clsact_remove_empty(struct netlink *nl, unsigned ifindex)
{
	char buffer[MNL_SOCKET_BUFFER_SIZE];
	struct filter_count ingress, egress;
	struct nlmsghdr *request;
	struct tcmsg *tc;
	bool present;
	int err;

	err = clsact_present(nl, ifindex, &present);
	if (err || !present)
		return err;
	err = filter_count(nl, ifindex, CHQ_INGRESS, &ingress);
	if (!err)
		err = filter_count(nl, ifindex, CHQ_EGRESS, &egress);
	if (err || ingress.all || egress.all)
		return err;
	tc = put_header(buffer, &request, RTM_DELQDISC, ifindex);
	tc->tcm_parent = TC_H_CLSACT;
	tc->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	return netlink_ask(nl, request, NULL, NULL);
}
