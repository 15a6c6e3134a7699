/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef BENCH_PACKET_H
#define BENCH_PACKET_H

#include <linux/types.h>

/* Which packets a run is made of: packet n of a plan has one tuple, the same on both sides. */
struct bench_plan {
	__u32 next;    /* the number of the next packet */
	__u32 packets; /* different ones; 0 = never the same again */
	__u32 random;  /* drawn from `packets` instead of counted through */
	__u32 sources, source_first;
	__u32 targets, target_first;
	__u32 vary_port; /* the source port, too */
};

struct bench_tuple {
	__u32 source, target;
	__u16 sport;
};

static inline void bench_tuple_of(const struct bench_plan *plan, __u32 n, struct bench_tuple *ret)
{
	__u32 low = n & 0x7fff, high = n >> 15;

	ret->source = plan->source_first + (low * 40503u + high) % plan->sources;
	ret->target = plan->target_first + (low * 31u + high * 7919u) % plan->targets;
	ret->sport = plan->vary_port ? 1024 + low : 1024;
}

#endif
