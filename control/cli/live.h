/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef CLI_LIVE_H
#define CLI_LIVE_H

#include "cli/ask.h"
#include "cli/offline.h"

/*
 * The documents that are live, as the daemon has them, with their files and lines.
 * EXIT_DONE: `*ret_err` says what reading them came to. EXIT_REFUSED: the daemon did
 * not answer, and it has been said.
 */
int live_read(const struct arguments *arguments, struct offline *offline, struct problems *problems,
	      int *ret_err);

#endif
