/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef GUARD_OPTIONS_H
#define GUARD_OPTIONS_H

#include <stdbool.h>

struct options {
	const char *run_directory, *state_directory;
	bool debug;
};

/* 0: go on. Else what the program ends with, minus one: 1 done (help, version), 3 wrong usage. */
int options_read(int argc, char **argv, struct options *ret);

#endif
