/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef BENCH_FORWARD_FRAMES_H
#define BENCH_FORWARD_FRAMES_H

#include <linux/types.h>

/* Ethernet, IPv4, UDP and 18 bytes: the smallest frame there is. */
#define FRAME_BYTES	  60
#define FRAME_SOURCE_PORT 34

#define FLOWS	    1024 /* a power of two */
#define FIRST_PORT  1024
#define TARGET_PORT 2048

struct frame {
	__u32 ifindex; /* out of which it goes */
	__u8 bytes[FRAME_BYTES];
};

#endif
