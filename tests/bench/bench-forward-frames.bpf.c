// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The two ends of bench-forward: a generator of frames, and a sink that counts them. */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bench-forward-frames.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct frame);
} template SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} heard SEC(".maps");

__u32 turn;

/*
 * Live frames come back as the last receiver left them: forwarding has written other addresses and
 * a smaller TTL. So all headers are written anew each time.
 */
SEC("xdp")
int generate(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 zero = 0;
	struct frame *frame = bpf_map_lookup_elem(&template, &zero);

	if (!frame || data + FRAME_BYTES > end)
		return XDP_ABORTED;
	__builtin_memcpy(data, frame->bytes, FRAME_BYTES);
	*(__be16 *)(data + FRAME_SOURCE_PORT) = bpf_htons(FIRST_PORT + (turn++ & (FLOWS - 1)));
	return bpf_redirect(frame->ifindex, 0);
}

SEC("xdp")
int count_and_drop(struct xdp_md *ctx)
{
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&heard, &zero);

	(void)ctx;
	if (count)
		++*count;
	return XDP_DROP;
}
