/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef KERNEL_TABLES_H
#define KERNEL_TABLES_H

#include <stddef.h>
#include <stdint.h>

#include "compile/generation.h"
#include "kernel/refusal.h"

/* The tables that belong to a generation: inner maps, one set a slot. */
enum table {
	TABLE_HOSTS,
	TABLE_PREFIXES,
	TABLE_PAIRS,
	TABLE_RULES,
	TABLE_PORTCLS,
	TABLE_PORTS,
	TABLE_DENY,
	TABLE_DENY4,
	TABLE_ENCRYPT,
	TABLES
};
extern const char *const table_names[TABLES]; /* of the maps that hold them */

struct generation_tables {
	int fd[TABLES];	       /* -1 = none */
	uint64_t hash[TABLES]; /* of the content; 0 = not known */
};

/* The value of chq_ports is known by interface index only here. */
struct ifindex_row {
	uint32_t ifindex;
	struct chq_port value;
};

struct table_facts {
	const struct ifindex_row *ports;
	size_t n_ports;
	const struct chq_addr *own; /* the host's addresses as they are now, sorted */
	size_t n_own;
	const struct generation_tables *live; /* what may be shared; NULL = nothing */
};

/*
 * Makes and fills every table of a generation, reading some of it back. A table that
 * is the same as the live one is the live one.
 */
int tables_fill(const struct generation *generation, const struct table_facts *facts,
		struct generation_tables *ret, struct refusal *refusal);
void tables_close(struct generation_tables *tables);

/* What the host's own address means is put in, or taken out, of a table of hosts. */
int table_own_set(int hosts_fd, const struct chq_addr *addr, const struct chq_entry *own);

#endif
