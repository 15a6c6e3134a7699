/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef BPF_HOOK_MAPS_H
#define BPF_HOOK_MAPS_H

/*
 * What a set of policies is (chasqui/hook.h), and where a hit is worked out. Whoever
 * loads the programs makes each map as large as the set needs.
 */

#include "kernel_hook.h"
#include "path.h"
#include "process_maps.h"

#include "chasqui/hook.h"

#define TABLE(name, kind, key_type, value_type) \
	struct {                                \
		__uint(type, kind);             \
		__uint(max_entries, 1);         \
		__type(key, key_type);          \
		__type(value, value_type);      \
	} name SEC(".maps")

#define SPARSE_TABLE(name, kind, key_type, value_type) \
	struct {                                       \
		__uint(type, kind);                    \
		__uint(map_flags, BPF_F_NO_PREALLOC);  \
		__uint(max_entries, 1);                \
		__type(key, key_type);                 \
		__type(value, value_type);             \
	} name SEC(".maps")

TABLE(chq_points, BPF_MAP_TYPE_ARRAY, __u32, struct chq_point);
TABLE(chq_visits, BPF_MAP_TYPE_ARRAY, __u32, struct chq_visit);
TABLE(chq_hooks, BPF_MAP_TYPE_ARRAY, __u32, struct chq_hook);
TABLE(chq_selectors, BPF_MAP_TYPE_ARRAY, __u32, struct chq_selector);
TABLE(chq_filters, BPF_MAP_TYPE_ARRAY, __u32, struct chq_filter);
TABLE(chq_policies, BPF_MAP_TYPE_ARRAY, __u32, struct chq_policy_state);
TABLE(chq_counts, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct chq_policy_count);
TABLE(chq_point_count, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct chq_point_count);
TABLE(chq_syscalls, BPF_MAP_TYPE_ARRAY, __u32, __u16);

SPARSE_TABLE(chq_text64, BPF_MAP_TYPE_HASH, struct chq_text64, __u8);
SPARSE_TABLE(chq_text256, BPF_MAP_TYPE_HASH, struct chq_text256, __u8);
SPARSE_TABLE(chq_text1024, BPF_MAP_TYPE_HASH, struct chq_text1024, __u8);
SPARSE_TABLE(chq_text4096, BPF_MAP_TYPE_HASH, struct chq_text4096, __u8);
SPARSE_TABLE(chq_prefix, BPF_MAP_TYPE_LPM_TRIE, struct chq_prefix_key, __u8);
SPARSE_TABLE(chq_postfix, BPF_MAP_TYPE_LPM_TRIE, struct chq_postfix_key, __u8);
SPARSE_TABLE(chq_addr, BPF_MAP_TYPE_LPM_TRIE, struct chq_addr_key, __u8);
SPARSE_TABLE(chq_number, BPF_MAP_TYPE_HASH, struct chq_number_key, __u8);
SPARSE_TABLE(chq_names, BPF_MAP_TYPE_HASH, struct chq_name_key, __u8);

/* The gateway's own; the daemon writes it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct chq_spared_key);
	__type(value, __u64);
} chq_spared SEC(".maps");

/* Which set's hits are told; the daemon writes it. */
TABLE(chq_hook_cell, BPF_MAP_TYPE_ARRAY, __u32, struct chq_hook_cell);

/* When a hit was last told. */
struct rate_key {
	__u32 hook, selector;
	__u64 who;  /* thread, process, or 0 */
	__u64 what; /* the arguments, hashed */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct rate_key);
	__type(value, __u64);
} chq_rates SEC(".maps");

/* What NotifyEnforcer wants of the functions that it acts on: for this thread, for this call. */
struct notice {
	__s32 error;
	__u32 set;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct notice);
} chq_notices SEC(".maps");

#define DATA_BYTES 8192 /* a record's arguments begin below this, a power of two */

/* A record as it goes into the ring. */
struct record {
	struct chq_hook_event event;
	__u8 data[DATA_BYTES + CHQ_DATA_BYTES + 64];
};

/* An argument as selectors see it. */
struct argument {
	__u64 number;
	__u32 at, bytes; /* of its text or payload in data[] */
	__u16 mode;	 /* of a file */
	__u8 type;	 /* enum chq_type */
	__u8 absent;
};

/* A hit: what waits, where the event is for the function's return. */
struct hit {
	__u64 args[CHQ_HOOK_SLOTS]; /* as the hook expects them */
	__u32 selector;		    /* of chq_selectors: the one that matched */
	__u32 data_bytes;	    /* used of record.data */
	__u32 monitored, spared;
	struct record record;
};

/* Where a hit is worked out: too large for the stack. */
struct work {
	__u32 place;		   /* its number in chq_work */
	__u64 raw[CHQ_HOOK_SLOTS]; /* as the point offers them */
	__s64 result;
	const void *context; /* perf tracepoints: the record */
	__u64 path_of;	     /* the struct path whose text is in `path` */
	struct path_text path_text;
	struct argument arguments[CHQ_HOOK_SLOTS];
	__s32 verdict; /* -errno that the call is to return; 0 = it goes on */
	struct path_buffer path;
	struct chq_text4096 text;
	struct chq_prefix_key prefix;
	struct chq_postfix_key postfix;
	__u8 tail[CHQ_POSTFIX_BYTES];
	struct hit hit;
};

/* Several on a CPU: a program can be interrupted by another one. */
#define WORKS 4

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WORKS);
	__type(key, __u32);
	__type(value, struct work);
} chq_work SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} chq_work_taken SEC(".maps");

/* A hit that waits for its function's return. */
struct pending_key {
	__u64 thread;
	__u32 hook, pad;
};

/* Some calls never return: what waits longest gives way. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 256);
	__type(key, struct pending_key);
	__type(value, struct hit);
} chq_pending SEC(".maps");

static const char zeroes[CHQ_TEXT_BYTES];

/* An index that the verifier believes in: the compiler may not think that it knows better. */
static __always_inline __u32 slot(__u32 index)
{
	asm volatile("" : "+r"(index));
	return index & (CHQ_HOOK_SLOTS - 1);
}

/* The same of a number of bytes. */
static __always_inline __u32 at_most(__u64 bytes, __u32 most)
{
	__u32 n = bytes < most ? bytes : most;

	asm volatile("" : "+r"(n));
	return n > most ? most : n;
}

/* A place to work in, or NULL. */
static __always_inline struct work *work_take(void)
{
	__u64 *taken = bpf_map_lookup_elem(&chq_work_taken, &(__u32){0});
	struct work *work;

	if (!taken)
		return NULL;
	for (__u32 i = 0; i < WORKS; i++) {
		__u32 place = i;

		if (__sync_fetch_and_or(taken, 1ull << i) & 1ull << i)
			continue;
		work = bpf_map_lookup_elem(&chq_work, &place);
		if (work)
			work->place = place;
		return work;
	}
	return NULL;
}

static __always_inline void work_give(const struct work *work)
{
	__u64 *taken = bpf_map_lookup_elem(&chq_work_taken, &(__u32){0});

	if (taken)
		__sync_fetch_and_and(taken, ~(1ull << (work->place & 63)));
}

#endif
