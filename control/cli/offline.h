/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef CLI_OFFLINE_H
#define CLI_OFFLINE_H

#include "compile/generation.h"
#include "identity/registry.h"
#include "policy/model.h"

/* A directory read and compiled with no daemon, no kernel and no root. */
struct offline {
	struct config *config;
	size_t room; /* in config->endpoints, once somebody was added */
	struct registry *identities;
	struct generation *generation;
	struct chq_addr *own; /* the gateway's addresses, where a daemon has said them */
	size_t n_own;
};

/* Both of the next together. */
int offline_open(struct offline *offline, const char *directory, struct problems *problems);

int offline_read(struct offline *offline, const char *directory, struct problems *problems);
int offline_compile(struct offline *offline, struct problems *problems);

/*
 * Between the two: somebody with these labels, whom no document knows. He gets an
 * address of each family, that nothing else uses. `labels` must outlive `offline`.
 */
int offline_add(struct offline *offline, const struct labels *labels, struct chq_addr *ret_ipv4,
		struct chq_addr *ret_ipv6);

/* The same for another gateway, a remote node, which no policy selects. */
int offline_add_node(struct offline *offline, const struct labels *labels,
		     struct chq_addr *ret_ipv4, struct chq_addr *ret_ipv6);

void offline_free(struct offline *offline);

#endif
