/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef OBSERVE_PROCESS_LINE_H
#define OBSERVE_PROCESS_LINE_H

/* What the files behind process_compact() share. Nobody else includes it. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "observe/process.h"

/* One line, field by field. */
struct line {
	FILE *out;
	bool colour;
	const char *node, *binary, *arguments; /* of the process; never NULL */
};

enum colour {
	COLOUR_RED = 31,
	COLOUR_BLUE = 34,
	COLOUR_GREEN = 32,
	COLOUR_MAGENTA = 35,
	COLOUR_CYAN = 36
};

/* A text, in quotes when it must; with colours it has one, also when it is empty. */
void write_field(const struct line *line, enum colour colour, const char *text);
/* The same, of a text that is safe as it is. */
void write_plain(const struct line *line, enum colour colour, const char *text);

/* Emoji, verb padded to seven, machine, binary, and a blank behind it. */
void write_start(const struct line *line, const char *emoji, const char *verb);

/* The texts of JSON members; "" when there are none. */
const char *text_at(const json_t *object, const char *name);

bool needs_quotes(const char *text);
void write_quoted(FILE *out, const char *text); /* as Go's strconv.Quote, if it must */

/* The rest of a line for a function that a kprobe is at. */
void write_kprobe(const struct line *line, const json_t *inside);

#endif
