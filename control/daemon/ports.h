/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef DAEMON_PORTS_H
#define DAEMON_PORTS_H

#include <stddef.h>

#include "daemon/daemon.h"

/*
 * Makes what is attached be what the live Gateway document says: ports that are
 * there get their checkpoint, others lose it. Once every port that is there has
 * one, the gateway opens: forwarding goes on.
 */
void ports_sync(struct daemon *daemon, bool anew); /* anew: the Gateway document may have changed */

/* Why this port has no checkpoint; "" when nothing is wrong with it. */
const char *ports_note(const struct daemon *daemon, const char *name);

/* A person takes the checkpoint off a port, until he puts it back or the daemon restarts. */
int ports_detach(struct daemon *daemon, const char *name);
int ports_attach(struct daemon *daemon, const char *name);

/* Nothing is forwarded until there is a complete generation, here or in the kernel. */
void ports_close(struct daemon *daemon);

/* "generation 7, 2 of 3 ports" for the status line. */
void ports_describe(const struct daemon *daemon, char *text, size_t size);

void ports_free(struct daemon *daemon);

#endif
