// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "daemon/direct.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "kernel/bypass.h"
#include "util/log.h"

/* Who waits for forwarded packets; "" when they may leave directly. */
static void ask(struct daemon *daemon, char *why, size_t size)
{
	const struct generation *live = daemon->live.generation;

	why[0] = '\0';
	if (!live)
		snprintf(why, size, "no policy is live yet");
	else if (live->by_stack)
		snprintf(why, size, "the Gateway document says so");
	else if (!daemon->bypass)
		snprintf(why, size, "the kernel cannot be asked who else waits for packets");
	else if (!bypass_harmless(daemon->bypass, why, size) && !why[0])
		snprintf(why, size, "unknown");
}

void direct_tick(struct daemon *daemon)
{
	char why[sizeof(daemon->direct_note)];

	ask(daemon, why, sizeof(why));
	datapath_direct_set(daemon->datapath, !why[0]);
	if (strcmp(why, daemon->direct_note) == 0)
		return;
	snprintf(daemon->direct_note, sizeof(daemon->direct_note), "%s", why);
	if (why[0])
		log_info("running flows are forwarded by the kernel's stack: %s", why);
	else
		log_info("running flows are forwarded directly");
}

static void on_nftables(evutil_socket_t fd, short what, void *data)
{
	(void)fd;
	(void)what;
	direct_tick(data);
}

int direct_open(struct daemon *daemon)
{
	int err = bypass_open(&daemon->bypass);

	snprintf(daemon->direct_note, sizeof(daemon->direct_note), "nobody was asked yet");
	if (err) {
		log_warn("who else waits for forwarded packets cannot be asked: %s",
			 strerror(-err));
		return 0;
	}
	if (bypass_fd(daemon->bypass) < 0)
		return 0;
	daemon->direct_event = event_new(daemon->base, bypass_fd(daemon->bypass),
					 EV_READ | EV_PERSIST, on_nftables, daemon);
	if (!daemon->direct_event || event_add(daemon->direct_event, NULL) < 0)
		return -ENOMEM;
	return 0;
}

void direct_close(struct daemon *daemon)
{
	if (daemon->direct_event)
		event_free(daemon->direct_event);
	daemon->direct_event = NULL;
	bypass_close(daemon->bypass);
	daemon->bypass = NULL;
}
