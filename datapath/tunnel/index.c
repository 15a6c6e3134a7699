/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "index.h"

#include <errno.h>

#include "bytes.h"

#define FIRST_ROOM 64

int index_init(struct index_table *table, uint32_t (*random)(void))
{
	*table = (struct index_table){.random = random, .room = FIRST_ROOM};
	table->slots = calloc(FIRST_ROOM, sizeof(*table->slots));
	return table->slots ? 0 : -ENOMEM;
}

void index_drop(struct index_table *table)
{
	free(table->slots);
	*table = (struct index_table){};
}

/* Where a number is, or the free slot where it would be. Random numbers are their own hash. */
static struct index_entry *probe(const struct index_table *table, uint32_t number)
{
	size_t at = number & (table->room - 1);

	while (table->slots[at].peer && table->slots[at].number != number)
		at = (at + 1) & (table->room - 1);
	return &table->slots[at];
}

int index_reserve(struct index_table *table, size_t more)
{
	struct index_table bigger = *table;

	if ((table->used + more) * 2 <= table->room)
		return 0;
	while ((table->used + more) * 2 > bigger.room)
		bigger.room *= 2;
	bigger.slots = calloc(bigger.room, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < table->room; i++)
		if (table->slots[i].peer)
			*probe(&bigger, table->slots[i].number) = table->slots[i];
	free(table->slots);
	*table = bigger;
	return 0;
}

uint32_t index_fresh(const struct index_table *table)
{
	uint32_t number;

	do
		number = table->random();
	while (probe(table, number)->peer);
	return number;
}

void index_add(struct index_table *table, uint32_t number, struct peer *peer,
	       struct session *session)
{
	struct index_entry *entry = probe(table, number);

	if (!entry->peer)
		table->used++;
	*entry = (struct index_entry){peer, session, number};
}

struct index_entry *index_find(const struct index_table *table, uint32_t number)
{
	struct index_entry *entry = probe(table, number);

	return entry->peer ? entry : NULL;
}

/* Those that were pushed past the hole move back into it, so that no probe stops short. */
void index_remove(struct index_table *table, uint32_t number)
{
	struct index_entry *entry = probe(table, number);
	size_t mask = table->room - 1, hole = entry - table->slots, at = hole;

	if (!entry->peer)
		return;
	for (;;) {
		size_t home;

		at = (at + 1) & mask;
		if (!table->slots[at].peer)
			break;
		home = table->slots[at].number & mask;
		if (((at - home) & mask) < ((at - hole) & mask))
			continue;
		table->slots[hole] = table->slots[at];
		hole = at;
	}
	table->slots[hole] = (struct index_entry){};
	table->used--;
}
