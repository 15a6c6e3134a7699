/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef DAEMON_STATE_H
#define DAEMON_STATE_H

#include "daemon/daemon.h"

/*
 * STATE/state.json: the highest number ever given to a generation, and the numbers
 * of identities, so that both keep their meaning over restarts.
 */
int state_read(struct daemon *daemon);
int state_write(const struct daemon *daemon);

#endif
