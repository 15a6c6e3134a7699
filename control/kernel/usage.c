/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "kernel/inside.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/walk.h"
#include "util/cleanup.h"

int datapath_counter(struct datapath *datapath, uint16_t port, enum chq_direction direction,
		     enum chq_reason reason, struct chq_counter *ret)
{
	uint32_t index = CHQ_COUNTER(port, direction, reason);
	int cpus = libbpf_num_possible_cpus();
	cleanup_free struct chq_counter *each = cpus > 0 ? calloc(cpus, sizeof(*each)) : NULL;
	int err;

	if (port >= CHQ_PORT_MAX || reason >= CHQ_REASON_LIMIT)
		return -EINVAL;
	if (!each)
		return -ENOMEM;
	err = bpf_map_lookup_elem(map_fd(datapath, "chq_counters"), &index, each);
	if (err)
		return err;
	*ret = (struct chq_counter){};
	for (int i = 0; i < cpus; i++) {
		ret->packets += each[i].packets;
		ret->bytes += each[i].bytes;
	}
	return 0;
}

int datapath_lost(struct datapath *datapath, enum chq_reason reason, uint64_t *ret_events)
{
	int cpus = libbpf_num_possible_cpus();
	cleanup_free uint64_t *each = cpus > 0 ? calloc(cpus, sizeof(*each)) : NULL;
	uint32_t index = reason;
	int err;

	if (!each)
		return -ENOMEM;
	err = bpf_map_lookup_elem(map_fd(datapath, "chq_lost"), &index, each);
	if (err)
		return err;
	*ret_events = 0;
	for (int i = 0; i < cpus; i++)
		*ret_events += each[i];
	return 0;
}

static int count_row(void *data, const void *key, const void *value)
{
	(void)key;
	(void)value;
	++*(uint64_t *)data;
	return 0;
}

/* What the kernel says it took for a map; older kernels only estimate it. */
static uint64_t memory_of(int fd)
{
	char path[64], line[128];
	uint64_t bytes = 0;
	FILE *info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = fopen(path, "re");
	while (info && fgets(line, sizeof(line), info)) {
		if (sscanf(line, "memlock: %lu", &bytes) == 1)
			break;
	}
	if (info)
		fclose(info);
	return bytes;
}

static bool is_counted(uint32_t type)
{
	return type == BPF_MAP_TYPE_HASH || type == BPF_MAP_TYPE_LRU_HASH ||
	       type == BPF_MAP_TYPE_LPM_TRIE;
}

static int measure(const char *name, int fd, struct table_usage *ret)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);
	int err;

	*ret = (struct table_usage){.name = name};
	if (fd < 0)
		return 0;
	err = bpf_obj_get_info_by_fd(fd, &info, &size);
	if (err)
		return err;
	ret->most = info.max_entries;
	ret->memory_bytes = memory_of(fd);
	if (!is_counted(info.type)) {
		ret->entries = info.max_entries;
		return 0;
	}
	return walk_map(fd, count_row, &ret->entries);
}

static const char *const shared_tables[] = {"chq_flow4", "chq_flow6",	 "chq_new4", "chq_new6",
					    "chq_frags", "chq_counters", "chq_link", "chq_events"};
#define SHARED_TABLES (sizeof(shared_tables) / sizeof(*shared_tables))

/* The live generation's hosts and prefixes may not grow beyond what the Gateway allows. */
static void set_limits(struct datapath *datapath, struct table_usage *list)
{
	if (!datapath->limits.prefixes)
		return;
	list[TABLE_HOSTS].most = datapath->limits.prefixes;
	list[TABLE_PREFIXES].most = datapath->limits.prefixes;
	if (datapath->limits.pairs)
		list[TABLE_PAIRS].most = datapath->limits.pairs;
	if (datapath->limits.rules)
		list[TABLE_RULES].most = datapath->limits.rules;
}

int datapath_usage(struct datapath *datapath, struct table_usage **ret, size_t *ret_count)
{
	uint32_t slot = CHQ_LIVE_SLOT(datapath->cell->live);
	cleanup_free struct table_usage *list = calloc(TABLES + SHARED_TABLES, sizeof(*list));
	int err = 0;

	if (!list)
		return -ENOMEM;
	for (int i = 0; i < TABLES && !err; i++)
		err = measure(table_names[i], datapath->slot[slot].fd[i], &list[i]);
	for (size_t i = 0; i < SHARED_TABLES && !err; i++)
		err = measure(shared_tables[i], map_fd(datapath, shared_tables[i]),
			      &list[TABLES + i]);
	if (err)
		return refuse(&datapath->refusal, err, "cannot read how full the tables are");
	set_limits(datapath, list);
	*ret = give(list);
	*ret_count = TABLES + SHARED_TABLES;
	return 0;
}
