/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef GUARD_SELECTORS_H
#define GUARD_SELECTORS_H

#include "guard/rules.h"

/* Reads one entry of "selectors"; on an error what was read so far is there to be cleared. */
int selector_read(json_t *json, struct selector *ret);
void selector_clear(struct selector *selector);

#endif
