/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "kernel/inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compile/hosts.h"

/* Addresses that are about to come into the live table, or that have. */
struct coming {
	struct datapath *datapath;
	const struct generation *to;
	struct chq_addr *list; /* sorted, as the rows are */
	size_t count;
};

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct chq_addr));
}

static bool listed(const struct chq_addr *list, size_t count, const struct chq_addr *addr)
{
	return count && bsearch(addr, list, count, sizeof(*addr), by_bytes);
}

static int note(void *data, const struct host_row *row)
{
	struct coming *coming = data;

	coming->list[coming->count++] = row->key;
	return 0;
}

static int refuse_loss(void *data, const struct chq_addr *addr)
{
	(void)data;
	(void)addr;
	return -EAGAIN;
}

static int is_an_end(void *data, const struct flow_row *row)
{
	const struct coming *coming = data;

	return listed(coming->list, coming->count, &row->opener) ||
	       listed(coming->list, coming->count, &row->other);
}

static int set_row(void *data, const struct host_row *row)
{
	const struct coming *coming = data;

	return datapath_host_set(coming->datapath, row);
}

/* Flows remember their verdict by generation: one that knew the address as something else stays. */
static int add(struct coming *coming, const struct generation *from)
{
	struct datapath *datapath = coming->datapath;
	uint32_t slot = CHQ_LIVE_SLOT(datapath->cell->live);
	int err;

	for (size_t i = 0; i < coming->count; i++)
		if (listed(datapath->own, datapath->n_own, &coming->list[i]))
			return -EAGAIN;
	if (datapath_flows(datapath, is_an_end, coming))
		return -EAGAIN;
	datapath->slot[slot].hash[TABLE_HOSTS] = datapath->slot[!slot].hash[TABLE_HOSTS] = 0;
	err = hosts_walk(from, coming->to, set_row, refuse_loss, coming);
	if (!err)
		err = wait_grace_period(datapath, slot);
	if (!err && datapath_flows(datapath, is_an_end, coming))
		err = -EAGAIN;
	for (size_t i = 0; err && i < coming->count; i++)
		datapath_host_delete(datapath, &coming->list[i]);
	return err;
}

int datapath_hosts_add(struct datapath *datapath, const struct generation *from,
		       const struct generation *to)
{
	struct coming coming = {.datapath = datapath, .to = to};
	int err = -EAGAIN;

	if (to->n_hosts <= from->n_hosts)
		return -EAGAIN;
	coming.list = calloc(to->n_hosts, sizeof(*coming.list));
	if (!coming.list)
		return -ENOMEM;
	if (hosts_walk(from, to, note, refuse_loss, &coming) == 0 &&
	    coming.count == to->n_hosts - from->n_hosts)
		err = add(&coming, from);
	free(coming.list);
	return err;
}
