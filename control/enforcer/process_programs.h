/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef ENFORCER_PROCESS_PROGRAMS_H
#define ENFORCER_PROCESS_PROGRAMS_H

#include <stddef.h>
#include <stdint.h>

#include "chasqui/process.h"

/* What libbpf's ESRCH means. */
#define NO_KERNEL_BTF "this kernel has no /sys/kernel/btf/vmlinux: it needs CONFIG_DEBUG_INFO_BTF=y"

/*
 * The programs that watch processes, with their maps and links pinned in one
 * directory of a bpffs: they go on when the daemon is gone, and the next one takes
 * them over. Programs of another build are replaced between two events, none of
 * which is lost or told twice. Needs CAP_BPF and CAP_PERFMON.
 */
struct process_programs;

#define PROCESS_WHY_BYTES 512

/* The directory is made. -errno: `why` has the kernel's words. */
int process_programs_open(const char *directory, char why[PROCESS_WHY_BYTES],
			  struct process_programs **ret);

/* Forgets; what is attached stays attached. NULL is fine. */
void process_programs_close(struct process_programs *programs);

/* A record that is no shorter than its own head says, of a kind that the head says. */
typedef void process_record_fn(void *data, const struct chq_proc_head *record, size_t bytes);

/*
 * Every process there is now, as CHQ_PROC_FOUND; those that ran before the programs become
 * known to chq_procs.
 */
int process_programs_find(struct process_programs *programs, process_record_fn *each, void *data);

/* Poll it for reading. Programs wake it past a threshold only: the clock must, too. */
int process_programs_fd(const struct process_programs *programs);

/*
 * What waits in the ring, at most `most` records, and no more once PROCESS_READ_BYTES are read. How
 * many there were, or -errno.
 */
#define PROCESS_READ_BYTES (8 << 20)
int process_programs_read(struct process_programs *programs, int most, process_record_fn *each,
			  void *data);

/* What was lost on the way, since the maps were made. */
int process_programs_lost(const struct process_programs *programs, uint64_t ret[CHQ_PROC_LOSSES]);

#endif
