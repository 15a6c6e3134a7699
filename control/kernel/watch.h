/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef KERNEL_WATCH_H
#define KERNEL_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "chasqui/policy.h"

/* What moved since the last reading: bits. */
#define WATCH_LINKS	 1 /* an interface came, went, changed its name, state or master */
#define WATCH_ADDRESSES	 2 /* of our own */
#define WATCH_ROUTES	 4
#define WATCH_NEIGHBOURS 8
#define WATCH_FILTERS	 16 /* a qdisc or filter, of anyone */
#define WATCH_LOST	 32 /* the socket overran: read everything anew (the others are set too) */

/* A socket that hears of links, addresses, routes, neighbours and filters of our namespace. */
struct watch;

int watch_open(struct watch **ret);
void watch_close(struct watch *watch);	 /* accepts NULL */
int watch_fd(const struct watch *watch); /* polls readable when there is news */

/* Reads all that waits, without blocking, and says what it was about (0: nothing), or -errno. */
int watch_read(struct watch *watch);

/* The host's own addresses in this namespace, sorted, each once. The list is the caller's. */
int watch_addresses(struct chq_addr **ret, size_t *ret_count);

#endif
