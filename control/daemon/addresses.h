/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef DAEMON_ADDRESSES_H
#define DAEMON_ADDRESSES_H

#include <stdbool.h>

#include "daemon/daemon.h"

/* Reads the gateway's own addresses; what changed is told the live generation at once. */
int addresses_read(struct daemon *daemon);

/* What came or went while a generation was compiled that was told `compiled`. */
void addresses_settle(struct daemon *daemon, const struct addresses *compiled);

int addresses_copy(const struct addresses *from, struct addresses *ret);
bool addresses_same(const struct addresses *a, const struct addresses *b);

#endif
