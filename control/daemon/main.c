// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/server.h"
#include "api/version.h"
#include "daemon/addresses.h"
#include "daemon/change.h"
#include "daemon/check.h"
#include "daemon/confirm.h"
#include "daemon/daemon.h"
#include "daemon/folder.h"
#include "daemon/hits.h"
#include "daemon/news.h"
#include "daemon/notify.h"
#include "daemon/ports.h"
#include "daemon/privilege.h"
#include "daemon/processes.h"
#include "daemon/serve.h"
#include "daemon/state.h"
#include "daemon/tracing.h"
#include "daemon/tunnel.h"
#include "daemon/worker.h"
#include "observe/names.h"
#include "util/cleanup.h"
#include "util/log.h"

enum { EXIT_FAILED = 1 };

static int fail(int err, const char *what)
{
	log_error("%s: %s", what, strerror(-err));
	return err;
}

static int open_directories(struct daemon *daemon)
{
	cleanup_free char *history = path_join(daemon->options.state_directory, "history");
	int err = folder_make(daemon->options.run_directory, 0755);

	if (err)
		return fail(err, daemon->options.run_directory);
	err = history ? folder_make(history, 0750) : -ENOMEM;
	return err ? fail(err, daemon->options.state_directory) : 0;
}

/* A gateway that nobody guards yet does not forward while its programs are being loaded. */
static int open_datapath(struct daemon *daemon)
{
	cleanup_free char *cell = path_join(daemon->options.bpffs_directory, "chq_cell");
	struct datapath_options options = {.pin_directory = daemon->options.bpffs_directory,
					   .limits = state_limits(daemon)};
	int err;

	if (!cell)
		return -ENOMEM;
	if (access(cell, F_OK) < 0)
		ports_close(daemon);
	daemon->limits = options.limits;
	err = datapath_open(&options, &daemon->datapath);
	if (err) {
		log_error("%s", datapath_refusal(NULL));
		return err;
	}
	if (datapath_highest(daemon->datapath) > daemon->highest)
		daemon->highest = datapath_highest(daemon->datapath);
	if (datapath_live(daemon->datapath))
		log_info("took over generation %u, which goes on being enforced",
			 datapath_live(daemon->datapath));
	else
		ports_close(daemon);
	return 0;
}

/* The order of the start. What could change a verdict comes last. */
static int start(struct daemon *daemon)
{
	struct change_order order = {.kind = CHANGE_START, .who = "chasquid"};
	int err;

	tracing_spare(daemon);
	err = open_directories(daemon);
	if (err)
		return err;
	daemon->base = event_base_new();
	if (!daemon->base)
		return fail(-ENOMEM, "event loop");
	err = worker_open(daemon->base, &daemon->worker);
	if (err)
		return fail(err, "worker thread");
	err = state_read(daemon);
	if (err)
		return fail(err, daemon->options.state_directory);
	err = open_datapath(daemon);
	if (err)
		return err;
	err = names_open(&daemon->names);
	if (err)
		return fail(err, "names for events");
	err = hits_open(daemon);
	if (err)
		return fail(err, "hits of rules");
	err = serve_open(daemon);
	if (err)
		return fail(err, daemon->options.run_directory);
	err = news_open(daemon);
	if (err)
		return fail(err, "news from the kernel");
	err = processes_open(daemon);
	if (err)
		return fail(err, "processes");
	err = tracing_open(daemon);
	if (err)
		return fail(err, "hooks of TracingPolicies");
	err = privilege_drop();
	if (err)
		log_warn("capabilities could not be given up: %s", strerror(-err));
	err = tunnel_join(daemon);
	if (err)
		return fail(err, "tunnel");
	confirm_open(daemon);
	return change_begin(daemon, &order);
}

/* In the reverse order. The kernel goes on enforcing what is live. */
static void stop(struct daemon *daemon)
{
	if (daemon->worker)
		worker_close(daemon->worker);
	api_server_close(daemon->api);
	changes_drop(daemon);
	confirm_close(daemon);
	news_close(daemon);
	tunnel_leave(daemon);
	processes_close(daemon);
	names_close(daemon->names);
	hits_close(daemon);
	tracing_close(daemon);
	datapath_close(daemon->datapath);
	generation_free(daemon->live.generation);
	config_free(daemon->live.config);
	free(daemon->live.who);
	free(daemon->live.how);
	free(daemon->own.list);
	free(daemon->last_refusal);
	ports_free(daemon);
	state_free(daemon);
	if (daemon->base)
		event_base_free(daemon->base);
}

int main(int argc, char **argv)
{
	struct daemon daemon = {};
	int outcome = options_read(argc, argv, &daemon.options);

	if (outcome)
		return outcome - 1;
	log_open("chasquid", daemon.options.debug);
	if (daemon.options.check_only)
		return check_directory(daemon.options.config_directory) ? EXIT_FAILED : 0;
	signal(SIGPIPE, SIG_IGN);
	log_info("chasquid " CHASQUI_VERSION " starts with %s", daemon.options.config_directory);
	outcome = start(&daemon);
	if (!outcome)
		event_base_dispatch(daemon.base);
	if (!outcome)
		log_info("stopped; the kernel goes on enforcing generation %u",
			 datapath_live(daemon.datapath));
	stop(&daemon);
	return outcome || daemon.failed ? EXIT_FAILED : 0;
}
