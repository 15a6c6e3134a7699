/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef COMPILE_PARTITION_H
#define COMPILE_PARTITION_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/memory.h"

/* Some of the numbers 0..n-1: a sorted list when there are few, a bit each when many. */
struct set {
	uint32_t n, count;
	uint32_t *list; /* NULL when there are bits */
	uint64_t *bits;
};

/* `list` may be unsorted and hold a number twice; it is sorted in place. */
struct set set_make(struct obstack *arena, uint32_t n, uint32_t *list, uint32_t count);
bool set_has(const struct set *set, uint32_t number);
/* Writes the members, rising, to `ret`, which has room for set->count. */
void set_members(const struct set *set, uint32_t *ret);

/*
 * 0..n-1 in classes, at first one. A split by some of them parts every class that
 * holds both members and others: after all splits two numbers are in one class
 * when no split told them apart. A number that is in no split stays in class 0.
 */
struct partition {
	uint32_t n, n_classes;
	uint32_t *class_of;
	uint32_t *element, *where; /* numbers in the order of their classes, and their places */
	uint32_t *first, *size;	   /* of each class in `element` */
	uint32_t *marked, *touched;
};

/*
 * Places of the classes in an order that hangs on the splits alone, not on what
 * else there is: by the first split that tells two apart, its members first.
 */
uint32_t *partition_ranks(const struct partition *partition, struct obstack *arena);

void partition_start(struct partition *partition, struct obstack *arena, uint32_t n);
void partition_split(struct partition *partition, const uint32_t *members, uint32_t count);
/* The same for the others; only that class 0 may change sides. `room` is for n numbers. */
void partition_split_set(struct partition *partition, const struct set *set, uint32_t *room);

/* A growing list. */
struct numbers {
	uint32_t *list;
	uint32_t count, room;
};
void numbers_add(struct obstack *arena, struct numbers *numbers, uint32_t number);

int compare_u32(const void *a, const void *b);
void sort_u64(uint64_t *list, size_t count);
uint32_t sort_unique(uint32_t *list, uint32_t count);

#endif
