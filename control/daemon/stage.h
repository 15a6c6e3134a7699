/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef DAEMON_STAGE_H
#define DAEMON_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A copy of the directory in the state directory, with what is to change changed:
 * what is read and compiled is exactly what is kept, and the directory itself is
 * written only when all of it has been found right.
 */
struct stage {
	const char *config_directory, *state_directory;
	char *path;
	uint64_t hash;	      /* of the staged files */
	uint64_t before_hash; /* of the directory when it was copied */
	struct edit *edits;   /* files that differ from the directory's */
	size_t n_edits;
	char *summary; /* "CiliumNetworkPolicy shop/web": what was put in or taken out */
	char *refusal; /* a sentence, when something failed */
};

int stage_directory(struct stage *stage);
int stage_history(struct stage *stage, uint32_t number);

/* Puts documents in, or takes them out, after stage_directory(). */
int stage_apply(struct stage *stage, const char *text, size_t bytes);
int stage_delete(struct stage *stage, const char *text, size_t bytes);

/* Writes the edits through to the directory; -ESTALE when somebody edited it meanwhile. */
int stage_check_fresh(struct stage *stage);
int stage_write_through(struct stage *stage);

/* After stage_history(): the directory becomes what was staged. */
int stage_replace_directory(struct stage *stage);

void stage_free(struct stage *stage);

#endif
