/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef PROPERTY_BATCH_H
#define PROPERTY_BATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "compile/generation.h"

/* One directory as batch.py writes it; its words are explained there. */

/* A port the flow comes in by, or one of these. */
#define ARRIVAL_NONE "none"
#define ARRIVAL_HOST "host"

struct flow_case {
	struct flow_query query;
	char arrival[16];
	char combined[24], egress[32], ingress[32]; /* what is expected */
	char egress_by[512], ingress_by[512];	    /* by which rules */
	unsigned line;
};

struct batch {
	char *directory;
	char *refusal; /* NULL: the documents are good */
	struct chq_addr *own;
	size_t n_own;
	struct flow_case *flows;
	size_t n_flows;
};

/* 0 or -errno, having said on stderr what is wrong. */
int batch_read(const char *directory, struct batch *ret);
void batch_clear(struct batch *batch);

#endif
