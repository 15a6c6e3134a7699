/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "kernel/walk.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "util/cleanup.h"

#define ROWS_FIRST 4096
#define ROWS_MOST  (1 << 20)
#ifndef ENOTSUPP
#define ENOTSUPP 524
#endif

struct walk {
	int fd;
	uint32_t key_bytes, value_bytes;
	uint32_t rows; /* room in keys and values */
	char *keys, *values;
	uint64_t cursor[2][8]; /* where the last batch ended, and where the next begins */
};

static int make_room(struct walk *walk, uint32_t rows)
{
	free(walk->keys);
	free(walk->values);
	walk->rows = rows;
	walk->keys = malloc((size_t)rows * walk->key_bytes);
	walk->values = malloc((size_t)rows * walk->value_bytes);
	return walk->keys && walk->values ? 0 : -ENOMEM;
}

static int give_rows(const struct walk *walk, uint32_t count,
		     int (*each)(void *data, const void *key, const void *value), void *data)
{
	for (uint32_t i = 0; i < count; i++) {
		int stop = each(data, walk->keys + (size_t)i * walk->key_bytes,
				walk->values + (size_t)i * walk->value_bytes);

		if (stop)
			return stop;
	}
	return 0;
}

static int walk_singly(struct walk *walk,
		       int (*each)(void *data, const void *key, const void *value), void *data)
{
	char *key = NULL;
	int stop = 0;

	while (!stop && bpf_map_get_next_key(walk->fd, key, walk->keys) == 0) {
		key = (char *)walk->cursor;
		memcpy(key, walk->keys, walk->key_bytes);
		if (bpf_map_lookup_elem(walk->fd, key, walk->values) == 0)
			stop = give_rows(walk, 1, each, data);
	}
	return stop;
}

static int walk_batches(struct walk *walk,
			int (*each)(void *data, const void *key, const void *value), void *data)
{
	bool first = true;
	int err, stop;

	do {
		uint32_t count = walk->rows;

		err = bpf_map_lookup_batch(walk->fd, first ? NULL : walk->cursor[0],
					   walk->cursor[1], walk->keys, walk->values, &count, NULL);
		/* One bucket of the hash holds more than there is room for. */
		if (err == -ENOSPC && walk->rows < ROWS_MOST) {
			err = make_room(walk, walk->rows * 2);
			if (err)
				return err;
			continue;
		}
		if (err && err != -ENOENT)
			return err;
		stop = give_rows(walk, count, each, data);
		if (stop)
			return stop;
		memcpy(walk->cursor[0], walk->cursor[1], sizeof(walk->cursor[0]));
		first = false;
	} while (err != -ENOENT);
	return 0;
}

int walk_map(int fd, int (*each)(void *data, const void *key, const void *value), void *data)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);
	struct walk walk = {.fd = fd};
	int err = bpf_obj_get_info_by_fd(fd, &info, &size);

	if (err)
		return err;
	walk.key_bytes = info.key_size;
	walk.value_bytes = info.value_size;
	if (info.key_size > sizeof(walk.cursor[0]))
		return -EINVAL;
	err = make_room(&walk, ROWS_FIRST);
	if (!err)
		err = walk_batches(&walk, each, data);
	if (err == -ENOTSUPP || err == -EOPNOTSUPP)
		err = walk_singly(&walk, each, data);
	free(walk.keys);
	free(walk.values);
	return err;
}
