/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef CLI_ANSWER_H
#define CLI_ANSWER_H

#include <jansson.h>
#include <stdbool.h>

#include "cli/aim.h"
#include "cli/ends.h"

/* What becomes of one flow, and why. */
struct answer {
	const struct generation *generation;
	struct end from, to;
	struct aim aim;
	struct flow_answer flow;
	json_t **
		told; /* by origin: its rules as JSON, once made, for who has many flows; or NULL */
};

/* Policies that close by default and are listed; the rest is a number. */
#define ANSWER_CLOSING_MOST 10

bool answer_allows(const struct answer *answer); /* audit, too, lets it through */
json_t *answer_as_json(const struct answer *answer);
void answer_print(const struct answer *answer);

#endif
