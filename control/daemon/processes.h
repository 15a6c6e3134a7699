/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef DAEMON_PROCESSES_H
#define DAEMON_PROCESSES_H

#include <jansson.h>

#include "enforcer/process_events.h"

/*
 * The daemon's eye on processes: reads the ring, keeps the tree, remembers the latest
 * events and tells those who listen.
 */
struct daemon;
struct processes;
struct api_request;

/* Below the pins of the datapath: programs, maps, and what hooks pin. */
#define ENFORCER_PINS "enforcer"

/*
 * -errno only for want of memory: a kernel that does not take the programs is logged, shown in
 * status, and no reason not to guard packets.
 */
int processes_open(struct daemon *daemon);
void processes_close(struct daemon *daemon);

/* Hits come in here: a reader for records of the ring, and hits from elsewhere (copied). */
void processes_reader(struct daemon *daemon, hook_reader_fn *reader, void *data);
void processes_hook(void *daemon, const struct hook_event *event); /* a guard_event_fn */

/* GET /v1/processes/events */
void processes_serve(void *daemon, struct api_request *request);

/* Of the status: what runs, what is held, what was lost where. */
json_t *processes_status(const struct daemon *daemon);

#endif
