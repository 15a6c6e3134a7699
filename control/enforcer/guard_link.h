/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef ENFORCER_GUARD_LINK_H
#define ENFORCER_GUARD_LINK_H

#include <jansson.h>

/* Messages over the guard's socket (chasqui/guard.h). */

/* A connected, non-blocking socket, or -errno (-ENOENT, -ECONNREFUSED: no guard is there). */
int guard_link_open(const char *run_directory);

/* One message; with a descriptor, or -1. */
int guard_link_send(int fd, const json_t *message, int passed);

/* The next message, waiting at most wait_ms. -EAGAIN: none came; -ENOTCONN: the guard has gone. */
int guard_link_receive(int fd, int wait_ms, json_t **ret);

/* A memfd that holds the document; or -errno. */
int guard_link_wrap(const json_t *document);

#endif
