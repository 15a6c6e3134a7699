/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef IDENTITY_RESERVED_H
#define IDENTITY_RESERVED_H

#include "chasqui/policy.h"

/* Identities that have a number of their own, as Cilium gives it, and the label reserved:KEY. */
struct reserved_identity {
	chq_identity number;
	const char *key;
};

#define RESERVED_IDENTITIES 10
extern const struct reserved_identity reserved_identities[RESERVED_IDENTITIES];

/* The number of reserved:KEY; 0: there is none of this name. */
chq_identity reserved_number(const char *key);

#endif
