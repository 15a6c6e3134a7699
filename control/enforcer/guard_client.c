/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "enforcer/guard_client.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "enforcer/guard_link.h"
#include "enforcer/guard_rules.h"
#include "util/cleanup.h"

#define PATIENCE_MS 2000

struct guard_client {
	char *run_directory;
	int poll;	       /* an epoll descriptor: the same while the socket comes and goes */
	int fd;		       /* -1: not connected */
	unsigned last;	       /* number of the last request */
	json_t *held;	       /* events that came while we waited for an answer */
	json_t *status;	       /* the last answer to that request; NULL: none */
	unsigned status_asked; /* its number; 0: none is under way */
	json_t *counted;       /* by policy: what the guard of counted_pid has counted */
	json_t *past;	       /* what those before it had */
	json_int_t counted_pid;
	json_t *spared;	    /* pids, for the next connection */
	char net[PATH_MAX]; /* as said last, the same */
	guard_event_fn *on_event;
	void *context;
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void disconnect(struct guard_client *client)
{
	close_p(&client->fd);
	client->fd = -1;
	client->status_asked = 0;
	json_decref(client->status);
	client->status = NULL;
}

/* Sends a request; *number: what its answer carries. Takes over the request. */
static int ask(struct guard_client *client, json_t *request, int passed, unsigned *number)
{
	int err;

	*number = ++client->last;
	json_object_set_new(request, "re", json_integer(*number));
	err = client->fd < 0 ? -ENOTCONN : guard_link_send(client->fd, request, passed);
	json_decref(request);
	if (err && err != -EAGAIN)
		disconnect(client);
	return err;
}

/* A guard begins at nothing: what the one before has counted is kept. */
static void keep_counters(struct guard_client *client)
{
	json_t *own, *value;
	const char *policy, *field;

	json_object_foreach(client->counted, policy, own)
	{
		json_t *sum = json_object_get(client->past, policy);

		if (!sum) {
			json_object_set_new(client->past, policy, json_copy(own));
			continue;
		}
		json_object_foreach(own, field, value) json_object_set_new(
			sum, field,
			json_integer(json_integer_value(value) +
				     json_integer_value(json_object_get(sum, field))));
	}
}

static void take_status(struct guard_client *client, json_t *status)
{
	json_int_t pid = json_integer_value(json_object_get(status, "pid"));

	json_decref(client->status);
	client->status = status;
	client->status_asked = 0;
	if (client->counted_pid && pid != client->counted_pid)
		keep_counters(client);
	json_decref(client->counted);
	client->counted = json_incref(json_object_get(status, "counters"));
	client->counted_pid = pid;
}

/* A policy that comes back under its name is a new one. */
static void forget_counters(struct guard_client *client, const struct enforcer_wish *wishes,
			    size_t n_wishes)
{
	const char *policy;
	json_t *own;
	void *next;

	json_object_foreach_safe(client->past, next, policy, own)
	{
		bool kept = false;

		for (size_t i = 0; i < n_wishes; i++)
			kept = kept || !strcmp(wishes[i].policy->name, policy);
		if (!kept)
			json_object_del(client->past, policy);
	}
}

/* What is no answer to `number` is kept for guard_client_work(). true: it is the answer. */
static bool sort(struct guard_client *client, json_t *message, unsigned number)
{
	unsigned re = (unsigned)json_integer_value(json_object_get(message, "re"));

	if (number && re == number)
		return true;
	if (re && re == client->status_asked) {
		take_status(client, message);
	} else if (json_object_get(message, "event")) {
		json_array_append_new(client->held, message);
	} else {
		json_decref(message);
	}
	return false;
}

static int wait_for(struct guard_client *client, unsigned number, json_t **ret)
{
	uint64_t end_ms = now_ms() + PATIENCE_MS;

	while (now_ms() < end_ms) {
		json_t *message;
		int err = guard_link_receive(client->fd, 100, &message);

		if (err == -EAGAIN || err == -EBADMSG || err == -EMSGSIZE)
			continue;
		if (err) {
			disconnect(client);
			return err;
		}
		if (!sort(client, message, number))
			continue;
		*ret = message;
		return 0;
	}
	/* An answer that comes later would be taken for one to another request. */
	disconnect(client);
	return -ETIMEDOUT;
}

/* Asks and waits. `why` (may be NULL) gets the guard's words. Takes over the request. */
static int demand(struct guard_client *client, json_t *request, int passed, char *why)
{
	json_t *answer;
	unsigned number;
	int err = ask(client, request, passed, &number);

	err = err ?: wait_for(client, number, &answer);
	if (err)
		return err;
	if (!json_is_true(json_object_get(answer, "ok"))) {
		const char *said = json_string_value(json_object_get(answer, "why"));

		err = -(int)json_integer_value(json_object_get(answer, "error"));
		if (why)
			snprintf(why, GUARD_WHY_BYTES, "%.250s", said ? said : "the guard refuses");
		err = err < 0 ? err : -EIO;
	}
	json_decref(answer);
	return err;
}

static int tell_net(struct guard_client *client)
{
	unsigned number;

	return ask(client, json_pack("{s:s s:s}", "do", "net", "directory", client->net), -1,
		   &number);
}

static void connect_now(struct guard_client *client)
{
	struct epoll_event event = {.events = EPOLLIN};
	unsigned number;
	int fd = guard_link_open(client->run_directory);

	if (fd < 0)
		return;
	client->fd = fd;
	if (epoll_ctl(client->poll, EPOLL_CTL_ADD, fd, &event) ||
	    (client->on_event && ask(client, json_pack("{s:s}", "do", "watch"), -1, &number)) ||
	    ask(client, json_pack("{s:s s:O}", "do", "spare", "pids", client->spared), -1,
		&number) ||
	    tell_net(client))
		disconnect(client);
}

int guard_client_open(const char *run_directory, struct guard_client **ret)
{
	struct guard_client *client = calloc(1, sizeof(*client));

	if (!client)
		return -ENOMEM;
	client->fd = -1;
	client->run_directory = strdup(run_directory);
	client->held = json_array();
	client->spared = json_array();
	client->past = json_object();
	client->poll = epoll_create1(EPOLL_CLOEXEC);
	if (!client->run_directory || !client->held || !client->spared || !client->past ||
	    client->poll < 0) {
		guard_client_close(client);
		return -ENOMEM;
	}
	connect_now(client);
	*ret = client;
	return 0;
}

void guard_client_close(struct guard_client *client)
{
	if (!client)
		return;
	disconnect(client);
	close_p(&client->poll);
	json_decref(client->held);
	json_decref(client->spared);
	json_decref(client->counted);
	json_decref(client->past);
	free(client->run_directory);
	free(client);
}

int guard_client_fd(const struct guard_client *client)
{
	return client->poll;
}

bool guard_client_connected(const struct guard_client *client)
{
	return client->fd >= 0;
}

void guard_client_on_event(struct guard_client *client, guard_event_fn *fn, void *context)
{
	unsigned number;

	client->on_event = fn;
	client->context = context;
	if (fn && client->fd >= 0)
		ask(client, json_pack("{s:s}", "do", "watch"), -1, &number);
}

static void deliver(struct guard_client *client)
{
	json_t *held = client->held, *message;
	size_t i;

	client->held = json_array();
	json_array_foreach(held, i, message)
	{
		struct hook_event event;

		if (guard_event_read(json_object_get(message, "event"), &event))
			continue;
		if (client->on_event)
			client->on_event(client->context, &event);
		hook_event_clear(&event);
	}
	json_decref(held);
}

static void drain(struct guard_client *client)
{
	while (client->fd >= 0) {
		json_t *message;
		int err = guard_link_receive(client->fd, 0, &message);

		if (err == -EAGAIN)
			return;
		if (err == -ENOTCONN)
			disconnect(client);
		else if (!err && sort(client, message, 0))
			json_decref(message);
	}
}

void guard_client_read(struct guard_client *client)
{
	drain(client);
	deliver(client);
}

void guard_client_work(struct guard_client *client)
{
	unsigned number;

	drain(client);
	if (client->fd < 0)
		connect_now(client);
	deliver(client);
	if (client->fd >= 0 && !client->status_asked &&
	    !ask(client, json_pack("{s:s}", "do", "status"), -1, &number))
		client->status_asked = number;
}

int guard_client_apply(struct guard_client *client, const struct enforcer_wish *wishes,
		       size_t n_wishes, guard_serves_fn *serves, void *context,
		       char why[GUARD_WHY_BYTES], struct place *at)
{
	json_t *document = guard_rules(wishes, n_wishes, serves, context);
	bool any = json_array_size(json_object_get(document, "policies")) > 0;
	cleanup_close int fd = guard_link_wrap(document);
	int err;

	json_decref(document);
	*why = '\0';
	if (fd < 0)
		return fd;
	if (client->fd < 0)
		connect_now(client);
	err = demand(client, json_pack("{s:s}", "do", "apply"), fd, why);
	if (err == -ENOTCONN && !any)
		return 0;
	if (!err)
		forget_counters(client, wishes, n_wishes);
	if (err && !*why)
		snprintf(why, GUARD_WHY_BYTES, "chasqui-guard: %s", strerror(-err));
	if (err && at && n_wishes)
		*at = wishes[0].policy->at;
	return err;
}

int guard_client_set(struct guard_client *client, const char *policy, bool enabled,
		     enum tracing_mode mode)
{
	return demand(client,
		      json_pack("{s:s s:s s:b s:s}", "do", "set", "policy", policy, "enabled",
				enabled, "mode", mode == TRACING_MONITOR ? "monitor" : "enforce"),
		      -1, NULL);
}

int guard_client_spare(struct guard_client *client, const int *pids, size_t n_pids)
{
	json_array_clear(client->spared);
	for (size_t i = 0; i < n_pids; i++)
		json_array_append_new(client->spared, json_integer(pids[i]));
	if (client->fd < 0)
		return 0;
	return demand(client, json_pack("{s:s s:O}", "do", "spare", "pids", client->spared), -1,
		      NULL);
}

void guard_client_net(struct guard_client *client, const char *directory)
{
	snprintf(client->net, sizeof(client->net), "%s", directory);
	tell_net(client);
}

static uint64_t number_of(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

int guard_client_counters(struct guard_client *client, const char *policy,
			  struct guard_counters *ret)
{
	const json_t *parts[] = {json_object_get(client->counted, policy),
				 json_object_get(client->past, policy)};

	if (!parts[0] && !parts[1])
		return -ENOENT;
	*ret = (struct guard_counters){};
	for (size_t i = 0; i < 2; i++) {
		ret->hits += number_of(parts[i], "hits");
		ret->posts += number_of(parts[i], "posts");
		ret->enforced += number_of(parts[i], "enforced");
		ret->monitored += number_of(parts[i], "monitored");
		ret->spared += number_of(parts[i], "spared");
		ret->lost += number_of(parts[i], "lost");
		ret->limited += number_of(parts[i], "limited");
	}
	return 0;
}

void guard_client_status(const struct guard_client *client, struct guard_status *ret)
{
	const json_t *status = client->status;
	const char *version = json_string_value(json_object_get(status, "version"));

	*ret = (struct guard_status){
		.connected = client->fd >= 0,
		.pid = (int)number_of(status, "pid"),
		.pre_access = json_is_true(json_object_get(status, "pre_access")),
		.directories = (uint32_t)number_of(status, "directories"),
		.files = (uint32_t)number_of(status, "files"),
		.held = (uint32_t)number_of(status, "held"),
		.missing = (uint32_t)number_of(status, "missing"),
		.asked = number_of(status, "asked"),
		.denied = number_of(status, "denied"),
		.killed = number_of(status, "killed"),
		.lost = number_of(status, "lost"),
		.restarts = number_of(status, "restarts"),
	};
	ret->marks = ret->directories + ret->files;
	snprintf(ret->version, sizeof(ret->version), "%s", version ? version : "");
}
