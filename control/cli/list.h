/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef CLI_LIST_H
#define CLI_LIST_H

#include "cli/command.h"
#include "cli/table.h"

/*
 * A list of the daemon's, by its path in the API, as it came (-o json) or as a table;
 * an empty one is told on stderr. Returns what the program ends with.
 */
int show_list(const struct arguments *arguments, const char *path, const struct column *columns);

#endif
