/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef POLICY_SOURCE_H
#define POLICY_SOURCE_H

#include <stddef.h>

/* Where in the documents something stands; line and column count from 1, 0 = nowhere. */
struct place {
	unsigned file; /* index into struct config's sources */
	unsigned line, column, width;
};

#endif
