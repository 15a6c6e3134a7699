/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef DAEMON_CHANGE_H
#define DAEMON_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct daemon;
struct api_request;

/*
 * One change of policy is one transaction: read, compile, install, keep. Until
 * the last step of install nothing has changed, and after it everything has.
 * Changes happen one after the other; reading and compiling run beside the loop.
 */
enum change_kind {
	CHANGE_START,	  /* the directory, or the last good configuration */
	CHANGE_RELOAD,	  /* the directory */
	CHANGE_APPLY,	  /* the directory with documents put in */
	CHANGE_DELETE,	  /* the directory with documents taken out */
	CHANGE_ROLLBACK,  /* an entry of the history */
	CHANGE_RECOMPILE, /* the documents that are live, for addresses that changed */
};

struct change_order {
	enum change_kind kind;
	const char *who;
	const char *text; /* APPLY, DELETE: the documents */
	size_t bytes;
	uint32_t history;	     /* ROLLBACK */
	uint32_t confirm_s;	     /* goes back by itself after this long; 0: it does not */
	bool undo;		     /* because nobody confirmed */
	struct api_request *request; /* is answered at the end; NULL: nobody waits */
};

#define CHANGES_MOST 64 /* that wait */

/* 0, -ENOMEM, or -EBUSY when too many wait; then the request is still the caller's. */
int change_begin(struct daemon *daemon, const struct change_order *order);
void changes_drop(struct daemon *daemon); /* at the end */
bool change_waits(const struct daemon *daemon, enum change_kind kind);

#endif
