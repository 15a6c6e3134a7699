/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef DAEMON_SERVE_H
#define DAEMON_SERVE_H

struct daemon;

/* The API: which address does what. */
int serve_open(struct daemon *daemon);

#endif
