/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef COMPILE_BASES_H
#define COMPILE_BASES_H

#include "compile/compiler.h"

/*
 * Peer classes parted by lists that match many of them: made once for all subjects
 * that use the same lists, and the latest kept.
 */
#define BASES	  64
#define BASE_ROOM (2u << 20) /* peer classes in all bases together */

/* What parts them besides the lists. */
#define BY_NAMED   1
#define BY_MANAGED 2
#define BY_HOST	   4

struct base {
	struct obstack arena;
	bool used;
	uint32_t flags, n_specs, *specs;
	struct partition partition;
};

struct bases {
	struct base list[BASES];
	uint32_t most, next;
};

void bases_start(struct bases *bases, const struct compiler *c);
/* Good until the next call. */
const struct base *bases_find(struct compiler *c, struct bases *bases, const uint32_t *specs,
			      uint32_t n_specs, uint32_t flags);
void bases_free(struct bases *bases);

#endif
