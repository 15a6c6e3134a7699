/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/inside.h"
#include "kernel/walk.h"
#include "util/cleanup.h"

/* What the checkpoint knows of the tunnel between generations. */

/* In one store: a program must not meet the port of one tunnel with the device of another. */
union whole {
	struct chq_tunnel tunnel;
	uint64_t word;
};

void datapath_tunnel_set(struct datapath *datapath, const struct tunnel_state *state)
{
	union whole now = {.tunnel = {.ifindex = state->ifindex,
				      .listen_port_be = htons(state->listen_port),
				      .up = state->up,
				      .any_peer = state->any_peer}};

	__atomic_store_n((uint64_t *)(void *)datapath->tunnel, now.word, __ATOMIC_RELEASE);
}

struct tunnel_state datapath_tunnel(const struct datapath *datapath)
{
	const struct chq_tunnel *tunnel = datapath->tunnel;

	return (struct tunnel_state){.ifindex = tunnel->ifindex,
				     .listen_port = ntohs(tunnel->listen_port_be),
				     .up = tunnel->up,
				     .any_peer = tunnel->any_peer};
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct chq_addr));
}

/* Addresses of the table that the list does not have. */
struct gone {
	const struct chq_addr *list;
	size_t n_list;
	struct chq_addr *found;
	size_t n_found, room;
};

static int note_gone(void *data, const void *key, const void *value)
{
	struct gone *gone = data;
	struct chq_addr *grown;

	(void)value;
	if (gone->n_list && bsearch(key, gone->list, gone->n_list, sizeof(*gone->list), by_bytes))
		return 0;
	if (gone->n_found == gone->room) {
		gone->room = gone->room ? gone->room * 2 : 16;
		grown = reallocarray(gone->found, gone->room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		gone->found = grown;
	}
	memcpy(&gone->found[gone->n_found++], key, sizeof(*gone->found));
	return 0;
}

static int forget_gone(int fd, const struct chq_addr *list, size_t count)
{
	struct gone gone = {.list = list, .n_list = count};
	int err = walk_map(fd, note_gone, &gone);

	for (size_t i = 0; i < gone.n_found; i++)
		bpf_map_delete_elem(fd, &gone.found[i]);
	free(gone.found);
	return err;
}

int datapath_outer_addresses(struct datapath *datapath, const struct chq_addr *list, size_t count)
{
	cleanup_free struct chq_addr *sorted = calloc(count + 1, sizeof(*sorted));
	int fd = map_fd(datapath, "chq_outer"), err = 0;
	const uint32_t there = 1;

	if (!sorted)
		return -ENOMEM;
	if (count)
		memcpy(sorted, list, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), by_bytes);
	for (size_t i = 0; i < count && !err; i++)
		err = bpf_map_update_elem(fd, &sorted[i], &there, BPF_ANY);
	if (!err)
		err = forget_gone(fd, sorted, count);
	return err ? refuse(&datapath->refusal, err, "chq_outer takes no more addresses") : 0;
}
