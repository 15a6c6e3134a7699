/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_ENGINE_H
#define TUNNEL_ENGINE_H

#include <stdbool.h>

#include "kernel/refusal.h"

/*
 * chasqui-wg as a process of its own: it is started with the TUN's queue, goes on when the
 * daemon ends, and is found again by its control socket.
 */
struct engine {
	int watch_fd; /* a connection that ends when the engine does; -1: there is none */
	bool started; /* by us, and not only found */
};

/* The engine that answers for the device, whoever started it. -ENOENT: nobody does. */
int engine_find(const char *name, struct engine *ret);

/* Takes the queue over, also when it fails. Waits until the engine says that it is ready. */
int engine_start(const char *name, int tun_fd, struct engine *ret, struct refusal *refusal);

bool engine_lives(const struct engine *engine);
void engine_forget(struct engine *engine); /* it goes on without us */
/* Ends it (an engine does when its control socket goes) and waits a moment for that. */
void engine_stop(struct engine *engine, const char *name);

#endif
