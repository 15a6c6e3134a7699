/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

/* What sd_notify(3) does: lines to the socket in $NOTIFY_SOCKET. Nothing happens without one. */
void notify_ready(const char *status);
void notify_reloading(void);
void notify_stopping(void);
void notify_status(const char *status);

#endif
