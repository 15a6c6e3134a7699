/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef COMPILE_HOSTS_H
#define COMPILE_HOSTS_H

#include <stdbool.h>

#include "compile/generation.h"

/*
 * Class numbers hang on policies alone, so an endpoint more, one less, or one with
 * other labels of a known kind changes its own addresses and no other table.
 */

/* True when the tables of the two differ in single addresses at most: no new generation needed. */
bool hosts_alone_differ(const struct generation *from, const struct generation *to);

/*
 * True when `to` is `from` with a single endpoint more, or a single endpoint with more addresses,
 * of which no other table hears. (Two could not come at the same instant.)
 */
bool hosts_grew_by_one(const struct generation *from, const struct generation *to);

/*
 * Calls `set` for what `to` has and `from` has not, or otherwise, and `delete` for
 * what is gone. Stops at the first that does not return 0, and returns that.
 */
int hosts_walk(const struct generation *from, const struct generation *to,
	       int (*set)(void *data, const struct host_row *row),
	       int (*delete)(void *data, const struct chq_addr *addr), void *data);

#endif
