/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "kernel/rule.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/route.h"
#include "util/addr.h"

#define REQUEST_BYTES 256
#define DUMP_TRIES    5
#define MAIN_PRIORITY 32766 /* of the kernel's own rule for the main table */
#define NOT_SHORTER   UINT32_MAX
#define RULES_MOST    (2 * (RULE_PREFIXES_MOST + 1))

/* Compared as bytes: no gaps, and zero where a rule says nothing. */
struct rule {
	uint32_t family, priority;
	uint32_t mark;
	uint32_t table;		  /* 0: on at MAIN_PRIORITY */
	uint32_t suppressed_bits; /* routes no longer than this are passed over; NOT_SHORTER: none
				     are */
	struct chq_prefix to;	  /* mapped form */
};

struct rules {
	struct rule list[RULES_MOST];
	size_t count;
};

/* ---- what is there ---- */

static void note_attribute(struct rule *rule, const struct nlattr *attr)
{
	uint32_t number, bytes = mnl_attr_get_payload_len(attr);

	if (mnl_attr_get_type(attr) == FRA_DST && bytes == (rule->family == AF_INET ? 4 : 16)) {
		memcpy(rule->to.addr.byte + 16 - bytes, mnl_attr_get_payload(attr), bytes);
		return;
	}
	if (bytes != sizeof(number))
		return;
	number = mnl_attr_get_u32(attr);
	switch (mnl_attr_get_type(attr)) {
	case FRA_PRIORITY:
		rule->priority = number;
		break;
	case FRA_FWMARK:
		rule->mark = number;
		break;
	case FRA_TABLE:
		rule->table = number;
		break;
	case FRA_SUPPRESS_PREFIXLEN:
		rule->suppressed_bits = number;
		break;
	default:
		break;
	}
}

static int note_rule(const struct nlmsghdr *message, void *data)
{
	const struct fib_rule_hdr *info = mnl_nlmsg_get_payload(message);
	struct rule rule = {.family = info->family, .suppressed_bits = NOT_SHORTER};
	struct rules *rules = data;
	const struct nlattr *attr;
	uint8_t protocol = 0;

	if (message->nlmsg_type != RTM_NEWRULE)
		return MNL_CB_OK;
	if (info->family == AF_INET)
		memset(rule.to.addr.byte + 10, 0xff, 2);
	rule.to.length_bits = info->dst_len + (info->family == AF_INET ? 96 : 0);
	mnl_attr_for_each(attr, message, sizeof(*info))
	{
		if (mnl_attr_get_type(attr) == FRA_PROTOCOL && mnl_attr_get_payload_len(attr) == 1)
			protocol = mnl_attr_get_u8(attr);
		note_attribute(&rule, attr);
	}
	if (info->action == FR_ACT_GOTO)
		rule.table = 0;
	if (protocol == ROUTE_PROTOCOL && rules->count < RULES_MOST)
		rules->list[rules->count++] = rule;
	return MNL_CB_OK;
}

static int read_family(struct netlink *nl, int family, struct rules *rules)
{
	char buffer[REQUEST_BYTES];
	size_t before = rules->count;
	struct nlmsghdr *request;
	struct fib_rule_hdr *info;
	int err = -EINTR;

	for (int i = 0; i < DUMP_TRIES && err == -EINTR; i++) {
		rules->count = before;
		request = mnl_nlmsg_put_header(buffer);
		request->nlmsg_type = RTM_GETRULE;
		request->nlmsg_flags = NLM_F_DUMP;
		info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
		info->family = family;
		err = netlink_ask(nl, request, note_rule, rules);
	}
	return err;
}

/* ---- what there shall be ---- */

/* Nothing is bound for this length and no other: the whole of a family. */
static struct chq_prefix whole(bool ipv4)
{
	struct chq_prefix all = {.length_bits = ipv4 ? 96 : 0};

	if (ipv4)
		memset(all.addr.byte + 10, 0xff, 2);
	return all;
}

static void want_family(struct rules *wanted, uint32_t mark, const struct chq_prefix *list,
			size_t count, bool ipv4)
{
	uint32_t family = ipv4 ? AF_INET : AF_INET6, priority = RULE_PRIORITY;

	for (size_t i = 0; i < count; i++) {
		if (prefix_is_ipv4(&list[i]) != ipv4)
			continue;
		if (priority == RULE_PRIORITY)
			wanted->list[wanted->count++] =
				(struct rule){family, priority, mark, 0, NOT_SHORTER, whole(ipv4)};
		wanted->list[wanted->count++] = (struct rule){
			family, ++priority, 0, RT_TABLE_MAIN, prefix_bits(&list[i]), list[i]};
		wanted->list[wanted->count++] =
			(struct rule){family, ++priority, 0, RULE_TABLE, NOT_SHORTER, list[i]};
	}
}

static int longer_first(const void *a, const void *b)
{
	const struct chq_prefix *left = a, *right = b;

	if (left->length_bits != right->length_bits)
		return left->length_bits < right->length_bits ? 1 : -1;
	return prefix_compare(left, right);
}

/* ---- the difference ---- */

static int change(struct netlink *nl, uint16_t type, const struct rule *rule)
{
	uint32_t bytes = rule->family == AF_INET ? 4 : 16;
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct fib_rule_hdr *info;

	request->nlmsg_type = type;
	request->nlmsg_flags = type == RTM_NEWRULE ? NLM_F_CREATE | NLM_F_EXCL : 0;
	info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
	info->family = rule->family;
	info->dst_len = prefix_bits(&rule->to);
	info->action = rule->table ? FR_ACT_TO_TBL : FR_ACT_GOTO;
	mnl_attr_put_u32(request, FRA_PRIORITY, rule->priority);
	mnl_attr_put_u8(request, FRA_PROTOCOL, ROUTE_PROTOCOL);
	if (info->dst_len)
		mnl_attr_put(request, FRA_DST, bytes, rule->to.addr.byte + 16 - bytes);
	if (rule->mark)
		mnl_attr_put_u32(request, FRA_FWMARK, rule->mark);
	if (rule->table)
		mnl_attr_put_u32(request, FRA_TABLE, rule->table);
	else
		mnl_attr_put_u32(request, FRA_GOTO, MAIN_PRIORITY);
	if (rule->suppressed_bits != NOT_SHORTER)
		mnl_attr_put_u32(request, FRA_SUPPRESS_PREFIXLEN, rule->suppressed_bits);
	return netlink_ask(nl, request, NULL, NULL);
}

static bool has(const struct rules *rules, const struct rule *rule)
{
	for (size_t i = 0; i < rules->count; i++)
		if (!memcmp(&rules->list[i], rule, sizeof(*rule)))
			return true;
	return false;
}

static int change_all(struct netlink *nl, uint16_t type, const struct rules *a,
		      const struct rules *b, struct refusal *refusal)
{
	int err = 0;

	for (size_t i = 0; i < a->count && !err; i++) {
		if (has(b, &a->list[i]))
			continue;
		err = change(nl, type, &a->list[i]);
		if (type == RTM_DELRULE && err == -ENOENT)
			err = 0;
		if (err)
			refuse(refusal, err, "routing rule %u: %s", a->list[i].priority,
			       nl->refusal);
	}
	return err;
}

int rules_set(struct netlink *nl, uint32_t mark, const struct chq_prefix *list, size_t count,
	      struct refusal *refusal)
{
	struct chq_prefix sorted[RULE_PREFIXES_MOST];
	struct rules wanted = {}, found = {};
	int err;

	if (count > RULE_PREFIXES_MOST)
		return refuse_plainly(
			refusal, -E2BIG,
			"%zu prefixes of Peers hold the endpoint of one, expected at most %d",
			count, RULE_PREFIXES_MOST);
	if (count) {
		memcpy(sorted, list, count * sizeof(*list));
		qsort(sorted, count, sizeof(*sorted), longer_first);
	}
	want_family(&wanted, mark, sorted, count, true);
	want_family(&wanted, mark, sorted, count, false);
	err = read_family(nl, AF_INET, &found);
	if (!err)
		err = read_family(nl, AF_INET6, &found);
	if (err)
		return refuse(refusal, err, "routing rules of the tunnel");
	err = change_all(nl, RTM_NEWRULE, &wanted, &found, refusal);
	return err ? err : change_all(nl, RTM_DELRULE, &found, &wanted, refusal);
}
