/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef OBSERVE_FLOW_H
#define OBSERVE_FLOW_H

#include <jansson.h>

#include "chasqui/event.h"
#include "observe/names.h"

/*
 * One event in one line: when, what became of it and why, where, from whom to whom,
 * and the rules that said so. The caller frees it; NULL: out of memory.
 */
char *flow_text(const struct names *names, const struct chq_event *event);

/* The same as an object. The caller owns the reference; NULL: out of memory. */
json_t *flow_json(const struct names *names, const struct chq_event *event);

/* Words for the numbers of an event, and of everything else that carries them. */
const char *reason_name(enum chq_reason reason);     /* DROP_NO_RULE */
const char *reason_sentence(enum chq_reason reason); /* no rule allows it */
enum chq_action reason_action(enum chq_reason reason);
const char *event_word(enum chq_event_kind kind);
/* "TCP", "ICMPv6", or the number in `text`. */
const char *protocol_word(uint8_t protocol, char text[8]);

#endif
