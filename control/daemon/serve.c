// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "daemon/serve.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/server.h"
#include "api/version.h"
#include "daemon/change.h"
#include "daemon/confirm.h"
#include "daemon/daemon.h"
#include "daemon/folder.h"
#include "daemon/hits.h"
#include "daemon/ports.h"
#include "daemon/processes.h"
#include "daemon/recent.h"
#include "daemon/show.h"
#include "daemon/trace.h"
#include "daemon/tracing.h"
#include "daemon/tunnel.h"
#include "util/cleanup.h"
#include "util/log.h"

static const char *who_asks(const struct api_request *request, char text[24])
{
	snprintf(text, 24, "uid %d", (int)api_peer(request));
	return text;
}

static void answer(struct api_request *request, json_t *body)
{
	if (body)
		api_reply(request, 200, body);
	else
		api_refuse(request, 500, "out of memory");
}

#define SHOWS(what)                                                     \
	static void get_##what(void *data, struct api_request *request) \
	{                                                               \
		answer(request, show_##what(data));                     \
	}

SHOWS(status)
SHOWS(gateway)
SHOWS(endpoints)
SHOWS(identities)
SHOWS(policies)
SHOWS(classes)
SHOWS(deny)
SHOWS(ports)
SHOWS(history)
SHOWS(tunnel)
SHOWS(peers)
SHOWS(flows)
SHOWS(documents)
SHOWS(rules)
SHOWS(selectors)
SHOWS(tracing)
SHOWS(back_ends)

/* ?confirm=SECONDS; false: that is no number of them, and the request is answered. */
static bool read_confirm(struct api_request *request, uint32_t *ret)
{
	const char *text = api_query(request, "confirm");
	unsigned long seconds = text ? strtoul(text, NULL, 10) : 0;

	if (text && (strlen(text) > 6 || text[strspn(text, "0123456789")] || seconds < 1 ||
		     seconds > CONFIRM_MOST_S)) {
		api_refuse(request, 422, "confirm: \"%.20s\" is no number of seconds from 1 to %d",
			   text, CONFIRM_MOST_S);
		return false;
	}
	*ret = seconds;
	return true;
}

static void begin(struct daemon *daemon, struct api_request *request, struct change_order *order)
{
	char who[24];

	if (!read_confirm(request, &order->confirm_s))
		return;
	order->who = who_asks(request, who);
	order->request = request;
	if (change_begin(daemon, order) < 0)
		api_refuse(request, 503, "too many changes wait already; nothing was changed");
}

static void post_reload(void *data, struct api_request *request)
{
	struct change_order order = {.kind = CHANGE_RELOAD};

	begin(data, request, &order);
}

static void post_documents(struct daemon *daemon, struct api_request *request,
			   enum change_kind kind)
{
	struct change_order order = {.kind = kind};

	order.text = api_body(request, &order.bytes);
	if (order.bytes == 0)
		api_refuse(request, 422, "the body holds no document");
	else
		begin(daemon, request, &order);
}

static void post_apply(void *data, struct api_request *request)
{
	post_documents(data, request, CHANGE_APPLY);
}

static void post_delete(void *data, struct api_request *request)
{
	post_documents(data, request, CHANGE_DELETE);
}

static void post_rollback(void *data, struct api_request *request)
{
	const char *number = api_argument(request);
	struct change_order order = {.kind = CHANGE_ROLLBACK};

	if (strlen(number) > 9 || number[strspn(number, "0123456789")]) {
		api_refuse(request, 422, "\"%s\" is no number of the history", number);
		return;
	}
	order.history = strtoul(number, NULL, 10);
	begin(data, request, &order);
}

static void post_confirm(void *data, struct api_request *request)
{
	struct daemon *daemon = data;
	char who[24], message[96];

	if (!daemon->pending.back_to) {
		api_refuse(request, 404, "no change waits to be confirmed");
		return;
	}
	if (daemon->pending.undoing) {
		api_refuse(request, 409, "too late: the change is being undone");
		return;
	}
	confirm_end(daemon);
	log_audit("confirm by %s: generation %u stays", who_asks(request, who),
		  daemon->live.number);
	snprintf(message, sizeof(message), "generation %u stays", daemon->live.number);
	api_reply(request, 200,
		  json_pack("{s:s, s:I}", "message", message, "generation",
			    (json_int_t)daemon->live.number));
}

static void post_flush(void *data, struct api_request *request)
{
	struct daemon *daemon = data;
	char who[24], message[96];
	size_t deleted = 0;
	int err = datapath_flush(daemon->datapath, NULL, NULL, &deleted);

	if (err) {
		api_refuse(request, 500, "%s", datapath_refusal(daemon->datapath));
		return;
	}
	log_audit("conntrack flush by %s: %zu flows forgotten", who_asks(request, who), deleted);
	snprintf(message, sizeof(message), "%zu flows forgotten", deleted);
	api_reply(request, 200,
		  json_pack("{s:s, s:I}", "message", message, "deleted", (json_int_t)deleted));
}

static void port_outcome(struct daemon *daemon, struct api_request *request, int err,
			 const char *verb)
{
	const char *name = api_argument(request), *words = datapath_refusal(daemon->datapath);
	char who[24], message[64];

	if (err == -ENOENT) {
		api_refuse(request, 404, "%s is no port of the live Gateway document", name);
		return;
	}
	if (err) {
		api_refuse(request, 409, "%s: %s", name,
			   err == -ENODEV    ? "there is no such interface"
			   : words && *words ? words
					     : strerror(-err));
		return;
	}
	log_audit("%s %s by %s", verb, name, who_asks(request, who));
	snprintf(message, sizeof(message), "%s: %sed", name, verb);
	api_reply(request, 200, json_pack("{s:s}", "message", message));
}

static void post_attach(void *data, struct api_request *request)
{
	port_outcome(data, request, ports_attach(data, api_argument(request)), "attach");
}

static void post_detach(void *data, struct api_request *request)
{
	port_outcome(data, request, ports_detach(data, api_argument(request)), "detach");
}

static void get_events(void *data, struct api_request *request)
{
	const char *follow = api_query(request, "follow");
	cleanup_free char *lines = NULL;
	size_t bytes;

	if (follow && strcmp(follow, "0") != 0) {
		api_stream_start(request);
		return;
	}
	lines = recent_lines(data, &bytes);
	if (lines)
		api_reply_lines(request, lines, bytes);
	else
		api_refuse(request, 500, "out of memory");
}

static const struct api_route routes[] = {
	{"GET", "/v1/status", get_status},
	{"GET", "/v1/gateway", get_gateway},
	{"GET", "/v1/endpoints", get_endpoints},
	{"GET", "/v1/identities", get_identities},
	{"GET", "/v1/policies", get_policies},
	{"GET", "/v1/classes", get_classes},
	{"GET", "/v1/rules", get_rules},
	{"GET", "/v1/selectors", get_selectors},
	{"GET", "/v1/conntrack", get_flows},
	{"GET", "/v1/deny", get_deny},
	{"GET", "/v1/ports", get_ports},
	{"GET", "/v1/history", get_history},
	{"GET", "/v1/tunnel", get_tunnel},
	{"GET", "/v1/peers", get_peers},
	{"GET", "/v1/documents", get_documents},
	{"GET", "/v1/tracing", get_tracing},
	{"GET", "/v1/tracing/back-ends", get_back_ends},
	{"GET", "/v1/events", get_events},
	{"GET", "/v1/processes/events", processes_serve},
	{"POST", "/v1/reload", post_reload},
	{"POST", "/v1/trace", post_trace},
	{"POST", "/v1/apply", post_apply},
	{"POST", "/v1/delete", post_delete},
	{"POST", "/v1/confirm", post_confirm},
	{"POST", "/v1/rollback/*", post_rollback},
	{"POST", "/v1/conntrack/flush", post_flush},
	{"POST", "/v1/ports/*/attach", post_attach},
	{"POST", "/v1/tracing/*/enable", post_tracing_enable},
	{"POST", "/v1/tracing/*/disable", post_tracing_disable},
	{"POST", "/v1/tracing/*/enforce", post_tracing_enforce},
	{"POST", "/v1/tracing/*/monitor", post_tracing_monitor},
	{"POST", "/v1/ports/*/detach", post_detach},
	{},
};

int serve_open(struct daemon *daemon)
{
	cleanup_free char *path = path_join(daemon->options.run_directory, API_SOCKET_NAME);

	if (!path)
		return -ENOMEM;
	return api_server_open(daemon->base, path, routes, daemon, &daemon->api);
}
