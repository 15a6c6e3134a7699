/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef KERNEL_FORWARDING_H
#define KERNEL_FORWARDING_H

#include <stdbool.h>

/*
 * Whether the kernel forwards between interfaces, in this network namespace: off
 * until a complete policy is attached. A kernel without IPv6 forwards none of it.
 */
int forwarding_get(bool *ret_ipv4, bool *ret_ipv6);
int forwarding_set(bool on);

#endif
