/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef DAEMON_SHOW_H
#define DAEMON_SHOW_H

#include <jansson.h>

#include "daemon/daemon.h"

/* What the daemon knows, as JSON. Each is the caller's; NULL: out of memory. */
json_t *show_status(struct daemon *daemon);
json_t *show_gateway(const struct daemon *daemon);
json_t *show_endpoints(const struct daemon *daemon);
json_t *show_identities(const struct daemon *daemon);
json_t *show_policies(const struct daemon *daemon);
json_t *show_classes(const struct daemon *daemon);
json_t *show_deny(const struct daemon *daemon);
json_t *show_ports(const struct daemon *daemon);
json_t *show_history(const struct daemon *daemon);
json_t *show_flows(struct daemon *daemon);
json_t *show_documents(const struct daemon *daemon);

/* All of it, for SIGUSR1. */
json_t *show_all(struct daemon *daemon);

/* "source:key=value" each, as an array. */
json_t *labels_as_json(const struct labels *labels);

#endif
