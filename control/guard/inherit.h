/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef GUARD_INHERIT_H
#define GUARD_INHERIT_H

/*
 * How the fanotify group, and with it every mark and every waiting process, goes from one guard to
 * the next: over the socket from one that still runs, or out of systemd's store of descriptors.
 */

/* The group of a guard that answers on the socket, which ends then; or -errno. */
int inherit_running(const char *run_directory);

/* The one that systemd kept for us (sd_listen_fds(3)); -ENOENT: none. */
int inherit_stored(void);

/* Tells systemd: `lines` as in sd_notify(3), with a descriptor (-1: none). Without systemd:
 * nothing.
 */
void inherit_notify(const char *lines, int fd);

/* The listening socket, in the place of whatever lies there; or -errno. */
int inherit_listen(const char *run_directory);

#endif
