/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/version.h"
#include "chasqui/guard.h"
#include "guard/serve.h"
#include "util/cleanup.h"
#include "util/log.h"

static json_t *refuse(int err, const char *why)
{
	return json_pack("{s:b s:i s:s}", "ok", 0, "error", -err, "why",
			 *why ? why : strerror(-err));
}

static json_t *agree(void)
{
	return json_pack("{s:b}", "ok", 1);
}

/* The document of rules, out of a memfd. */
static json_t *read_document(int fd, char *why)
{
	struct stat info;
	json_error_t error;
	json_t *document;
	void *text;

	if (fd < 0 || fstat(fd, &info) || info.st_size <= 0 ||
	    info.st_size > CHQ_GUARD_RULES_BYTES) {
		snprintf(why, 256, "a descriptor of a document of rules was expected");
		return NULL;
	}
	text = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (text == MAP_FAILED) {
		snprintf(why, 256, "the document of rules: %s", strerror(errno));
		return NULL;
	}
	document = json_loadb(text, (size_t)info.st_size, JSON_REJECT_DUPLICATES, &error);
	if (!document)
		snprintf(why, 256, "the document of rules: %.200s", error.text);
	munmap(text, (size_t)info.st_size);
	return document;
}

static void set_applying(struct guard *guard, bool applying)
{
	pthread_mutex_lock(&guard->lock);
	guard->applying = applying;
	pthread_mutex_unlock(&guard->lock);
}

/* The new marks stand before the new rules judge, and those before the old marks go. */
static int replace(struct server *server, struct rules *rules, char *why)
{
	struct guard *guard = server->guard;
	struct rules *old = guard->rules;
	int err;

	set_applying(guard, true);
	guard->watch.heed = true;
	err = watch_scan(&guard->watch, rules, why);
	guard->watch.heed = false;
	if (err) {
		set_applying(guard, false);
		watch_scan(&guard->watch, old, NULL);
		watch_sweep(&guard->watch, old);
		return err;
	}
	pthread_mutex_lock(&guard->lock);
	rules_inherit(rules, old);
	guard->rules = rules;
	guard->applying = false;
	pthread_mutex_unlock(&guard->lock);
	rules_free(old);
	watch_sweep(&guard->watch, rules);
	server->unsaved = true;
	return 0;
}

static json_t *apply(struct server *server, int passed)
{
	char why[256] = "";
	json_t *document = read_document(passed, why);
	cleanup(rules_free_p) struct rules *rules = NULL;
	int err = document ? rules_read(document, why, &rules) : -EINVAL;

	json_decref(document);
	err = err ?: replace(server, rules, why);
	if (err)
		return refuse(err, why);
	log_info("%zu policies, %zu files followed", rules->n_policies,
		 files_count(server->guard->files));
	rules = NULL; /* the judge's now */
	server->look = true;
	return agree();
}

static json_t *set(struct server *server, const json_t *request)
{
	struct guard *guard = server->guard;
	const char *name, *mode;
	int enabled, err = -ENOENT;

	if (json_unpack((json_t *)request, "{s:s s:b s:s}", "policy", &name, "enabled", &enabled,
			"mode", &mode))
		return refuse(-EINVAL, "policy, enabled and mode were expected");
	pthread_mutex_lock(&guard->lock);
	if (rules_set(guard->rules, name, enabled, mode))
		err = 0;
	pthread_mutex_unlock(&guard->lock);
	server->unsaved = server->unsaved || !err;
	return err ? refuse(err, "there is no policy of that name") : agree();
}

static json_t *spare(struct server *server, const json_t *request)
{
	json_t *pids = json_object_get(request, "pids"), *pid;
	size_t i;

	server->n_named = 0;
	json_array_foreach(pids, i, pid) if (server->n_named < SPARED_MOST)
		server->named[server->n_named++] = (int)json_integer_value(pid);
	serve_spare(server);
	return agree();
}

static json_t *net(struct server *server, const json_t *request)
{
	const char *directory = json_string_value(json_object_get(request, "directory"));

	if (!directory || strlen(directory) >= sizeof(server->net))
		return refuse(-EINVAL, "a directory was expected");
	strcpy(server->net, directory);
	return agree();
}

static json_t *counters_of(const struct policy *policy)
{
	return json_pack(
		"{s:I s:I s:I s:I s:I s:I s:I}", "hits", (json_int_t)policy->counted.hits, "posts",
		(json_int_t)policy->counted.posts, "enforced", (json_int_t)policy->counted.enforced,
		"monitored", (json_int_t)policy->counted.monitored, "spared",
		(json_int_t)policy->counted.spared, "lost", (json_int_t)policy->counted.lost,
		"limited", (json_int_t)policy->counted.limited);
}

static json_t *status(struct server *server)
{
	struct guard *guard = server->guard;
	json_t *counters = json_object();
	uint64_t lost = queue_lost(&guard->queue);
	size_t n_files;

	pthread_mutex_lock(&guard->lock);
	for (size_t i = 0; i < guard->rules->n_policies; i++)
		json_object_set_new(counters, guard->rules->policies[i].name,
				    counters_of(&guard->rules->policies[i]));
	n_files = files_count(guard->files);
	pthread_mutex_unlock(&guard->lock);
	return json_pack("{s:b s:s s:i s:b s:i s:i s:i s:i s:I s:I s:I s:I s:i s:o}", "ok", 1,
			 "version", CHASQUI_VERSION, "pid", getpid(), "pre_access",
			 guard->watch.pre_access, "directories", (int)guard->watch.n_directories,
			 "files", (int)n_files, "held", (int)held_count(&server->held), "missing",
			 (int)guard->watch.n_missing, "asked", (json_int_t)guard->asked, "denied",
			 (json_int_t)guard->denied, "killed", (json_int_t)guard->killed, "lost",
			 (json_int_t)lost, "restarts", (int)guard->restarts, "counters", counters);
}

json_t *request_serve(struct server *server, struct client *client, json_t *request, int passed,
		      int *fd, bool *done)
{
	const char *word = json_string_value(json_object_get(request, "do"));

	if (!word)
		return refuse(-EINVAL, "a request says what it wants in \"do\"");
	if (!strcmp(word, "apply"))
		return apply(server, passed);
	if (!strcmp(word, "set"))
		return set(server, request);
	if (!strcmp(word, "spare"))
		return spare(server, request);
	if (!strcmp(word, "net"))
		return net(server, request);
	if (!strcmp(word, "status"))
		return status(server);
	if (!strcmp(word, "watch")) {
		client->watches = true;
		return agree();
	}
	if (!strcmp(word, "handover")) {
		*fd = server->guard->group;
		*done = true;
		return agree();
	}
	return refuse(-EINVAL, "apply, set, spare, net, status, watch or handover was expected");
}
