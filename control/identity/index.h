/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef IDENTITY_INDEX_H
#define IDENTITY_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Finds things that lie in an array of the caller's by their content: it keeps
 * hash and place only, so equal things get one number without a node each.
 */
struct index {
	struct index_slot {
		uint64_t hash;
		uint32_t number; /* 1 + the caller's; 0 = free */
	} * slots;
	size_t room, count; /* room is 0 or a power of two */
};

#define INDEX_NONE UINT32_MAX

typedef bool (*index_same_fn)(const void *data, uint32_t number, const void *wanted);

/* Number of the thing that `same` says is the wanted one, or INDEX_NONE. */
uint32_t index_find(const struct index *index, uint64_t hash, index_same_fn same, const void *data,
		    const void *wanted);

/* 0 or -ENOMEM. What is added must not be there yet. */
int index_add(struct index *index, uint64_t hash, uint32_t number);

void index_remove(struct index *index, uint64_t hash, uint32_t number);
void index_free(struct index *index);

#endif
