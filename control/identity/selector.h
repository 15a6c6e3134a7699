/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef IDENTITY_SELECTOR_H
#define IDENTITY_SELECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/model.h"

/*
 * Does this set match? NotIn and DoesNotExist also match where the key is absent.
 * Under source "any" a requirement looks at the key's labels of all sources: In
 * and Exists want one of them to fit, NotIn and DoesNotExist that none does.
 */
bool requirement_matches(const struct requirement *requirement, const struct labels *labels);
bool selector_matches(const struct selector *selector, const struct labels *labels);

/* "app=web, tier in (a,b), !old". Caller frees; NULL: out of memory. */
char *selector_print(const struct selector *selector);

/* Two selectors that say the same in the same words have the same hash. */
uint64_t selector_hash(const struct selector *selector);
bool selector_same(const struct selector *a, const struct selector *b);

#endif
