// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "cli/words.h"

#include <string.h>

/*
 * Each line of the stream is an object with the members that tools want, and
 * `text`, the line for people.
 */
static int show_line(void *data, const char *line)
{
	const struct arguments *arguments = data;
	const char *text;
	json_t *event;
	json_int_t lost = 0;

	if (wants_json(arguments)) {
		puts(line);
		return fflush(stdout);
	}
	event = json_loads(line, 0, NULL);
	text = json_string_value(json_object_get(event, "text"));
	if (text)
		puts(text);
	else if (json_unpack(event, "{s:I}", "lost", &lost) == 0)
		printf("... %lld events lost: this reader is too slow\n", (long long)lost);
	json_decref(event);
	return fflush(stdout);
}

int follow_events(const struct arguments *arguments)
{
	char path[64];

	snprintf(path, sizeof(path), "/v1/events?follow=%d%s", arguments->follow,
		 arguments->drops ? "&drops=1" : "");
	return listen_to(arguments, path, show_line, (void *)arguments);
}
