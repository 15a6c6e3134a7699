/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef DAEMON_HISTORY_H
#define DAEMON_HISTORY_H

#include <jansson.h>
#include <stdint.h>

/*
 * STATE/history/N/files: the documents that generation N was made of, and beside
 * them note.json: who made them live, when and how. The newest is the last good
 * configuration.
 */
#define HISTORY_MOST 50

struct history_note {
	uint32_t number;
	const char *who; /* "uid 0", "SIGHUP" */
	const char *how; /* "reload", "apply CiliumNetworkPolicy shop/web" */
	uint64_t hash;	 /* folder_hash of the files */
};

/* Moves the directory `staged` into the history, and drops what is over HISTORY_MOST. */
int history_keep(const char *state_directory, const char *staged, const struct history_note *note);

uint32_t history_newest(const char *state_directory); /* 0: there is none */
char *history_files(const char *state_directory, uint32_t number);

/* The note of an entry; NULL when there is no such entry. */
json_t *history_note(const char *state_directory, uint32_t number);
json_t *history_list(const char *state_directory); /* notes, newest first */

#endif
