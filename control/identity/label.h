/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef IDENTITY_LABEL_H
#define IDENTITY_LABEL_H

#include <stdint.h>

#include "policy/model.h"

/* By source, key, value; for qsort. */
int label_compare(const void *a, const void *b);

/* Sorts in place and drops what is there twice; of two values for one key the last given stays. */
void labels_sort(struct labels *labels);

/* Order of whole sets, both sorted: 0 when they are the same. */
int labels_compare(const struct labels *a, const struct labels *b);

uint64_t labels_hash(const struct labels *labels);

/*
 * source:key=value,source:key=value; "=value" is left out where there is none. What would
 * break the form ("%", ",", "=", ":", blanks, control characters) is written %XX. Caller frees.
 */
char *labels_print(const struct labels *labels);

/* The other way. 0, -EINVAL or -ENOMEM; free with labels_free(). */
int labels_parse(const char *text, struct labels **ret);
struct labels *labels_copy(const struct labels *labels); /* one block: free with labels_free() */
void labels_free(struct labels *labels);

#endif
