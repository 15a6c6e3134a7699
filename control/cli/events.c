// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "cli/words.h"

#include <string.h>

/* Each line of the stream is an object; its member `line` is the one for people. */
static int show_line(void *data, const char *text)
{
	const struct arguments *arguments = data;
	json_t *event = json_loads(text, 0, NULL);
	const char *line = json_string_value(json_object_get(event, "line"));
	const char *verdict = json_string_value(json_object_get(event, "verdict"));
	json_int_t lost = 0;

	if (arguments->drops && verdict && strcmp(verdict, "dropped") != 0) {
		json_decref(event);
		return 0;
	}
	if (wants_json(arguments))
		puts(text);
	else if (line)
		puts(line);
	else if (json_unpack(event, "{s:I}", "lost", &lost) == 0)
		printf("... %lld events lost: this reader is too slow\n", (long long)lost);
	json_decref(event);
	return fflush(stdout);
}

/* Options that say something about the other kind of events. */
static int misplaced(const struct arguments *arguments)
{
	bool of_processes = arguments->since || arguments->policy || arguments->binary ||
			    arguments->pid || arguments->event || arguments->timestamps;

	if (!arguments->process && of_processes)
		fputs("chasqui events: --since, --policy, --binary, --pid, --event and "
		      "--timestamps go with --process\n",
		      stderr);
	else if (arguments->process && arguments->drops)
		fputs("chasqui events: --drops does not go with --process\n", stderr);
	else
		return EXIT_DONE;
	return EXIT_USAGE;
}

int follow_events(const struct arguments *arguments)
{
	if (misplaced(arguments))
		return EXIT_USAGE;
	if (arguments->process)
		return follow_processes(arguments);
	return listen_to(arguments, arguments->follow ? "/v1/events?follow=1" : "/v1/events",
			 show_line, (void *)arguments);
}
