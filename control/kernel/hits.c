/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "kernel/inside.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>

#include "util/cleanup.h"

/* Nothing reads or writes this slot's counters before the generation in it is live. */
int hits_clear(struct datapath *datapath, uint32_t slot)
{
	int cpus = libbpf_num_possible_cpus(), fd = map_fd(datapath, "chq_hits"), err = 0;
	cleanup_free uint64_t *zero = cpus > 0 ? calloc(cpus, sizeof(*zero)) : NULL;

	if (!zero)
		return -ENOMEM;
	for (uint32_t i = 0; i < CHQ_HITS && !err; i++) {
		uint32_t index = slot * CHQ_HITS + i;

		err = bpf_map_update_elem(fd, &index, zero, BPF_ANY);
	}
	return err ? refuse(&datapath->refusal, err, "cannot clear chq_hits") : 0;
}

int datapath_hits(struct datapath *datapath, bool before, uint64_t *ret, size_t count)
{
	uint32_t slot = CHQ_LIVE_SLOT(datapath->cell->live);
	int cpus = libbpf_num_possible_cpus(), fd = map_fd(datapath, "chq_hits");
	cleanup_free uint64_t *each = cpus > 0 ? calloc(cpus, sizeof(*each)) : NULL;

	if (!each)
		return -ENOMEM;
	if (count > CHQ_HITS)
		return -EINVAL;
	slot = before ? !slot : slot;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t index = slot * CHQ_HITS + i;
		int err = bpf_map_lookup_elem(fd, &index, each);

		if (err)
			return refuse(&datapath->refusal, err, "cannot read chq_hits");
		ret[i] = 0;
		for (int cpu = 0; cpu < cpus; cpu++)
			ret[i] += each[cpu];
	}
	return 0;
}
