/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_VAULT_H
#define TUNNEL_VAULT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Memory for what holds keys: locked, left out of core dumps, wiped when given
 * back. Objects of one size each; what a vault once took it keeps.
 */
struct vault {
	size_t object_bytes;
	void *free_list;
	bool unlocked; /* the system refused to lock some of it */
};

void vault_init(struct vault *vault, size_t object_bytes);

/* Zeroed, aligned to a cache line; NULL where there is no memory. */
void *vault_take(struct vault *vault);
void vault_give(struct vault *vault, void *object);

#endif
