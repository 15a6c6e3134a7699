/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_CONTROL_H
#define TUNNEL_CONTROL_H

#include <event2/event.h>
#include <sys/queue.h>

#include "device.h"
#include "link.h"
#include "uapi.h"

/* The control thread: handshakes, timers, configuration, news of the link. */
#define CONNECTIONS_MAX	    16
#define CONNECTION_IN_BYTES 16384
#define SOCKET_FOLDER	    "/var/run/wireguard"

struct control;

struct connection {
	LIST_ENTRY(connection) link;
	struct control *control;
	struct event *readable, *writable;
	int fd;
	struct uapi uapi;
	struct text answer;
	size_t answered_bytes;
	size_t held_bytes;
	char in[CONNECTION_IN_BYTES]; /* may hold keys, so the vault has it */
};

struct control {
	struct device *device;
	struct event_base *base;
	struct event *wake, *timer, *listener, *netlink, *abroad, *socket_gone, *signals[3];
	struct vault connection_vault;
	LIST_HEAD(connection_list, connection) connections;
	int connection_count;
	int listen_fd, watch_fd;
	struct link link;
	char socket_path[128]; /* empty: not ours to remove */
	bool stopped_by_error;
};

/* Binds /var/run/wireguard/NAME.sock; *path is what to remove at the end. */
int control_listen(const char *name, char *path, size_t path_room);

/* Takes over listen_fd. */
int control_init(struct control *control, struct device *device, int listen_fd, const char *path);
int control_run(struct control *control);
void control_drop(struct control *control);

#endif
