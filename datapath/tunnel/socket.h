/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_SOCKET_H
#define TUNNEL_SOCKET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "cookie.h"

/* Where a peer is, and from which of our addresses we last heard it spoken to. */
struct endpoint {
	union {
		struct sockaddr any;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
	} to;		       /* any.sa_family 0: unknown */
	struct in6_addr local; /* IPv4 in the first four bytes */
	uint32_t local_epoch;  /* 0: none; it holds only until routes change */
};

/* What the outer header says besides addresses. */
struct outer {
	uint8_t tos;
	uint8_t ttl; /* 0: what the system says */
};

/* One worker's two sockets, -1 where there is none. */
struct sockets {
	int fd4, fd6;
	bool no_gso4, no_gso6; /* the way out cannot; seen by trying */
};

struct socket_options {
	uint16_t port;
	uint32_t fwmark;
	bool shared; /* several workers listen on the port */
};

/* Room for all that a message carries besides its bytes. */
#define SOCKET_CONTROL_BYTES 160

/* What came with a datagram. */
struct arrival {
	struct endpoint from;	/* local_epoch not yet set */
	uint16_t segment_bytes; /* 0: it is one message */
	uint8_t tos;
};

/* *port is chosen where it is 0. -EADDRINUSE and others as the kernel says. */
int sockets_open(struct sockets *ret, struct socket_options *options, int count);
void sockets_close(struct sockets *sockets, int count);
int sockets_set_fwmark(const struct sockets *sockets, uint32_t fwmark);

/* Fills `message`'s address and control; `segment_bytes` 0 where it is one datagram. */
void socket_address(struct msghdr *message, char *control, struct endpoint *to, uint32_t epoch,
		    struct outer outer, uint16_t segment_bytes);

/* False for a datagram that came cut short, or from nowhere. */
bool socket_arrival(struct arrival *ret, struct msghdr *message);

bool endpoint_same(const struct endpoint *a, const struct endpoint *b);
void endpoint_source(const struct endpoint *endpoint, struct cookie_source *ret);

#endif
