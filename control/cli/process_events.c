/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "cli/words.h"

#include <curl/curl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "observe/process.h"
#include "util/cleanup.h"

/* What a line needs to be shown. */
struct show {
	const struct arguments *arguments;
	struct process_style style;
};

/* On a terminal that can, unless the environment says no. */
static bool wants_colour(void)
{
	const char *no_colour = getenv("NO_COLOR"), *terminal = getenv("TERM");

	if (no_colour && *no_colour)
		return false;
	return isatty(STDOUT_FILENO) && (!terminal || strcmp(terminal, "dumb") != 0);
}

/* What this reader was too slow for. JSON says it with the object that Tetragon has for it. */
static void show_lost(const struct show *show, long long lost)
{
	char now[32], node[256] = "";
	time_t seconds = time(NULL);
	struct tm parts;

	if (!wants_json(show->arguments)) {
		fprintf(stderr, "... %lld events lost: this reader is too slow\n", lost);
		return;
	}
	gethostname(node, sizeof(node) - 1);
	strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &parts));
	printf("{\"rate_limit_info\":{\"number_of_dropped_process_events\":\"%lld\"},"
	       "\"node_name\":\"%s\",\"time\":\"%s\"}\n",
	       lost, node, now);
}

static void show_compact(const struct show *show, const char *text)
{
	json_t *event = json_loads(text, 0, NULL);
	cleanup_free char *line = event ? process_compact(event, &show->style) : NULL;

	if (line)
		puts(line);
	json_decref(event);
}

/* As JSON a line is passed on unread: who reads it may be in a hurry. */
static int show_line(void *data, const char *text)
{
	const struct show *show = data;
	long long lost;

	if (sscanf(text, "{\"lost\":%lld}", &lost) == 1)
		show_lost(show, lost);
	else if (wants_json(show->arguments))
		puts(text);
	else
		show_compact(show, text);
	return fflush(stdout);
}

static void add_parameter(FILE *path, CURL *curl, const char *name, const char *value)
{
	char *escaped = value ? curl_easy_escape(curl, value, 0) : NULL;

	if (escaped)
		fprintf(path, "&%s=%s", name, escaped);
	curl_free(escaped);
}

/* The question as a path; NULL: out of memory. */
static char *path_of(const struct arguments *arguments)
{
	CURL *curl = curl_easy_init();
	char *text = NULL;
	size_t bytes;
	FILE *path = curl ? open_memstream(&text, &bytes) : NULL;

	if (path) {
		fprintf(path, "/v1/processes/events?follow=%d", arguments->follow);
		add_parameter(path, curl, "since", arguments->since);
		add_parameter(path, curl, "policy", arguments->policy);
		add_parameter(path, curl, "binary", arguments->binary);
		add_parameter(path, curl, "pid", arguments->pid);
		add_parameter(path, curl, "event", arguments->event);
		fclose(path);
	}
	curl_easy_cleanup(curl);
	return text;
}

int follow_processes(const struct arguments *arguments)
{
	struct show show = {arguments,
			    {.colour = wants_colour(), .timestamps = arguments->timestamps}};
	cleanup_free char *path = path_of(arguments);

	if (!path) {
		fputs("chasqui: out of memory\n", stderr);
		return EXIT_REFUSED;
	}
	return listen_to(arguments, path, show_line, &show);
}
