/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_ROUTE_H
#define TUNNEL_ROUTE_H

#include <stdint.h>

/*
 * The MTU of the inner route, which may be smaller than the device's: padding may not make a
 * packet larger than that. Asked of the kernel only for packets close to the device's MTU, and
 * remembered for the last destination until routes change. One thread's own.
 */
struct route {
	int fd4, fd6;
	uint32_t epoch; /* of the answer; 0: none */
	uint32_t mtu;
	uint8_t bytes;
	uint8_t address[16];
};

int route_init(struct route *route);
void route_drop(struct route *route);

/* 0 where the kernel does not say. `address` has 4 or 16 bytes. */
uint32_t route_mtu(struct route *route, const uint8_t *address, uint8_t bytes, uint32_t epoch);

#endif
