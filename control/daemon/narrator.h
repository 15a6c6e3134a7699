/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef DAEMON_NARRATOR_H
#define DAEMON_NARRATOR_H

#include <stdint.h>

#include "chasqui/event.h"
#include "compile/generation.h"

/* Events as lines of JSON, with the names of the generation that they speak of. */
struct narrator;

int narrator_open(struct narrator **ret);
void narrator_close(struct narrator *narrator);

/* Keeps the names of a generation, also when that one is gone. */
void narrator_learn(struct narrator *narrator, uint32_t number,
		    const struct generation *generation);

/* The caller frees it; NULL: out of memory. */
char *narrator_line(struct narrator *narrator, const struct chq_event *event);

#endif
