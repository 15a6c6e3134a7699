/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef PROPERTY_CHECKPOINT_H
#define PROPERTY_CHECKPOINT_H

#include "batch.h"

/*
 * The checkpoint's programs, loaded in a network namespace of their own where
 * nothing is attached: each flow is one packet under BPF_PROG_TEST_RUN.
 */
struct checkpoint;

/* 0; -EPERM where this process may not; other -errno. */
int checkpoint_open(struct checkpoint **ret);
void checkpoint_close(struct checkpoint *checkpoint); /* accepts NULL */

/* Puts a generation's tables live; `number` rises. */
int checkpoint_install(struct checkpoint *checkpoint, const struct generation *generation,
		       uint32_t number);

/* What the checkpoint says of the flow's first packet: an enum chq_reason, or -errno. */
int checkpoint_ask(struct checkpoint *checkpoint, const struct flow_case *flow);

#endif
