/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef PROPERTY_NUMBERS_H
#define PROPERTY_NUMBERS_H

#include "compile/generation.h"

/* Numbers as the daemon would give them out: each name, each label set its own. */
struct numbers;

struct numbers *numbers_new(void);
void numbers_free(struct numbers *numbers);
void numbers_free_p(struct numbers **numbers);

uint16_t port_number(void *numbers, const char *name);
chq_identity identity_number(void *numbers, const struct labels *labels, bool is_prefix);

#endif
