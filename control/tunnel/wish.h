/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_WISH_H
#define TUNNEL_WISH_H

#include "kernel/device.h"
#include "kernel/refusal.h"
#include "kernel/wireguard.h"
#include "policy/model.h"

/* What the documents want of the tunnel, with the keys in it. */

/* Of one Peer, at the same place in `peers` and in `device.peers`. */
struct wish_peer {
	char *name;
	char *host; /* NULL: no endpoint was given */
	uint16_t port;
	bool is_name; /* the host has to be resolved; else device.peers has the address */
};

struct wish {
	struct wg_device device; /* .peers in the order of the documents */
	struct wish_peer *peers;
	enum tunnel_backend backend;
	struct device_address *addresses;
	size_t n_addresses;
	uint32_t mtu_bytes;	     /* 0 = auto */
	struct chq_prefix *prefixes; /* of all Peers, each once */
	size_t n_prefixes;
	size_t n_aside; /* so many at their beginning hold a Peer's endpoint, or everything */
};

/* Where key files are looked for. */
struct wish_places {
	const char *config_directory; /* a relative path starts here */
	const char *state_directory;  /* tunnel.key, when the document names no file */
};

/*
 * Reads the key files; a private key file that is not there is made. `*ret` is NULL when the
 * Gateway document has no tunnel. It holds none of the config's memory.
 */
int wish_make(const struct config *config, const struct wish_places *places, struct wish **ret,
	      struct refusal *refusal);
void wish_free(struct wish *wish); /* accepts NULL; wipes the keys */

/* "host:port", "[v6]:port" to its parts; false: it cannot be. `host` has `size` bytes. */
bool endpoint_split(const char *text, char *host, size_t size, uint16_t *ret_port);
/* An address in text and a port; false: it is a name. */
bool endpoint_numeric(const char *host, uint16_t port, union wg_endpoint *ret);
bool endpoint_equal(const union wg_endpoint *a, const union wg_endpoint *b);
bool endpoint_addr(const union wg_endpoint *endpoint, struct chq_addr *ret);
#define ENDPOINT_TEXT_BYTES 64
char *endpoint_print(const union wg_endpoint *endpoint, char *text); /* "" when not known */

#endif
