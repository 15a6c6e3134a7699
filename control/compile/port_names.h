/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef COMPILE_PORT_NAMES_H
#define COMPILE_PORT_NAMES_H

#include "identity/index.h"
#include "policy/model.h"

/* What endpoints call their ports, each name once, with the protocols that have it. */
struct port_names {
	struct port_name {
		const char *name;   /* the configuration's */
		uint32_t protocols; /* bits PORT_* */
	} * list;
	uint32_t count, room;
	struct index index;
};

/* 0 or -ENOMEM; free in either case. */
int port_names_read(const struct config *config, struct port_names *ret);
void port_names_free(struct port_names *names);

/* Whether somebody has a port of this name in one of these protocols. */
bool port_names_has(const struct port_names *names, const char *name, uint32_t protocols);

#endif
