/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef KERNEL_WIREGUARD_H
#define KERNEL_WIREGUARD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chasqui/policy.h"
#include "kernel/netlink.h"
#include "kernel/refusal.h"

/*
 * A WireGuard device as its configuration interfaces see it, whichever engine is behind,
 * and the kernel's own over generic netlink (family "wireguard", version 1, as
 * include/uapi/linux/wireguard.h of the kernel has it).
 */

#define WG_KEY_BYTES 32

struct wg_key {
	uint8_t byte[WG_KEY_BYTES];
};

/* any.sa_family 0: not known. */
union wg_endpoint {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* What a change of a peer does; the first three have the kernel's numbers. */
#define WG_PEER_REMOVE		1
#define WG_PEER_REPLACE_ALLOWED 2
#define WG_PEER_UPDATE_ONLY	4 /* do not make it */
#define WG_PEER_KERNEL_FLAGS	7
#define WG_PEER_SET_PRESHARED	8
#define WG_PEER_SET_ENDPOINT	16
#define WG_PEER_SET_KEEPALIVE	32

struct wg_peer {
	struct wg_key public_key, preshared_key; /* all zero: none */
	union wg_endpoint endpoint;
	uint16_t keepalive_s; /* 0 = off */
	struct chq_prefix *allowed;
	size_t n_allowed;
	uint64_t rx_bytes, tx_bytes; /* whole WireGuard messages */
	uint64_t rx_disallowed; /* packets with a source that is not the peer's; chasqui-wg's */
	int64_t handshake_s;	/* wall clock; 0 = none yet */
	uint32_t change;	/* WG_PEER_*; what a reading leaves 0 */
};

#define WG_SET_PRIVATE 1
#define WG_SET_PORT    2
#define WG_SET_FWMARK  4

struct wg_device {
	char name[16];
	struct wg_key private_key, public_key;
	uint16_t listen_port;
	uint32_t fwmark;
	struct wg_peer *peers;
	size_t n_peers;
	uint32_t change; /* WG_SET_* */
};

bool wg_key_equal(const struct wg_key *a, const struct wg_key *b); /* in constant time */
bool wg_key_is_zero(const struct wg_key *key);

/* One more peer at the end, all zero; NULL: no memory. */
struct wg_peer *wg_peer_add(struct wg_device *device);
int wg_allowed_add(struct wg_peer *peer, const struct chq_prefix *prefix);

/* Wipes the keys, too. Accepts what was never filled. */
void wg_device_clear(struct wg_device *device);

/* The device of that name. -ENODEV, -EOPNOTSUPP: it is none of WireGuard's. */
int wireguard_get(const char *name, struct wg_device *ret, struct refusal *refusal);

/*
 * Applies what the change bits say. Peers and allowed addresses are split over as many
 * messages as they need; the kernel takes each message as a whole, not all of them.
 */
int wireguard_set(const struct wg_device *change, struct refusal *refusal);

/* One message of an answer to WG_CMD_GET_DEVICE, put into `ret`. 0 or -errno. */
int wireguard_read(const struct nlmsghdr *message, struct wg_device *ret);

/* The messages of a change, one after the other, handed to `send`; stops at the first error. */
typedef int (*wireguard_send)(void *data, struct nlmsghdr *message);
int wireguard_write(const struct wg_device *change, uint16_t family, wireguard_send send,
		    void *data);

#endif
