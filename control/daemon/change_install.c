// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* How what was compiled becomes live, and what is kept of it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "compile/hosts.h"
#include "daemon/change_inside.h"
#include "daemon/confirm.h"
#include "daemon/history.h"
#include "daemon/state.h"
#include "util/cleanup.h"
#include "util/log.h"

/* The way back is noted before the change is live, so that no crash can come between. */
static int ask_to_confirm(struct change *change)
{
	int err = change->confirm_s ? confirm_begin(change->daemon, change->confirm_s) : 0;

	if (err == -ENOENT)
		return change_refuse(change, -EBUSY,
				     "no configuration is kept to go back to; nothing was changed");
	if (err)
		return change_refuse(change, err, "%s: %s; nothing was changed",
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
		return change_refuse(change, err, "%s", *why ? why : strerror(-err));
	problems_add(&change->problems, change->config, at, "%s", *why ? why : strerror(-err));
	return change_refuse(change, err, "a hook cannot be served; nothing was changed");
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

int change_install(struct change *change)
{
	struct daemon *daemon = change->daemon;
	uint32_t number = daemon->highest + 1;
	struct pending before = daemon->pending;
	const char *words;
	int err;

	if (change->kind == CHANGE_APPLY || change->kind == CHANGE_DELETE) {
		err = stage_check_fresh(&change->stage);
		if (err)
			return change_refuse(change, err, "%s", change->stage.refusal);
	}
	daemon->highest = number;
	err = state_write(daemon);
	if (err)
		return change_refuse(change, err, "%s: %s; nothing was changed",
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
		change_refuse(change, err, "%s", words && *words ? words : strerror(-err));
		return take_back(change, err);
	}
	return 0;
}

/* From here on the new generation is live; what fails now is said, and undoes nothing. */
void change_keep(struct change *change)
{
	struct daemon *daemon = change->daemon;
	char what[256];
	struct history_note note = {.number = daemon->highest,
				    .who = change->who,
				    .how = change_how(change, what, sizeof(what)),
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

void change_make_live(struct change *change)
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
	live->how = strdup(change_how(change, what, sizeof(what)));
	live->last_good = change->last_good;
	free(daemon->last_refusal);
	daemon->last_refusal = give(change->first_refusal);
}
