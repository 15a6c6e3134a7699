/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_UAPI_H
#define TUNNEL_UAPI_H

#include "kernel/refusal.h"
#include "kernel/wireguard.h"

/*
 * Userspace WireGuard's configuration language, the asking end: lines of key=value
 * over a Unix stream socket, as wg(8) speaks it (www.wireguard.com/xplatform).
 */

#define UAPI_DIRECTORY "/var/run/wireguard"

/* A connection to the engine of a device. -ENOENT, -ECONNREFUSED: there is none. */
int uapi_connect(const char *name, int *ret_fd);

int uapi_get(const char *name, struct wg_device *ret, struct refusal *refusal);
int uapi_set(const struct wg_device *change, struct refusal *refusal);

/* One line of an answer, without its newline; the text is changed. 0 or -EBADMSG, -ENOMEM. */
struct uapi_answer {
	struct wg_device *device;
	int error; /* what "errno=" said, negative */
	bool ended;
};
int uapi_read_line(struct uapi_answer *answer, char *line);

#endif
