/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "compile/generation.h"
#include "daemon/confirm.h"
#include "daemon/options.h"
#include "daemon/recent.h"
#include "kernel/datapath.h"
#include "policy/model.h"

struct event;
struct event_base;
struct worker;
struct api_server;
struct registry;
struct change;
struct watch;
struct names;
struct hits;
struct tunnel_control;
struct processes;
struct enforcer;

/* What the daemon itself has made live. Empty while the kernel enforces an earlier daemon's. */
struct live {
	struct config *config;
	struct generation *generation; /* shares the strings of config */
	uint32_t number;
	uint32_t history; /* the entry of the history that holds its documents */
	time_t since;
	char *who, *how;
	bool last_good; /* the directory was bad: this is the configuration before it */
};

/* The gateway's own addresses, sorted. */
struct addresses {
	struct chq_addr *list;
	size_t count;
};

/* Why a port that is there has no checkpoint. */
struct port_note {
	char name[16];
	char text[256];
};

/* Everything that lives as long as the daemon, and in one place only. */
struct daemon {
	struct options options;
	struct event_base *base;
	struct worker *worker;
	struct api_server *api;
	struct datapath *datapath;
	struct watch *watch;
	struct registry *identities;
	struct names *names; /* what the numbers in events mean */
	struct hits *hits;   /* of rules */
	struct processes *processes;
	struct enforcer *enforcer; /* TracingPolicies */
	char *enforcer_pins;
	struct tunnel_control *tunnel;
	int tunnel_fd; /* readable when it has news */
	struct event *tunnel_event;
	struct bypass *bypass; /* who else waits for forwarded packets; NULL: cannot be asked */
	struct event *direct_event;
	char direct_note[160]; /* why flows are not forwarded directly; "": they are */
	bool tunnel_up;
	char tunnel_note[256]; /* said last */
	struct live live;
	struct addresses own;
	struct recent recent;
	struct limits limits;	 /* as the tables of flows were made */
	struct change *changing; /* the one under way, then those that wait */
	struct pending pending;	 /* a change that waits to be confirmed */
	uint64_t changes_done;
	char *last_refusal; /* why the newest change was refused; NULL: it was not */
	uint32_t highest;   /* number ever given to a generation */
	bool closed;	    /* no complete generation is attached: nothing is forwarded */
	bool ready;	    /* READY=1 has been said */
	bool failed;	    /* the loop ended because of an error */
	char **detached;    /* ports that a person took the checkpoint off */
	size_t n_detached;
	struct port_note notes[CHQ_PORT_MAX];
	size_t n_notes;
	struct event *timers[24]; /* all that wakes the loop */
	size_t n_timers;
};

#endif
