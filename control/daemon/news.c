// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "daemon/news.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "api/server.h"
#include "daemon/addresses.h"
#include "daemon/change.h"
#include "daemon/daemon.h"
#include "daemon/direct.h"
#include "daemon/folder.h"
#include "daemon/notify.h"
#include "daemon/ports.h"
#include "daemon/recent.h"
#include "daemon/show.h"
#include "daemon/tracing.h"
#include "kernel/watch.h"
#include "tunnel/tunnel.h"
#include "util/cleanup.h"
#include "util/log.h"

/* How often the clock wakes us. */
static const struct timeval every_event = {0, 100000}, every_sweep = {1, 0}, every_check = {5, 0};

static void on_reload(evutil_socket_t signal, short what, void *data)
{
	struct change_order order = {.kind = CHANGE_RELOAD, .who = "SIGHUP"};

	(void)signal;
	(void)what;
	/* one that still waits will read the directory as it is now */
	if (!change_waits(data, CHANGE_RELOAD) && change_begin(data, &order) < 0)
		log_error("SIGHUP: too many changes wait already; nothing was changed");
}

static void on_stop(evutil_socket_t signal, short what, void *data)
{
	struct daemon *daemon = data;

	(void)what;
	log_info("%s: stopping", strsignal(signal));
	notify_stopping();
	event_base_loopbreak(daemon->base);
}

static void on_dump(evutil_socket_t signal, short what, void *data)
{
	struct daemon *daemon = data;
	cleanup_free char *path = path_join(daemon->options.run_directory, "dump.json");
	cleanup_free char *text = NULL;
	json_t *all = show_all(daemon), *status = json_object_get(all, "status"), *value;
	const char *key;
	int err = -ENOMEM;

	(void)signal;
	(void)what;
	json_object_foreach(status, key, value)
	{
		cleanup_free char *line = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

		log_info("%s: %s", key, line ? line : "?");
	}
	text = all ? json_dumps(all, JSON_INDENT(1)) : NULL;
	json_decref(all);
	if (path && text)
		err = file_write(path, text, strlen(text));
	if (err)
		log_error("dump: %s", strerror(-err));
	else
		log_info("all of it is in %s", path);
}

static void on_watch(evutil_socket_t fd, short what, void *data)
{
	struct daemon *daemon = data;
	int news = watch_read(daemon->watch);

	(void)fd;
	(void)what;
	if (news < 0) {
		log_error("netlink: %s", strerror(-news));
		return;
	}
	if (news & WATCH_LOST)
		log_warn("more news from the kernel than its socket held: all is read anew");
	if (news & WATCH_ADDRESSES && addresses_read(daemon) < 0)
		log_error("the gateway's own addresses could not be read");
	if (news & (WATCH_LINKS | WATCH_FILTERS))
		datapath_check_attached(daemon->datapath);
	if (news & (WATCH_LINKS | WATCH_FILTERS))
		ports_sync(daemon, false);
	if (news & (WATCH_LINKS | WATCH_ADDRESSES | WATCH_ROUTES))
		tunnel_poke(daemon->tunnel);
}

/* The programs wake us only past a threshold, so the clock does, too. */
static void on_events(evutil_socket_t fd, short what, void *data)
{
	struct daemon *daemon = data;

	(void)fd;
	(void)what;
	datapath_events_read(daemon->datapath, recent_take, daemon);
}

static void on_sweep(evutil_socket_t fd, short what, void *data)
{
	struct daemon *daemon = data;

	(void)fd;
	(void)what;
	datapath_sweep(daemon->datapath);
	direct_tick(daemon);
	tracing_tick(daemon);
}

static void on_check(evutil_socket_t fd, short what, void *data)
{
	struct daemon *daemon = data;
	int mended = datapath_check_attached(daemon->datapath);

	(void)fd;
	(void)what;
	if (mended > 0)
		log_warn("%d checkpoint%s had been lost and %s put back", mended,
			 mended == 1 ? "" : "s", mended == 1 ? "was" : "were");
	else if (mended < 0)
		log_error("%s", datapath_refusal(daemon->datapath));
	ports_sync(daemon, false);
}

static int add(struct daemon *daemon, int fd, short what, event_callback_fn callback,
	       const struct timeval *every)
{
	struct event *event = event_new(daemon->base, fd, what | EV_PERSIST, callback, daemon);

	if (!event)
		return -ENOMEM;
	daemon->timers[daemon->n_timers++] = event;
	return event_add(event, every) < 0 ? -ENOMEM : 0;
}

int news_open(struct daemon *daemon)
{
	int err = watch_open(&daemon->watch);

	if (!err)
		err = addresses_read(daemon);
	if (!err)
		err = add(daemon, watch_fd(daemon->watch), EV_READ, on_watch, NULL);
	if (!err)
		err = add(daemon, datapath_events_fd(daemon->datapath), EV_READ, on_events, NULL);
	if (!err)
		err = add(daemon, -1, EV_TIMEOUT, on_events, &every_event);
	if (!err)
		err = add(daemon, -1, EV_TIMEOUT, on_sweep, &every_sweep);
	if (!err)
		err = add(daemon, -1, EV_TIMEOUT, on_check, &every_check);
	if (!err)
		err = direct_open(daemon);
	if (!err)
		err = add(daemon, SIGHUP, EV_SIGNAL, on_reload, NULL);
	if (!err)
		err = add(daemon, SIGUSR1, EV_SIGNAL, on_dump, NULL);
	if (!err)
		err = add(daemon, SIGTERM, EV_SIGNAL, on_stop, NULL);
	if (!err)
		err = add(daemon, SIGINT, EV_SIGNAL, on_stop, NULL);
	return err;
}

void news_close(struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->n_timers; i++)
		event_free(daemon->timers[i]);
	daemon->n_timers = 0;
	direct_close(daemon);
	watch_close(daemon->watch);
}
