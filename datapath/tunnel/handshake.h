/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_HANDSHAKE_H
#define TUNNEL_HANDSHAKE_H

#include "device.h"

/* What the control thread does for the protocol: everything but transport. */

/* Begins a handshake, unless one began in the last five seconds. */
void handshake_initiate(struct device *device, struct peer *peer, bool retry);

/* Handles messages that workers have passed on, for about a millisecond. True when some are left.
 */
bool handshake_work(struct device *device);

/* Sends what waits for a session; begins a handshake where there is none. */
void handshake_send_staged(struct device *device, struct peer *peer);
void handshake_send_keepalive(struct device *device, struct peer *peer);

/* Does what workers asked for. */
void handshake_notices(struct device *device);

/* Does what is due; returns when to come again, 0 for never. */
uint64_t handshake_timers(struct device *device, uint64_t now_ns);

/* The link came up: send what waits, and keepalives where they are wanted. */
void handshake_device_up(struct device *device);

/* A peer's configuration is complete. */
void handshake_peer_ready(struct device *device, struct peer *peer, bool keepalive);

#endif
