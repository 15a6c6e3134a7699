// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "daemon/change.h"

#include <errno.h>
#include <string.h>

#include "daemon/change_inside.h"
#include "daemon/confirm.h"
#include "daemon/history.h"
#include "daemon/hits.h"
#include "daemon/notify.h"
#include "daemon/ports.h"
#include "daemon/tunnel.h"
#include "daemon/worker.h"
#include "identity/registry.h"
#include "observe/names.h"
#include "util/cleanup.h"
#include "util/log.h"

/* Generations for which a number is kept that none of them asks for: events and flows lag behind.
 */
#define IDENTITY_ROUNDS 8

static void read_documents(void *data);
static void on_read(void *data);
static void compile(void *data);
static void on_compiled(void *data);

static void change_free(struct change *change)
{
	enforcer_plan_free(change->plan);
	if (change->config && change->config != change->daemon->live.config)
		config_free(change->config);
	generation_free(change->generation);
	problems_free(&change->problems);
	stage_free(&change->stage);
	free(change->own.list);
	free(change->port_numbers);
	free(change->who);
	free(change->text);
	free(change->refusal);
	free(change->first_refusal);
	free(change);
}

/* Starts the first that waits, or, when nothing is under way any more, says so. */
static void start_next(struct daemon *daemon)
{
	struct change *change = daemon->changing;

	if (!change || worker_busy(daemon->worker))
		return;
	if (worker_start(daemon->worker, read_documents, on_read, change) < 0) {
		change_refuse(change, -ENOMEM, "no thread could be started");
		on_read(change);
	}
}

/* In the worker: the stage, and what the documents say. */
static int stage_documents(struct change *change)
{
	struct stage *stage = &change->stage;
	int err;

	stage->config_directory = change->daemon->options.config_directory;
	stage->state_directory = change->daemon->options.state_directory;
	if (change->kind == CHANGE_ROLLBACK || change->last_good)
		return stage_history(stage, change->history);
	err = stage_directory(stage);
	if (!err && change->kind == CHANGE_APPLY)
		return stage_apply(stage, change->text, change->bytes);
	if (!err && change->kind == CHANGE_DELETE)
		return stage_delete(stage, change->text, change->bytes);
	return err;
}

static void read_documents(void *data)
{
	struct change *change = data;
	int err;

	if (change->kind == CHANGE_RECOMPILE)
		return;
	err = stage_documents(change);
	if (err) {
		change_refuse(change, err, "%s",
			      change->stage.refusal ? change->stage.refusal : strerror(-err));
		return;
	}
	err = config_read(change->stage.path, &change->config, &change->problems);
	if (err == -EINVAL && change->problems.count)
		change_refuse(change, err, "%zu problem%s in the documents; nothing was changed",
			      change->problems.count, change->problems.count == 1 ? "" : "s");
	else if (err)
		change_refuse(change, err, "%s: %s", change->stage.config_directory,
			      strerror(-err));
	else if (!change->config->gateway.at.line)
		change_refuse(
			change, -EINVAL,
			"%s has no Gateway document, so there is no port to guard; nothing was changed",
			change->stage.config_directory);
}

/* The change is over, whatever came of it: the next may begin. */
static void finish(struct change *change)
{
	struct daemon *daemon = change->daemon;
	char status[256];

	if (change->err)
		change_tell_refusal(change);
	if (change->err && change->undo && daemon->pending.back_to)
		confirm_retry(daemon);
	daemon->changing = change->next;
	daemon->changes_done++;
	ports_describe(daemon, status, sizeof(status));
	if (!daemon->ready || change->kind == CHANGE_RELOAD)
		notify_ready(status);
	else
		notify_status(status);
	daemon->ready = true;
	change_free(change);
	start_next(daemon);
}

/*
 * At the start a bad directory does not leave the gateway closed while there is a
 * configuration that was good: loudly, and the directory stays as it is.
 */
static bool fall_back(struct change *change)
{
	uint32_t newest = history_newest(change->daemon->options.state_directory);

	if (change->kind != CHANGE_START || change->last_good)
		return false;
	change_log_problems(change);
	log_error("%s is refused: %s", change->daemon->options.config_directory,
		  change->refusal ? change->refusal : strerror(-change->err));
	if (!newest) {
		log_error(
			"%s",
			datapath_live(change->daemon->datapath)
				? "no earlier configuration is kept: the kernel goes on enforcing what it has"
				: "no earlier configuration is kept: nothing is forwarded until a reload is right");
		return false;
	}
	log_error("THE LAST GOOD CONFIGURATION (%u of the history) is enforced instead", newest);
	change->last_good = true;
	change->history = newest;
	change->first_refusal = give(change->refusal);
	change->err = 0;
	problems_free(&change->problems);
	change->problems = (struct problems){};
	config_free(give(change->config));
	return true;
}

static void fail(struct change *change)
{
	registry_abandon(change->daemon->identities);
	if (fall_back(change)) {
		start_next(change->daemon);
		return;
	}
	finish(change);
}

/* The ports by their place, and behind them the tunnel's device; NULL past the last. */
static const char *name_at(const struct gateway *gateway, size_t place)
{
	if (place < gateway->n_ports)
		return gateway->ports[place].name;
	return place == gateway->n_ports && gateway->tunnel.at.line ? gateway->tunnel.name : NULL;
}

static bool has_port(const struct config *config, const char *name)
{
	const char *there;

	for (size_t i = 0; config && (there = name_at(&config->gateway, i)); i++)
		if (strcmp(there, name) == 0)
			return true;
	return false;
}

static bool port_wanted(const void *data, const char *name)
{
	const struct change *change = data;

	return has_port(change->config, name) || has_port(change->daemon->live.config, name);
}

/* Ports that come and go (a tap for each guest) use the numbers up: those of the gone come back. */
static uint16_t port_number_of(struct change *change, const char *name)
{
	struct daemon *daemon = change->daemon;
	uint16_t number = datapath_port_number(daemon->datapath, name);

	if (number || !daemon->live.config)
		return number;
	datapath_ports_forget(daemon->datapath, port_wanted, change);
	return datapath_port_number(daemon->datapath, name);
}

static int number_ports(struct change *change)
{
	const struct gateway *gateway = &change->config->gateway;
	const char *name;

	free(change->port_numbers);
	change->port_numbers = calloc(gateway->n_ports + 1, sizeof(*change->port_numbers));
	if (!change->port_numbers)
		return change_refuse(change, -ENOMEM, "out of memory");
	for (size_t i = 0; (name = name_at(gateway, i)); i++) {
		change->port_numbers[i] = port_number_of(change, name);
		if (!change->port_numbers[i])
			return change_refuse(
				change, -E2BIG,
				"port %s: no number is left for it, %d ports are the most", name,
				CHQ_PORT_MAX - 1);
	}
	return 0;
}

/* In the loop, between the worker's two parts: what the compiler must know of the world. */
static void begin_compile(struct change *change)
{
	struct daemon *daemon = change->daemon;
	int err = number_ports(change);

	if (!err)
		err = addresses_copy(&daemon->own, &change->own);
	if (!err)
		err = worker_start(daemon->worker, compile, on_compiled, change);
	if (!err)
		return;
	if (!change->err)
		change_refuse(change, err, "%s", strerror(-err));
	fail(change);
}

/*
 * While a change waits to be confirmed, nothing is built on it that would go back with it. Who
 * rolls back has decided, and who asks for confirmation again has the time from now on.
 */
static int refuse_while_pending(struct change *change)
{
	const struct pending *pending = &change->daemon->pending;

	if (change->undo && !pending->back_to)
		return change_refuse(change, -EBUSY, "somebody else has decided meanwhile");
	if (!pending->back_to || change->confirm_s || change->kind == CHANGE_START ||
	    change->kind == CHANGE_ROLLBACK || change->kind == CHANGE_RECOMPILE)
		return 0;
	return change_refuse(
		change, -EBUSY,
		"the last change waits to be confirmed; first \"chasqui confirm\", or \"chasqui rollback %u\"",
		pending->back_to);
}

static void on_read(void *data)
{
	struct change *change = data;

	if (change->kind == CHANGE_RECOMPILE) {
		change->config = change->daemon->live.config;
		if (!change->config) { /* nothing of ours is live */
			change->daemon->changing = change->next;
			start_next(change->daemon);
			change_free(change);
			return;
		}
	}
	if (change->err || refuse_while_pending(change) < 0)
		fail(change);
	else
		begin_compile(change);
}

static uint16_t port_number(void *data, const char *name)
{
	const struct change *change = data;
	const struct gateway *gateway = &change->config->gateway;
	const char *there;

	for (size_t i = 0; (there = name_at(gateway, i)); i++)
		if (strcmp(there, name) == 0)
			return change->port_numbers[i];
	return 0;
}

static chq_identity identity_number(void *data, const struct labels *labels, bool is_prefix)
{
	const struct change *change = data;

	return registry_number(change->daemon->identities, labels, is_prefix);
}

/* In the worker: the device, and what the engine is to know. It ends with the change. */
static void apply_tunnel(struct change *change)
{
	char words[768];
	int err;

	if (change->kind == CHANGE_RECOMPILE)
		return;
	err = tunnel_begin_change(change->daemon, change->config, words, sizeof(words));
	if (err)
		change_refuse(change, err, "%s; nothing was changed", words);
	change->tunnel_applied = !err;
}

static void end_tunnel(struct change *change, bool keep)
{
	if (change->tunnel_applied)
		tunnel_end_change(change->daemon, keep);
	change->tunnel_applied = false;
}

static void compile(void *data)
{
	struct change *change = data;
	struct facts facts = {.port_number = port_number,
			      .identity_number = identity_number,
			      .data = change,
			      .own = change->own.list,
			      .n_own = change->own.count};
	int err;

	/* as many again as one generation may have: those of the live one stay beside them */
	registry_limit(change->daemon->identities, 2 * change->config->gateway.limits.identities);
	registry_begin(change->daemon->identities);
	err = generation_compile(change->config, &facts, &change->generation, &change->problems);

	if (err && change->problems.count)
		change_refuse(change, err, "%zu problem%s in the documents; nothing was changed",
			      change->problems.count, change->problems.count == 1 ? "" : "s");
	else if (err)
		change_refuse(change, err, "the compiler: %s", strerror(-err));
	else
		apply_tunnel(change);
}

static void on_compiled(void *data)
{
	struct change *change = data;
	struct daemon *daemon = change->daemon;

	if (change->err || change_install(change) < 0) {
		end_tunnel(change, false);
		fail(change);
		return;
	}
	if (!change->in_place)
		hits_follow(daemon, change->generation);
	change_make_live(change);
	registry_commit(daemon->identities, IDENTITY_ROUNDS);
	if (names_learn(daemon->names, daemon->live.number, daemon->live.generation) < 0)
		log_warn("events of generation %u come without names: out of memory",
			 daemon->live.number);
	end_tunnel(change, true);
	if (change->kind != CHANGE_RECOMPILE)
		change_keep(change);
	if (change->kind == CHANGE_ROLLBACK && !change->confirm_s)
		confirm_end(daemon);
	ports_sync(daemon, true);
	change_tell_success(change);
	finish(change);
}

bool change_waits(const struct daemon *daemon, enum change_kind kind)
{
	const struct change *change = daemon->changing;

	for (change = change ? change->next : NULL; change; change = change->next)
		if (change->kind == kind)
			return true;
	return false;
}

static struct change *change_new(struct daemon *daemon, const struct change_order *order)
{
	struct change *change = calloc(1, sizeof(*change));

	if (!change)
		return NULL;
	change->daemon = daemon;
	change->kind = order->kind;
	change->who = strdup(order->who);
	change->text = order->bytes ? malloc(order->bytes + 1) : NULL;
	if (!change->who || (order->bytes && !change->text)) {
		change_free(change);
		return NULL;
	}
	if (order->bytes)
		memcpy(change->text, order->text, order->bytes);
	change->bytes = order->bytes;
	change->history = order->history;
	change->confirm_s = order->confirm_s;
	change->undo = order->undo;
	change->request = order->request;
	return change;
}

int change_begin(struct daemon *daemon, const struct change_order *order)
{
	struct change **last = &daemon->changing, *change;
	size_t waiting = 0;

	for (; *last; last = &(*last)->next)
		waiting++;
	if (waiting >= CHANGES_MOST)
		return -EBUSY;
	change = change_new(daemon, order);
	if (!change)
		return -ENOMEM;
	*last = change;
	if (order->kind == CHANGE_RELOAD)
		notify_reloading();
	if (waiting == 0)
		start_next(daemon);
	return 0;
}

/* Requests that wait are answered by the server when it closes. */
void changes_drop(struct daemon *daemon)
{
	struct change *change;

	while ((change = daemon->changing)) {
		daemon->changing = change->next;
		change_free(change);
	}
}
