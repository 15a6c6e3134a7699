/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef COMPILE_SPANS_H
#define COMPILE_SPANS_H

#include <obstack.h>

#include "compile/generation.h"

/*
 * The targets (CHQ_TARGET_*) as stretches that two generations treat alike, and
 * stretches of the same pair of port classes as one kind.
 */
struct span {
	uint32_t first, last;
	uint32_t kind;
};

struct spans {
	struct span *list; /* all targets, rising */
	size_t count;
	uint32_t *example; /* by kind: a target of it */
	uint32_t n_kinds;
};

void spans_make(const struct generation *before, const struct generation *after,
		struct obstack *arena, struct spans *ret);

/* "443/tcp, 1000-2000/udp, all icmp": the targets of these kinds. Caller frees; NULL: no memory. */
char *spans_print(const struct spans *spans, const bool *wanted);

#endif
