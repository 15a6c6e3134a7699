/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "route.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "bytes.h"

int route_init(struct route *route)
{
	*route = (struct route){-1, -1};
	route->fd4 = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	route->fd6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return route->fd4 < 0 ? -errno : 0;
}

void route_drop(struct route *route)
{
	if (route->fd4 > 0)
		close(route->fd4);
	if (route->fd6 > 0)
		close(route->fd6);
}

/* To connect a datagram socket is to look up a route, and no more. */
static uint32_t ask(const struct route *route, const uint8_t *address, uint8_t bytes)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
	struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons(9)};
	socklen_t room = sizeof(int);
	bool is4 = bytes == 4;
	int mtu = 0, err;

	memcpy(is4 ? (void *)&in4.sin_addr : (void *)&in6.sin6_addr, address, bytes);
	if (is4)
		err = connect(route->fd4, (struct sockaddr *)&in4, sizeof(in4))
			      ?: getsockopt(route->fd4, IPPROTO_IP, IP_MTU, &mtu, &room);
	else
		err = connect(route->fd6, (struct sockaddr *)&in6, sizeof(in6))
			      ?: getsockopt(route->fd6, IPPROTO_IPV6, IPV6_MTU, &mtu, &room);
	return err || mtu < 0 ? 0 : (uint32_t)mtu;
}

uint32_t route_mtu(struct route *route, const uint8_t *address, uint8_t bytes, uint32_t epoch)
{
	if (route->epoch == epoch && route->bytes == bytes &&
	    !memcmp(route->address, address, bytes))
		return route->mtu;
	route->mtu = ask(route, address, bytes);
	route->epoch = epoch;
	route->bytes = bytes;
	memcpy(route->address, address, bytes);
	return route->mtu;
}
