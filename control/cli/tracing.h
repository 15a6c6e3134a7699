/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef CLI_TRACING_H
#define CLI_TRACING_H

#include <jansson.h>

/* A line for each hook of the policies that /v1/tracing lists. 0 or -ENOMEM. */
int tracing_print_hooks(const json_t *policies);

#endif
