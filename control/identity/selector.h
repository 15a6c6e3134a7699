/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef IDENTITY_SELECTOR_H
#define IDENTITY_SELECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/model.h"

/* "app=web, tier in (a,b), !old". Caller frees; NULL: out of memory. */
char *selector_print(const struct selector *selector);

/* Two selectors that say the same in the same words have the same hash. */
uint64_t selector_hash(const struct selector *selector);
bool selector_same(const struct selector *a, const struct selector *b);

#endif
