// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "daemon/tracing.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "api/server.h"
#include "daemon/daemon.h"
#include "daemon/folder.h"
#include "daemon/processes.h"
#include "util/cleanup.h"
#include "util/log.h"

/* ---- what was said at run time, a line a policy: "NAME enabled|disabled MODE|-" ---- */

static const char *const mode_words[] = {
	[TRACING_ENFORCE] = "enforce",
	[TRACING_MONITOR] = "monitor",
};

static char *state_path(const struct daemon *daemon)
{
	return path_join(daemon->options.state_directory, "tracing");
}

static bool read_override(char *line, struct enforcer_override *ret)
{
	char *name = strsep(&line, " "), *state = strsep(&line, " "), *mode = line;

	if (!*name || !state || !mode)
		return false;
	*ret = (struct enforcer_override){.name = name,
					  .disabled = strcmp(state, "disabled") == 0,
					  .mode_given = strcmp(mode, "-") != 0,
					  .mode = strcmp(mode, mode_words[TRACING_MONITOR]) == 0
							  ? TRACING_MONITOR
							  : TRACING_ENFORCE};
	return (ret->disabled || strcmp(state, "enabled") == 0) &&
	       (!ret->mode_given || strcmp(mode, mode_words[ret->mode]) == 0);
}

/* What cannot be read counts as not said: a policy is enforced as its document says. */
static int read_state(struct daemon *daemon)
{
	cleanup_free char *path = state_path(daemon);
	cleanup_free char *text = NULL;
	struct enforcer_override override;
	unsigned number = 0;
	size_t bytes;
	int err = path ? file_read(path, &text, &bytes) : -ENOMEM;
	char *rest = text;

	if (err == -ENOENT)
		return 0;
	for (char *line = strsep(&rest, "\n"); !err && line; line = strsep(&rest, "\n")) {
		number++;
		if (*line && read_override(line, &override))
			err = enforcer_override(daemon->enforcer, &override);
		else if (*line)
			log_warn("%s:%u: not a line of policies; it is not followed", path, number);
	}
	return err;
}

void tracing_save(struct daemon *daemon)
{
	cleanup_free char *path = state_path(daemon);
	cleanup_free char *text = NULL;
	size_t bytes = 0, count;
	const struct enforcer_override *overrides = enforcer_overrides(daemon->enforcer, &count);
	FILE *out = open_memstream(&text, &bytes);
	int err = -ENOMEM;

	for (size_t i = 0; out && i < count; i++)
		if (overrides[i].disabled || overrides[i].mode_given)
			fprintf(out, "%s %s %s\n", overrides[i].name,
				overrides[i].disabled ? "disabled" : "enabled",
				overrides[i].mode_given ? mode_words[overrides[i].mode] : "-");
	if (out && fclose(out) == 0 && path)
		err = file_write(path, text, bytes);
	if (err)
		log_error("what was said of TracingPolicies is not kept for a restart: %s",
			  strerror(-err));
}

/* ---- open, close ---- */

static void on_guard(evutil_socket_t fd, short what, void *data)
{
	struct daemon *daemon = data;

	(void)fd;
	(void)what;
	enforcer_hear_guard(daemon->enforcer);
}

static int read_record(void *data, const void *record, size_t bytes, struct hook_event *ret)
{
	return hooks_event(data, record, bytes, ret);
}

/* Hits of both kinds go where processes are told of. */
static int listen_to_hits(struct daemon *daemon)
{
	struct guard_client *guard = enforcer_guard(daemon->enforcer);
	const char *why;
	struct hooks *hooks = enforcer_hooks(daemon->enforcer, &why);
	struct event *event = event_new(daemon->base, guard_client_fd(guard), EV_READ | EV_PERSIST,
					on_guard, daemon);

	if (!event)
		return -ENOMEM;
	daemon->timers[daemon->n_timers++] = event;
	if (hooks)
		processes_reader(daemon, read_record, hooks);
	guard_client_on_event(guard, processes_hook, daemon);
	return event_add(event, NULL) < 0 ? -ENOMEM : 0;
}

static struct enforcer_options options_of(struct daemon *daemon)
{
	if (!daemon->enforcer_pins)
		daemon->enforcer_pins = path_join(daemon->options.bpffs_directory, ENFORCER_PINS);
	return (struct enforcer_options){
		.pin_directory = daemon->enforcer_pins,
		.run_directory = daemon->options.run_directory,
		.state_directory = daemon->options.state_directory,
	};
}

void tracing_spare(struct daemon *daemon)
{
	struct enforcer_options options = options_of(daemon);

	if (options.pin_directory)
		enforcer_spare(&options);
}

int tracing_open(struct daemon *daemon)
{
	struct enforcer_options options = options_of(daemon);
	int err;

	if (!options.pin_directory)
		return -ENOMEM;
	err = enforcer_open(&options, &daemon->enforcer);
	if (!err)
		err = listen_to_hits(daemon);
	return err ? err : read_state(daemon);
}

void tracing_close(struct daemon *daemon)
{
	enforcer_close(daemon->enforcer);
	free(daemon->enforcer_pins);
}

void tracing_tick(struct daemon *daemon)
{
	enforcer_tick(daemon->enforcer);
}

/* ---- what is shown ---- */

static json_t *back_ends_of(const struct enforcer_call *call, bool guarded)
{
	json_t *list = json_array();

	if (guarded)
		json_array_append_new(list, json_string("fanotify"));
	if (call->back_end != HOOKS_NONE && !call->part.waits)
		json_array_append_new(list, json_string(hooks_back_end_word(call->back_end)));
	return list;
}

/* What waits behind the guard. */
static json_t *ready_of(const struct enforcer_call *call)
{
	return json_string(call->part.waits ? hooks_back_end_word(call->back_end) : "");
}

/* What the stronger of the two cannot stop: the other stands behind it. */
static const char *limits_of(const struct enforcer_policy *policy, const struct enforcer_call *call,
			     bool guarded)
{
	bool told = policy->wish.mode == TRACING_MONITOR;

	if (call->missing)
		return "this kernel has no such function (ignore.callNotFound)";
	if (guarded)
		return guard_limits(policy->wish.policy, call->hook_number, call->call, told);
	if (call->back_end == HOOKS_NONE)
		return "anything: chasqui-guard is not there";
	return hooks_limits(call->back_end, call->hook, call->call);
}

static json_t *call_as_json(struct daemon *daemon, const struct enforcer_policy *policy,
			    const struct enforcer_call *call)
{
	bool guarded = enforcer_guards(daemon->enforcer, policy, call);
	char name[160];

	return json_pack("{s:s, s:s, s:o, s:o, s:b, s:s}", "kind",
			 tracing_hook_word(call->hook->kind), "call",
			 enforcer_call_name(call, name, sizeof(name)), "backEnds",
			 back_ends_of(call, guarded), "behind", ready_of(call), "denies",
			 guarded || hooks_back_end_denies(call->back_end), "cannotStop",
			 limits_of(policy, call, guarded));
}

static const char *mode_of(const struct enforcer_policy *policy)
{
	return policy->wish.policy->enforces ? mode_words[policy->wish.mode] : "monitor_only";
}

static json_t *place_as_json(const struct daemon *daemon, struct place at)
{
	const struct config *config = daemon->live.config;
	char text[600] = "";

	if (config && at.file < config->n_sources)
		snprintf(text, sizeof(text), "%.500s:%u", config->sources[at.file].path, at.line);
	return json_string(text);
}

static json_t *policy_as_json(struct daemon *daemon, const struct enforcer_policy *policy)
{
	struct hooks_counters counters = {};
	json_t *hooks = json_array();

	enforcer_counters(daemon->enforcer, policy->wish.policy->name, &counters);
	for (size_t i = 0; i < policy->n_calls; i++)
		json_array_append_new(hooks, call_as_json(daemon, policy, &policy->calls[i]));
	return json_pack("{s:I, s:s, s:s, s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "id",
			 (json_int_t)policy->wish.id, "name", policy->wish.policy->name, "state",
			 policy->wish.enabled ? "enabled" : "disabled", "mode", mode_of(policy),
			 "hooks", hooks, "place", place_as_json(daemon, policy->wish.policy->at),
			 "hits", (json_int_t)counters.hits, "posts", (json_int_t)counters.posts,
			 "enforced", (json_int_t)counters.enforced, "monitored",
			 (json_int_t)counters.monitored, "spared", (json_int_t)counters.spared,
			 "lost", (json_int_t)counters.lost, "limited",
			 (json_int_t)counters.limited);
}

json_t *show_tracing(struct daemon *daemon)
{
	json_t *list = json_array();

	for (size_t i = 0; i < enforcer_count(daemon->enforcer); i++)
		json_array_append_new(list,
				      policy_as_json(daemon, enforcer_at(daemon->enforcer, i)));
	return list;
}

static json_t *guard_as_json(struct daemon *daemon)
{
	struct guard_status status = {};

	guard_client_status(enforcer_guard(daemon->enforcer), &status);
	return json_pack(
		"{s:b, s:b, s:b, s:i, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s}",
		"wanted", enforcer_wants_guard(daemon->enforcer), "netAttached",
		enforcer_net_is_attached(daemon->enforcer), "connected", status.connected, "pid",
		status.pid, "preAccess", status.pre_access, "marks", (json_int_t)status.marks,
		"directories", (json_int_t)status.directories, "files", (json_int_t)status.files,
		"held", (json_int_t)status.held, "missing", (json_int_t)status.missing, "asked",
		(json_int_t)status.asked, "denied", (json_int_t)status.denied, "killed",
		(json_int_t)status.killed, "lost", (json_int_t)status.lost, "version",
		status.version);
}

/* Each is tried at the first question, which takes a moment. */
json_t *show_back_ends(struct daemon *daemon)
{
	const char *why;
	struct hooks *hooks = enforcer_hooks(daemon->enforcer, &why);
	const struct hooks_probe *probe = hooks ? hooks_probe(hooks) : NULL;
	json_t *list = json_array();

	for (enum hooks_back_end i = 0; i < HOOKS_BACK_END_MAX; i++) {
		bool works = probe && probe->back_ends[i].works;

		json_array_append_new(list, json_pack("{s:s, s:b, s:b, s:s}", "name",
						      hooks_back_end_word(i), "works", works,
						      "denies", hooks_back_end_denies(i), "why",
						      works   ? ""
						      : probe ? probe->back_ends[i].why
							      : why));
	}
	return list;
}

/* The hooks in use, and the guard: what status shows. */
json_t *show_enforcer(struct daemon *daemon)
{
	json_t *all = json_object();

	json_object_set_new(all, "policies", show_tracing(daemon));
	json_object_set_new(all, "guard", guard_as_json(daemon));
	return all;
}

/* ---- what is switched ---- */

static void outcome(struct daemon *daemon, struct api_request *request, int err, const char *why,
		    const char *verb)
{
	const char *name = api_argument(request);
	char message[400];

	if (err == -ENOENT) {
		api_refuse(request, 404, "there is no TracingPolicy %s", name);
		return;
	}
	if (err == -EINVAL) {
		api_refuse(request, 409,
			   "TracingPolicy %s has no action to enforce, it only reports", name);
		return;
	}
	if (err) {
		api_refuse(request, 500, "%s: %s", name, *why ? why : strerror(-err));
		return;
	}
	tracing_save(daemon);
	log_audit("TracingPolicy %s: %s by uid %d", name, verb, (int)api_peer(request));
	snprintf(message, sizeof(message), "TracingPolicy %s: %s", name, verb);
	api_reply(request, 200, json_pack("{s:s}", "message", message));
}

static void post_enabled(struct daemon *daemon, struct api_request *request, bool enabled)
{
	char why[ENFORCER_WHY_BYTES] = "";
	int err = enforcer_set_enabled(daemon->enforcer, api_argument(request), enabled, why);

	outcome(daemon, request, err, why, enabled ? "enabled" : "disabled");
}

static void post_mode(struct daemon *daemon, struct api_request *request, enum tracing_mode mode)
{
	char why[ENFORCER_WHY_BYTES] = "", verb[32];
	int err = enforcer_set_mode(daemon->enforcer, api_argument(request), mode, why);

	snprintf(verb, sizeof(verb), "mode %s", mode_words[mode]);
	outcome(daemon, request, err, why, verb);
}

void post_tracing_enable(void *data, struct api_request *request)
{
	post_enabled(data, request, true);
}

void post_tracing_disable(void *data, struct api_request *request)
{
	post_enabled(data, request, false);
}

void post_tracing_enforce(void *data, struct api_request *request)
{
	post_mode(data, request, TRACING_ENFORCE);
}

void post_tracing_monitor(void *data, struct api_request *request)
{
	post_mode(data, request, TRACING_MONITOR);
}
