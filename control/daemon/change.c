// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "daemon/change.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/server.h"
#include "compile/hosts.h"
#include "daemon/addresses.h"
#include "daemon/confirm.h"
#include "daemon/daemon.h"
#include "daemon/history.h"
#include "daemon/hits.h"
#include "daemon/notify.h"
#include "daemon/ports.h"
#include "daemon/stage.h"
#include "daemon/state.h"
#include "daemon/tracing.h"
#include "daemon/tunnel.h"
#include "daemon/worker.h"
#include "identity/registry.h"
#include "observe/names.h"
#include "util/cleanup.h"
#include "util/log.h"

/* Generations for which a number is kept that none of them asks for: events and flows lag behind.
 */
#define IDENTITY_ROUNDS 8

/* One change under way, or waiting. */
struct change {
	struct change *next;
	struct daemon *daemon;
	enum change_kind kind;
	char *who, *text;
	size_t bytes;
	uint32_t history;
	uint32_t confirm_s; /* 0: for good */
	bool undo;
	bool in_place; /* came into the live generation */
	struct api_request *request;

	struct stage stage;
	struct config *config;
	struct generation *generation;
	struct enforcer_plan *plan; /* who serves the hooks of the TracingPolicies */
	struct problems problems;
	struct addresses own;	/* as the compiler is told */
	uint16_t *port_numbers; /* of the Gateway document's ports, in its order, and its tunnel */
	bool tunnel_applied;	/* and has to be ended */
	bool last_good;		/* the directory was bad, this is the newest of the history */
	int err;
	char *refusal;
	char *first_refusal; /* what was wrong with the directory, with last_good */
};

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

static int refuse(struct change *change, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(struct change *change, int err, const char *format, ...)
{
	va_list args;

	free(give(change->refusal));
	va_start(args, format);
	if (vasprintf(&change->refusal, format, args) < 0)
		change->refusal = NULL;
	va_end(args);
	change->err = err;
	return err;
}

static const char *how(const struct change *change, char *text, size_t size)
{
	static const char *const verbs[] = {
		[CHANGE_START] = "start",	[CHANGE_RELOAD] = "reload",
		[CHANGE_APPLY] = "apply",	[CHANGE_DELETE] = "delete",
		[CHANGE_ROLLBACK] = "rollback", [CHANGE_RECOMPILE] = "own addresses changed",
	};

	if (change->kind == CHANGE_ROLLBACK)
		snprintf(text, size, "rollback to %u", change->history);
	else
		snprintf(text, size, "%s%s%s%s", verbs[change->kind],
			 change->stage.summary ? " " : "",
			 change->stage.summary ? change->stage.summary : "",
			 change->last_good ? " (last good configuration)" : "");
	return text;
}

/* Starts the first that waits, or, when nothing is under way any more, says so. */
static void start_next(struct daemon *daemon)
{
	struct change *change = daemon->changing;

	if (!change || worker_busy(daemon->worker))
		return;
	if (worker_start(daemon->worker, read_documents, on_read, change) < 0) {
		refuse(change, -ENOMEM, "no thread could be started");
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
		refuse(change, err, "%s",
		       change->stage.refusal ? change->stage.refusal : strerror(-err));
		return;
	}
	err = config_read(change->stage.path, &change->config, &change->problems);
	if (err == -EINVAL && change->problems.count)
		refuse(change, err, "%zu problem%s in the documents; nothing was changed",
		       change->problems.count, change->problems.count == 1 ? "" : "s");
	else if (err)
		refuse(change, err, "%s: %s", change->stage.config_directory, strerror(-err));
	else if (!change->config->gateway.at.line)
		refuse(change, -EINVAL,
		       "%s has no Gateway document, so there is no port to guard; nothing was changed",
		       change->stage.config_directory);
}

static char *problems_text(const struct change *change)
{
	return change->problems.count ? problems_print(&change->problems) : NULL;
}

static json_t *refusal_as_json(const struct change *change)
{
	cleanup_free char *text = problems_text(change);
	json_t *answer =
		json_pack("{s:s, s:s*}", "error",
			  change->refusal ? change->refusal : strerror(-change->err), "text", text);
	json_t *list = json_array();

	for (size_t i = 0; i < change->problems.count; i++) {
		const struct problem *problem = &change->problems.list[i];
		const char *path = problem->at.line && problem->at.file < change->problems.n_paths
					   ? change->problems.paths[problem->at.file]
					   : "";

		json_array_append_new(list,
				      json_pack("{s:s, s:i, s:i, s:s}", "file", path, "line",
						(int)problem->at.line, "column",
						(int)problem->at.column, "text", problem->text));
	}
	if (change->problems.count)
		json_object_set_new(answer, "problems", list);
	else
		json_decref(list);
	return answer;
}

static int http_status(int err)
{
	switch (err) {
	case -EINVAL:
	case -E2BIG:
	case -EOPNOTSUPP:
		return 422;
	case -ENOENT:
		return 404;
	case -ESTALE:
	case -EBUSY:
		return 409;
	default:
		return 500;
	}
}

static void log_problems(const struct change *change)
{
	cleanup_free char *text = problems_text(change);
	char *rest = text;

	for (const char *line = text ? strsep(&rest, "\n") : NULL; line; line = strsep(&rest, "\n"))
		if (*line)
			log_error("%s", line);
}

static void tell_refusal(struct change *change)
{
	struct daemon *daemon = change->daemon;
	char what[256];

	log_problems(change);
	log_audit("%s by %s refused: %s", how(change, what, sizeof(what)), change->who,
		  change->refusal ? change->refusal : strerror(-change->err));
	free(daemon->last_refusal);
	daemon->last_refusal = give(change->refusal);
	change->refusal = daemon->last_refusal ? strdup(daemon->last_refusal) : NULL;
	if (change->request)
		api_reply(give(change->request), http_status(change->err), refusal_as_json(change));
}

/* Does the live Gateway document ask for other sizes than the tables of flows have? */
static bool limits_wait(const struct daemon *daemon)
{
	const struct limits *wanted = &daemon->live.generation->limits;

	return wanted->conntrack != daemon->limits.conntrack ||
	       wanted->unproven != daemon->limits.unproven ||
	       wanted->fragments != daemon->limits.fragments;
}

static const char *confirm_text(const struct change *change, char *text, size_t size)
{
	*text = '\0';
	if (change->confirm_s)
		snprintf(text, size,
			 "; back to entry %u of the history in %u s without \"chasqui confirm\"",
			 change->daemon->pending.back_to, change->confirm_s);
	return text;
}

static void tell_success(struct change *change)
{
	struct daemon *daemon = change->daemon;
	char what[256], until[128], message[640];

	how(change, what, sizeof(what));
	log_audit(
		"%s by %s: generation %u is live: %zu endpoints, %zu policies, %zu pairs, %zu rules",
		what, change->who, daemon->live.number, daemon->live.generation->n_endpoints,
		daemon->live.generation->n_policies, daemon->live.generation->n_pairs,
		daemon->live.generation->n_rules);
	snprintf(message, sizeof(message), "%s: %sgeneration %u%s%s%s", what,
		 change->in_place ? "its addresses came into " : "", daemon->live.number,
		 change->in_place ? "" : " is live",
		 limits_wait(daemon) ? "; the new limits of flow tables come with a restart" : "",
		 confirm_text(change, until, sizeof(until)));
	if (limits_wait(daemon))
		log_warn(
			"the flow tables have the sizes of the last start; a restart gives them the new limits and keeps the flows");
	if (change->request)
		api_reply(give(change->request), 200,
			  json_pack("{s:s, s:I}", "message", message, "generation",
				    (json_int_t)daemon->live.number));
}

/* The change is over, whatever came of it: the next may begin. */
static void finish(struct change *change)
{
	struct daemon *daemon = change->daemon;
	char status[256];

	if (change->err)
		tell_refusal(change);
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
	log_problems(change);
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
		return refuse(change, -ENOMEM, "out of memory");
	for (size_t i = 0; (name = name_at(gateway, i)); i++) {
		change->port_numbers[i] = port_number_of(change, name);
		if (!change->port_numbers[i])
			return refuse(change, -E2BIG,
				      "port %s: no number is left for it, %d ports are the most",
				      name, CHQ_PORT_MAX - 1);
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
		refuse(change, err, "%s", strerror(-err));
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
		return refuse(change, -EBUSY, "somebody else has decided meanwhile");
	if (!pending->back_to || change->confirm_s || change->kind == CHANGE_START ||
	    change->kind == CHANGE_ROLLBACK || change->kind == CHANGE_RECOMPILE)
		return 0;
	return refuse(
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
		refuse(change, err, "%s; nothing was changed", words);
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
		refuse(change, err, "%zu problem%s in the documents; nothing was changed",
		       change->problems.count, change->problems.count == 1 ? "" : "s");
	else if (err)
		refuse(change, err, "the compiler: %s", strerror(-err));
	else
		apply_tunnel(change);
}

/* The way back is noted before the change is live, so that no crash can come between. */
static int ask_to_confirm(struct change *change)
{
	int err = change->confirm_s ? confirm_begin(change->daemon, change->confirm_s) : 0;

	if (err == -ENOENT)
		return refuse(change, -EBUSY,
			      "no configuration is kept to go back to; nothing was changed");
	if (err)
		return refuse(change, err, "%s: %s; nothing was changed",
			      change->daemon->options.state_directory, strerror(-err));
	return 0;
}

/* One endpoint more of a known kind is news for its own addresses alone: no new generation. */
static bool comes_in_place(struct change *change)
{
	struct daemon *daemon = change->daemon;
	const struct generation *live = daemon->live.generation;

	return (change->kind == CHANGE_RELOAD || change->kind == CHANGE_APPLY) && live &&
	       datapath_live(daemon->datapath) == daemon->live.number &&
	       hosts_grew_by_one(live, change->generation) &&
	       datapath_hosts_add(daemon->datapath, live, change->generation) == 0;
}

static int refuse_hook(struct change *change, int err, const char *why, struct place at)
{
	if (!at.line)
		return refuse(change, err, "%s", *why ? why : strerror(-err));
	problems_add(&change->problems, change->config, at, "%s", *why ? why : strerror(-err));
	return refuse(change, err, "a hook cannot be served; nothing was changed");
}

/* The hooks of TracingPolicies. They come first, because they can be taken back. */
static int enforce(struct change *change)
{
	struct enforcer *enforcer = change->daemon->enforcer;
	const struct config *config = change->config;
	char why[ENFORCER_WHY_BYTES];
	struct place at;
	int err;

	if (change->kind == CHANGE_RECOMPILE)
		return 0;
	enforcer_plan_free(give(change->plan));
	err = enforcer_plan(enforcer, config->tracing, config->n_tracing, why, &at, &change->plan);
	if (!err)
		err = enforcer_apply(enforcer, change->plan, why, &at);
	return err ? refuse_hook(change, err, why, at) : 0;
}

static int take_back(struct change *change, int err)
{
	char why[ENFORCER_WHY_BYTES];

	if (change->kind != CHANGE_RECOMPILE && enforcer_undo(change->daemon->enforcer, why) < 0)
		log_error("the hooks that were live could not be put back: %s", why);
	return err;
}

static int install(struct change *change)
{
	struct daemon *daemon = change->daemon;
	uint32_t number = daemon->highest + 1;
	struct pending before = daemon->pending;
	const char *words;
	int err;

	if (change->kind == CHANGE_APPLY || change->kind == CHANGE_DELETE) {
		err = stage_check_fresh(&change->stage);
		if (err)
			return refuse(change, err, "%s", change->stage.refusal);
	}
	daemon->highest = number;
	err = state_write(daemon);
	if (err)
		return refuse(change, err, "%s: %s; nothing was changed",
			      daemon->options.state_directory, strerror(-err));
	err = ask_to_confirm(change);
	if (!err)
		err = enforce(change);
	if (err) {
		confirm_restore(daemon, &before);
		return err;
	}
	change->in_place = comes_in_place(change);
	if (!change->in_place)
		err = datapath_install(daemon->datapath, change->generation, number);
	if (err) {
		if (change->confirm_s)
			confirm_restore(daemon, &before);
		words = datapath_refusal(daemon->datapath);
		refuse(change, err, "%s", words && *words ? words : strerror(-err));
		return take_back(change, err);
	}
	return 0;
}

/* From here on the new generation is live; what fails now is said, and undoes nothing. */
static void keep(struct change *change)
{
	struct daemon *daemon = change->daemon;
	char what[256];
	struct history_note note = {.number = daemon->highest,
				    .who = change->who,
				    .how = how(change, what, sizeof(what)),
				    .hash = change->stage.hash};
	int err = 0;

	if (change->kind == CHANGE_APPLY || change->kind == CHANGE_DELETE)
		err = stage_write_through(&change->stage);
	else if (change->kind == CHANGE_ROLLBACK)
		err = stage_replace_directory(&change->stage);
	if (err)
		log_error("generation %u is live, but %s is not as it says: %s", note.number,
			  daemon->options.config_directory,
			  change->stage.refusal ? change->stage.refusal : strerror(-err));
	if (change->last_good) {
		daemon->live.history = change->history;
		return;
	}
	err = history_keep(daemon->options.state_directory, change->stage.path, &note);
	if (err)
		log_error("%s/history: %s; this configuration is not kept",
			  daemon->options.state_directory, strerror(-err));
	else
		daemon->live.history = note.number;
}

static void make_live(struct change *change)
{
	struct daemon *daemon = change->daemon;
	struct live *live = &daemon->live;
	char what[256];

	if (change->plan) {
		enforcer_keep(daemon->enforcer, give(change->plan));
		tracing_save(daemon);
	}
	generation_free(live->generation);
	if (live->config != change->config)
		config_free(live->config);
	live->config = give(change->config);
	live->generation = give(change->generation);
	if (!change->in_place)
		live->number = daemon->highest;
	if (change->kind == CHANGE_RECOMPILE)
		return;
	live->since = time(NULL);
	free(live->who);
	free(live->how);
	live->who = strdup(change->who);
	live->how = strdup(how(change, what, sizeof(what)));
	live->last_good = change->last_good;
	free(daemon->last_refusal);
	daemon->last_refusal = give(change->first_refusal);
}

static void on_compiled(void *data)
{
	struct change *change = data;
	struct daemon *daemon = change->daemon;

	if (change->err || install(change) < 0) {
		end_tunnel(change, false);
		fail(change);
		return;
	}
	if (!change->in_place)
		hits_follow(daemon, change->generation);
	make_live(change);
	registry_commit(daemon->identities, IDENTITY_ROUNDS);
	if (names_learn(daemon->names, daemon->live.number, daemon->live.generation) < 0)
		log_warn("events of generation %u come without names: out of memory",
			 daemon->live.number);
	end_tunnel(change, true);
	if (change->kind != CHANGE_RECOMPILE)
		keep(change);
	if (change->kind == CHANGE_ROLLBACK && !change->confirm_s)
		confirm_end(daemon);
	ports_sync(daemon, true);
	tell_success(change);
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
