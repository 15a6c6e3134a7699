// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "identity/index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_ROOM 64

uint32_t index_find(const struct index *index, uint64_t hash, index_same_fn same, const void *data,
		    const void *wanted)
{
	const struct index_slot *slot;

	if (!index->room)
		return INDEX_NONE;
	for (size_t i = hash & (index->room - 1);; i = (i + 1) & (index->room - 1)) {
		slot = &index->slots[i];
		if (!slot->number)
			return INDEX_NONE;
		if (slot->hash == hash && same(data, slot->number - 1, wanted))
			return slot->number - 1;
	}
}

static void place(struct index *index, struct index_slot slot)
{
	size_t i = slot.hash & (index->room - 1);

	while (index->slots[i].number)
		i = (i + 1) & (index->room - 1);
	index->slots[i] = slot;
}

/* At most half full, so that a search is short. */
static int make_room(struct index *index)
{
	struct index old = *index;

	if ((old.count + 1) * 2 <= old.room)
		return 0;
	index->room = old.room ? old.room * 2 : LEAST_ROOM;
	index->slots = calloc(index->room, sizeof(*index->slots));
	if (!index->slots) {
		*index = old;
		return -ENOMEM;
	}
	for (size_t i = 0; i < old.room; i++)
		if (old.slots[i].number)
			place(index, old.slots[i]);
	free(old.slots);
	return 0;
}

int index_add(struct index *index, uint64_t hash, uint32_t number)
{
	int err = make_room(index);

	if (err < 0)
		return err;
	place(index, (struct index_slot){hash, number + 1});
	index->count++;
	return 0;
}

/* Whatever was pushed on by the one that goes is placed anew: no gap may part it from its home. */
void index_remove(struct index *index, uint64_t hash, uint32_t number)
{
	struct index_slot moved;
	size_t i;

	if (!index->room)
		return;
	i = hash & (index->room - 1);
	while (index->slots[i].number && index->slots[i].number != number + 1)
		i = (i + 1) & (index->room - 1);
	if (!index->slots[i].number)
		return;
	index->slots[i].number = 0;
	index->count--;
	for (i = (i + 1) & (index->room - 1); index->slots[i].number;
	     i = (i + 1) & (index->room - 1)) {
		moved = index->slots[i];
		index->slots[i].number = 0;
		place(index, moved);
	}
}

void index_free(struct index *index)
{
	free(index->slots);
	memset(index, 0, sizeof(*index));
}
