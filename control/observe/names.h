/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef OBSERVE_NAMES_H
#define OBSERVE_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "compile/generation.h"

/*
 * What the numbers in an event mean. An event may be older than the live generation,
 * so the rules of the last eight are kept; identities and ports keep their numbers.
 */
struct names;

#define NAMES_GENERATIONS 8

int names_open(struct names **ret);
void names_close(struct names *names); /* accepts NULL */

/* Keeps a copy of what it needs of a generation that becomes live. */
int names_learn(struct names *names, uint32_t number, const struct generation *generation);

/* Labels as Cilium writes them, closed by a NULL; never NULL itself. */
const char *const *names_labels(const struct names *names, chq_identity identity);
/* NULL when it is not known. */
const char *names_port(const struct names *names, uint16_t port);
/* The rules of an origin set; 0 when the set is empty or its generation forgotten. */
size_t names_rules(const struct names *names, uint32_t generation, uint32_t origin,
		   const struct rule_ref *const **ret);

#endif
