/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "socket.h"

#include <errno.h>
#include <netinet/udp.h>
#include <sys/time.h>

#include "bytes.h"

/* The kernel takes twice of it: at 5 Gbit/s this is 5 ms of traffic. */
#define RECEIVE_BUFFER_BYTES (3 << 19)
#define SEND_BUFFER_BYTES    (3 << 20)

/* A send may wait this long for room in the buffer; then what it carries is lost, as on a full
 * wire. */
#define SEND_WAIT_US 20000

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) ? -errno : 0;
}

/* Beyond the system's limit where we may, up to it where not. */
static void set_buffers(int fd)
{
	const struct timeval wait = {.tv_usec = SEND_WAIT_US};

	if (set(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES))
		set(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER_BYTES);
	if (set(fd, SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER_BYTES))
		set(fd, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER_BYTES);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
}

/* A tunnel does its own path MTU inside; outside, fragments are better than silence. */
static int set_family(int fd, int family)
{
	if (family == AF_INET)
		return set(fd, IPPROTO_IP, IP_PKTINFO, 1)
		    ?: set(fd, IPPROTO_IP, IP_RECVTOS, 1)
		    ?: set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
	return set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)
	    ?: set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
	    ?: set(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1)
	    ?: set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
}

static int bind_to(int fd, int family, uint16_t *port)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(*port)};
	struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons(*port)};
	socklen_t length = family == AF_INET ? sizeof(in4) : sizeof(in6);
	struct sockaddr *address =
		family == AF_INET ? (struct sockaddr *)&in4 : (struct sockaddr *)&in6;

	if (bind(fd, address, length) || getsockname(fd, address, &length))
		return -errno;
	*port = ntohs(family == AF_INET ? in4.sin_port : in6.sin6_port);
	return 0;
}

/*
 * The first socket on the port is bound without sharing, so that a port in use by anyone
 * is seen; then it opens the port to our other workers.
 */
static int open_one(int *ret, int family, struct socket_options *options, bool first)
{
	cleanup_close int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP);
	int err;

	if (fd < 0)
		return -errno;
	set_buffers(fd);
	err = set_family(fd, family);
	if (!err && options->fwmark)
		err = set(fd, SOL_SOCKET, SO_MARK, options->fwmark);
	if (!err && !first)
		err = set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	err = err ?: bind_to(fd, family, &options->port);
	if (!err && first && options->shared)
		err = set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (err)
		return err;
	set(fd, IPPROTO_UDP, UDP_GRO, 1);
	*ret = give_fd(&fd);
	return 0;
}

static int open_both(struct sockets *sockets, struct socket_options *options, bool first)
{
	int err = open_one(&sockets->fd4, AF_INET, options, first);

	if (err)
		return err;
	err = open_one(&sockets->fd6, AF_INET6, options, first);
	return err == -EAFNOSUPPORT ? 0 : err;
}

void sockets_close(struct sockets *sockets, int count)
{
	for (int i = 0; i < count; i++) {
		if (sockets[i].fd4 >= 0)
			close(sockets[i].fd4);
		if (sockets[i].fd6 >= 0)
			close(sockets[i].fd6);
		sockets[i] = (struct sockets){-1, -1};
	}
}

static int open_all(struct sockets *ret, struct socket_options *options, int count)
{
	int err = 0;

	for (int i = 0; i < count; i++)
		ret[i] = (struct sockets){-1, -1};
	for (int i = 0; i < count && !err; i++)
		err = open_both(&ret[i], options, i == 0);
	if (err)
		sockets_close(ret, count);
	return err;
}

/* A port that IPv4 has chosen may be taken in IPv6: choose again. */
int sockets_open(struct sockets *ret, struct socket_options *options, int count)
{
	uint16_t wanted = options->port;
	int err;

	for (int tries = 0; tries < 100; tries++) {
		options->port = wanted;
		err = open_all(ret, options, count);
		if (err != -EADDRINUSE || wanted)
			break;
	}
	return err;
}

int sockets_set_fwmark(const struct sockets *sockets, uint32_t fwmark)
{
	int err = 0;

	if (sockets->fd4 >= 0)
		err = set(sockets->fd4, SOL_SOCKET, SO_MARK, (int)fwmark);
	if (!err && sockets->fd6 >= 0)
		err = set(sockets->fd6, SOL_SOCKET, SO_MARK, (int)fwmark);
	return err;
}

static struct cmsghdr *add_control(struct msghdr *message, int level, int type, const void *data,
				   size_t length)
{
	struct cmsghdr *at =
		(struct cmsghdr *)((char *)message->msg_control + message->msg_controllen);

	*at = (struct cmsghdr){
		.cmsg_level = level, .cmsg_type = type, .cmsg_len = CMSG_LEN(length)};
	memcpy(CMSG_DATA(at), data, length);
	message->msg_controllen += CMSG_SPACE(length);
	return at;
}

static void add_source(struct msghdr *message, const struct endpoint *to)
{
	if (to->to.any.sa_family == AF_INET) {
		struct in_pktinfo info = {};

		memcpy(&info.ipi_spec_dst, &to->local, sizeof(info.ipi_spec_dst));
		add_control(message, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	} else {
		struct in6_pktinfo info = {.ipi6_addr = to->local};

		add_control(message, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	}
}

void socket_address(struct msghdr *message, char *control, struct endpoint *to, uint32_t epoch,
		    struct outer outer, uint16_t segment_bytes)
{
	bool is4 = to->to.any.sa_family == AF_INET;
	int level = is4 ? IPPROTO_IP : IPPROTO_IPV6, tos = outer.tos, ttl = outer.ttl;

	message->msg_name = &to->to;
	message->msg_namelen = is4 ? sizeof(to->to.in4) : sizeof(to->to.in6);
	message->msg_control = control;
	message->msg_controllen = 0;
	if (to->local_epoch && to->local_epoch == epoch)
		add_source(message, to);
	if (tos)
		add_control(message, level, is4 ? IP_TOS : IPV6_TCLASS, &tos, sizeof(tos));
	if (ttl)
		add_control(message, level, is4 ? IP_TTL : IPV6_HOPLIMIT, &ttl, sizeof(ttl));
	if (segment_bytes)
		add_control(message, IPPROTO_UDP, UDP_SEGMENT, &segment_bytes,
			    sizeof(segment_bytes));
	if (!message->msg_controllen)
		message->msg_control = NULL;
}

static void take_control(struct arrival *ret, const struct cmsghdr *at)
{
	const void *data = CMSG_DATA((struct cmsghdr *)at);
	struct in6_pktinfo info6;
	struct in_pktinfo info4;
	int number;

	if (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_PKTINFO) {
		memcpy(&info4, data, sizeof(info4));
		memcpy(&ret->from.local, &info4.ipi_spec_dst, sizeof(info4.ipi_spec_dst));
	} else if (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_PKTINFO) {
		memcpy(&info6, data, sizeof(info6));
		ret->from.local = info6.ipi6_addr;
	} else if (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_TOS) {
		ret->tos = *(const uint8_t *)data;
	} else if (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_TCLASS) {
		memcpy(&number, data, sizeof(number));
		ret->tos = number;
	} else if (at->cmsg_level == IPPROTO_UDP && at->cmsg_type == UDP_GRO) {
		memcpy(&number, data, sizeof(number));
		ret->segment_bytes = number;
	}
}

bool socket_arrival(struct arrival *ret, struct msghdr *message)
{
	if (message->msg_flags & (MSG_TRUNC | MSG_CTRUNC) || !message->msg_namelen)
		return false;
	*ret = (struct arrival){};
	memcpy(&ret->from.to, message->msg_name,
	       min_size(message->msg_namelen, sizeof(ret->from.to)));
	for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at; at = CMSG_NXTHDR(message, at))
		take_control(ret, at);
	return true;
}

/* Of an IPv6 address the scope matters too: link-local addresses repeat on every link. */
bool endpoint_same(const struct endpoint *a, const struct endpoint *b)
{
	if (a->to.any.sa_family != b->to.any.sa_family || a->local_epoch != b->local_epoch)
		return false;
	if (a->to.any.sa_family == AF_INET)
		return a->to.in4.sin_port == b->to.in4.sin_port &&
		       a->to.in4.sin_addr.s_addr == b->to.in4.sin_addr.s_addr &&
		       !memcmp(&a->local, &b->local, 4);
	return a->to.in6.sin6_port == b->to.in6.sin6_port &&
	       a->to.in6.sin6_scope_id == b->to.in6.sin6_scope_id &&
	       !memcmp(&a->to.in6.sin6_addr, &b->to.in6.sin6_addr, 16) &&
	       !memcmp(&a->local, &b->local, 16);
}

void endpoint_source(const struct endpoint *endpoint, struct cookie_source *ret)
{
	if (endpoint->to.any.sa_family == AF_INET) {
		ret->length = 6;
		memcpy(ret->bytes, &endpoint->to.in4.sin_addr, 4);
		memcpy(ret->bytes + 4, &endpoint->to.in4.sin_port, 2);
		return;
	}
	ret->length = 18;
	memcpy(ret->bytes, &endpoint->to.in6.sin6_addr, 16);
	memcpy(ret->bytes + 16, &endpoint->to.in6.sin6_port, 2);
}
