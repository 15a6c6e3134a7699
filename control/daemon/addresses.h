/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef DAEMON_ADDRESSES_H
#define DAEMON_ADDRESSES_H

#include <stdbool.h>

#include "daemon/daemon.h"

/* Reads the gateway's own addresses; the live generation hears of changes at once. */
int addresses_read(struct daemon *daemon);

int addresses_copy(const struct addresses *from, struct addresses *ret);

#endif
