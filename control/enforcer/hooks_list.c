/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "enforcer/hooks_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Room for a power of two of items; it is full when n is one. */
static int grow(struct list *list)
{
	size_t room = list->n ? 2 * list->n : 8;
	void *items = reallocarray(list->items, room, list->item_bytes);

	if (!items)
		return -ENOMEM;
	list->items = items;
	return 0;
}

long list_add(struct list *list, const void *item)
{
	if (list->n == 0 || (list->n >= 8 && (list->n & (list->n - 1)) == 0)) {
		int err = grow(list);

		if (err)
			return err;
	}
	memcpy((char *)list->items + list->n * list->item_bytes, item, list->item_bytes);
	return list->n++;
}

void list_clear(struct list *list)
{
	free(list->items);
	list->items = NULL;
	list->n = 0;
}
