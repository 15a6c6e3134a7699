/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "enforcer/process_events.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/cleanup.h"

#define COMMAND_LINE_BYTES 4096

/* One that waits: either a record or a hit. */
struct held {
	uint64_t time_ns;
	uint64_t number; /* of those with the same time, the first comes first */
	struct hook_event *hook;
	size_t bytes; /* of the record, or of the hit */
	char record[];
};

struct process_events {
	struct process_tree *tree;
	hook_reader_fn *reader;
	void *reader_data;
	struct held **heap; /* the earliest is the first */
	size_t n_heap, room;
	size_t bytes; /* of all in the heap */
	uint64_t next_number;
	struct process_event_counts counts;
};

uint64_t process_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

struct process_events *process_events_new(struct process_tree *tree)
{
	struct process_events *events = calloc(1, sizeof(*events));

	if (events)
		events->tree = tree;
	return events;
}

static void held_free(struct held *held)
{
	if (held->hook)
		hook_event_clear(held->hook);
	free(held->hook);
	free(held);
}

void process_events_free(struct process_events *events)
{
	if (!events)
		return;
	for (size_t i = 0; i < events->n_heap; i++)
		held_free(events->heap[i]);
	free(events->heap);
	free(events);
}

void process_events_reader(struct process_events *events, hook_reader_fn *reader, void *data)
{
	events->reader = reader;
	events->reader_data = data;
}

static bool is_before(const struct held *a, const struct held *b)
{
	return a->time_ns != b->time_ns ? a->time_ns < b->time_ns : a->number < b->number;
}

static void swap(struct held **a, struct held **b)
{
	struct held *held = *a;

	*a = *b;
	*b = held;
}

static bool make_room(struct process_events *events)
{
	size_t room = events->room ? events->room * 2 : 256;
	struct held **heap;

	if (events->n_heap < events->room)
		return true;
	heap = reallocarray(events->heap, room, sizeof(*heap));
	if (!heap)
		return false;
	events->heap = heap;
	events->room = room;
	return true;
}

/* Takes it. */
static void push(struct process_events *events, struct held *held)
{
	struct held **heap;
	size_t at = events->n_heap;

	if (!held || !make_room(events)) {
		events->counts.broken++;
		if (held)
			held_free(held);
		return;
	}
	heap = events->heap;
	held->number = events->next_number++;
	heap[at] = held;
	events->n_heap++;
	events->bytes += held->bytes;
	for (; at > 0 && is_before(heap[at], heap[(at - 1) / 2]); at = (at - 1) / 2)
		swap(&heap[at], &heap[(at - 1) / 2]);
}

static struct held *pop(struct process_events *events)
{
	struct held **heap = events->heap, *first = heap[0];
	size_t at = 0, child;

	heap[0] = heap[--events->n_heap];
	events->bytes -= first->bytes;
	while ((child = 2 * at + 1) < events->n_heap) {
		if (child + 1 < events->n_heap && is_before(heap[child + 1], heap[child]))
			child++;
		if (!is_before(heap[child], heap[at]))
			break;
		swap(&heap[child], &heap[at]);
		at = child;
	}
	return first;
}

/* The arguments of what ran before us, which only /proc has. */
static ssize_t read_command_line(uint32_t pid_here, char text[COMMAND_LINE_BYTES])
{
	char path[64];
	FILE *file;
	size_t bytes;

	snprintf(path, sizeof(path), "/proc/%u/cmdline", pid_here);
	file = pid_here ? fopen(path, "re") : NULL;
	if (!file)
		return -1;
	bytes = fread(text, 1, COMMAND_LINE_BYTES, file);
	fclose(file);
	return bytes;
}

static void add_found(struct process_events *events, const void *record, size_t bytes)
{
	const struct chq_proc_exec *exec = record;
	char line[COMMAND_LINE_BYTES];
	ssize_t length = -1;

	if (bytes >= sizeof(*exec))
		length = read_command_line(exec->pid_here, line);
	if (!process_tree_found(events->tree, record, bytes, length > 0 ? line : NULL,
				length > 0 ? length : 0))
		events->counts.broken++;
}

static struct held *hold_hook(struct hook_event *event)
{
	struct held *held = calloc(1, sizeof(*held));

	if (held)
		held->hook = malloc(sizeof(*event));
	if (!held || !held->hook) {
		hook_event_clear(event);
		free(held);
		return NULL;
	}
	held->time_ns = event->time_ns;
	held->bytes = hook_event_bytes(event);
	*held->hook = *event;
	*event = (struct hook_event){};
	return held;
}

void process_events_hook(struct process_events *events, struct hook_event *event)
{
	push(events, hold_hook(event));
}

/* -EAGAIN: it is a part of an event that comes later. */
static void add_hook(struct process_events *events, const void *record, size_t bytes)
{
	struct hook_event event = {};
	int err = events->reader ? events->reader(events->reader_data, record, bytes, &event)
				 : -ENOENT;

	if (!err)
		process_events_hook(events, &event);
	else if (err != -EAGAIN)
		events->counts.broken++;
}

void process_events_record(void *data, const struct chq_proc_head *record, size_t bytes)
{
	struct process_events *events = data;
	struct held *held;

	switch (record->kind) {
	case CHQ_PROC_FOUND: /* it is as old as can be: nothing comes before it */
		add_found(events, record, bytes);
		return;
	case CHQ_PROC_HOOK:
	case CHQ_PROC_DATA:
		add_hook(events, record, bytes);
		return;
	default:
		held = malloc(sizeof(*held) + bytes);
		if (held) {
			*held = (struct held){.time_ns = record->time_ns, .bytes = bytes};
			memcpy(held->record, record, bytes);
		}
		push(events, held);
	}
}

/* Who did it, and what; false: nobody that we know, or nothing to tell of. */
static bool join_record(struct process_events *events, const struct held *held,
			struct process_event *event)
{
	const struct chq_proc_head *head = (const void *)held->record;

	event->tid = head->tid;
	switch (head->kind) {
	case CHQ_PROC_FORK:
		if (!process_tree_fork(events->tree, head, held->bytes))
			events->counts.unknown++;
		return false;
	case CHQ_PROC_EXEC:
		event->kind = PROCESS_EXEC;
		event->process = process_tree_exec(events->tree, head, held->bytes);
		break;
	case CHQ_PROC_EXIT:
		event->kind = PROCESS_EXIT;
		event->process = process_tree_exit(events->tree, head, held->bytes);
		break;
	default:
		events->counts.broken++;
		return false;
	}
	if (!event->process)
		events->counts.unknown++;
	return event->process;
}

/* Nobody told of its start: what /proc says must do. */
static struct process *add_missed(struct process_events *events, const struct hook_event *hook)
{
	struct {
		struct chq_proc_exec exec;
		char binary[COMMAND_LINE_BYTES];
	} record = {};
	char line[COMMAND_LINE_BYTES], path[64];
	ssize_t length = read_command_line(hook->pid, line), bytes;

	snprintf(path, sizeof(path), "/proc/%u/exe", hook->pid);
	bytes = readlink(path, record.binary, sizeof(record.binary));
	record.exec.head = (struct chq_proc_head){
		.kind = CHQ_PROC_FOUND,
		.time_ns = hook->time_ns,
		.started_ns = hook->started_ns,
		.pid = hook->pid,
		.tid = hook->pid,
	};
	record.exec.flags = CHQ_PROC_FLAG_PROCFS | CHQ_PROC_FLAG_MISS | CHQ_PROC_FLAG_NO_CWD;
	record.exec.creds = (struct chq_proc_credentials){.auid = ~0u};
	record.exec.pid_here = hook->here ? hook->pid : 0;
	record.exec.binary_bytes = bytes > 0 ? bytes : 0;
	return process_tree_found(events->tree, &record, sizeof(record), length > 0 ? line : NULL,
				  length > 0 ? length : 0);
}

static bool join_hook(struct process_events *events, struct held *held, struct process_event *event)
{
	struct hook_event *hook = held->hook;

	event->kind = PROCESS_HOOK;
	event->tid = hook->tid;
	event->process = process_tree_find(events->tree, hook->pid, hook->started_ns, hook->here);
	if (!event->process)
		event->process = add_missed(events, hook);
	if (!event->process) {
		events->counts.unknown++;
		return false;
	}
	event->hook = give(held->hook);
	return true;
}

bool process_events_full(const struct process_events *events)
{
	return events->n_heap > PROCESS_HELD_MOST || events->bytes > PROCESS_HELD_BYTES;
}

static bool is_due(const struct process_events *events, uint64_t until_ns)
{
	return events->n_heap > 0 &&
	       (events->heap[0]->time_ns < until_ns || process_events_full(events));
}

size_t process_events_give(struct process_events *events, uint64_t until_ns, size_t most,
			   void (*each)(void *data, struct process_event *event), void *data)
{
	size_t given = 0;

	for (; given < most && is_due(events, until_ns); given++) {
		struct held *held = pop(events);
		struct process_event event = {.time_ns = held->time_ns};
		bool known;

		events->counts.early += held->time_ns >= until_ns;
		known = held->hook ? join_hook(events, held, &event)
				   : join_record(events, held, &event);
		if (known)
			each(data, &event);
		if (event.hook) {
			hook_event_clear(event.hook);
			free(event.hook);
		}
		held_free(held);
	}
	return given;
}

struct process_event_counts process_events_counts(const struct process_events *events)
{
	return events->counts;
}
