// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What hooks cost those whom they do not concern: read(2) of 4 KiB, open(2) and execve(2) of other
 * files, with no policy, with the seed policy, and with a hundred, for each back end that this
 * kernel has. All of them in turns, in one run; only the ratios mean something.
 *
 * What the kernel itself takes for a program at that place, one that does nothing, is measured in
 * the same run (as "nothing"): no back end can be cheaper.
 *
 *   bench-enforcer-calls POLICY.yaml GUARD-PROGRAM ROUNDS DISK-FILE   (in a sandbox: see
 * bench-enforcer)
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "enforcer/guard_client.h"
#include "enforcer/hooks.h"
#include "enforcer/wish.h"
#include "policy/model.h"
#include "probe.skel.h"
#include "util/cleanup.h"

enum { MANY = 100, ROUNDS_MOST = 64, WAYS_MOST = 32 };
enum { COST_READ, COST_DISK, COST_OPEN, COST_READ_BESIDE, COST_BESIDE, COST_EXEC, COSTS };
static const char *const cost_names[] = {"read, tmpfs", "read, disk",  "open",
					 "read beside", "open beside", "execve"};

#define GUARD	  HOOKS_NONE /* as a back end: chasqui-guard */
#define DIRECTORY "/sys/fs/bpf/bench"

/* A way to be measured, and what was measured: nanoseconds by round. */
struct way {
	char name[64];
	const struct config *config; /* NULL: no policy */
	enum hooks_back_end back_end;
	enum tracing_mode mode;
	bool waits;	     /* it is attached when the guard is gone */
	bool empty, guarded; /* a program that does nothing; the guard stands beside the back end */
	double cost_ns[ROUNDS_MOST][COSTS];
};

struct bench {
	struct hooks *hooks;
	struct guard_client *guard;
	struct config *one, *many;
	const char *disk_file;
	struct way ways[WAYS_MOST];
	size_t n_ways;
	unsigned rounds;
};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "bench-enforcer: %s: %s\n", what, why);
	exit(1);
}

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* ---- what is measured ---- */

/*
 * Others have the processors, too: so many calls together are timed again and again, and the
 * cheapest time counts, in which nobody came between.
 */
static double cheapest(void (*once)(void *data), void *data, int calls, int times)
{
	double least = 0;

	for (int t = 0; t < times; t++) {
		double start = now_ns(), cost;

		for (int i = 0; i < calls; i++)
			once(data);
		cost = (now_ns() - start) / calls;
		if (t == 0 || cost < least)
			least = cost;
	}
	return least;
}

static void read_page(void *data)
{
	char page[4096];

	if (pread(*(int *)data, page, sizeof(page), 0) != sizeof(page))
		die("read", strerror(errno));
}

static void open_file(void *data)
{
	int fd = open(data, O_RDONLY);

	if (fd < 0)
		die(data, strerror(errno));
	close(fd);
}

static void run_program(void *data)
{
	char *const argv[] = {data, NULL}, *const environment[] = {NULL};
	int status;
	pid_t pid;

	if (posix_spawn(&pid, data, NULL, NULL, argv, environment) != 0 ||
	    waitpid(pid, &status, 0) < 0 || status)
		die(data, "did not run");
}

static void measure_costs(const struct bench *bench, double cost_ns[COSTS])
{
	char other[] = "/elsewhere/other.txt", beside[] = "/other.txt", program[] = "/bin/true";
	cleanup_close int fd = open(other, O_RDONLY);
	cleanup_close int disk = open(bench->disk_file, O_RDONLY);
	cleanup_close int near = open(beside, O_RDONLY);

	cost_ns[COST_READ] = cheapest(read_page, &fd, 100, 200);
	cost_ns[COST_DISK] = cheapest(read_page, &disk, 100, 200);
	cost_ns[COST_READ_BESIDE] = cheapest(read_page, &near, 100, 200);
	cost_ns[COST_OPEN] = cheapest(open_file, other, 50, 100);
	cost_ns[COST_BESIDE] = cheapest(open_file, beside, 20, 20);
	cost_ns[COST_EXEC] = cheapest(run_program, program, 1, 60);
}

/* ---- the policies ---- */

static struct config *read_policies(const char *text, size_t bytes)
{
	struct text_file file = {"bench.yaml", text, bytes};
	struct problems problems;
	struct config *config = NULL;

	if (config_parse(&file, 1, &config, &problems) < 0)
		die("the policy", problems_print(&problems));
	problems_free(&problems);
	return config;
}

/* The document a hundred times, each with a name and a file of its own. */
static struct config *read_many(const char *document)
{
	static const char name[] = "\"inca\"", file[] = "/lost_city_of_inca.txt";
	const char *at_name = strstr(document, name), *at_file = strstr(document, file);
	cleanup_free char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	if (!at_name || !at_file || at_file < at_name || !out)
		die("the policy", "it is not the seed policy");
	for (int i = 0; i < MANY; i++)
		fprintf(out, "%.*s\"inca%d\"%.*s/lost%d.txt%s\n---\n", (int)(at_name - document),
			document, i, (int)(at_file - at_name - strlen(name)),
			at_name + strlen(name), i, at_file + strlen(file));
	fclose(out);
	return read_policies(text, bytes);
}

/* ---- one way after the other ---- */

static void apply_hooks(struct bench *bench, const struct way *way)
{
	size_t count = way->config->n_tracing;
	cleanup_free struct hooks_policy *policies = calloc(count, sizeof(*policies));
	const enum hooks_back_end back_end[] = {way->back_end};
	const enum hooks_back_end *const back_ends[] = {back_end};
	const struct hooks_part part = {.waits = way->waits, .quiet = way->guarded};
	const struct hooks_part *const parts[] = {&part};
	char why[HOOKS_WHY_BYTES] = "";

	for (size_t i = 0; i < count; i++)
		policies[i] = (struct hooks_policy){.policy = &way->config->tracing[i],
						    .enabled = true,
						    .mode = way->mode,
						    .back_ends = back_ends,
						    .parts = parts};
	if (hooks_apply(bench->hooks, policies, count, why, NULL) < 0)
		die(way->name, why);
}

static void apply_guard(struct bench *bench, const struct way *way)
{
	size_t count = way->config ? way->config->n_tracing : 0;
	cleanup_free struct enforcer_wish *wishes = calloc(count + 1, sizeof(*wishes));
	char why[GUARD_WHY_BYTES] = "";

	for (size_t i = 0; i < count; i++)
		wishes[i] = (struct enforcer_wish){.policy = &way->config->tracing[i],
						   .id = i + 1,
						   .enabled = true,
						   .mode = way->mode};
	if (guard_client_apply(bench->guard, wishes, count, NULL, NULL, why, NULL) < 0)
		die(way->name, *why ? why : "the guard does not answer");
}

static struct bpf_program *empty_program(struct chq_probe *probe, enum hooks_back_end back_end)
{
	return back_end == HOOKS_SYSCALL ? probe->progs.try_syscall : probe->progs.try_filemap;
}

static void measure_empty(struct bench *bench, struct way *way, unsigned round)
{
	struct chq_probe *probe = chq_probe__open();
	struct bpf_program *each, *program;
	struct bpf_link *link = NULL;

	if (!probe)
		die(way->name, strerror(errno));
	program = empty_program(probe, way->back_end);
	bpf_object__for_each_program(each, probe->obj)
		bpf_program__set_autoload(each, each == program);
	if (!chq_probe__load(probe))
		link = bpf_program__attach(program);
	if (!link)
		die(way->name, "the kernel refuses it");
	measure_costs(bench, way->cost_ns[round]);
	bpf_link__destroy(link);
	chq_probe__destroy(probe);
}

static void measure(struct bench *bench, struct way *way, unsigned round)
{
	bool hooked = way->config && way->back_end != GUARD;
	bool guarded = way->config && (way->guarded || !hooked);

	if (hooked)
		apply_hooks(bench, way);
	if (guarded)
		apply_guard(bench, way);
	measure_costs(bench, way->cost_ns[round]);
	if (hooked)
		hooks_detach(bench->hooks);
	if (guarded)
		apply_guard(bench, &(struct way){.name = "nothing"});
}

static struct way *add_way(struct bench *bench, const char *back_end, const char *policy,
			   const struct config *config, enum hooks_back_end number)
{
	struct way *way = &bench->ways[bench->n_ways++];

	snprintf(way->name, sizeof(way->name), "%s%s%s", back_end, *policy ? ", " : "", policy);
	way->config = config;
	way->back_end = number;
	return way;
}

/* What a kernel with trampolines refused has, and what is enforced there: the guard, with a net
 * that waits. */
static void add_guard(struct bench *bench)
{
	const struct tracing_hook *hook = &bench->one->tracing[0].hooks[0];
	struct way *way;

	add_way(bench, "fanotify", "inca", bench->one, GUARD);
	add_way(bench, "fanotify", "inca, monitor", bench->one, GUARD)->mode = TRACING_MONITOR;
	add_way(bench, "fanotify", "100 policies", bench->many, GUARD);
	if (hooks_can(bench->hooks, hook, 0, HOOKS_FILEMAP, NULL))
		return;
	way = add_way(bench, "fanotify, filemap waits", "inca", bench->one, HOOKS_FILEMAP);
	way->guarded = way->waits = true;
	add_way(bench, "fanotify + filemap", "inca", bench->one, HOOKS_FILEMAP)->guarded = true;
}

static void add_ways(struct bench *bench)
{
	char why[HOOKS_WHY_BYTES];

	add_way(bench, "no policy", "", NULL, GUARD);
	for (enum hooks_back_end end = 0; end < HOOKS_BACK_END_MAX; end++) {
		const struct tracing_hook *hook = &bench->one->tracing[0].hooks[0];

		if (hooks_can(bench->hooks, hook, 0, end, why) < 0)
			continue;
		if (end == HOOKS_SYSCALL || end == HOOKS_FILEMAP)
			add_way(bench, hooks_back_end_word(end), "nothing", NULL, end)->empty =
				true;
		add_way(bench, hooks_back_end_word(end), "inca", bench->one, end);
		add_way(bench, hooks_back_end_word(end), "100 policies", bench->many, end);
	}
	if (guard_client_connected(bench->guard))
		add_guard(bench);
}

/* ---- what came of it ---- */

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const double *values, unsigned count)
{
	double sorted[ROUNDS_MOST];

	memcpy(sorted, values, count * sizeof(*values));
	qsort(sorted, count, sizeof(*sorted), by_size);
	return sorted[count / 2];
}

static void report_way(const struct bench *bench, const struct way *way, int cost)
{
	const struct way *base = &bench->ways[0];
	double costs[ROUNDS_MOST], ratios[ROUNDS_MOST];

	for (unsigned r = 0; r < bench->rounds; r++) {
		costs[r] = way->cost_ns[r][cost];
		ratios[r] = costs[r] / base->cost_ns[r][cost];
	}
	printf("%-28s %-12s %10.0f ns   ratio %.3f\n", way->name, cost_names[cost],
	       median(costs, bench->rounds), median(ratios, bench->rounds));
}

static void report(const struct bench *bench)
{
	for (size_t i = 0; i < bench->n_ways; i++)
		for (int cost = 0; cost < COSTS; cost++)
			report_way(bench, &bench->ways[i], cost);
}

static void open_all(struct bench *bench, const char *guard_program)
{
	char why[HOOKS_WHY_BYTES] = "";

	if (hooks_open(DIRECTORY, why, &bench->hooks) < 0)
		die(DIRECTORY, why);
	if (guard_start(guard_program, "/run/test", "/run/test") < 0)
		fprintf(stderr, "bench-enforcer: no guard: it is left out\n");
	if (guard_client_open("/run/test", &bench->guard) < 0)
		die("the guard", "out of memory");
	for (int i = 0; i < 20 && !guard_client_connected(bench->guard); i++) {
		guard_client_work(bench->guard);
		usleep(50000);
	}
}

int main(int argc, char **argv)
{
	struct bench bench = {};
	char document[8192] = "";
	FILE *file = argc == 5 ? fopen(argv[1], "r") : NULL;

	if (!file || !fread(document, 1, sizeof(document) - 1, file))
		die("usage", "bench-enforcer-calls POLICY.yaml GUARD-PROGRAM ROUNDS DISK-FILE");
	fclose(file);
	bench.rounds = atoi(argv[3]);
	if (bench.rounds < 1 || bench.rounds > ROUNDS_MOST)
		die(argv[3], "expected 1 to 64 rounds");
	bench.disk_file = argv[4];
	bench.one = read_policies(document, strlen(document));
	bench.many = read_many(document);
	open_all(&bench, argv[2]);
	add_ways(&bench);
	for (unsigned round = 0; round < bench.rounds; round++)
		for (size_t i = 0; i < bench.n_ways; i++)
			(bench.ways[i].empty ? measure_empty : measure)(&bench, &bench.ways[i],
									round);
	report(&bench);
	guard_client_close(bench.guard);
	hooks_close(bench.hooks);
	config_free(bench.one);
	config_free(bench.many);
	return 0;
}
