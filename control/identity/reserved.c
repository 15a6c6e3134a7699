// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "identity/reserved.h"

#include <string.h>

const struct reserved_identity reserved_identities[RESERVED_IDENTITIES] = {
	{CHQ_ID_HOST, "host"},
	{CHQ_ID_WORLD, "world"},
	{CHQ_ID_UNMANAGED, "unmanaged"},
	{CHQ_ID_HEALTH, "health"},
	{CHQ_ID_INIT, "init"},
	{CHQ_ID_REMOTE_NODE, "remote-node"},
	{CHQ_ID_KUBE_API, "kube-apiserver"},
	{CHQ_ID_INGRESS, "ingress"},
	{CHQ_ID_WORLD_IPV4, "world-ipv4"},
	{CHQ_ID_WORLD_IPV6, "world-ipv6"},
};

chq_identity reserved_number(const char *key)
{
	for (int i = 0; i < RESERVED_IDENTITIES; i++)
		if (strcmp(reserved_identities[i].key, key) == 0)
			return reserved_identities[i].number;
	return 0;
}
