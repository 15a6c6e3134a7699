/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_TUNNEL_H
#define TUNNEL_TUNNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/refusal.h"
#include "kernel/wireguard.h"
#include "policy/model.h"

/*
 * The tunnel as the daemon sees it: one face over the kernel's WireGuard and chasqui-wg. A
 * thread of its own keeps device, engine, peers, names and routes as the live documents want
 * them; the device and its engine go on when the daemon ends, and are found again.
 */
struct tunnel_control;
#define TUNNEL_NOTE_BYTES 256

struct tunnel_options {
	const char *config_directory, *state_directory;
	/* From the thread: what tunnel_look() says has changed. */
	void (*news)(void *data);
	void *data;
};

int tunnel_open(const struct tunnel_options *options, struct tunnel_control **ret);
void tunnel_close(struct tunnel_control *tunnel); /* accepts NULL */

/*
 * A change of documents, in two steps around the install of its generation. The first makes
 * the device (its link stays down) and tells the engine what differs, off the loop; on refusal
 * all is as it was. The second, in the loop, ends it: what is not wanted any more goes
 * (keep), or what the first step did is undone.
 */
int tunnel_apply(struct tunnel_control *tunnel, const struct config *config,
		 struct refusal *refusal);
void tunnel_end(struct tunnel_control *tunnel, bool keep);

/* With no daemon: every tunnel device of this namespace that is ours, its engine, all our routes.
 */
int tunnel_detach(struct refusal *refusal);

/* The checkpoint is on the device with this index (0: on none): its link may be up. */
void tunnel_guarded(struct tunnel_control *tunnel, unsigned ifindex);

/* Links, addresses or routes have moved: looks at once. */
void tunnel_poke(struct tunnel_control *tunnel);

/* One Peer as it is now. */
struct tunnel_peer {
	char *name;
	char *endpoint;	      /* as configured; NULL: none */
	char *problem;	      /* its name cannot be resolved, ...; NULL: none */
	struct wg_peer state; /* without its preshared key; `allowed` is the view's own */
	bool preshared;
};

struct tunnel_view {
	bool known;  /* this process has had a say; else it is as an earlier one left it */
	bool wanted; /* the live documents have a tunnel */
	char name[16];
	const char *backend; /* "kernel", "userspace" or "" */
	unsigned ifindex;
	bool up; /* link up and engine alive */
	uint32_t mtu_bytes, fwmark;
	uint16_t listen_port;
	struct wg_key public_key;
	uint64_t rx_disallowed;	      /* packets from peers that may not use their source */
	unsigned restarts;	      /* of the engine, by this process */
	char note[TUNNEL_NOTE_BYTES]; /* what is wrong; "" when nothing is */
	struct tunnel_peer *peers;
	size_t n_peers;
};

/* A copy of the state of a moment ago; the caller clears it. */
int tunnel_look(struct tunnel_control *tunnel, struct tunnel_view *ret);
void tunnel_view_clear(struct tunnel_view *view);

#endif
