/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef KERNEL_NETLINK_H
#define KERNEL_NETLINK_H

#include <libmnl/libmnl.h>
#include <stdbool.h>

/* A netlink socket that keeps the kernel's own words about its last refusal. */
struct netlink {
	struct mnl_socket *socket;
	unsigned sequence;
	char refusal[160];
};

int netlink_open(struct netlink **ret); /* rtnetlink */
int netlink_open_for(int protocol, struct netlink **ret);
void netlink_close(struct netlink *nl); /* accepts NULL */

/*
 * Sends the request and waits for the end of its answer; each message of the answer
 * goes to `each` (NULL: there is none). A dump that the kernel had to interrupt is -EINTR.
 */
int netlink_ask(struct netlink *nl, struct nlmsghdr *request, mnl_cb_t each, void *data);

/* Every message of an answer says a length that the answer has. */
bool netlink_lengths_fit(const void *answer, size_t bytes);

static inline void netlink_close_p(struct netlink **nl)
{
	netlink_close(*nl);
}

#endif
