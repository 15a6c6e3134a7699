/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "kernel/inside.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <xdp/libxdp.h>

#include "util/cleanup.h"

__thread struct refusal open_refusal;

const char *datapath_refusal(const struct datapath *datapath)
{
	return datapath ? datapath->refusal.text : open_refusal.text;
}

uint32_t tick_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (now.tv_sec * 1000000000ULL + now.tv_nsec) >> CHQ_TICK_SHIFT;
}

int pickup_open(struct datapath *datapath)
{
	datapath->config->pickup_until_tick = tick_now() + datapath->pickup_ticks;
	return 0;
}

/* Two seconds, at least. */
#define DIRECT_TICKS ((2000000000u >> CHQ_TICK_SHIFT) + 1)

void datapath_direct_set(struct datapath *datapath, bool on)
{
	datapath->config->direct_until_tick = tick_now() + (on ? DIRECT_TICKS : 0);
}

bool datapath_direct(const struct datapath *datapath)
{
	return (int32_t)(datapath->config->direct_until_tick - tick_now()) > 0;
}

static void set_default(uint32_t *limit, uint32_t value)
{
	if (!*limit)
		*limit = value;
}

static struct datapath *datapath_new(const struct datapath_options *options)
{
	struct datapath *datapath = calloc(1, sizeof(*datapath));

	if (!datapath)
		return NULL;
	snprintf(datapath->pin_directory, sizeof(datapath->pin_directory), "%s",
		 options->pin_directory ? options->pin_directory : PIN_DIRECTORY);
	snprintf(datapath->object_directory, sizeof(datapath->object_directory), "%s",
		 options->object_directory ? options->object_directory : "");
	datapath->limits = options->limits;
	set_default(&datapath->limits.conntrack, CHQ_FLOWS_DEFAULT);
	set_default(&datapath->limits.unproven, CHQ_UNPROVEN_DEFAULT);
	set_default(&datapath->limits.fragments, CHQ_FRAGMENTS_DEFAULT);
	datapath->directory_fd = -1;
	for (int i = 0; i < FLOW_TABLES; i++)
		datapath->old_flow_fd[i] = -1;
	for (int i = 0; i < CHQ_SLOTS; i++) {
		for (int j = 0; j < TABLES; j++)
			datapath->slot[i].fd[j] = -1;
	}
	return datapath;
}

/* The inner maps of a generation that a predecessor made live. */
static void find_slots(struct datapath *datapath)
{
	for (uint32_t slot = 0; slot < CHQ_SLOTS; slot++) {
		for (int i = 0; i < TABLES; i++) {
			uint32_t id;

			if (bpf_map_lookup_elem(map_fd(datapath, table_names[i]), &slot, &id) == 0)
				datapath->slot[slot].fd[i] = bpf_map_get_fd_by_id(id);
		}
	}
}

static bool live_has_deny(struct datapath *datapath)
{
	struct generation_tables *live = &datapath->slot[CHQ_LIVE_SLOT(datapath->cell->live)];
	uint64_t *words;
	bool found = false;
	char key[sizeof(struct chq_prefix)];

	if (live->fd[TABLE_DENY] >= 0 && bpf_map_get_next_key(live->fd[TABLE_DENY], NULL, key) == 0)
		return true;
	if (live->fd[TABLE_DENY4] < 0)
		return false;
	words = mmap(NULL, CHQ_DENY_WORDS * sizeof(*words), PROT_READ, MAP_SHARED,
		     live->fd[TABLE_DENY4], 0);
	if (words == MAP_FAILED)
		return false;
	for (uint32_t i = 0; i < CHQ_DENY_WORDS && !found; i++)
		found = words[i] != 0;
	munmap(words, CHQ_DENY_WORDS * sizeof(*words));
	return found;
}

static int take_over(struct datapath *datapath)
{
	find_slots(datapath);
	takeover_forget_dead_links(datapath);
	if (takeover_waits(datapath))
		return 0;
	datapath->has_deny = live_has_deny(datapath);
	return takeover_swap(datapath);
}

static int open_parts(struct datapath *datapath)
{
	int err = directory_cookie(&datapath->netns_cookie);

	if (err)
		return refuse(&datapath->refusal, err,
			      "cannot tell the network namespace (Linux 5.14 or later is needed)");
	err = netlink_open(&datapath->nl);
	if (err)
		return refuse(&datapath->refusal, err, "cannot open a netlink socket");
	err = directory_open(datapath);
	if (err)
		return err;
	return programs_load(datapath) ?: events_open(datapath) ?: take_over(datapath);
}

int datapath_open(const struct datapath_options *options, struct datapath **ret)
{
	struct datapath *datapath = datapath_new(options);
	int err;

	if (!datapath)
		return -ENOMEM;
	libbpf_set_print(NULL);
	libxdp_set_print(NULL);
	err = open_parts(datapath);
	if (err) {
		open_refusal = datapath->refusal;
		datapath_close(datapath);
		return err;
	}
	*ret = datapath;
	return 0;
}

void datapath_close(struct datapath *datapath)
{
	if (!datapath)
		return;
	ring_buffer__free(datapath->ring);
	for (int i = 0; i < CHQ_SLOTS; i++)
		tables_close(&datapath->slot[i]);
	for (int i = 0; i < FLOW_TABLES; i++) {
		if (datapath->old_flow_fd[i] >= 0)
			close(datapath->old_flow_fd[i]);
	}
	if (datapath->cell)
		munmap(datapath->cell, getpagesize());
	if (datapath->config)
		munmap(datapath->config, getpagesize());
	if (datapath->tunnel)
		munmap(datapath->tunnel, getpagesize());
	bpf_object__close(datapath->xdp);
	bpf_object__close(datapath->dry);
	bpf_object__close(datapath->tc);
	netlink_close(datapath->nl);
	if (datapath->directory_fd >= 0)
		close(datapath->directory_fd);
	free(datapath->own);
	for (size_t i = 0; i < datapath->n_ports; i++)
		tcx_leave(&datapath->ports[i]);
	free(datapath->ports);
	free(datapath->shown);
	free(datapath);
}

uint32_t datapath_live(const struct datapath *datapath)
{
	return CHQ_LIVE_GENERATION(datapath->cell->live);
}

uint32_t datapath_highest(const struct datapath *datapath)
{
	return datapath->meta.generation;
}

uint16_t datapath_port_number(struct datapath *datapath, const char *name)
{
	int fd = map_fd(datapath, "chq_portname");
	struct chq_portname there;
	uint32_t unused = 0;

	for (uint32_t i = 1; i < CHQ_PORT_MAX; i++) {
		if (bpf_map_lookup_elem(fd, &i, &there))
			return 0;
		if (strncmp(there.name, name, sizeof(there.name)) == 0)
			return i;
		if (!there.name[0] && !unused)
			unused = i;
	}
	there = (struct chq_portname){};
	snprintf(there.name, sizeof(there.name), "%s", name);
	if (!unused || bpf_map_update_elem(fd, &unused, &there, BPF_ANY))
		return 0;
	return unused;
}

void datapath_ports_forget(struct datapath *datapath,
			   bool (*wanted)(const void *data, const char *name), const void *data)
{
	const struct chq_portname nobody = {};
	int fd = map_fd(datapath, "chq_portname");
	struct chq_portname there;

	for (uint32_t i = 1; i < CHQ_PORT_MAX; i++)
		if (bpf_map_lookup_elem(fd, &i, &there) == 0 && there.name[0] &&
		    !wanted(data, there.name))
			bpf_map_update_elem(fd, &i, &nobody, BPF_ANY);
}

/* The live hosts; what is written there is no longer what any generation's hash says. */
static int live_hosts(struct datapath *datapath)
{
	uint64_t live = datapath->cell->live;

	if (!CHQ_LIVE_GENERATION(live))
		return -1;
	for (int i = 0; i < CHQ_SLOTS; i++)
		datapath->slot[i].hash[TABLE_HOSTS] = 0;
	return datapath->slot[CHQ_LIVE_SLOT(live)].fd[TABLE_HOSTS];
}

int datapath_host_set(struct datapath *datapath, const struct host_row *row)
{
	int fd = live_hosts(datapath);
	int err;

	if (fd < 0)
		return refuse(&datapath->refusal, -ENOENT, "no generation is live");
	err = bpf_map_update_elem(fd, &row->key, &row->value, BPF_ANY);
	return err ? refuse(&datapath->refusal, err, "chq_hosts takes no more addresses") : 0;
}

int datapath_host_delete(struct datapath *datapath, const struct chq_addr *addr)
{
	int fd = live_hosts(datapath);
	int err = fd < 0 ? 0 : bpf_map_delete_elem(fd, addr);

	return err == -ENOENT ? 0 : err;
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct chq_addr));
}

/* Puts into the live table what the first list has and the second has not. */
static int own_difference(struct datapath *datapath, const struct chq_addr *have, size_t n_have,
			  const struct chq_addr *other, size_t n_other, bool set)
{
	int err = 0;

	for (size_t i = 0; i < n_have && !err; i++) {
		int fd;

		if (n_other && bsearch(&have[i], other, n_other, sizeof(*other), by_bytes))
			continue;
		fd = live_hosts(datapath);
		if (fd < 0)
			return 0;
		err = table_own_set(fd, &have[i], set ? &datapath->own_entry : NULL);
		err = err == -ENOENT ? 0 : err;
	}
	return err;
}

void own_filter_add(uint64_t *filter, const struct chq_addr *addr)
{
	const __be32 *word_be = addr->word_be;
	uint32_t bit = CHQ_OWN_BIT(word_be[0] ^ word_be[1] ^ word_be[2] ^ word_be[3]);

	filter[bit / 64] |= 1ull << bit % 64;
}

int datapath_own_addresses(struct datapath *datapath, const struct chq_addr *list, size_t count)
{
	cleanup_free struct chq_addr *copy = calloc(count + 1, sizeof(*copy));
	int err = 0;

	if (!copy)
		return -ENOMEM;
	if (count)
		memcpy(copy, list, count * sizeof(*copy));
	qsort(copy, count, sizeof(*copy), by_bytes);
	for (size_t i = 0; i < count; i++)
		own_filter_add((uint64_t *)datapath->config->own_filter, &copy[i]);
	if (datapath->own_known) {
		err = own_difference(datapath, copy, count, datapath->own, datapath->n_own, true);
		if (!err)
			err = own_difference(datapath, datapath->own, datapath->n_own, copy, count,
					     false);
	}
	free(datapath->own);
	datapath->own = give(copy);
	datapath->n_own = count;
	return err ? refuse(&datapath->refusal, err, "chq_hosts takes no more addresses") : 0;
}
