/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef DAEMON_DIRECT_H
#define DAEMON_DIRECT_H

#include "daemon/daemon.h"

/*
 * Whether packets of running flows may leave straight from the checkpoint: as the Gateway document
 * says, and as long as nobody else in the kernel waits for them. Looked at once a second,
 * and whenever nftables changed.
 */
int direct_open(struct daemon *daemon);
void direct_close(struct daemon *daemon);
void direct_tick(struct daemon *daemon);

#endif
