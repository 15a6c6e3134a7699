/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef API_SERVER_H
#define API_SERVER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * HTTP with JSON on a Unix socket. A request is answered once, by api_reply(),
 * api_refuse() or api_stream_start(), at once or later; it may be kept until then
 * also when the client has gone.
 */
struct event_base;
struct api_server;
struct api_request;
struct api_stream;

struct api_route {
	const char *method; /* GET or POST */
	const char *path;   /* "/v1/ports/" then an asterisk then "/attach": stands for one word */
	void (*handle)(void *data, struct api_request *request);
};

#define API_BODY_BYTES (64 << 20)
/* What waits for one slow reader; more is counted as lost. As much as a full ring becomes. */
#define API_STREAM_BYTES (6 << 20)
#define API_STREAMS	 32

/* `routes` ends with an empty row. The socket is made with mode 0600. */
int api_server_open(struct event_base *base, const char *socket_path,
		    const struct api_route *routes, void *data, struct api_server **ret);
void api_server_close(struct api_server *server); /* accepts NULL */

const char *api_argument(const struct api_request *request); /* what stood for the asterisk */
const char *api_query(const struct api_request *request, const char *name); /* NULL: not given */
const char *api_body(const struct api_request *request, size_t *ret_bytes); /* ends with a 0 */
uid_t api_peer(const struct api_request *request);

void api_reply(struct api_request *request, int status, json_t *body); /* takes the body */
void api_refuse(struct api_request *request, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Lines that are there already, each an object; the text stays the caller's. */
void api_reply_lines(struct api_request *request, const char *text, size_t bytes);

/* A reply without end, a line at a time; goes on until the client leaves. */
void api_stream_start(struct api_request *request);

/* To all who listen. What a slow reader misses is told him as {"lost":N}. */
void api_stream_send(struct api_server *server, const char *line);
size_t api_streams(const struct api_server *server);

/*
 * Streams of another subject, of which each reader has said what it wants. A line is made
 * only when somebody wants it.
 */
struct api_channel {
	bool (*wants)(const void *filter, const void *event);
	void (*forget)(void *filter);
};

/* Takes the filter, also when it refuses. `lines` (of `bytes`) come before all others. */
void api_channel_start(struct api_request *request, const struct api_channel *channel, void *filter,
		       const char *lines, size_t bytes);
bool api_channel_wants(const struct api_server *server, const struct api_channel *channel,
		       const void *event);
void api_channel_send(struct api_server *server, const struct api_channel *channel,
		      const void *event, const char *line);

#endif
