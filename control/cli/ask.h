/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef CLI_ASK_H
#define CLI_ASK_H

#include <jansson.h>
#include <stddef.h>

#include "cli/command.h"

struct question {
	const char *method, *path;
	const char *body; /* NULL: none */
	size_t body_bytes;
};

/*
 * Asks the daemon. EXIT_DONE: `*ret` is the caller's. EXIT_REFUSED: what went
 * wrong has been said, on stderr, or with -o json as an object on stdout.
 */
int ask(const struct arguments *arguments, const struct question *question, json_t **ret);

/* The daemon's stream of lines; returns what the program ends with. */
int listen_to(const struct arguments *arguments, const char *path,
	      int (*each)(void *data, const char *line), void *data);

void print_json(json_t *value); /* takes it */

/* The outcome of something that was asked to be done: its message, or the JSON. */
int tell_outcome(const struct arguments *arguments, const struct question *question);

#endif
