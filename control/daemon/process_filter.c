/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "daemon/process_filter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/cleanup.h"

/* Words for kinds of events; the index is the bit. Hooks have one for each kind of theirs. */
static const char *const words[] = {"exec", "exit", "kprobe", "lsm", "tracepoint", "uprobe"};
#define WORDS (sizeof(words) / sizeof(words[0]))

static unsigned word_of(const struct process_event *event)
{
	if (event->kind == PROCESS_EXEC)
		return 0;
	if (event->kind == PROCESS_EXIT)
		return 1;
	return 2 + event->hook->kind;
}

static int read_kinds(const char *list, uint32_t *ret)
{
	uint32_t kinds = 0;

	while (*list) {
		size_t length = strcspn(list, ","), i;

		for (i = 0; i < WORDS; i++)
			if (strlen(words[i]) == length && memcmp(words[i], list, length) == 0)
				break;
		if (i == WORDS)
			return -EINVAL;
		kinds |= 1u << i;
		list += length + (list[length] == ',');
	}
	*ret = kinds;
	return kinds ? 0 : -EINVAL;
}

static int read_pid(const char *text, uint32_t *ret)
{
	char *end;
	unsigned long number;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno || *end || end == text || number == 0 || number > INT32_MAX)
		return -EINVAL;
	*ret = number;
	return 0;
}

/* "90s", "5m", "2h", "1d": so long ago. */
static int read_ago(const char *text, uint64_t *ret_ns)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	char *end;
	unsigned long number;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno || end == text || !*end || end[1] || number > 1000000)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (units[i].unit != *end)
			continue;
		*ret_ns = number * units[i].seconds * 1000000000ull;
		return 0;
	}
	return -EINVAL;
}

/* Seconds are enough; the part behind the dot is left out. */
static int read_moment(const char *text, uint64_t *ret_ago_ns)
{
	struct tm parts = {};
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
	struct timespec now;
	time_t then, ago;

	if (end && *end == '.')
		end += 1 + strspn(end + 1, "0123456789");
	if (!end || (strcmp(end, "Z") != 0 && strcmp(end, "+00:00") != 0))
		return -EINVAL;
	then = timegm(&parts);
	clock_gettime(CLOCK_REALTIME, &now);
	ago = now.tv_sec - then;
	*ret_ago_ns = ago > 0 ? ago * 1000000000ull + now.tv_nsec : 0;
	return 0;
}

static int read_since(const char *text, uint64_t *ret)
{
	uint64_t now = process_clock_ns(), ago = 0;
	int err = read_ago(text, &ago);

	if (err)
		err = read_moment(text, &ago);
	if (!err)
		*ret = ago < now ? now - ago : 1;
	return err;
}

static int refuse(char *why, size_t bytes, const char *name, const char *text, const char *expected)
{
	snprintf(why, bytes, "%s: \"%s\" is not %s", name, text, expected);
	return -EINVAL;
}

/* An empty text would match nothing; it is taken for none. */
static int read_text(const char *text, char **ret)
{
	*ret = text && *text ? strdup(text) : NULL;
	return text && *text && !*ret ? -ENOMEM : 0;
}

int process_filter_read(const struct process_wishes *wishes, char *why, size_t why_bytes,
			struct process_filter *ret)
{
	cleanup(process_filter_clear) struct process_filter filter = {};

	if (wishes->event && read_kinds(wishes->event, &filter.kinds))
		return refuse(why, why_bytes, "event", wishes->event,
			      "a list of exec, exit, kprobe, lsm, tracepoint, uprobe");
	if (wishes->pid && read_pid(wishes->pid, &filter.pid))
		return refuse(why, why_bytes, "pid", wishes->pid, "the number of a process");
	if (wishes->since && read_since(wishes->since, &filter.since_ns))
		return refuse(why, why_bytes, "since", wishes->since,
			      "a time ago (90s, 5m, 2h, 1d) or a moment (2026-01-02T03:04:05Z)");
	if (read_text(wishes->policy, &filter.policy) ||
	    read_text(wishes->binary, &filter.binary)) {
		snprintf(why, why_bytes, "out of memory");
		return -ENOMEM;
	}
	*ret = filter;
	filter = (struct process_filter){};
	return 0;
}

void process_filter_clear(struct process_filter *filter)
{
	free(filter->policy);
	free(filter->binary);
	*filter = (struct process_filter){};
}

/* A path is compared whole; a name without slashes with the last part of the path. */
static bool is_binary(const char *wanted, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (strchr(wanted, '/'))
		return strcmp(wanted, path) == 0;
	return strcmp(wanted, slash ? slash + 1 : path) == 0;
}

bool process_filter_wants(const struct process_filter *filter, const struct process_event *event)
{
	const struct process_program *program = event->process->program;

	if (filter->kinds && !(filter->kinds >> word_of(event) & 1))
		return false;
	if (filter->pid && filter->pid != event->process->key.pid)
		return false;
	if (event->time_ns < filter->since_ns)
		return false;
	if (filter->policy && (!event->hook || !event->hook->policy ||
			       strcmp(filter->policy, event->hook->policy) != 0))
		return false;
	return !filter->binary || is_binary(filter->binary, program->binary) ||
	       is_binary(filter->binary, program->executable);
}
