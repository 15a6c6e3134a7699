/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef IDENTITY_REGISTRY_H
#define IDENTITY_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/model.h"

/*
 * Label set <-> number. A set keeps its number while the process lives, and over
 * restarts by registry_save() and registry_load(). Numbers are given out rising, so
 * that a freed one comes back as late as possible.
 */
struct registry;

struct registry *registry_new(uint32_t most);  /* NULL: no memory */
void registry_free(struct registry *registry); /* accepts NULL */
void registry_limit(struct registry *registry, uint32_t most);

/* 0 = no more numbers. Fits struct facts: `data` is the registry. */
chq_identity registry_number(void *data, const struct labels *labels, bool is_prefix);

/* NULL: nobody has this number. */
const struct labels *registry_labels(const struct registry *registry, chq_identity number);
size_t registry_count(const struct registry *registry);

/*
 * A round is one compilation, tried until one becomes live. registry_begin() stands before each
 * try. registry_commit() after the one that became live: what was asked for in none of the last
 * `keep` live rounds is freed; until then packets in flight, flows and events may speak of it
 * (where more than half of the numbers are given out, only the last round's are kept).
 * registry_abandon() after a try that failed: the numbers that only it asked for are freed.
 */
void registry_begin(struct registry *registry);
void registry_commit(struct registry *registry, uint32_t keep);
void registry_abandon(struct registry *registry);

/* A line "NUMBER LABELS" each, below a line that names the form. Caller frees; NULL: no memory. */
char *registry_save(const struct registry *registry);

/*
 * Takes numbers from such a text into an empty registry. -EINVAL and the line in
 * `*ret_line` when it is not one: then nothing was taken. -EBUSY: not empty.
 */
int registry_load(struct registry *registry, const char *text, unsigned *ret_line);

#endif
