/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */

/*
 * Makes each run of BPF_PROG_TEST_RUN see another packet: writes the plan's next
 * tuple into it and tail-calls the program that is timed. Timed with a program that
 * does nothing it says what the writing costs.
 */

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bench-packet.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bench_plan);
} plan SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} timed_tc SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} timed_xdp SEC(".maps");

static __always_inline __u32 packet_number(struct bench_plan *plan)
{
	__u32 n;

	if (plan->random)
		return bpf_get_prandom_u32() % plan->packets;
	n = plan->next++;
	if (plan->packets && plan->next >= plan->packets)
		plan->next = 0;
	return n;
}

static __always_inline void vary(void *data, void *end)
{
	struct bench_plan *now = bpf_map_lookup_elem(&plan, &(__u32){0});
	struct iphdr *ip = data + sizeof(struct ethhdr);
	__be16 *sport = (void *)(ip + 1);
	struct bench_tuple tuple;

	if (!now || !now->sources || !now->targets || (void *)(sport + 1) > end)
		return;
	bench_tuple_of(now, packet_number(now), &tuple);
	ip->saddr = bpf_htonl(tuple.source);
	ip->daddr = bpf_htonl(tuple.target);
	*sport = bpf_htons(tuple.sport);
}

SEC("tc")
int vary_tc(struct __sk_buff *skb)
{
	vary((void *)(long)skb->data, (void *)(long)skb->data_end);
	bpf_tail_call(skb, &timed_tc, 0);
	return TC_ACT_UNSPEC;
}

SEC("xdp.frags")
int vary_xdp(struct xdp_md *ctx)
{
	vary((void *)(long)ctx->data, (void *)(long)ctx->data_end);
	bpf_tail_call(ctx, &timed_xdp, 0);
	return XDP_ABORTED;
}

SEC("tc")
int empty_tc(struct __sk_buff *skb)
{
	return skb->len ? TC_ACT_OK : TC_ACT_SHOT;
}

SEC("xdp.frags")
int empty_xdp(struct xdp_md *ctx)
{
	return ctx->data ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
