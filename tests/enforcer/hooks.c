/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */

/*
 * hooks probe
 * hooks detach
 * hooks BACK-END FILE... -- COMMAND...    (BACK-END: a word of status, or "best")
 *
 * The policies of the files are enforced by hooks alone, without a daemon, while the command runs.
 * Its output is left as it is; behind it come, on stderr, a line for each event, the counters of
 * each policy, and how the command ended. Status 0 when all went well, however the command ended;
 * 3: the kernel refused, and why. HOOKS_SPARE: a pid that is not to be killed. With HOOKS_KEEP in
 * the environment what is attached stays attached.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "enforcer/hooks.h"
#include "enforcer/process_programs.h"
#include "policy/model.h"
#include "util/cleanup.h"

#define PINS "/sys/fs/bpf/enforcer"
#define MOST 128 /* files */

struct watch {
	struct hooks *hooks;
	struct process_programs *programs;
};

/* What the command says goes the same way, in pieces: ours waits until it has ended. */
static FILE *told;
static char *told_text;
static size_t told_bytes;

static void print_arg(const struct hook_arg *arg)
{
	switch (arg->kind) {
	case HOOK_ARG_STRING:
	case HOOK_ARG_BYTES:
		fprintf(told, " \"%.*s\"", (int)arg->text.n_bytes, arg->text.bytes);
		break;
	case HOOK_ARG_FILE:
	case HOOK_ARG_PATH:
	case HOOK_ARG_BINPRM:
		fprintf(told, " %s%s:%o", arg->file.path, arg->file.unresolved ? "(cut)" : "",
			arg->file.mode);
		break;
	case HOOK_ARG_SOCK:
	case HOOK_ARG_SKB:
	case HOOK_ARG_SOCKADDR:
		fprintf(told, " family%u:%u->%u", arg->sock.family, arg->sock.sport,
			arg->sock.dport);
		if (arg->kind == HOOK_ARG_SKB)
			fprintf(told, "/%u", arg->sock.protocol);
		break;
	case HOOK_ARG_CRED:
		fprintf(told, " euid%u", arg->cred.euid);
		break;
	case HOOK_ARG_NONE:
		fprintf(told, " -");
		break;
	default:
		fprintf(told, " %lld", (long long)arg->number);
	}
}

static const char *const actions[] = {
#define X(name) #name,
	HOOK_ACTIONS(X)
#undef X
};

static void print_record(void *data, const struct chq_proc_head *record, size_t bytes)
{
	struct watch *watch = data;
	struct hook_event event = {};
	int err;

	if (record->kind != CHQ_PROC_HOOK && record->kind != CHQ_PROC_DATA)
		return;
	err = hooks_event(watch->hooks, record, bytes, &event);
	if (err == -EAGAIN)
		return;
	if (err) {
		fprintf(told, "event: %s\n", strerror(-err));
		return;
	}
	fprintf(told, "event: %s %s %s", event.policy, event.function, actions[event.action]);
	for (size_t i = 0; i < event.n_args; i++)
		print_arg(&event.args[i]);
	if (event.has_result)
		fprintf(told, " = %lld %s", (long long)event.result.number,
			actions[event.return_action]);
	fprintf(told, "\n");
	hook_event_clear(&event);
}

static int read_policies(char **paths, size_t n, struct config **ret)
{
	static const char gateway[] = "apiVersion: chasqui.io/v1\nkind: Gateway\n"
				      "metadata: {name: test}\nspec: {}\n";
	struct text_file files[MOST + 1] = {{"gateway.yaml", gateway, sizeof(gateway) - 1}};
	struct problems problems = {};
	int err;

	for (size_t i = 0; i < n && i < MOST; i++) {
		int fd = open(paths[i], O_RDONLY | O_CLOEXEC);
		char *text = calloc(1, 1 << 20);
		ssize_t got = fd >= 0 ? read(fd, text, (1 << 20) - 1) : -1;

		if (got < 0)
			return -errno;
		close(fd);
		files[i + 1] = (struct text_file){paths[i], text, got};
	}
	err = config_parse(files, n + 1, ret, &problems);
	if (err) {
		cleanup_free char *text = problems_print(&problems);

		fprintf(stderr, "%s\n", text ? text : strerror(-err));
	}
	problems_free(&problems);
	return err;
}

static enum hooks_back_end back_end_of(const char *word)
{
	int i = 0;

	while (i < HOOKS_BACK_END_MAX && strcmp(hooks_back_end_word(i), word) != 0)
		i++;
	return i;
}

/* The same back end for every call of a policy. */
static const enum hooks_back_end *const *all_by(struct hooks *hooks,
						const struct tracing_policy *policy,
						enum hooks_back_end back_end)
{
	enum hooks_back_end **rows = calloc(policy->n_hooks + 1, sizeof(*rows));

	for (size_t h = 0; h < policy->n_hooks; h++) {
		rows[h] = calloc(512, sizeof(**rows));
		for (size_t c = 0; c < 512; c++)
			rows[h][c] = back_end;
		if (policy->hooks[h].may_be_missing &&
		    hooks_can(hooks, &policy->hooks[h], 0, back_end, NULL) == -ENOENT)
			rows[h][0] = HOOKS_NONE;
	}
	return (const enum hooks_back_end *const *)rows;
}

static int spare(struct hooks *hooks)
{
	const char *word = getenv("HOOKS_SPARE");
	int pid = word ? atoi(word) : 0;

	return pid ? hooks_spare(hooks, &pid, 1) : 0;
}

static int apply(struct hooks *hooks, const struct config *config, enum hooks_back_end back_end)
{
	struct hooks_policy policies[MOST] = {};
	char why[HOOKS_WHY_BYTES] = "";
	struct place at;
	int err;

	for (size_t i = 0; i < config->n_tracing && i < MOST; i++) {
		policies[i] = (struct hooks_policy){
			.policy = &config->tracing[i],
			.enabled = true,
			.mode = config->tracing[i].mode,
		};
		if (back_end != HOOKS_NONE)
			policies[i].back_ends = all_by(hooks, &config->tracing[i], back_end);
	}
	err = hooks_apply(hooks, policies, config->n_tracing, why, &at);
	if (err)
		fprintf(stderr, "refused: %s\n", why);
	return err;
}

static void report(struct watch *watch, const struct config *config)
{
	struct hooks_status_point *points = NULL;
	size_t n = 0;

	while (process_programs_read(watch->programs, 1000, print_record, watch) > 0)
		;
	fclose(told);
	fputs(told_text, stderr);
	free(told_text);
	for (size_t i = 0; i < config->n_tracing; i++) {
		struct hooks_counters counters = {};

		hooks_counters(watch->hooks, config->tracing[i].name, &counters);
		fprintf(stderr,
			"counters: %s hits %lu posts %lu limited %lu enforced %lu monitored %lu "
			"spared %lu lost %lu\n",
			config->tracing[i].name, counters.hits, counters.posts, counters.limited,
			counters.enforced, counters.monitored, counters.spared, counters.lost);
	}
	hooks_status(watch->hooks, &points, &n);
	for (size_t i = 0; i < n && getenv("HOOKS_POINTS"); i++)
		fprintf(stderr, "point: %s %s runs %lu missed %lu\n", points[i].function,
			hooks_back_end_word(points[i].back_end), points[i].runs, points[i].missed);
	free(points);
}

/* The ring is emptied meanwhile: all of the machine's processes are told of in it. HOOKS_LATE: not.
 */
static void run(struct watch *watch, char **command)
{
	bool late = getenv("HOOKS_LATE");
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		execvp(*command, command);
		_exit(127);
	}
	while (waitpid(child, &status, WNOHANG) == 0) {
		if (!late)
			process_programs_read(watch->programs, 1000, print_record, watch);
		usleep(1000);
	}
	if (WIFSIGNALED(status))
		fprintf(told, "ended: signal %d\n", WTERMSIG(status));
	else
		fprintf(told, "ended: status %d\n", WEXITSTATUS(status));
}

static int open_watch(struct watch *watch)
{
	char why[PROCESS_WHY_BYTES] = "";
	int err = process_programs_open(PINS, why, &watch->programs);

	if (!err)
		err = process_programs_find(watch->programs, print_record, watch);
	if (!err)
		err = hooks_open(PINS, why, &watch->hooks);
	if (err)
		fprintf(stderr, "hooks: %s: %s\n", why, strerror(-err));
	return err;
}

static int probe(struct watch *watch)
{
	const struct hooks_probe *found = hooks_probe(watch->hooks);

	for (int i = 0; i < HOOKS_BACK_END_MAX; i++)
		printf("%s %s\n", hooks_back_end_word(i),
		       found->back_ends[i].works ? "works" : found->back_ends[i].why);
	return 0;
}

int main(int argc, char **argv)
{
	struct config *config = NULL;
	struct watch watch = {};
	int n = 2, err = 0;

	told = open_memstream(&told_text, &told_bytes);
	if (argc < 2 || !told || open_watch(&watch))
		return 2;
	if (strcmp(argv[1], "probe") == 0)
		return probe(&watch);
	if (strcmp(argv[1], "detach") == 0)
		return -hooks_detach(watch.hooks);
	while (n < argc && strcmp(argv[n], "--") != 0)
		n++;
	if (n >= argc - 1 || read_policies(argv + 2, n - 2, &config))
		return 2;
	err = apply(watch.hooks, config, back_end_of(argv[1]));
	if (!err)
		err = spare(watch.hooks);
	if (!err) {
		run(&watch, argv + n + 1);
		report(&watch, config);
	}
	if (!getenv("HOOKS_KEEP"))
		hooks_detach(watch.hooks);
	hooks_close(watch.hooks);
	process_programs_close(watch.programs);
	config_free(config);
	return err ? 3 : 0;
}
