/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "enforcer/hooks_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * What buffers with maxData have more than their events had room for: it waits here until the event
 * is read, which is at once, or when the function has returned. Some events never come: they were
 * lost, or nobody wanted them after all. What waits longest gives way.
 */

static bool same_hit(const struct chq_hook_data *one, const struct chq_hook_data *other)
{
	return one->head.tid == other->head.tid && one->set == other->set &&
	       one->hook == other->hook && one->position == other->position;
}

static void drop(struct kept_data *kept, size_t which)
{
	kept->bytes -= kept->items[which]->data_bytes;
	free(kept->items[which]);
	kept->n--;
	memmove(&kept->items[which], &kept->items[which + 1],
		(kept->n - which) * sizeof(kept->items[0]));
}

/* A thread that is at the same hook again will not tell of what it was at before. */
static void make_room(struct kept_data *kept, const struct chq_hook_data *data)
{
	for (size_t i = kept->n; i > 0; i--) {
		if (same_hit(kept->items[i - 1], data))
			drop(kept, i - 1);
	}
	while (kept->n == KEPT_DATA_MOST ||
	       (kept->n && kept->bytes + data->data_bytes > KEPT_DATA_BYTES))
		drop(kept, 0);
}

int data_keep(struct kept_data *kept, const void *record, size_t size_bytes)
{
	struct chq_hook_data data;
	struct chq_hook_data *copy;

	if (size_bytes < sizeof(data))
		return -EBADMSG;
	memcpy(&data, record, sizeof(data));
	if (data.data_bytes > size_bytes - sizeof(data) || data.data_bytes > CHQ_DATA_MOST ||
	    data.position >= CHQ_HOOK_ARGS)
		return -EBADMSG;
	make_room(kept, &data);
	copy = malloc(sizeof(data) + data.data_bytes);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, record, sizeof(data) + data.data_bytes);
	kept->items[kept->n++] = copy;
	kept->bytes += data.data_bytes;
	return 0;
}

/* The rest goes behind what the event itself had. */
static int append(struct hook_arg *arg, const struct chq_hook_data *data)
{
	size_t whole = arg->text.n_bytes + data->data_bytes;
	char *bytes;

	if (data->first_byte != arg->text.n_bytes || whole > arg->text.whole_bytes)
		return -EBADMSG;
	bytes = realloc(arg->text.bytes, whole + 1);
	if (!bytes)
		return -ENOMEM;
	memcpy(bytes + arg->text.n_bytes, data + 1, data->data_bytes);
	bytes[whole] = 0;
	arg->text.bytes = bytes;
	arg->text.n_bytes = whole;
	return 0;
}

static int join_arg(struct kept_data *kept, const struct chq_hook_data *wanted,
		    struct hook_arg *arg)
{
	int err = 0;

	for (size_t i = 0; i < kept->n; i++) {
		if (!same_hit(kept->items[i], wanted))
			continue;
		if (kept->items[i]->head.time_ns == wanted->head.time_ns)
			err = append(arg, kept->items[i]);
		drop(kept, i);
		break;
	}
	return err;
}

int data_join(struct kept_data *kept, const struct chq_hook_event *record, struct hook_event *event)
{
	int err = 0;

	for (uint32_t i = 0; i < CHQ_HOOK_ARGS && !err && kept->n; i++) {
		struct hook_arg *arg = &event->args[i];
		const struct chq_hook_data wanted = {
			.head = record->head,
			.set = record->set,
			.hook = record->hook,
			.position = i,
		};

		if (arg->kind == HOOK_ARG_BYTES && arg->text.whole_bytes > arg->text.n_bytes)
			err = join_arg(kept, &wanted, arg);
	}
	return err;
}

void data_clear(struct kept_data *kept)
{
	while (kept->n)
		drop(kept, kept->n - 1);
}
