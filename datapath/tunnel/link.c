/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/net_namespace.h>
#include <linux/netlink.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "bytes.h"

/* An answer about a link with all its statistics and functions. */
#define ANSWER_BYTES 32768

/* The kernel answers at once; this only keeps us from waiting for an answer that was lost. */
#define ANSWER_WAIT_S 1

struct request {
	struct nlmsghdr header;
	union {
		struct ifinfomsg link;
		struct rtgenmsg generic;
		struct tcmsg queue;
	} about;
	char attributes[64];
};

static void put(struct request *request, uint16_t type, const void *data, uint16_t length)
{
	struct rtattr *at =
		(struct rtattr *)((char *)request + NLMSG_ALIGN(request->header.nlmsg_len));

	at->rta_type = type;
	at->rta_len = RTA_LENGTH(length);
	memcpy(RTA_DATA(at), data, length);
	request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) + RTA_ALIGN(at->rta_len);
}

/* Says it and waits for the answer, which *ret then points to, in `buffer`. */
static int ask(int fd, struct request *request, char *buffer, const struct nlmsghdr **ret)
{
	static uint32_t sequence;
	const struct nlmsghdr *answer = (const struct nlmsghdr *)buffer;
	ssize_t got;

	request->header.nlmsg_seq = ++sequence;
	if (send(fd, request, request->header.nlmsg_len, 0) < 0)
		return -errno;
	do {
		got = recv(fd, buffer, ANSWER_BYTES, 0);
		if (got < 0)
			return -errno;
		if (!NLMSG_OK(answer, (size_t)got))
			return -EPROTO;
	} while (answer->nlmsg_seq != request->header.nlmsg_seq);
	*ret = answer;
	if (answer->nlmsg_type != NLMSG_ERROR)
		return 0;
	return ((const struct nlmsgerr *)NLMSG_DATA(answer))->error;
}

/* The attribute's first bytes (at most four), or `otherwise`. `header_bytes`: of what stands before
 * the first. */
static uint32_t number_in(const struct nlmsghdr *answer, size_t header_bytes, uint16_t type,
			  uint32_t otherwise)
{
	size_t length = NLMSG_PAYLOAD(answer, header_bytes);
	const struct rtattr *at = (const struct rtattr *)((const char *)NLMSG_DATA(answer) +
							  NLMSG_ALIGN(header_bytes));

	for (; RTA_OK(at, length); at = RTA_NEXT(at, length))
		if (at->rta_type == type && RTA_PAYLOAD(at) >= sizeof(otherwise))
			memcpy(&otherwise, RTA_DATA(at), sizeof(otherwise));
		else if (at->rta_type == type && RTA_PAYLOAD(at) == 1)
			otherwise = *(const uint8_t *)RTA_DATA(at);
	return otherwise;
}

/* ---- which namespace ---- */

static int namespace_question(const struct link *link, uint16_t type, int namespace_fd,
			      char *buffer, const struct nlmsghdr **answer)
{
	struct request request = {
		.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtgenmsg)),
			   .nlmsg_type = type,
			   .nlmsg_flags = NLM_F_REQUEST | (type == RTM_NEWNSID ? NLM_F_ACK : 0)},
	};
	int32_t any = NETNSA_NSID_NOT_ASSIGNED;

	if (type == RTM_NEWNSID)
		put(&request, NETNSA_NSID, &any, sizeof(any));
	put(&request, NETNSA_FD, &namespace_fd, sizeof(namespace_fd));
	return ask(link->ask_fd, &request, buffer, answer);
}

/* Namespaces have numbers only where somebody has asked for one. */
static int number_of(const struct link *link, int namespace_fd, int32_t *ret)
{
	char buffer[ANSWER_BYTES] __attribute__((aligned(8)));
	const struct nlmsghdr *answer;
	int err = namespace_question(link, RTM_GETNSID, namespace_fd, buffer, &answer);

	*ret = NETNSA_NSID_NOT_ASSIGNED;
	if (!err)
		*ret = (int32_t)number_in(answer, sizeof(struct rtgenmsg), NETNSA_NSID,
					  NETNSA_NSID_NOT_ASSIGNED);
	if (err || *ret >= 0)
		return err;
	err = namespace_question(link, RTM_NEWNSID, namespace_fd, buffer, &answer)
		      ?: namespace_question(link, RTM_GETNSID, namespace_fd, buffer, &answer);
	if (!err)
		*ret = (int32_t)number_in(answer, sizeof(struct rtgenmsg), NETNSA_NSID,
					  NETNSA_NSID_NOT_ASSIGNED);
	return err ?: *ret < 0 ? -ENOENT : 0;
}

/* From now on what happens to links elsewhere is heard too. */
static void listen_abroad(const struct link *link)
{
	int group = RTNLGRP_LINK;

	setsockopt(link->abroad_fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group));
}

/* A kernel that does not say (before 5.7) leaves us with our own. */
static int find_namespace(struct link *link, const struct tun *tun)
{
	cleanup_close int namespace_fd = ioctl(tun->fds[0], TUNGETDEVNETNS);
	struct stat about;
	int32_t nsid;
	int err;

	if (namespace_fd < 0)
		return errno == EBADFD ? -ENODEV : 0;
	if (fstat(namespace_fd, &about))
		return -errno;
	if (about.st_ino == link->home) {
		link->nsid = LINK_HOME;
		return 0;
	}
	err = number_of(link, namespace_fd, &nsid);
	if (err)
		return err;
	if (link->nsid == LINK_HOME)
		listen_abroad(link);
	link->nsid = nsid;
	return 0;
}

/* ---- how it is ---- */

static int ask_for_link(const struct link *link, struct tun *tun, struct link_state *ret)
{
	char buffer[ANSWER_BYTES] __attribute__((aligned(8)));
	struct request request = {
		.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
			   .nlmsg_type = RTM_GETLINK,
			   .nlmsg_flags = NLM_F_REQUEST},
	};
	const struct nlmsghdr *answer;
	const struct ifinfomsg *about;
	int err;

	if (link->nsid != LINK_HOME)
		put(&request, IFLA_TARGET_NETNSID, &link->nsid, sizeof(link->nsid));
	put(&request, IFLA_IFNAME, tun->name, strnlen(tun->name, sizeof(tun->name) - 1) + 1);
	err = ask(link->ask_fd, &request, buffer, &answer);
	if (err)
		return err;
	if (answer->nlmsg_len < NLMSG_LENGTH(sizeof(*about)))
		return -EPROTO;
	about = NLMSG_DATA(answer);
	tun->ifindex = about->ifi_index;
	*ret = (struct link_state){
		.mtu = number_in(answer, sizeof(*about), IFLA_MTU, TUN_DEFAULT_MTU),
		.up = about->ifi_flags & IFF_UP,
	};
	return 0;
}

int link_find(struct link *link, struct tun *tun, struct link_state *ret)
{
	struct ifreq about = {};
	int err;

	if (ioctl(tun->fds[0], TUNGETIFF, &about))
		return -ENODEV;
	memcpy(tun->name, about.ifr_name, sizeof(tun->name));
	err = find_namespace(link, tun);
	return err ?: ask_for_link(link, tun, ret);
}

/* ---- life ---- */

static int open_netlink(uint32_t groups)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};
	cleanup_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)))
		return -errno;
	return give_fd(&fd);
}

static int open_ask(void)
{
	const struct timeval wait = {.tv_sec = ANSWER_WAIT_S};
	int fd = open_netlink(0);

	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	return fd;
}

static int open_abroad(void)
{
	cleanup_close int fd = open_netlink(0);
	int on = 1;

	/* Only now: it asks for CAP_NET_BROADCAST, which is not kept. */
	if (fd < 0 || setsockopt(fd, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &on, sizeof(on)))
		return -1;
	return give_fd(&fd);
}

bool link_is_held(const char *name)
{
	char buffer[ANSWER_BYTES] __attribute__((aligned(8)));
	struct request request = {
		.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
			   .nlmsg_type = RTM_GETLINK,
			   .nlmsg_flags = NLM_F_REQUEST},
	};
	cleanup_close int fd = open_ask();
	const struct nlmsghdr *answer;

	put(&request, IFLA_IFNAME, name, strlen(name) + 1);
	return fd >= 0 && !ask(fd, &request, buffer, &answer) &&
	       number_in(answer, sizeof(struct ifinfomsg), IFLA_CARRIER, 0);
}

void link_without_queue(const char *name)
{
	char buffer[ANSWER_BYTES] __attribute__((aligned(8)));
	struct request request = {
		.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct tcmsg)),
			   .nlmsg_type = RTM_NEWQDISC,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE},
		.about.queue = {.tcm_ifindex = (int)if_nametoindex(name), .tcm_parent = TC_H_ROOT},
	};
	cleanup_close int fd = open_ask();
	const struct nlmsghdr *answer;

	put(&request, TCA_KIND, "noqueue", sizeof("noqueue"));
	if (fd >= 0)
		ask(fd, &request, buffer, &answer);
}

int link_open(struct link *ret)
{
	struct stat home;

	*ret = (struct link){.nsid = LINK_HOME};
	if (!stat("/proc/self/ns/net", &home))
		ret->home = home.st_ino;
	ret->ask_fd = open_ask();
	ret->news_fd = open_netlink(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
				    RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE);
	ret->abroad_fd = open_abroad();
	if (ret->ask_fd < 0)
		return ret->ask_fd;
	return ret->news_fd < 0 ? ret->news_fd : 0;
}

void link_close(struct link *link)
{
	const int fds[] = {link->ask_fd, link->news_fd, link->abroad_fd};

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		if (fds[i] > 0)
			close(fds[i]);
}
