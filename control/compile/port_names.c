// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compile/port_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static bool same_name(const void *data, uint32_t number, const void *wanted)
{
	return strcmp(((const struct port_names *)data)->list[number].name, wanted) == 0;
}

static uint64_t hash_name(const char *name)
{
	return XXH3_64bits(name, strlen(name));
}

static uint32_t find_name(const struct port_names *names, const char *name)
{
	return index_find(&names->index, hash_name(name), same_name, names, name);
}

static int add_name(struct port_names *names, const char *name)
{
	struct port_name *list = names->list;

	if (names->count == names->room) {
		names->room = names->room ? 2 * names->room : 64;
		list = realloc(names->list, names->room * sizeof(*list));
		if (!list)
			return -ENOMEM;
		names->list = list;
	}
	list[names->count] = (struct port_name){.name = name};
	return index_add(&names->index, hash_name(name), names->count++);
}

static int note_port(struct port_names *names, const struct named_port *port)
{
	uint32_t number = find_name(names, port->name);
	int err = number == INDEX_NONE ? add_name(names, port->name) : 0;

	if (err)
		return err;
	if (number == INDEX_NONE)
		number = names->count - 1;
	names->list[number].protocols |= port->protocol;
	return 0;
}

int port_names_read(const struct config *config, struct port_names *ret)
{
	int err = 0;

	for (size_t e = 0; e < config->n_endpoints; e++) {
		const struct endpoint *endpoint = &config->endpoints[e];

		for (size_t i = 0; !err && i < endpoint->n_named_ports; i++)
			err = note_port(ret, &endpoint->named_ports[i]);
	}
	return err;
}

void port_names_free(struct port_names *names)
{
	free(names->list);
	index_free(&names->index);
}

bool port_names_has(const struct port_names *names, const char *name, uint32_t protocols)
{
	uint32_t number = find_name(names, name);

	return number != INDEX_NONE && names->list[number].protocols & protocols;
}
