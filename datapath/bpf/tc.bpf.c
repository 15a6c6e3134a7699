/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include <linux/pkt_cls.h>

#include "maps.h"

static __always_inline int checkpoint(struct __sk_buff *skb)
{
	struct chq_cell *cell = bpf_map_lookup_elem(&chq_cell, &(__u32){0});

	return cell && cell->live && skb->len ? TC_ACT_OK : TC_ACT_SHOT;
}

SEC("tc")
int chq_in(struct __sk_buff *skb)
{
	return checkpoint(skb);
}

SEC("tc")
int chq_in_l3(struct __sk_buff *skb)
{
	return checkpoint(skb);
}

SEC("tc")
int chq_out(struct __sk_buff *skb)
{
	return checkpoint(skb);
}

SEC("tc")
int chq_out_l3(struct __sk_buff *skb)
{
	return checkpoint(skb);
}

char _license[] SEC("license") = "Dual BSD/GPL";
