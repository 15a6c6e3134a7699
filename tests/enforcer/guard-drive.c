/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * chasqui-guard without chasquid:
 *
 *	guard-drive RUN-DIR apply DIRECTORY        the TracingPolicies of a configuration directory
 *	guard-drive RUN-DIR set POLICY on|off enforce|monitor
 *	guard-drive RUN-DIR spare PID...
 *	guard-drive RUN-DIR status
 *	guard-drive RUN-DIR count POLICY
 *	guard-drive RUN-DIR events COUNT           waits for so many, at most 20 s
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enforcer/guard_client.h"
#include "enforcer/wish.h"
#include "policy/model.h"
#include "util/cleanup.h"

static int fail(const char *what, int err)
{
	printf("%s: %s\n", what, strerror(-err));
	return 1;
}

static int refused(const struct config *config)
{
	for (size_t i = 0; i < config->n_tracing; i++)
		for (size_t j = 0; j < config->tracing[i].n_hooks; j++)
			for (size_t k = 0; k < config->tracing[i].hooks[j].n_calls; k++) {
				char why[GUARD_WHY_BYTES];

				if (!guard_can(&config->tracing[i], j, k, why))
					continue;
				printf("refused %s %s: %s\n", config->tracing[i].name,
				       config->tracing[i].hooks[j].calls[k].name, why);
				return 1;
			}
	return 0;
}

static int apply(struct guard_client *client, const char *directory)
{
	struct enforcer_wish wishes[16] = {0};
	struct config *config = NULL;
	struct problems problems;
	char why[GUARD_WHY_BYTES];
	int err = config_read(directory, &config, &problems);
	cleanup_free char *report = problems_print(&problems);

	problems_free(&problems);
	if (err) {
		fputs(report, stdout);
		return 1;
	}
	for (size_t i = 0; i < config->n_tracing && i < 16; i++)
		wishes[i] = (struct enforcer_wish){.policy = &config->tracing[i],
						   .id = (uint32_t)i + 1,
						   .enabled = true,
						   .mode = config->tracing[i].mode};
	if (!refused(config)) {
		err = guard_client_apply(client, wishes, config->n_tracing, NULL, NULL, why, NULL);
		if (err)
			printf("%s\n", why);
	} else {
		err = 1;
	}
	config_free(config);
	return err ? 1 : 0;
}

static void wait_status(struct guard_client *client, struct guard_status *ret)
{
	struct pollfd wait = {.fd = guard_client_fd(client), .events = POLLIN};

	for (int i = 0; i < 20; i++) {
		guard_client_work(client);
		guard_client_status(client, ret);
		if (ret->pid)
			return;
		poll(&wait, 1, 100);
	}
}

static int status(struct guard_client *client)
{
	struct guard_status now;

	wait_status(client, &now);
	printf("pid %d pre_access %d directories %u files %u missing %u asked %lu denied %lu killed %lu lost %lu restarts %lu\n",
	       now.pid, now.pre_access, now.directories, now.files, now.missing, now.asked,
	       now.denied, now.killed, now.lost, now.restarts);
	return now.pid ? 0 : 1;
}

static int count(struct guard_client *client, const char *policy)
{
	struct guard_status now;
	struct guard_counters counters;
	int err;

	wait_status(client, &now);
	err = guard_client_counters(client, policy, &counters);
	if (err)
		return fail(policy, err);
	printf("hits %lu posts %lu enforced %lu monitored %lu spared %lu lost %lu limited %lu\n",
	       counters.hits, counters.posts, counters.enforced, counters.monitored,
	       counters.spared, counters.lost, counters.limited);
	return 0;
}

static void show(void *context, const struct hook_event *event)
{
	static const char *const actions[] = {
#define X(name) #name,
		HOOK_ACTIONS(X)
#undef X
	};
	int *left = context;

	printf("%s %s %s", event->policy, event->function, actions[event->action]);
	for (size_t i = 0; i < event->n_args; i++) {
		if (event->args[i].kind == HOOK_ARG_INT)
			printf(" %lu", event->args[i].number);
		else if (event->args[i].kind == HOOK_ARG_NONE)
			printf(" -");
		else
			printf(" %s", event->args[i].file.path);
	}
	printf(" pid %u\n", event->pid);
	--*left;
}

static int events(struct guard_client *client, int left)
{
	struct pollfd wait = {.fd = guard_client_fd(client), .events = POLLIN};

	guard_client_on_event(client, show, &left);
	for (int i = 0; i < 200 && left > 0; i++) {
		guard_client_work(client);
		poll(&wait, 1, i ? 100 : 0);
	}
	/* What is on its way to us is nobody else's any more. */
	while (left <= 0 && poll(&wait, 1, 300) > 0)
		guard_client_read(client);
	return left > 0 ? 1 : 0;
}

static int spare(struct guard_client *client, int argc, char **argv)
{
	int pids[16], n = 0;

	for (; n < argc && n < 16; n++)
		pids[n] = atoi(argv[n]);
	return guard_client_spare(client, pids, (size_t)n) ? 1 : 0;
}

static int run(struct guard_client *client, int argc, char **argv)
{
	const char *word = argv[2];

	if (!strcmp(word, "apply") && argc == 4)
		return apply(client, argv[3]);
	if (!strcmp(word, "set") && argc == 6)
		return guard_client_set(client, argv[3], !strcmp(argv[4], "on"),
					strcmp(argv[5], "monitor") ? TRACING_ENFORCE
								   : TRACING_MONITOR)
			       ? 1
			       : 0;
	if (!strcmp(word, "spare"))
		return spare(client, argc - 3, argv + 3);
	if (!strcmp(word, "status"))
		return status(client);
	if (!strcmp(word, "count") && argc == 4)
		return count(client, argv[3]);
	if (!strcmp(word, "events") && argc == 4)
		return events(client, atoi(argv[3]));
	return 2;
}

int main(int argc, char **argv)
{
	struct guard_client *client;
	int err, code;

	if (argc < 3)
		return 2;
	err = guard_client_open(argv[1], &client);
	if (err)
		return fail(argv[1], err);
	code = run(client, argc, argv);
	guard_client_close(client);
	return code;
}
