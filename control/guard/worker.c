/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "guard/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "chasqui/guard.h"
#include "guard/guard.h"
#include "guard/inherit.h"
#include "guard/privilege.h"
#include "guard/serve.h"
#include "guard/state.h"
#include "util/cleanup.h"
#include "util/log.h"

static void find_home(struct guard *guard)
{
	ssize_t length = readlink("/proc/self/exe", guard->home, sizeof(guard->home) - 1);
	char *slash;

	guard->home[length > 0 ? length : 0] = '\0';
	slash = strrchr(guard->home, '/');
	if (slash)
		slash[1] = '\0';
}

static void found(void *context, int fd)
{
	watch_follow(context, fd);
}

static json_t *no_rules(void)
{
	return json_pack("{s:i s:[]}", "version", CHQ_GUARD_VERSION, "policies");
}

/* What makes no sense is put aside: to fail of it again and again would answer nobody. */
static int load_rules(struct guard *guard, json_t **document)
{
	char why[256] = "it cannot be read";
	int err = state_load(guard->state_directory, document);

	err = *document ? rules_read(*document, why, &guard->rules) : err;
	if (err == -EBADMSG || err == -EINVAL) {
		log_error("%s/" CHQ_GUARD_STATE ": %s; it was put aside, there are no rules now",
			  guard->state_directory, why);
		state_put_aside(guard->state_directory);
		json_decref(*document);
		*document = NULL;
	}
	if (*document)
		return err;
	*document = no_rules();
	return rules_read(*document, why, &guard->rules);
}

/* From before a restart; or an empty set. */
static int load(struct guard *guard)
{
	json_t *document = NULL;
	int err = load_rules(guard, &document);

	if (!err)
		err = files_restore(guard->files, json_object_get(document, "files"), found,
				    &guard->watch);
	if (guard->rules)
		json_object_del(document, "files");
	json_decref(document);
	return err;
}

static int open_all(struct guard *guard)
{
	int err = files_new(&guard->files);

	err = err ?: queue_open(&guard->queue);
	err = err ?: watch_open(guard->group, guard->files, &guard->lock, &guard->watch);
	find_home(guard);
	return err ?: load(guard);
}

static int confine(void)
{
	/* The judge needs one a question, of which it reads some hundred at once at most. */
	const struct rlimit descriptors = {1024, 1024};
	int err;

	setrlimit(RLIMIT_NOFILE, &descriptors);
	err = privilege_capabilities();
	return err ?: privilege_calls();
}

static int start_judge(struct guard *guard)
{
	pthread_t thread;

	return -pthread_create(&thread, NULL, listen_run, guard);
}

/* Anything that is wrong with a mark is said, and the others stand. */
static void mark(struct guard *guard)
{
	char why[256];

	if (watch_scan(&guard->watch, guard->rules, why))
		log_error("%s", why);
	watch_sweep(&guard->watch, guard->rules);
}

int worker_run(const struct options *options, int group, int listener, bool inherited,
	       unsigned restarts)
{
	static struct guard guard = {.lock = PTHREAD_MUTEX_INITIALIZER};
	int err;

	guard.group = group;
	guard.run_directory = options->run_directory;
	guard.state_directory = options->state_directory;
	guard.restarts = restarts;
	err = confine();
	err = err ?: open_all(&guard);
	if (!err && inherited)
		listen_settle(group);
	err = err ?: start_judge(&guard);
	if (err) {
		log_error("cannot guard: %s", strerror(-err));
		return WORKER_CANNOT;
	}
	mark(&guard);
	inherit_notify("READY=1\nSTATUS=guarding\n", -1);
	log_info("guarding by %zu policies, %zu files", guard.rules->n_policies,
		 files_count(guard.files));
	err = serve_run(&guard, listener);
	if (err)
		log_error("the socket: %s", strerror(-err));
	return err ? 1 : 0;
}
