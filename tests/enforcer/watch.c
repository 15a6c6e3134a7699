/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */

/*
 * watch PINS text|json|all COMMAND...: what the command and all that it starts do, without a
 * daemon: the programs are loaded, pinned in PINS, and every event of a process below us is
 * printed, or (all) of every process. The last line says what was lost.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "observe/process.h"
#include "util/cleanup.h"

struct watch {
	struct process_programs *programs;
	struct process_tree *tree;
	struct process_events *events;
	struct process_view view;
	bool json, all;
	pid_t child;
	bool ended; /* the command's own end was told */
};

static bool is_below_us(const struct process *process)
{
	for (process = process->parent; process; process = process->parent)
		if (process->pid_here == (uint32_t)getpid())
			return true;
	return false;
}

static void show(void *data, struct process_event *event)
{
	struct watch *watch = data;
	json_t *object;
	cleanup_free char *line = NULL;

	if (!watch->all && !is_below_us(event->process))
		return;
	object = process_json(&watch->view, event);
	line = watch->json ? json_dumps(object, JSON_COMPACT)
			   : process_compact(object, &(struct process_style){});
	puts(line ? line : "?");
	json_decref(object);
	watch->ended |=
		event->kind == PROCESS_EXIT && event->process->pid_here == (uint32_t)watch->child;
}

static void read_ring(struct watch *watch, uint64_t until_ns)
{
	while (process_programs_read(watch->programs, 1000, process_events_record, watch->events) >
	       0)
		;
	process_events_give(watch->events, until_ns, SIZE_MAX, show, watch);
}

static int run(struct watch *watch, char **command)
{
	int status = 0;

	fflush(stdout);
	watch->child = fork();
	if (watch->child == 0) {
		execvp(command[0], command);
		_exit(127);
	}
	while (waitpid(watch->child, &status, WNOHANG) == 0) {
		read_ring(watch, process_clock_ns() - PROCESS_HELD_NS);
		usleep(10000);
	}
	for (int i = 0; i < 100 && !watch->ended; i++) {
		usleep(20000);
		read_ring(watch, process_clock_ns() - PROCESS_HELD_NS);
	}
	read_ring(watch, UINT64_MAX); /* what was taken out of the ring is nobody else's to tell */
	return watch->ended ? 0 : 1;
}

static void show_lost(const struct watch *watch)
{
	uint64_t lost[CHQ_PROC_LOSSES] = {};
	struct process_counts counts = process_tree_counts(watch->tree);

	process_programs_lost(watch->programs, lost);
	printf("lost %llu %llu %llu %llu running %zu\n", (unsigned long long)lost[CHQ_LOST_FORK],
	       (unsigned long long)lost[CHQ_LOST_EXEC], (unsigned long long)lost[CHQ_LOST_EXIT],
	       (unsigned long long)lost[CHQ_LOST_PROCESS], counts.running);
}

int main(int argc, char **argv)
{
	struct watch watch = {.view = {.node = "here"}};
	char why[PROCESS_WHY_BYTES] = "";
	int err;

	if (argc < 4)
		return 2;
	watch.json = strcmp(argv[2], "json") == 0;
	watch.all = strcmp(argv[2], "all") == 0;
	watch.tree = process_tree_new(&PROCESS_LIMITS);
	watch.events = process_events_new(watch.tree);
	err = process_programs_open(argv[1], why, &watch.programs);
	if (!err)
		err = process_programs_find(watch.programs, process_events_record, watch.events);
	if (err) {
		fprintf(stderr, "watch: %s\n", *why ? why : strerror(-err));
		return 1;
	}
	err = run(&watch, argv + 3);
	show_lost(&watch);
	process_events_free(watch.events);
	process_tree_free(watch.tree);
	process_programs_close(watch.programs);
	return err;
}
