/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "daemon/processes.h"

#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "api/server.h"
#include "daemon/daemon.h"
#include "daemon/folder.h"
#include "daemon/process_filter.h"
#include "observe/process.h"
#include "util/cleanup.h"
#include "util/log.h"

/* The latest, for those who ask afterwards; whichever bound is met first. */
#define RECENT_MOST  4096
#define RECENT_BYTES (8 << 20)
/* Records read and events told before others have their turn in the loop. */
#define READ_AT_ONCE 8192
#define GIVE_AT_ONCE 1024

#define CLOCK_STEP_NS 1000000 /* less is two clocks read one after the other */

struct processes {
	struct process_programs *programs; /* NULL: the kernel did not take them */
	struct process_tree *tree;
	struct process_events *events;
	struct process_event recent[RECENT_MOST]; /* each holds its process and owns its hook */
	size_t first, count, bytes;
	uint64_t told;
	uint32_t host_namespaces[CHQ_NAMESPACE_MAX]; /* of pid 1, when it is seen from here */
	int64_t wall_minus_boot;
	struct event *clock, *ring;
	char why[PROCESS_WHY_BYTES]; /* programs == NULL */
	char node[HOST_NAME_MAX + 1];
};

/* The programs wake us past a threshold only. */
static const struct timeval every = {0, 50000};

/*
 * A process has one start time in all its events, so the difference of the clocks stays what it
 * was until somebody sets one.
 */
static int64_t wall_minus_boot(struct processes *processes)
{
	struct timespec wall;
	int64_t now;

	clock_gettime(CLOCK_REALTIME, &wall);
	now = (int64_t)(wall.tv_sec * 1000000000ull + wall.tv_nsec - process_clock_ns());
	if (llabs(now - processes->wall_minus_boot) > CLOCK_STEP_NS)
		processes->wall_minus_boot = now;
	return processes->wall_minus_boot;
}

/* Those that the kernel begins with have fixed numbers, but for the network's and the mounts'. */
static struct process_view view_of(struct processes *processes)
{
	struct process_view view = {
		.node = processes->node,
		.wall_minus_boot = wall_minus_boot(processes),
		.host_namespaces = {[CHQ_NS_UTS] = 0xeffffffe,
				    [CHQ_NS_IPC] = 0xefffffff,
				    [CHQ_NS_PID] = 0xeffffffc,
				    [CHQ_NS_PID_FOR_CHILDREN] = 0xeffffffc,
				    [CHQ_NS_TIME] = 0xeffffffa,
				    [CHQ_NS_TIME_FOR_CHILDREN] = 0xeffffffa,
				    [CHQ_NS_CGROUP] = 0xeffffffb,
				    [CHQ_NS_USER] = 0xeffffffd},
	};

	if (processes->host_namespaces[CHQ_NS_MNT])
		memcpy(view.host_namespaces, processes->host_namespaces,
		       sizeof(view.host_namespaces));
	return view;
}

static char *line_of(struct processes *processes, const struct process_event *event)
{
	struct process_view view = view_of(processes);
	json_t *object = process_json(&view, event);
	char *line = object ? json_dumps(object, JSON_COMPACT) : NULL;

	json_decref(object);
	return line;
}

static bool wants(const void *filter, const void *event)
{
	return process_filter_wants(filter, event);
}

static void forget_filter(void *filter)
{
	process_filter_clear(filter);
	free(filter);
}

static const struct api_channel channel = {wants, forget_filter};

static void drop_oldest(struct processes *processes)
{
	struct process_event *oldest = &processes->recent[processes->first];

	process_release(oldest->process);
	if (oldest->hook) {
		processes->bytes -= hook_event_bytes(oldest->hook);
		hook_event_clear(oldest->hook);
		free(oldest->hook);
	}
	processes->first = (processes->first + 1) % RECENT_MOST;
	processes->count--;
}

/* Takes the hook. */
static void keep(struct processes *processes, struct process_event *event)
{
	size_t bytes = event->hook ? hook_event_bytes(event->hook) : 0;

	while (processes->count == RECENT_MOST ||
	       (processes->count && processes->bytes + bytes > RECENT_BYTES))
		drop_oldest(processes);
	processes->recent[(processes->first + processes->count) % RECENT_MOST] = *event;
	process_hold(event->process);
	processes->bytes += bytes;
	processes->count++;
	event->hook = NULL;
}

static void take(void *data, struct process_event *event)
{
	struct daemon *daemon = data;
	cleanup_free char *line = NULL;

	daemon->processes->told++;
	if (api_channel_wants(daemon->api, &channel, event)) {
		line = line_of(daemon->processes, event);
		if (line)
			api_channel_send(daemon->api, &channel, event, line);
	}
	keep(daemon->processes, event);
}

static void on_processes(evutil_socket_t fd, short what, void *data)
{
	struct daemon *daemon = data;
	struct processes *processes = daemon->processes;
	uint64_t until = process_clock_ns() - PROCESS_HELD_NS;

	(void)fd;
	(void)what;
	/* what finds no place here waits in the ring, and what finds none there is counted there */
	if (processes->programs && !process_events_full(processes->events))
		process_programs_read(processes->programs, READ_AT_ONCE, process_events_record,
				      processes->events);
	if (process_events_give(processes->events, until, GIVE_AT_ONCE, take, daemon) ==
	    GIVE_AT_ONCE)
		event_active(processes->clock, EV_TIMEOUT, 0);
}

static int open_memory(struct processes *processes)
{
	processes->tree = process_tree_new(&PROCESS_LIMITS);
	processes->events = processes->tree ? process_events_new(processes->tree) : NULL;
	return processes->events ? 0 : -ENOMEM;
}

static void open_programs(struct daemon *daemon)
{
	struct processes *processes = daemon->processes;
	const struct process *init;
	cleanup_free char *pins = path_join(daemon->options.bpffs_directory, ENFORCER_PINS);
	int err =
		pins ? process_programs_open(pins, processes->why, &processes->programs) : -ENOMEM;

	if (!err)
		err = process_programs_find(processes->programs, process_events_record,
					    processes->events);
	init = process_tree_find(processes->tree, 1, 0, false);
	if (init)
		memcpy(processes->host_namespaces, init->namespaces,
		       sizeof(processes->host_namespaces));
	if (err)
		log_error("processes are not watched: %s",
			  *processes->why ? processes->why : strerror(-err));
}

static int open_clock(struct daemon *daemon)
{
	struct processes *processes = daemon->processes;

	processes->clock =
		event_new(daemon->base, -1, EV_TIMEOUT | EV_PERSIST, on_processes, daemon);
	if (!processes->clock || event_add(processes->clock, &every) < 0)
		return -ENOMEM;
	if (!processes->programs)
		return 0;
	processes->ring = event_new(daemon->base, process_programs_fd(processes->programs),
				    EV_READ | EV_PERSIST, on_processes, daemon);
	return processes->ring && event_add(processes->ring, NULL) == 0 ? 0 : -ENOMEM;
}

int processes_open(struct daemon *daemon)
{
	int err;

	daemon->processes = calloc(1, sizeof(*daemon->processes));
	if (!daemon->processes)
		return -ENOMEM;
	gethostname(daemon->processes->node, sizeof(daemon->processes->node) - 1);
	err = open_memory(daemon->processes);
	if (err)
		return err;
	open_programs(daemon);
	return open_clock(daemon);
}

void processes_close(struct daemon *daemon)
{
	struct processes *processes = daemon->processes;

	if (!processes)
		return;
	if (processes->clock)
		event_free(processes->clock);
	if (processes->ring)
		event_free(processes->ring);
	while (processes->count)
		drop_oldest(processes);
	process_events_free(processes->events);
	process_tree_free(processes->tree);
	process_programs_close(processes->programs);
	free(processes);
	daemon->processes = NULL;
}

void processes_reader(struct daemon *daemon, hook_reader_fn *reader, void *data)
{
	process_events_reader(daemon->processes->events, reader, data);
}

void processes_hook(void *data, const struct hook_event *event)
{
	struct daemon *daemon = data;
	struct hook_event copy;

	if (hook_event_copy(event, &copy) == 0)
		process_events_hook(daemon->processes->events, &copy);
}

/* What is remembered and wanted, a line each. NULL: out of memory. */
static char *lines_wanted(struct processes *processes, const struct process_filter *filter,
			  size_t *ret_bytes)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_bytes);

	if (!out)
		return NULL;
	for (size_t i = 0; i < processes->count; i++) {
		const struct process_event *event =
			&processes->recent[(processes->first + i) % RECENT_MOST];
		cleanup_free char *line = NULL;

		if (!process_filter_wants(filter, event))
			continue;
		line = line_of(processes, event);
		fprintf(out, "%s\n", line ? line : "{}");
	}
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static void filter_free(struct process_filter **filter)
{
	if (*filter)
		forget_filter(*filter);
}

/* What has happened comes before what will, unless only the latter was asked for. */
static void serve(struct daemon *daemon, struct api_request *request, struct process_filter *wanted,
		  bool follow, bool since)
{
	cleanup(filter_free) struct process_filter *filter = wanted;
	cleanup_free char *lines = NULL;
	size_t bytes = 0;

	if (!follow || since) {
		lines = lines_wanted(daemon->processes, filter, &bytes);
		if (!lines) {
			api_refuse(request, 500, "out of memory");
			return;
		}
	}
	if (follow)
		api_channel_start(request, &channel, give(filter), lines, bytes);
	else
		api_reply_lines(request, lines, bytes);
}

void processes_serve(void *data, struct api_request *request)
{
	struct daemon *daemon = data;
	const struct process_wishes wishes = {
		.event = api_query(request, "event"),
		.pid = api_query(request, "pid"),
		.since = api_query(request, "since"),
		.policy = api_query(request, "policy"),
		.binary = api_query(request, "binary"),
	};
	const char *follow = api_query(request, "follow");
	struct process_filter *filter = calloc(1, sizeof(*filter));
	char why[256] = "out of memory";
	int err = filter ? process_filter_read(&wishes, why, sizeof(why), filter) : -ENOMEM;

	if (!err && !daemon->processes->programs) {
		err = -ENOTSUP;
		snprintf(why, sizeof(why), "processes are not watched: %.200s",
			 daemon->processes->why);
	}
	if (err) {
		filter_free(&filter);
		api_refuse(request, err == -EINVAL ? 422 : 503, "%s", why);
		return;
	}
	serve(daemon, request, filter, follow && strcmp(follow, "0") != 0, wishes.since);
}

static json_t *lost_status(const struct processes *processes)
{
	static const char *const names[CHQ_PROC_LOSSES] = {
		[CHQ_LOST_FORK] = "ringFork",	[CHQ_LOST_EXEC] = "ringExec",
		[CHQ_LOST_EXIT] = "ringExit",	[CHQ_LOST_HOOK] = "ringHook",
		[CHQ_LOST_PROCESS] = "mapFull",
	};
	struct process_event_counts events = process_events_counts(processes->events);
	struct process_counts tree = process_tree_counts(processes->tree);
	uint64_t lost[CHQ_PROC_LOSSES] = {};
	json_t *object = json_object();

	if (processes->programs)
		process_programs_lost(processes->programs, lost);
	for (int i = 0; i < CHQ_PROC_LOSSES; i++)
		json_object_set_new(object, names[i], json_integer((json_int_t)lost[i]));
	json_object_set_new(object, "treeFull", json_integer((json_int_t)tree.refused));
	json_object_set_new(object, "argumentsCut", json_integer((json_int_t)tree.cut));
	json_object_set_new(object, "unknownProcess", json_integer((json_int_t)events.unknown));
	json_object_set_new(object, "broken", json_integer((json_int_t)events.broken));
	json_object_set_new(object, "early", json_integer((json_int_t)events.early));
	return object;
}

json_t *processes_status(const struct daemon *daemon)
{
	const struct processes *processes = daemon->processes;
	struct process_counts tree;

	if (!processes)
		return NULL;
	tree = process_tree_counts(processes->tree);
	if (!processes->programs)
		return json_pack("{s:b, s:s}", "watched", 0, "why", processes->why);
	return json_pack("{s:b, s:I, s:I, s:I, s:I, s:o}", "watched", 1, "running",
			 (json_int_t)tree.running, "ended", (json_int_t)tree.ended, "events",
			 (json_int_t)processes->told, "remembered", (json_int_t)processes->count,
			 "lost", lost_status(processes));
}
