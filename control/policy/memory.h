/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef POLICY_MEMORY_H
#define POLICY_MEMORY_H

#include <obstack.h>
#include <stdlib.h>
#include <string.h>

#define obstack_chunk_alloc malloc
#define obstack_chunk_free  free

/* Two arenas: what the configuration keeps, and what one document needs while it is read. */
struct config_memory {
	struct obstack kept, scratch;
	void *scratch_start;
	char **texts; /* the files, by number */
	size_t n_texts;
};

static inline void *arena_zero(struct obstack *arena, size_t size_bytes)
{
	return memset(obstack_alloc(arena, size_bytes ? size_bytes : 1), 0, size_bytes);
}

static inline char *arena_text(struct obstack *arena, const char *text, size_t length_bytes)
{
	return obstack_copy0(arena, text, length_bytes);
}

#define arena_array(arena, type, count) ((type *)arena_zero(arena, sizeof(type) * (count)))

#endif
