/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "maps.h"

SEC("xdp.frags")
int chq_gate(struct xdp_md *ctx)
{
	return ctx->data < ctx->data_end ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
