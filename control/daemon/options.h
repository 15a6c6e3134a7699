/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef DAEMON_OPTIONS_H
#define DAEMON_OPTIONS_H

#include <stdbool.h>

struct options {
	const char *config_directory, *run_directory, *state_directory, *bpffs_directory;
	bool debug;
	bool check_only;    /* read and compile the directory, say what is wrong, and end */
	bool no_forwarding; /* leave the forwarding sysctls alone */
};

/* 0: go on. Else what the program ends with, minus one: 1 done (help, version), 3 wrong usage. */
int options_read(int argc, char **argv, struct options *ret);

#endif
