/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef DAEMON_STATE_H
#define DAEMON_STATE_H

#include "daemon/daemon.h"

/*
 * What outlives a restart besides the history: STATE/generation, the highest number
 * ever given to a generation, and STATE/identities, who has which number.
 */
int state_read(struct daemon *daemon);
int state_write(const struct daemon *daemon);
void state_free(struct daemon *daemon);

/* The sizes of tables that the configuration to come asks for, as far as one can tell yet. */
struct limits state_limits(const struct daemon *daemon);

#endif
