/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_INSIDE_H
#define TUNNEL_INSIDE_H

/* What the files behind tunnel.h share. Nobody else includes it. */

#include <pthread.h>

#include "kernel/device.h"
#include "kernel/netlink.h"
#include "tunnel/difference.h"
#include "tunnel/engine.h"
#include "tunnel/resolver.h"
#include "tunnel/tunnel.h"

/* How a device is spoken to. */
struct backend {
	const char *name;
	const char *kind; /* of the link */
	int (*get)(const char *name, struct wg_device *ret, struct refusal *refusal);
	int (*set)(const struct wg_device *change, struct refusal *refusal);
};
extern const struct backend backend_kernel, backend_userspace;

/* How a peer has been getting on, to see that it is silent. */
struct watched_peer {
	struct wg_key key;
	uint64_t rx_bytes, tx_bytes; /* when it was last heard */
	long heard_s, moved_s;	     /* monotonic: last heard; endpoint last set by us */
	char problem[128];
};

enum tunnel_ending { ENDING_NONE, ENDING_KEEP, ENDING_UNDO };

struct tunnel_control {
	struct tunnel_options options;
	pthread_t thread;
	int wake_fd;
	bool ending;	  /* atomic */
	unsigned guarded; /* atomic: ifindex of the device that has its checkpoint */
	struct resolver *resolver;

	pthread_mutex_t lock; /* holds off apply and thread from each other: all below */
	struct netlink *nl;
	struct wish *wish;   /* NULL: no tunnel */
	struct wish *before; /* the change under way has replaced this */
	bool changing;
	bool made;		       /* the change under way has made the device */
	enum tunnel_ending end;	       /* what the thread has to make of it */
	const struct backend *backend; /* NULL: none yet */
	struct engine engine;
	unsigned restarts, failures; /* of the engine; starts that failed one after the other */
	long start_again_ms;
	long others_until_ms; /* whoever started the engine that ended may start it again */
	struct device_seen seen;
	struct wg_device found; /* as the engine said last */
	struct watched_peer *watched;
	size_t n_watched;

	pthread_mutex_t view_lock;
	struct tunnel_view view;
};

long tunnel_now_ms(void); /* monotonic, suspend counted */

/* make.c: everything as t->wish wants it; what is so already is left alone. */
int tunnel_make(struct tunnel_control *t, struct refusal *refusal);
/* Takes the device of a wish, its engine and routes away. */
void tunnel_unmake(struct tunnel_control *t, const struct wish *wish, const struct wish *stays);

/* mend.c: endpoints of peers that are silent or have none; names. */
int tunnel_mend(struct tunnel_control *t, struct refusal *refusal);

/* view.c */
void tunnel_publish(struct tunnel_control *t, const char *note);

#endif
