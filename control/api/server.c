// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "api/server.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "util/cleanup.h"

#define HEADER_BYTES	   16384
#define REQUEST_TIMEOUT_S  20
#define ANSWER_TIMEOUT_S   900 /* a reload of a large directory */
#define ARGUMENT_BYTES	   256
#define CONTENT_TYPE_JSON  "application/json"
#define CONTENT_TYPE_LINES "application/x-ndjson"

struct api_stream {
	struct api_server *server;
	struct evhttp_request *http;
	const struct api_channel *channel; /* NULL: of api_stream_send() */
	void *filter;
	uint64_t lost;
	LIST_ENTRY(api_stream) entry;
};

struct api_request {
	struct api_server *server;
	struct evhttp_request *http;
	char argument[ARGUMENT_BYTES];
	struct evkeyvalq query;
	char *body;
	size_t body_bytes;
	uid_t peer;
	LIST_ENTRY(api_request) entry;
};

struct api_server {
	struct evhttp *http;
	const struct api_route *routes;
	void *data;
	char *socket_path;
	LIST_HEAD(api_streams, api_stream) streams;
	LIST_HEAD(api_requests, api_request) waiting;
	size_t n_streams;
};

static struct bufferevent *channel_of(struct evhttp_request *http)
{
	struct evhttp_connection *connection = evhttp_request_get_connection(http);

	return connection ? evhttp_connection_get_bufferevent(connection) : NULL;
}

static uid_t peer_of(struct evhttp_request *http)
{
	struct bufferevent *channel = channel_of(http);
	struct ucred who = {.uid = (uid_t)-1};
	socklen_t length = sizeof(who);

	if (channel)
		getsockopt(bufferevent_getfd(channel), SOL_SOCKET, SO_PEERCRED, &who, &length);
	return who.uid;
}

static void request_free(struct api_request *request)
{
	LIST_REMOVE(request, entry);
	evhttp_clear_headers(&request->query);
	free(request->body);
	free(request);
}

/* Does `path` say what `pattern` does, with any one word for its asterisk? */
static bool path_matches(const char *pattern, const char *path, char *ret_argument)
{
	size_t before = strcspn(pattern, "*"), length;

	*ret_argument = '\0';
	if (!pattern[before])
		return strcmp(pattern, path) == 0;
	if (strncmp(pattern, path, before) != 0)
		return false;
	path += before;
	length = strcspn(path, "/");
	if (length == 0 || length >= ARGUMENT_BYTES ||
	    strcmp(pattern + before + 1, path + length) != 0)
		return false;
	snprintf(ret_argument, ARGUMENT_BYTES, "%.*s", (int)length, path);
	return true;
}

static bool method_matches(const char *method, struct evhttp_request *http)
{
	enum evhttp_cmd_type command = evhttp_request_get_command(http);

	return command == (strcmp(method, "POST") == 0 ? EVHTTP_REQ_POST : EVHTTP_REQ_GET);
}

static int copy_body(struct api_request *request)
{
	struct evbuffer *input = evhttp_request_get_input_buffer(request->http);

	request->body_bytes = evbuffer_get_length(input);
	request->body = calloc(1, request->body_bytes + 1);
	if (!request->body)
		return -ENOMEM;
	evbuffer_remove(input, request->body, request->body_bytes);
	return 0;
}

static struct api_request *request_new(struct api_server *server, struct evhttp_request *http)
{
	struct api_request *request = calloc(1, sizeof(*request));
	struct evhttp_connection *connection = evhttp_request_get_connection(http);
	const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(http));

	if (!request)
		return NULL;
	request->server = server;
	request->http = http;
	request->peer = peer_of(http);
	TAILQ_INIT(&request->query);
	LIST_INSERT_HEAD(&server->waiting, request, entry);
	if (copy_body(request) < 0) {
		request_free(request);
		return NULL;
	}
	if (query)
		evhttp_parse_query_str(query, &request->query);
	if (connection)
		evhttp_connection_set_timeout(connection, ANSWER_TIMEOUT_S);
	return request;
}

static void dispatch(struct api_request *request, const char *path)
{
	const struct api_route *route = request->server->routes;
	bool known = false;

	for (; route->method; route++) {
		if (!path_matches(route->path, path, request->argument))
			continue;
		known = true;
		if (method_matches(route->method, request->http)) {
			route->handle(request->server->data, request);
			return;
		}
	}
	if (known)
		api_refuse(request, 405, "%s does not take this method", path);
	else
		api_refuse(request, 404, "there is nothing at %s", path);
}

static void on_request(struct evhttp_request *http, void *data)
{
	const char *uri = evhttp_request_get_uri(http), *path;
	struct api_request *request;

	path = uri ? evhttp_uri_get_path(evhttp_request_get_evhttp_uri(http)) : NULL;
	if (!path) {
		evhttp_send_error(http, HTTP_BADREQUEST, NULL);
		return;
	}
	request = request_new(data, http);
	if (!request) {
		evhttp_send_error(http, HTTP_INTERNAL, "out of memory");
		return;
	}
	dispatch(request, path);
}

const char *api_argument(const struct api_request *request)
{
	return request->argument;
}

const char *api_query(const struct api_request *request, const char *name)
{
	return evhttp_find_header(&request->query, name);
}

const char *api_body(const struct api_request *request, size_t *ret_bytes)
{
	*ret_bytes = request->body_bytes;
	return request->body;
}

uid_t api_peer(const struct api_request *request)
{
	return request->peer;
}

static void add_type(struct evhttp_request *http, const char *type)
{
	evhttp_add_header(evhttp_request_get_output_headers(http), "Content-Type", type);
}

static const char *status_text(int status)
{
	return status < 300 ? "OK" : status < 500 ? "Refused" : "Failed";
}

void api_reply(struct api_request *request, int status, json_t *body)
{
	struct evbuffer *out = evhttp_request_get_output_buffer(request->http);
	cleanup_free char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;

	json_decref(body);
	if (!text) {
		status = 500;
		text = strdup("{\"error\":\"the answer could not be written as JSON\"}");
	}
	evbuffer_add_printf(out, "%s\n", text ? text : "");
	add_type(request->http, CONTENT_TYPE_JSON);
	evhttp_send_reply(request->http, status, status_text(status), NULL);
	request_free(request);
}

void api_refuse(struct api_request *request, int status, const char *format, ...)
{
	cleanup_free char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	api_reply(request, status, json_pack("{s:s}", "error", text ? text : "out of memory"));
}

void api_reply_lines(struct api_request *request, const char *text, size_t bytes)
{
	evbuffer_add(evhttp_request_get_output_buffer(request->http), text, bytes);
	add_type(request->http, CONTENT_TYPE_LINES);
	evhttp_send_reply(request->http, 200, status_text(200), NULL);
	request_free(request);
}

static void stream_forget(struct api_stream *stream)
{
	LIST_REMOVE(stream, entry);
	stream->server->n_streams--;
	if (stream->channel)
		stream->channel->forget(stream->filter);
	free(stream);
}

/* By then evhttp has let go of a request that was still being answered. */
static void on_stream_closed(struct evhttp_connection *connection, void *data)
{
	struct api_stream *stream = data;

	(void)connection;
	if (!evhttp_request_get_connection(stream->http))
		evhttp_request_free(stream->http);
	stream_forget(stream);
}

static void stream_end(struct api_stream *stream)
{
	struct evhttp_connection *connection = evhttp_request_get_connection(stream->http);

	evhttp_connection_set_closecb(connection, NULL, NULL);
	evhttp_send_reply_end(stream->http);
	stream_forget(stream);
}

/* NULL: it was refused. */
static struct api_stream *stream_start(struct api_request *request)
{
	struct evhttp_connection *connection = evhttp_request_get_connection(request->http);
	struct api_server *server = request->server;
	struct api_stream *stream;

	if (server->n_streams >= API_STREAMS) {
		api_refuse(request, 503, "%d clients listen already, that is the most",
			   API_STREAMS);
		return NULL;
	}
	stream = connection ? calloc(1, sizeof(*stream)) : NULL;
	if (!stream) {
		api_refuse(request, 503, "out of memory");
		return NULL;
	}
	stream->server = server;
	stream->http = request->http;
	LIST_INSERT_HEAD(&server->streams, stream, entry);
	server->n_streams++;
	evhttp_connection_set_timeout(connection, 0); /* silence is no reason to hang up */
	evhttp_connection_set_closecb(connection, on_stream_closed, stream);
	add_type(stream->http, CONTENT_TYPE_LINES);
	evhttp_send_reply_start(stream->http, 200, "OK");
	request_free(request);
	return stream;
}

void api_stream_start(struct api_request *request)
{
	stream_start(request);
}

static void send_lines(struct api_stream *stream, const char *lines, size_t bytes)
{
	struct evbuffer *chunk = evbuffer_new();

	if (chunk && evbuffer_add(chunk, lines, bytes) == 0)
		evhttp_send_reply_chunk(stream->http, chunk);
	if (chunk)
		evbuffer_free(chunk);
}

void api_channel_start(struct api_request *request, const struct api_channel *channel, void *filter,
		       const char *lines, size_t bytes)
{
	struct api_stream *stream = stream_start(request);

	if (!stream) {
		channel->forget(filter);
		return;
	}
	stream->channel = channel;
	stream->filter = filter;
	if (bytes)
		send_lines(stream, lines, bytes);
}

static void send_line(struct api_stream *stream, const char *line)
{
	struct bufferevent *channel = channel_of(stream->http);
	struct evbuffer *chunk;

	if (!channel || evbuffer_get_length(bufferevent_get_output(channel)) > API_STREAM_BYTES) {
		stream->lost++;
		return;
	}
	chunk = evbuffer_new();
	if (!chunk) {
		stream->lost++;
		return;
	}
	if (stream->lost)
		evbuffer_add_printf(chunk, "{\"lost\":%llu}\n", (unsigned long long)stream->lost);
	stream->lost = 0;
	evbuffer_add_printf(chunk, "%s\n", line);
	evhttp_send_reply_chunk(stream->http, chunk);
	evbuffer_free(chunk);
}

static bool is_for(const struct api_stream *stream, const struct api_channel *channel,
		   const void *event)
{
	return stream->channel == channel && (!channel || channel->wants(stream->filter, event));
}

void api_channel_send(struct api_server *server, const struct api_channel *channel,
		      const void *event, const char *line)
{
	struct api_stream *stream, *next;

	for (stream = LIST_FIRST(&server->streams); stream; stream = next) {
		next = LIST_NEXT(stream, entry);
		if (is_for(stream, channel, event))
			send_line(stream, line);
	}
}

bool api_channel_wants(const struct api_server *server, const struct api_channel *channel,
		       const void *event)
{
	const struct api_stream *stream;

	LIST_FOREACH(stream, &server->streams, entry)
	if (is_for(stream, channel, event))
		return true;
	return false;
}

void api_stream_send(struct api_server *server, const char *line)
{
	api_channel_send(server, NULL, NULL, line);
}

size_t api_streams(const struct api_server *server)
{
	const struct api_stream *stream;
	size_t count = 0;

	LIST_FOREACH(stream, &server->streams, entry)
	count += !stream->channel;
	return count;
}

/* A socket that nobody answers on any more is ours to replace: the daemon holds the lock. */
static int listen_at(struct event_base *base, const char *path, struct evconnlistener **ret)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	mode_t before;
	int err;

	if (strlen(path) >= sizeof(at.sun_path))
		return -ENAMETOOLONG;
	strcpy(at.sun_path, path);
	unlink(path);
	before = umask(0177);
	*ret = evconnlistener_new_bind(base, NULL, NULL,
				       LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 64,
				       (struct sockaddr *)&at, sizeof(at));
	err = -errno;
	umask(before);
	return *ret ? 0 : err;
}

static struct evhttp *http_new(struct event_base *base, struct api_server *server)
{
	struct evhttp *http = evhttp_new(base);

	if (!http)
		return NULL;
	evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_POST);
	evhttp_set_max_body_size(http, API_BODY_BYTES);
	evhttp_set_max_headers_size(http, HEADER_BYTES);
	evhttp_set_timeout(http, REQUEST_TIMEOUT_S);
	evhttp_set_gencb(http, on_request, server);
	return http;
}

int api_server_open(struct event_base *base, const char *socket_path,
		    const struct api_route *routes, void *data, struct api_server **ret)
{
	struct api_server *server = calloc(1, sizeof(*server));
	struct evconnlistener *listener = NULL;
	int err = -ENOMEM;

	if (!server)
		return -ENOMEM;
	LIST_INIT(&server->streams);
	LIST_INIT(&server->waiting);
	server->routes = routes;
	server->data = data;
	server->socket_path = strdup(socket_path);
	server->http = http_new(base, server);
	if (server->socket_path && server->http)
		err = listen_at(base, socket_path, &listener);
	if (!err && !evhttp_bind_listener(server->http, listener)) {
		evconnlistener_free(listener);
		err = -ENOMEM;
	}
	if (err) {
		api_server_close(server);
		return err;
	}
	*ret = server;
	return 0;
}

void api_server_close(struct api_server *server)
{
	if (!server)
		return;
	while (!LIST_EMPTY(&server->waiting))
		api_refuse(LIST_FIRST(&server->waiting), 503, "chasquid is stopping");
	while (!LIST_EMPTY(&server->streams))
		stream_end(LIST_FIRST(&server->streams));
	if (server->http)
		evhttp_free(server->http);
	if (server->socket_path)
		unlink(server->socket_path);
	free(server->socket_path);
	free(server);
}
