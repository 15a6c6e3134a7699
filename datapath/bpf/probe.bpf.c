/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */

/* Programs that do nothing: what the kernel lets load and attach is found by trying them. */

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define NOTHING(section, name) \
	SEC(section)           \
	int name(void *ctx)    \
	{                      \
		(void)ctx;     \
		return 0;      \
	}

/* Where bpf is not among the active security modules this one loads, attaches, and is never called.
 */
bool lsm_called;

SEC("lsm")
int try_lsm(void *ctx)
{
	(void)ctx;
	lsm_called = true;
	return 0;
}

NOTHING("fmod_ret", try_fmod_ret)
NOTHING("fentry", try_fentry)
NOTHING("fexit", try_fexit)
NOTHING("kprobe.multi/", try_multi)
NOTHING("kprobe", try_kprobe)
NOTHING("raw_tp", try_raw_tp)
NOTHING("tp_btf/sys_enter", try_syscall)
NOTHING("tp_btf/mm_filemap_get_pages", try_filemap)
NOTHING("tracepoint", try_tp)
NOTHING("uprobe", try_uprobe)

/* The same load without a call, which newer kernels have. */
extern void *bpf_rdonly_cast(const void *object, __u32 type_id) __ksym __weak;

struct hlist_head {
	void *first;
} __attribute__((preserve_access_index));

SEC("tp_btf/sys_enter")
int try_cast(__u64 *ctx)
{
	const struct hlist_head *head =
		bpf_rdonly_cast((void *)ctx[0], bpf_core_type_id_kernel(struct hlist_head));

	return head->first != NULL;
}

char _license[] SEC("license") = "Dual BSD/GPL";
