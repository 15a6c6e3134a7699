/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef CLI_ENDS_H
#define CLI_ENDS_H

#include <stdbool.h>

#include "cli/offline.h"

/*
 * The two ends of a flow as people name them: an address, NAMESPACE/NAME of an
 * endpoint, labels (a=b,c=d), or reserved:NAME. Names are taken in before the
 * compilation, because labels that nobody has yet need somebody who has them.
 */
struct ends;

struct end {
	const char *name; /* as it was given */
	const struct chq_entry *entry;
	struct chq_addr addr;
	bool has_addr;			 /* the gateway itself has none here */
	bool made_up;			 /* nobody but these labels; the address stands for them */
	const struct endpoint *endpoint; /* NULL: none */
};

#define ENDS_REFUSAL_BYTES 256

int ends_open(struct offline *offline, struct ends **ret);
void ends_free(struct ends *ends); /* accepts NULL; after offline_free */

/* 0, or -errno with a sentence: there is no such endpoint, or this is no address. */
int ends_learn(struct ends *ends, const char *name, char refusal[ENDS_REFUSAL_BYTES]);

/* NAMESPACE/NAME of the first endpoint that has these labels; the caller frees. -ENOENT: nobody. */
int ends_somebody_with(const struct ends *ends, const char *labels, char **ret);

/* After the compilation, for a name that was learnt. -EAFNOSUPPORT: it has no such address. */
int ends_find(const struct ends *ends, const char *name, bool ipv6, struct end *ret);

/* The family that a name demands: 4, 6, or 0 when either will do. */
int ends_family(const struct ends *ends, const char *name);

#endif
