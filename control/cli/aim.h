/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef CLI_AIM_H
#define CLI_AIM_H

#include <stddef.h>
#include <stdint.h>

#include "cli/ends.h"

/* What a flow is aimed at, as the compiled tables number it and as people say it. */
struct aim {
	uint32_t target; /* CHQ_TARGET_* and what is added to it */
	char text[80];	 /* "443/tcp", "type 8/icmp (EchoRequest)" */
};

/*
 * From "443/tcp", or 443 or a named port of the receiver's beside a protocol, or an
 * ICMP type by number or name. NULL is what was not given. -EINVAL with a sentence.
 */
int aim_read(const struct end *to, const char *protocol, const char *port, const char *icmp_type,
	     bool ipv6, struct aim *ret, char *refusal, size_t size);

#endif
