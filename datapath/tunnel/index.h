/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_INDEX_H
#define TUNNEL_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct peer;
struct session;

/*
 * The numbers by which the other side names our sessions and our handshakes under
 * way: random, so that they say nothing. Read by workers, changed while they stand still.
 */
struct index_entry {
	struct peer *peer;	 /* NULL: free */
	struct session *session; /* NULL: a handshake under way */
	uint32_t number;
};

struct index_table {
	struct index_entry *slots;
	size_t room, used;
	uint32_t (*random)(void);
};

int index_init(struct index_table *table, uint32_t (*random)(void));
void index_drop(struct index_table *table);

/* Room for `more` numbers, so that adding cannot fail. */
int index_reserve(struct index_table *table, size_t more);

/* A number that is not in use. */
uint32_t index_fresh(const struct index_table *table);
void index_add(struct index_table *table, uint32_t number, struct peer *peer,
	       struct session *session);
void index_remove(struct index_table *table, uint32_t number);

struct index_entry *index_find(const struct index_table *table, uint32_t number);

#endif
