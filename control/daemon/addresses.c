// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "daemon/addresses.h"

#include <errno.h>
#include <string.h>

#include "daemon/change.h"
#include "kernel/watch.h"
#include "util/addr.h"
#include "util/cleanup.h"
#include "util/log.h"

int addresses_copy(const struct addresses *from, struct addresses *ret)
{
	struct chq_addr *list = malloc((from->count + 1) * sizeof(*list));

	if (!list)
		return -ENOMEM;
	if (from->count)
		memcpy(list, from->list, from->count * sizeof(*list));
	free(ret->list);
	ret->list = list;
	ret->count = from->count;
	return 0;
}

/* Does a document speak of exactly this address? Then only the compiler knows what it means. */
static bool documented(const struct config *config, const struct chq_addr *addr)
{
	for (size_t i = 0; i < config->n_endpoints; i++) {
		const struct endpoint *endpoint = &config->endpoints[i];

		for (size_t k = 0; k < endpoint->n_prefixes; k++)
			if (endpoint->prefixes[k].length_bits == 128 &&
			    memcmp(&endpoint->prefixes[k].addr, addr, sizeof(*addr)) == 0)
				return true;
	}
	return false;
}

static void recompile(struct daemon *daemon)
{
	struct change_order order = {.kind = CHANGE_RECOMPILE, .who = "the kernel"};

	if (!change_waits(daemon, CHANGE_RECOMPILE))
		change_begin(daemon, &order);
}

static void tell_change(struct daemon *daemon, const struct chq_addr *addr, bool came)
{
	char text[ADDR_TEXT_BYTES];

	log_debug("own address %s %s", addr_print(addr, text), came ? "came" : "went");
	if (daemon->live.config && documented(daemon->live.config, addr))
		recompile(daemon);
}

/* Both lists are sorted. */
static void tell_difference(struct daemon *daemon, const struct addresses *before,
			    const struct addresses *after)
{
	size_t b = 0, a = 0;
	int order;

	while (b < before->count || a < after->count) {
		order = b == before->count ? 1
			: a == after->count
				? -1
				: memcmp(&before->list[b], &after->list[a], sizeof(*after->list));
		if (order < 0)
			tell_change(daemon, &before->list[b], false);
		else if (order > 0)
			tell_change(daemon, &after->list[a], true);
		b += order <= 0;
		a += order >= 0;
	}
}

/*
 * The unspecified address stands for the gateway where multicast and broadcast of a link are
 * judged (chasqui/policy.h). Sorted, it is the first.
 */
static int add_unspecified(struct addresses *own)
{
	struct chq_addr *list = realloc(own->list, (own->count + 1) * sizeof(*list));

	if (!list)
		return -ENOMEM;
	memmove(&list[1], list, own->count * sizeof(*list));
	memset(&list[0], 0, sizeof(*list));
	own->list = list;
	own->count++;
	return 0;
}

int addresses_read(struct daemon *daemon)
{
	struct addresses before = daemon->own, now = {};
	int err = watch_addresses(&now.list, &now.count);

	if (!err)
		err = add_unspecified(&now);
	if (err) {
		free(now.list);
		return err;
	}
	err = datapath_own_addresses(daemon->datapath, now.list, now.count);
	if (err)
		log_error("own addresses: %s", datapath_refusal(daemon->datapath));
	tell_difference(daemon, &before, &now);
	daemon->own = now;
	free(before.list);
	return 0;
}
