/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef KERNEL_NETLINK_H
#define KERNEL_NETLINK_H

#include <libmnl/libmnl.h>

/* A rtnetlink socket that keeps the kernel's own words about its last refusal. */
struct netlink {
	struct mnl_socket *socket;
	unsigned sequence;
	char refusal[160];
};

int netlink_open(struct netlink **ret);
void netlink_close(struct netlink *nl); /* accepts NULL */

/*
 * Sends the request and waits for the end of its answer; each message of the answer
 * goes to `each` (NULL: there is none). A dump that the kernel had to interrupt is -EINTR.
 */
int netlink_ask(struct netlink *nl, struct nlmsghdr *request, mnl_cb_t each, void *data);

static inline void netlink_close_p(struct netlink **nl)
{
	netlink_close(*nl);
}

#endif
