/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_RESOLVER_H
#define TUNNEL_RESOLVER_H

#include <stdbool.h>

#include "tunnel/wish.h"

/* Names to addresses in a thread of its own: an answer may take half a minute. */
struct resolver;

/* `news` is called from the thread whenever an answer has come. */
int resolver_open(void (*news)(void *data), void *data, struct resolver **ret);
void resolver_close(struct resolver *resolver); /* accepts NULL; waits for the answer under way */

struct resolved {
	union wg_endpoint endpoint; /* without a port; any.sa_family 0: not known (yet) */
	char problem[128];	    /* of the last try; "" when it went well */
	long age_s;		    /* of the last try; -1: there was none */
};

/*
 * What is known of a name. When that is older than `fresh_s` seconds it is asked for anew, off
 * the caller's thread. 0 or -ENOMEM.
 */
int resolver_ask(struct resolver *resolver, const char *name, long fresh_s, struct resolved *ret);

#endif
