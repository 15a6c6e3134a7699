/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "kernel/inside.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "kernel/walk.h"
#include "util/cleanup.h"

/* Rows a call of the sweeper: some milliseconds. */
#define SWEEP_ROWS 4096
/* A tuple that is used again as soon as its flow has expired must not lose the new one. */
#define SWEEP_GRACE_TICKS 64
#define TICK_MS		  ((1u << CHQ_TICK_SHIFT) / 1000000)

static enum chq_timeout tcp_timeout(const struct chq_flow *flow)
{
	switch (flow->state) {
	case CHQ_FLOW_NEW:
	case CHQ_FLOW_ANSWERED:
		return CHQ_TIMEOUT_TCP_SYN;
	case CHQ_FLOW_CLOSED:
		return CHQ_TIMEOUT_TCP_CLOSING;
	default:
		return CHQ_TIMEOUT_TCP_ESTABLISHED;
	}
}

/* Which idle time holds for a flow; the programs reckon the same way. */
static enum chq_timeout timeout_of(const struct chq_flow *flow, uint8_t protocol, bool proven)
{
	if (flow->state == CHQ_FLOW_DENIED && !proven)
		return CHQ_TIMEOUT_DENIED;
	switch (protocol) {
	case IPPROTO_TCP:
		return tcp_timeout(flow);
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
		return flow->state == CHQ_FLOW_NEW ? CHQ_TIMEOUT_UDP_NEW : CHQ_TIMEOUT_UDP;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return CHQ_TIMEOUT_ICMP;
	default:
		return CHQ_TIMEOUT_OTHER;
	}
}

struct flow_walk {
	struct datapath *datapath;
	int (*each)(void *data, const struct flow_row *row);
	void *data;
	uint32_t now;
	uint32_t grace; /* ticks beyond its idle time that a flow is let be */
	bool proven, ipv6;
};

static void set_times(const struct flow_walk *walk, struct flow_row *row)
{
	enum chq_timeout which = timeout_of(&row->flow, row->protocol, walk->proven);
	uint32_t limit = walk->datapath->config->timeout_ticks[which] + walk->grace;
	uint32_t idle = walk->now - row->flow.seen_tick;

	/* Seen since the walk began. */
	if ((int32_t)idle < 0)
		idle = 0;
	row->idle_ms = idle * TICK_MS;
	/* In its last tick a flow is still known. */
	row->expires_ms = idle <= limit ? (limit - idle + 1) * TICK_MS : 0;
}

static void set_ends(const void *key, bool ipv6, int end, struct chq_addr *addr, uint16_t *port)
{
	static const struct chq_addr mapped = {.byte = {[10] = 0xff, [11] = 0xff}};
	struct chq_flow4 flow4;
	struct chq_flow6 flow6;

	if (ipv6) {
		memcpy(&flow6, key, sizeof(flow6));
		*addr = flow6.addr[end];
		*port = ntohs(flow6.port_be[end]);
		return;
	}
	memcpy(&flow4, key, sizeof(flow4));
	*addr = mapped;
	addr->word_be[3] = flow4.addr[end];
	*port = ntohs(flow4.port_be[end]);
}

static uint8_t protocol_of(const void *key, bool ipv6)
{
	return *((const uint8_t *)key + (ipv6 ? offsetof(struct chq_flow6, protocol)
					      : offsetof(struct chq_flow4, protocol)));
}

static void fill_row(const struct flow_walk *walk, const void *key, const void *value,
		     struct flow_row *row)
{
	int opener;

	memset(row, 0, sizeof(*row));
	memcpy(&row->flow, value, sizeof(row->flow));
	opener = row->flow.flags & CHQ_FLOW_OPENER_1 ? 1 : 0;
	set_ends(key, walk->ipv6, opener, &row->opener, &row->opener_port);
	set_ends(key, walk->ipv6, !opener, &row->other, &row->other_port);
	row->protocol = protocol_of(key, walk->ipv6);
	row->proven = walk->proven;
	set_times(walk, row);
}

static int give_flow(void *data, const void *key, const void *value)
{
	struct flow_walk *walk = data;
	struct flow_row row;

	fill_row(walk, key, value, &row);
	return walk->each(walk->data, &row);
}

static void aim(struct flow_walk *walk, enum flow_table table)
{
	walk->proven = table == FLOW4 || table == FLOW6;
	walk->ipv6 = table == FLOW6 || table == NEW6;
}

int datapath_flows(struct datapath *datapath, int (*each)(void *data, const struct flow_row *row),
		   void *data)
{
	struct flow_walk walk = {datapath, each, data, .now = tick_now()};
	int stop = 0;

	for (int i = 0; i < FLOW_TABLES && !stop; i++) {
		aim(&walk, i);
		stop = walk_map(map_fd(datapath, flow_table_names[i]), give_flow, &walk);
	}
	return stop;
}

/* Keys are gathered first: a walk over a table that loses rows would skip others. */
struct flush {
	struct flow_walk walk;
	bool (*match)(void *data, const struct flow_row *row);
	void *data;
	char *keys;
	size_t count, room, key_bytes;
};

static int gather(void *data, const void *key, const void *value)
{
	struct flush *flush = data;
	struct flow_row row;
	char *grown;

	fill_row(&flush->walk, key, value, &row);
	if (flush->match && !flush->match(flush->data, &row))
		return 0;
	if (flush->count == flush->room) {
		flush->room = flush->room * 2 + 1024;
		grown = reallocarray(flush->keys, flush->room, flush->key_bytes);
		if (!grown)
			return -ENOMEM;
		flush->keys = grown;
	}
	memcpy(flush->keys + flush->count++ * flush->key_bytes, key, flush->key_bytes);
	return 0;
}

static size_t delete_gathered(const struct flush *flush, int fd)
{
	size_t deleted = 0;

	for (size_t i = 0; i < flush->count; i++)
		deleted += bpf_map_delete_elem(fd, flush->keys + i * flush->key_bytes) == 0;
	return deleted;
}

static int flush_table(struct datapath *datapath, enum flow_table table,
		       bool (*match)(void *data, const struct flow_row *row), void *data,
		       size_t *deleted)
{
	struct flush flush = {
		.walk = {.datapath = datapath, .now = tick_now()}, .match = match, .data = data};
	int fd = map_fd(datapath, flow_table_names[table]);
	int err;

	aim(&flush.walk, table);
	flush.key_bytes = flush.walk.ipv6 ? sizeof(struct chq_flow6) : sizeof(struct chq_flow4);
	err = walk_map(fd, gather, &flush);
	if (!err)
		*deleted += delete_gathered(&flush, fd);
	free(flush.keys);
	return err;
}

static int flush_tables(struct datapath *datapath,
			bool (*match)(void *data, const struct flow_row *row), void *data,
			size_t *ret_deleted)
{
	size_t deleted = 0;
	int err = 0;

	for (int i = 0; i < FLOW_TABLES && !err; i++)
		err = flush_table(datapath, i, match, data, &deleted);
	if (err)
		return refuse(&datapath->refusal, err, "cannot read the tables of flows");
	*ret_deleted = deleted;
	return 0;
}

int datapath_flush(struct datapath *datapath, bool (*match)(void *data, const struct flow_row *row),
		   void *data, size_t *ret_deleted)
{
	int err = flush_tables(datapath, match, data, ret_deleted);

	if (!err)
		pickup_open(datapath);
	return err;
}

/*
 * The programs forget by themselves; this only gives the room back. A bounded number
 * of rows a call, each call going on where the last one stopped.
 */
static int sweep_rows(struct datapath *datapath, int fd, struct flow_walk *walk, size_t rows,
		      size_t *ret_deleted)
{
	char key[sizeof(struct chq_flow6)], next[sizeof(struct chq_flow6)];
	bool running = datapath->sweep_running;
	struct chq_flow flow;
	struct flow_row row;

	memcpy(key, datapath->sweep_cursor, sizeof(key));
	for (; rows; rows--) {
		int last = bpf_map_get_next_key(fd, running ? key : NULL, next);

		if (running && bpf_map_lookup_elem(fd, key, &flow) == 0) {
			fill_row(walk, key, &flow, &row);
			if (!row.expires_ms && bpf_map_delete_elem(fd, key) == 0)
				(*ret_deleted)++;
		}
		if (last)
			return last;
		memcpy(key, next, sizeof(key));
		running = true;
	}
	memcpy(datapath->sweep_cursor, key, sizeof(key));
	datapath->sweep_running = running;
	return 0;
}

size_t datapath_sweep(struct datapath *datapath)
{
	struct flow_walk walk = {
		.datapath = datapath, .now = tick_now(), .grace = SWEEP_GRACE_TICKS};
	enum flow_table table = datapath->sweep_table % FLOW_TABLES;
	size_t deleted = 0;

	if (takeover_waits(datapath))
		return 0;
	aim(&walk, table);
	if (sweep_rows(datapath, map_fd(datapath, flow_table_names[table]), &walk, SWEEP_ROWS,
		       &deleted)) {
		datapath->sweep_running = false;
		datapath->sweep_table = (table + 1) % FLOW_TABLES;
	}
	return deleted;
}
