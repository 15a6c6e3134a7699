/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef GUARD_SERVE_H
#define GUARD_SERVE_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "guard/guard.h"
#include "guard/held.h"

#define CLIENTS_MOST 16

struct client {
	int fd; /* -1: free */
	pid_t pid;
	bool watches;
	uint64_t lost; /* events that it had no room for, while others had */
};

/* The server's thread: the socket, the marks' whereabouts, the state. */
struct server {
	struct guard *guard;
	int listener, poll, mounts;
	struct client clients[CLIENTS_MOST];
	int named[SPARED_MOST]; /* by "spare" */
	size_t n_named;
	char net[PATH_MAX]; /* where the programs that wait behind us are pinned; "": nowhere */
	struct held held;
	bool look; /* for those of new files, when the answer is out: it takes its time */
	bool unsaved;
};

/* Until a handover (0) or for want of anything vital (-errno). */
int serve_run(struct guard *guard, int listener);

/*
 * One request, with the descriptor that came with it (-1: none; the caller's). The answer is the
 * caller's too; *fd is sent with it, or -1. *done: the program ends after it.
 */
json_t *request_serve(struct server *server, struct client *client, json_t *request, int passed,
		      int *fd, bool *done);

/* Who is not killed: named ones, and whoever is connected. */
void serve_spare(struct server *server);

#endif
