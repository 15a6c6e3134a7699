// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "daemon/narrator.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "util/addr.h"
#include "util/cleanup.h"

struct narrator {
	uint32_t number;
};

static const char *const reason_names[CHQ_REASON_LIMIT] = {
#define X(name, action, text) [CHQ_##name] = #name,
	CHQ_REASONS(X)
#undef X
};

static const char *const kind_words[] = {
#define X(name, word) word,
	CHQ_EVENTS(X)
#undef X
};

int narrator_open(struct narrator **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

void narrator_close(struct narrator *narrator)
{
	free(narrator);
}

void narrator_learn(struct narrator *narrator, uint32_t number, const struct generation *generation)
{
	(void)generation;
	narrator->number = number;
}

char *narrator_line(struct narrator *narrator, const struct chq_event *event)
{
	char source[ADDR_TEXT_BYTES], target[ADDR_TEXT_BYTES];
	json_t *line;
	char *text;

	(void)narrator;
	if (event->kind >= CHQ_EVENT_MAX || event->reason >= CHQ_REASON_MAX)
		return NULL;
	line = json_pack("{s:s, s:s, s:s, s:i, s:s, s:i, s:i, s:I, s:i}", "kind",
			 kind_words[event->kind], "reason", reason_names[event->reason], "source",
			 addr_print(&event->source, source), "sourcePort", ntohs(event->sport_be),
			 "target", addr_print(&event->target, target), "targetPort",
			 ntohs(event->dport_be), "protocol", event->protocol, "generation",
			 (json_int_t)event->generation, "port", event->port);
	text = line ? json_dumps(line, JSON_COMPACT) : NULL;
	json_decref(line);
	return text;
}
