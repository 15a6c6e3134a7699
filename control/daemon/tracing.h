/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef DAEMON_TRACING_H
#define DAEMON_TRACING_H

#include <jansson.h>

#include "enforcer/enforcer.h"

struct daemon;
struct api_request;

/* TracingPolicies in the daemon: open, tick, what was said at run time, and their API. */
void tracing_spare(struct daemon *daemon); /* first of all: no policy of ours kills us */
int tracing_open(struct daemon *daemon);   /* after processes_open() */
void tracing_close(struct daemon *daemon);
void tracing_tick(struct daemon *daemon);

/* After policies have come and gone: what was said at run time is kept for a restart. */
void tracing_save(struct daemon *daemon);

json_t *show_tracing(struct daemon *daemon);
json_t *show_back_ends(struct daemon *daemon);
json_t *show_enforcer(struct daemon *daemon); /* for status */

void post_tracing_enable(void *data, struct api_request *request);
void post_tracing_disable(void *data, struct api_request *request);
void post_tracing_enforce(void *data, struct api_request *request);
void post_tracing_monitor(void *data, struct api_request *request);

#endif
