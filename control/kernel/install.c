/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "kernel/inside.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <time.h>

#include "util/cleanup.h"

/* Per tick (134 ms) and CPU: what a person can read, and what a flood may cost. */
#define EVENT_BUDGET  128
#define REJECT_BUDGET 32
#define ONEWAY_BUDGET 64

static int collect_ports(const struct generation *generation, struct ifindex_row *rows)
{
	int count = 0;

	for (size_t i = 0; i < generation->n_ports && count < CHQ_PORT_MAX; i++) {
		const struct port_row *port = &generation->ports[i];
		unsigned ifindex = if_nametoindex(port->name);

		if (ifindex)
			rows[count++] = (struct ifindex_row){ifindex, port->value};
	}
	return count;
}

static int put_table(struct datapath *datapath, uint32_t slot, enum table table, int fd)
{
	int err = bpf_map_update_elem(map_fd(datapath, table_names[table]), &slot, &fd, BPF_ANY);

	if (err)
		return refuse(&datapath->refusal, err, "cannot put %s into slot %u",
			      table_names[table], slot);
	return 0;
}

static bool same_map(int a, int b)
{
	struct bpf_map_info left = {}, right = {};
	uint32_t size = sizeof(left);

	if (a < 0 || b < 0 || bpf_obj_get_info_by_fd(a, &left, &size))
		return false;
	size = sizeof(right);
	return bpf_obj_get_info_by_fd(b, &right, &size) == 0 && left.id == right.id;
}

/*
 * Each of these updates waits for an RCU grace period, in which every program that
 * may have read the old table ends; so a table that is already there is left alone.
 */
static int put_tables(struct datapath *datapath, uint32_t slot,
		      const struct generation_tables *tables)
{
	int err = 0;

	for (int i = 0; i < TABLES && !err; i++) {
		if (!same_map(datapath->slot[slot].fd[i], tables->fd[i]))
			err = put_table(datapath, slot, i, tables->fd[i]);
	}
	return err;
}

/* Ends when every program that may have read the cell before now has ended. */
int wait_grace_period(struct datapath *datapath, uint32_t slot)
{
	int fd = datapath->slot[slot].fd[TABLE_HOSTS];

	return fd < 0 ? 0 : put_table(datapath, slot, TABLE_HOSTS, fd);
}

/*
 * The slot that is no longer live gets the live one's tables, which frees its own. A
 * program that still reads it must not meet a mixture, so it is waited for first.
 */
static int empty_slot(struct datapath *datapath, uint32_t old, uint32_t live)
{
	struct generation_tables *from = &datapath->slot[live], *to = &datapath->slot[old];
	int err = wait_grace_period(datapath, old);

	for (int i = 0; i < TABLES && !err; i++) {
		if (to->fd[i] < 0 || same_map(from->fd[i], to->fd[i]))
			continue;
		err = put_table(datapath, old, i, from->fd[i]);
		close(to->fd[i]);
		to->fd[i] = dup(from->fd[i]);
		to->hash[i] = from->hash[i];
	}
	return err;
}

/* Of the addresses that the generation's table of hosts has, or is brought to date with. */
static void own_filter(const struct datapath *datapath, const struct generation *generation,
		       uint64_t filter[CHQ_OWN_WORDS])
{
	for (size_t i = 0; i < generation->n_hosts; i++)
		if (generation->hosts[i].value.kind == CHQ_KIND_OWN)
			own_filter_add(filter, &generation->hosts[i].key);
	for (size_t i = 0; i < datapath->n_own; i++)
		own_filter_add(filter, &datapath->own[i]);
}

static void write_config(struct datapath *datapath, const struct generation *generation)
{
	struct chq_config *config = datapath->config;
	size_t count = generation->n_ethertypes;

	memcpy(config->timeout_ticks, generation->timeout_ticks, sizeof(config->timeout_ticks));
	config->event_budget = EVENT_BUDGET;
	config->reject_budget = REJECT_BUDGET;
	config->oneway_budget = ONEWAY_BUDGET;
	if (count > CHQ_ETHERTYPES_MAX)
		count = CHQ_ETHERTYPES_MAX;
	for (size_t i = 0; i < count; i++)
		config->ethertype_be[i] = htons(generation->ethertypes[i]);
	config->ethertypes = count;
	own_filter(datapath, generation, (uint64_t *)config->own_filter);
}

static int fill_slot(struct datapath *datapath, const struct generation *generation, uint32_t slot)
{
	struct ifindex_row ports[CHQ_PORT_MAX];
	uint64_t live = datapath->cell->live;
	struct table_facts facts = {
		.ports = ports,
		.n_ports = collect_ports(generation, ports),
		.own = datapath->own,
		.n_own = datapath->n_own,
		.live = CHQ_LIVE_GENERATION(live) ? &datapath->slot[CHQ_LIVE_SLOT(live)] : NULL,
	};
	struct generation_tables tables;
	int err = tables_fill(generation, &facts, &tables, &datapath->refusal);

	if (err)
		return err;
	err = put_tables(datapath, slot, &tables);
	if (err) {
		tables_close(&tables);
		return err;
	}
	tables_close(&datapath->slot[slot]);
	datapath->slot[slot] = tables;
	return 0;
}

static void make_live(struct datapath *datapath, const struct generation *generation,
		      uint32_t number, uint32_t slot)
{
	__atomic_store_n(&datapath->cell->live,
			 CHQ_LIVE_WITH(CHQ_LIVE(number, slot), generation->secures),
			 __ATOMIC_RELEASE);
	datapath->own_entry = generation->own;
	datapath->own_known = true;
	datapath->has_deny = generation->n_deny > 0;
	datapath->pickup_ticks = generation->pickup_ticks;
}

static int first_start(struct datapath *datapath)
{
	struct timespec now;

	if (datapath->meta.started_ns)
		return 0;
	clock_gettime(CLOCK_REALTIME, &now);
	datapath->meta.started_ns = now.tv_sec * 1000000000ULL + now.tv_nsec;
	pickup_open(datapath);
	return meta_write(datapath);
}

/* Once nobody reads an older generation, its addresses need not be suspected. */
static void forget_old_own(struct datapath *datapath, const struct generation *generation)
{
	uint64_t filter[CHQ_OWN_WORDS] = {};

	own_filter(datapath, generation, filter);
	memcpy(datapath->config->own_filter, filter, sizeof(filter));
}

int datapath_install(struct datapath *datapath, const struct generation *generation,
		     uint32_t number)
{
	uint64_t before = datapath->cell->live;
	uint32_t old = CHQ_LIVE_SLOT(before);
	uint32_t slot = CHQ_LIVE_GENERATION(before) ? !old : 0;
	int err;

	if (number <= datapath_highest(datapath))
		return refuse(&datapath->refusal, -EINVAL,
			      "generation %u is not above %u, the highest given out here", number,
			      datapath_highest(datapath));
	err = fill_slot(datapath, generation, slot);
	if (!err)
		err = hits_clear(datapath, slot);
	if (err)
		return err;
	write_config(datapath, generation);
	datapath->meta.generation = number;
	err = meta_write(datapath);
	if (err)
		return refuse(&datapath->refusal, err, "cannot write chq_meta");
	make_live(datapath, generation, number, slot);
	first_start(datapath);
	if (!CHQ_LIVE_GENERATION(before))
		takeover_swap(datapath);
	ports_follow_generation(datapath, generation);
	/* What follows only frees memory: the new generation is live whatever becomes of it. */
	empty_slot(datapath, !slot, slot);
	forget_old_own(datapath, generation);
	return 0;
}
