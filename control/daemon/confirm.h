/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef DAEMON_CONFIRM_H
#define DAEMON_CONFIRM_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct daemon;
struct event;

/*
 * A change that goes back by itself unless somebody says in time that he still gets in
 * (BIRD's and Junos' habit). STATE/confirm.json says so before the change is live, so
 * that it goes back also when the daemon, or the machine, was started again meanwhile.
 */
struct pending {
	uint32_t back_to;    /* entry of the history to go back to; 0: nothing waits */
	int64_t until_ms;    /* CLOCK_BOOTTIME */
	time_t until;	     /* the same by the calendar: for people, and for another boot */
	bool undoing;	     /* the time is over, and the way back has begun */
	struct event *timer; /* NULL until first needed */
};

#define CONFIRM_MOST_S 86400

/* What an earlier daemon left is waited for further; what cannot be read is said and forgotten. */
void confirm_open(struct daemon *daemon);
void confirm_close(struct daemon *daemon);

/*
 * Notes, before a change is made live, that it goes back in `seconds` to what is live now; or,
 * while an earlier one waits, to where that one would go. -ENOENT: there is nowhere to go back to.
 */
int confirm_begin(struct daemon *daemon, uint32_t seconds);
/* The change was refused after all: what waited before it waits on. */
void confirm_restore(struct daemon *daemon, const struct pending *before);
/* Confirmed, or undone. */
void confirm_end(struct daemon *daemon);
/* The way back was refused: it is tried again. */
void confirm_retry(struct daemon *daemon);

json_t *confirm_as_json(const struct daemon *daemon); /* null when nothing waits */

#endif
