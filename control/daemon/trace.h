/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef DAEMON_TRACE_H
#define DAEMON_TRACE_H

struct api_request;

/* POST /v1/trace: {"source": ADDRESS, "target": ADDRESS, "aim": NUMBER, "sport": PORT, "in": NAME}
 */
void post_trace(void *data, struct api_request *request);

#endif
