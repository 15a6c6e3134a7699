/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint.h"
#include "chasqui/control.h"
#include "chasqui/verdict.h"
#include "frame.h"
#include "kernel/tables.h"
#include "tc.skel.h"
#include "util/cleanup.h"

/* One flow is known at a time, so that emptying the tables takes a moment. */
#define FLOW_TABLE_ENTRIES 1024
#define PORTS		   4
#define TUNNEL		   "tunnel"
#define EGRESS_PORT	   "wan0"

struct checkpoint {
	struct chq_tc *skel;
	struct ifindex_row ports[PORTS];
	struct generation_tables slot[CHQ_SLOTS];
	int cpus;
	uint16_t source_port;
};

static const char *const port_names[PORTS] = {"lan0", "lan1", EGRESS_PORT, TUNNEL};

/* Interfaces in a namespace that goes with this process. */
static int links_make(struct checkpoint *checkpoint)
{
	if (unshare(CLONE_NEWNET))
		return -errno;
	if (system("ip link add lan0 type veth peer name lan1 && "
		   "ip link add wan0 type veth peer name tunnel && "
		   "for l in lan0 lan1 wan0 tunnel; do ip link set $l up; done"))
		return -EIO;
	for (size_t i = 0; i < PORTS; i++) {
		struct ifindex_row *row = &checkpoint->ports[i];
		struct chq_link link = {.port = i + 1, .live = 1};

		row->ifindex = if_nametoindex(port_names[i]);
		row->value = (struct chq_port){.port = i + 1, .role = CHQ_TUNNEL};
		if (bpf_map__update_elem(checkpoint->skel->maps.chq_link, &row->ifindex,
					 sizeof(row->ifindex), &link, sizeof(link), BPF_ANY))
			return -errno;
	}
	return 0;
}

static int config_write(struct checkpoint *checkpoint)
{
	struct chq_config config = {};
	uint32_t zero = 0;

	for (size_t i = 0; i < CHQ_TIMEOUT_MAX; i++)
		config.timeout_ticks[i] = 1 << 16;
	return bpf_map__update_elem(checkpoint->skel->maps.chq_config, &zero, sizeof(zero), &config,
				    sizeof(config), BPF_ANY);
}

static int programs_open(struct checkpoint *checkpoint)
{
	struct bpf_map *map;

	checkpoint->skel = chq_tc__open();
	if (!checkpoint->skel)
		return -errno;
	bpf_object__for_each_map(map, checkpoint->skel->obj)
	{
		if (bpf_map__type(map) == BPF_MAP_TYPE_LRU_HASH)
			bpf_map__set_max_entries(map, FLOW_TABLE_ENTRIES);
	}
	return chq_tc__load(checkpoint->skel);
}

int checkpoint_open(struct checkpoint **ret)
{
	struct checkpoint *checkpoint = calloc(1, sizeof(*checkpoint));
	int err;

	if (!checkpoint)
		return -ENOMEM;
	for (size_t i = 0; i < CHQ_SLOTS; i++)
		memset(checkpoint->slot[i].fd, -1, sizeof(checkpoint->slot[i].fd));
	checkpoint->cpus = libbpf_num_possible_cpus();
	err = programs_open(checkpoint) ?: links_make(checkpoint) ?: config_write(checkpoint);
	if (err) {
		checkpoint_close(checkpoint);
		return err;
	}
	*ret = checkpoint;
	return 0;
}

void checkpoint_close(struct checkpoint *checkpoint)
{
	if (!checkpoint)
		return;
	for (size_t i = 0; i < CHQ_SLOTS; i++)
		tables_close(&checkpoint->slot[i]);
	chq_tc__destroy(checkpoint->skel);
	free(checkpoint);
}

static struct ifindex_row *port_by_name(struct checkpoint *checkpoint, const char *name)
{
	for (size_t i = 0; i < PORTS; i++)
		if (!strcmp(port_names[i], name))
			return &checkpoint->ports[i];
	return NULL;
}

/* Ports as the generation has them; the tunnel device, of no document yet, keeps its number. */
static int ports_follow(struct checkpoint *checkpoint, const struct generation *generation)
{
	for (size_t i = 0; i < generation->n_ports; i++) {
		struct ifindex_row *row = port_by_name(checkpoint, generation->ports[i].name);

		if (!row)
			return -ENODEV;
		row->value = generation->ports[i].value;
	}
	port_by_name(checkpoint, TUNNEL)->value.port = CHQ_PORT_MAX - 1;
	return 0;
}

static int slot_publish(struct checkpoint *checkpoint, uint32_t slot)
{
	for (size_t i = 0; i < TABLES; i++) {
		struct bpf_map *map =
			bpf_object__find_map_by_name(checkpoint->skel->obj, table_names[i]);

		if (!map ||
		    bpf_map__update_elem(map, &slot, sizeof(slot), &checkpoint->slot[slot].fd[i],
					 sizeof(int), BPF_ANY))
			return -errno;
	}
	return 0;
}

int checkpoint_install(struct checkpoint *checkpoint, const struct generation *generation,
		       uint32_t number)
{
	uint32_t slot = number % CHQ_SLOTS, zero = 0;
	struct chq_cell cell = {.live = CHQ_LIVE(number, slot)};
	struct table_facts facts = {.ports = checkpoint->ports, .n_ports = PORTS};
	struct refusal refusal = {};
	int err = ports_follow(checkpoint, generation);

	if (err)
		return err;
	tables_close(&checkpoint->slot[slot]);
	err = tables_fill(generation, &facts, &checkpoint->slot[slot], &refusal)
		      ?: slot_publish(checkpoint, slot);
	if (err)
		return err;
	return bpf_map__update_elem(checkpoint->skel->maps.chq_cell, &zero, sizeof(zero), &cell,
				    sizeof(cell), BPF_ANY);
}

static void map_empty(const struct bpf_map *map)
{
	char key[64];

	while (!bpf_map_get_next_key(bpf_map__fd(map), NULL, key))
		if (bpf_map_delete_elem(bpf_map__fd(map), key))
			return;
}

static void flows_forget(struct checkpoint *checkpoint)
{
	map_empty(checkpoint->skel->maps.chq_flow4);
	map_empty(checkpoint->skel->maps.chq_flow6);
	map_empty(checkpoint->skel->maps.chq_new4);
	map_empty(checkpoint->skel->maps.chq_new6);
}

static uint64_t packets_of(struct checkpoint *checkpoint, uint32_t index)
{
	struct chq_counter counters[checkpoint->cpus];
	uint64_t sum = 0;

	if (bpf_map_lookup_elem(bpf_map__fd(checkpoint->skel->maps.chq_counters), &index, counters))
		return 0;
	for (int i = 0; i < checkpoint->cpus; i++)
		sum += counters[i].packets;
	return sum;
}

static void counters_read(struct checkpoint *checkpoint, uint32_t port,
			  enum chq_direction direction, uint64_t ret[CHQ_REASON_MAX])
{
	for (uint32_t reason = 0; reason < CHQ_REASON_MAX; reason++)
		ret[reason] = packets_of(checkpoint, CHQ_COUNTER(port, direction, reason));
}

static int packet_run(const struct checkpoint *checkpoint, const struct flow_case *flow,
		      const struct bpf_program *program, uint32_t ifindex, bool arrives)
{
	uint8_t frame[FRAME_BYTES], out[2 * FRAME_BYTES];
	struct __sk_buff ctx = {.ifindex = ifindex, .ingress_ifindex = arrives ? ifindex : 0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_out = out,
		    .data_size_out = sizeof(out), .ctx_in = &ctx, .ctx_size_in = sizeof(ctx));

	opts.data_size_in = frame_make(frame, &flow->query.source, &flow->query.target,
				       flow->query.aim, checkpoint->source_port);
	return bpf_prog_test_run_opts(bpf_program__fd(program), &opts);
}

/* The one counter that has risen says which reason it was. */
int checkpoint_ask(struct checkpoint *checkpoint, const struct flow_case *flow)
{
	bool arrives = strcmp(flow->arrival, ARRIVAL_HOST) != 0;
	const struct ifindex_row *row =
		port_by_name(checkpoint, arrives ? flow->arrival : EGRESS_PORT);
	enum chq_direction direction = arrives ? CHQ_INGRESS : CHQ_EGRESS;
	uint64_t before[CHQ_REASON_MAX], after[CHQ_REASON_MAX];
	uint32_t port;
	int err;

	if (!row)
		return -ENODEV;
	port = row - checkpoint->ports + 1;
	checkpoint->source_port = 32768 + checkpoint->source_port % 16384 + 1;
	counters_read(checkpoint, port, direction, before);
	err = packet_run(checkpoint, flow,
			 arrives ? checkpoint->skel->progs.chq_in : checkpoint->skel->progs.chq_out,
			 row->ifindex, arrives);
	counters_read(checkpoint, port, direction, after);
	flows_forget(checkpoint);
	if (err)
		return err;
	for (uint32_t reason = 0; reason < CHQ_REASON_MAX; reason++)
		if (after[reason] != before[reason])
			return reason;
	return -ENODATA;
}
