/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef COMPILE_DIFFERENCE_H
#define COMPILE_DIFFERENCE_H

#include "compile/generation.h"

/*
 * What would change between two generations, for the traffic: both ends' policies
 * together. Audited drops count as allowed, since they pass.
 */

/* Addresses that each of the generations treats alike. */
struct difference_end {
	const struct chq_entry *before, *after;
	struct chq_prefix example; /* not of the gateway itself */
	bool own;
	uint8_t families; /* it has addresses of: 1 IPv4, 2 IPv6 */
	size_t rows;	  /* addresses and prefixes */
};

/* From one to another. */
struct difference_row {
	uint32_t from, to;   /* ends */
	char *gained, *lost; /* ports, in words; NULL: none */
};

struct difference {
	struct difference_end *ends;
	size_t n_ends;
	struct difference_row *rows;
	size_t n_rows;
	size_t unlisted; /* rows beyond those that were asked for */
	bool cut_short;	 /* more pairs might differ than can be looked at */
	struct difference_memory *memory;
};

/* 0 or -ENOMEM. Both generations must outlive the difference. */
int difference_make(const struct generation *before, const struct generation *after, size_t most,
		    struct difference **ret);
void difference_free(struct difference *difference); /* accepts NULL */

#endif
