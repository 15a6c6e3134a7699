/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef KERNEL_WALK_H
#define KERNEL_WALK_H

/*
 * Every row of a map, many at a system call. Stops when `each` returns non-zero, and
 * returns that. What programs write meanwhile may be seen twice or not at all.
 */
int walk_map(int fd, int (*each)(void *data, const void *key, const void *value), void *data);

#endif
