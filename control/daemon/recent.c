// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "daemon/recent.h"

#include <stdio.h>

#include "api/server.h"
#include "daemon/daemon.h"
#include "observe/flow.h"
#include "util/cleanup.h"

/* One object for programs, and in it, as its member `line`, the line for people. */
static char *line_of(const struct daemon *daemon, const struct chq_event *event)
{
	cleanup_free char *text = flow_text(daemon->names, event);
	json_t *object = flow_json(daemon->names, event);
	char *line;

	if (object && text)
		json_object_set_new(object, "line", json_string(text));
	line = object ? json_dumps(object, JSON_COMPACT) : NULL;
	json_decref(object);
	return line;
}

void recent_take(void *data, const struct chq_event *event)
{
	struct daemon *daemon = data;
	struct recent *recent = &daemon->recent;
	cleanup_free char *line = NULL;

	recent->list[recent->next] = *event;
	recent->next = (recent->next + 1) % RECENT_EVENTS;
	recent->count += recent->count < RECENT_EVENTS;
	if (!api_streams(daemon->api))
		return;
	line = line_of(daemon, event);
	if (line)
		api_stream_send(daemon->api, line);
}

char *recent_lines(const struct daemon *daemon, size_t *ret_bytes)
{
	const struct recent *recent = &daemon->recent;
	size_t first = (recent->next + RECENT_EVENTS - recent->count) % RECENT_EVENTS;
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_bytes);

	if (!out)
		return NULL;
	for (size_t i = 0; i < recent->count; i++) {
		cleanup_free char *line =
			line_of(daemon, &recent->list[(first + i) % RECENT_EVENTS]);

		fprintf(out, "%s\n", line ? line : "{}");
	}
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}
