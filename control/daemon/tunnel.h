/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef DAEMON_TUNNEL_H
#define DAEMON_TUNNEL_H

#include <jansson.h>

#include "daemon/daemon.h"

/*
 * The tunnel joined to the rest of the daemon: its part of a change is in change.c, its device
 * is a port like others (ports.c), and what it reports goes to the checkpoint.
 */
int tunnel_join(struct daemon *daemon);
void tunnel_leave(struct daemon *daemon);

/*
 * A change of documents (tunnel_apply(), tunnel_end() in words): the first in the worker, with a
 * sentence when it is refused.
 */
int tunnel_begin_change(struct daemon *daemon, const struct config *config, char *words,
			size_t size);
void tunnel_end_change(struct daemon *daemon, bool keep);

/* After ports_sync(): says whether the device has its checkpoint. */
void tunnel_follow_ports(struct daemon *daemon);

json_t *show_tunnel(struct daemon *daemon);	    /* with its peers */
json_t *show_peers(struct daemon *daemon);	    /* the documents */
json_t *show_tunnel_summary(struct daemon *daemon); /* without; NULL: there is none */

#endif
