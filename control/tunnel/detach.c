/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include <string.h>

#include "kernel/device.h"
#include "kernel/link.h"
#include "kernel/route.h"
#include "tunnel/engine.h"
#include "tunnel/tunnel.h"
#include "util/cleanup.h"

static int remove_device(struct netlink *nl, const struct link *link, struct refusal *refusal)
{
	struct engine engine = {.watch_fd = -1};
	struct device_seen seen;
	int err = device_find(nl, link->name, &seen);

	if (err || !seen.ours)
		return err;
	if (strcmp(seen.kind, KIND_TUN) == 0 && engine_find(link->name, &engine) == 0)
		engine_stop(&engine, link->name);
	return device_delete(nl, seen.ifindex, refusal);
}

int tunnel_detach(struct refusal *refusal)
{
	cleanup(netlink_close_p) struct netlink *nl = NULL;
	cleanup(links_free) struct links links = {};
	int err = netlink_open(&nl);

	if (!err)
		err = links_read(nl, &links);
	if (err)
		return refuse(refusal, err, "interfaces of the tunnel");
	for (size_t i = 0; i < links.count && !err; i++)
		err = remove_device(nl, &links.list[i], refusal);
	return err ? err : routes_set(nl, 0, NULL, refusal);
}
