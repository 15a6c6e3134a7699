/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef BPF_MAPS_H
#define BPF_MAPS_H

/*
 * Every map, said once; both objects define them all, and the daemon makes them
 * one (it pins them by name and hands the pins to the second object). The daemon
 * writes what the comments give to it, programs write the rest.
 */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "chasqui/control.h"
#include "chasqui/event.h"
#include "chasqui/flow.h"
#include "chasqui/policy.h"
#include "chasqui/trace.h"

/* The load for `chasqui trace packet` has this frozen at 1: it judges, and leaves nothing behind.
 */
const volatile __u8 chq_dry_run = 0;

/* Which generation is live; the daemon's one store here is the reload. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct chq_cell);
} chq_cell SEC(".maps");

/* Settings that no verdict hangs on; the daemon writes them. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct chq_config);
} chq_config SEC(".maps");

/* The tunnel as it is now; the daemon writes it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct chq_tunnel);
} chq_tunnel SEC(".maps");

/* Where Peers are reached outside the tunnel; the daemon writes it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, CHQ_OUTER_MAX);
	__type(key, struct chq_addr);
	__type(value, __u32);
} chq_outer SEC(".maps");

/* Interface index -> what stands there; the daemon writes all but `translates`. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CHQ_IFINDEX_MAX);
	__type(key, __u32);
	__type(value, struct chq_link);
} chq_link SEC(".maps");

static __always_inline const struct chq_link *link_of(__u32 ifindex)
{
	return bpf_map_lookup_elem(&chq_link, &ifindex);
}

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CHQ_COUNTERS);
	__type(key, __u32);
	__type(value, struct chq_counter);
} chq_counters SEC(".maps");

/* Events that nobody will read, by reason. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CHQ_REASON_LIMIT);
	__type(key, __u32);
	__type(value, __u64);
} chq_lost SEC(".maps");

/* How often each origin set gave a decision: index slot * CHQ_HITS + origin. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CHQ_SLOTS *CHQ_HITS);
	__type(key, __u32);
	__type(value, __u64);
} chq_hits SEC(".maps");

/* Written by dry runs only. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct chq_trace);
} chq_trace SEC(".maps");

/* What a dry run does to a flow it does to this copy. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct chq_flow);
} chq_scratch SEC(".maps");

/* The daemon's note to its successor; no program reads it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct chq_meta);
} chq_meta SEC(".maps");

/* Number of a port -> its name; the daemon writes it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CHQ_PORT_MAX);
	__type(key, __u32);
	__type(value, struct chq_portname);
} chq_portname SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, CHQ_RING_BYTES);
} chq_events SEC(".maps");

/* What a CPU has spent in this tick: an event budget for each reason, and these two. */
#define BUDGET_REJECT  CHQ_REASON_LIMIT
#define BUDGET_ONE_WAY (CHQ_REASON_LIMIT + 1)
#define BUDGETS	       (CHQ_REASON_LIMIT + 2)

struct chq_budget {
	__u32 tick;
	__u32 spent;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BUDGETS);
	__type(key, __u32);
	__type(value, struct chq_budget);
} chq_budget SEC(".maps");

/* Flows proven by both ends. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CHQ_FLOWS_DEFAULT);
	__type(key, struct chq_flow4);
	__type(value, struct chq_flow);
} chq_flow4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CHQ_FLOWS_DEFAULT);
	__type(key, struct chq_flow6);
	__type(value, struct chq_flow);
} chq_flow6 SEC(".maps");

/* Flows not yet proven, and denied ones: a flood here evicts nothing above. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CHQ_UNPROVEN_DEFAULT);
	__type(key, struct chq_flow4);
	__type(value, struct chq_flow);
} chq_new4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CHQ_UNPROVEN_DEFAULT);
	__type(key, struct chq_flow6);
	__type(value, struct chq_flow);
} chq_new6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CHQ_FRAGMENTS_DEFAULT);
	__type(key, struct chq_fragment);
	__type(value, struct chq_fragment_ports);
} chq_frags SEC(".maps");

/*
 * The tables of a generation. The daemon fills an inner map while its slot is
 * free; while the slot is live nothing in it changes its meaning. The sizes here
 * are a template's: hashes and tries may have any.
 */
#define TABLE_OF_GENERATION(name, inner)                  \
	struct {                                          \
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); \
		__uint(max_entries, CHQ_SLOTS);           \
		__uint(key_size, sizeof(__u32));          \
		__array(values, struct inner);            \
	} name SEC(".maps")

struct hosts {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(key_size, sizeof(struct chq_addr));
	__uint(value_size, sizeof(struct chq_entry));
};

struct prefixes {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__uint(key_size, sizeof(struct chq_prefix));
	__uint(value_size, sizeof(struct chq_entry));
};

struct pairs {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(key_size, sizeof(struct chq_pair));
	__uint(value_size, sizeof(struct chq_ruleset));
};

struct rules {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(key_size, sizeof(struct chq_rule));
	__uint(value_size, sizeof(struct chq_decision));
};

struct portcls {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CHQ_BLOCKS);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct chq_portblock));
};

struct ports {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CHQ_PORT_MAX);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct chq_port));
};

struct deny {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__uint(key_size, sizeof(struct chq_prefix));
	__uint(value_size, sizeof(__u8));
};

struct deny4 {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, CHQ_DENY_WORDS);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u64));
};

struct encrypt {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__uint(key_size, sizeof(struct chq_prefix));
	__uint(value_size, sizeof(struct chq_encrypt));
};

TABLE_OF_GENERATION(chq_hosts, hosts);
TABLE_OF_GENERATION(chq_prefixes, prefixes);
TABLE_OF_GENERATION(chq_pairs, pairs);
TABLE_OF_GENERATION(chq_rules, rules);
TABLE_OF_GENERATION(chq_portcls, portcls);
TABLE_OF_GENERATION(chq_ports, ports);
TABLE_OF_GENERATION(chq_deny, deny);
TABLE_OF_GENERATION(chq_deny4, deny4);
TABLE_OF_GENERATION(chq_encrypt, encrypt);

#endif
