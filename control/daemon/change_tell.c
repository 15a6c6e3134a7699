// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What is said of a change: to the log, and to whom asked for it. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/server.h"
#include "daemon/change_inside.h"
#include "util/cleanup.h"
#include "util/log.h"

int change_refuse(struct change *change, int err, const char *format, ...)
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

const char *change_how(const struct change *change, char *text, size_t size)
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

void change_log_problems(const struct change *change)
{
	cleanup_free char *text = problems_text(change);
	char *rest = text;

	for (const char *line = text ? strsep(&rest, "\n") : NULL; line; line = strsep(&rest, "\n"))
		if (*line)
			log_error("%s", line);
}

void change_tell_refusal(struct change *change)
{
	struct daemon *daemon = change->daemon;
	char what[256];

	change_log_problems(change);
	log_audit("%s by %s refused: %s", change_how(change, what, sizeof(what)), change->who,
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

void change_tell_success(struct change *change)
{
	struct daemon *daemon = change->daemon;
	char what[256], until[128], message[640];

	change_how(change, what, sizeof(what));
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
