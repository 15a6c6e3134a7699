/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "guard/options.h"

#include <getopt.h>
#include <stdio.h>

#include "api/version.h"

static const char help[] =
	"usage: chasqui-guard [OPTION...]\n"
	"\n"
	"Denies access to files, and kills who tries, by the TracingPolicies that chasquid gives it.\n"
	"\n"
	"  --run-dir DIR     its socket, guard.sock        (" DEFAULT_RUN_DIRECTORY ")\n"
	"  --state-dir DIR   its rules, guard.json         (" DEFAULT_STATE_DIRECTORY ")\n"
	"  --debug           say more\n"
	"  --version, --help\n"
	"\n"
	"A guard that runs already hands over to the new one. SIGTERM ends it, and with it the guarding.\n";

int options_read(int argc, char **argv, struct options *ret)
{
	static const struct option longs[] = {
		{"run-dir", required_argument, NULL, 'r'},
		{"state-dir", required_argument, NULL, 's'},
		{"debug", no_argument, NULL, 'd'},
		{"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{},
	};
	struct options options = {.run_directory = DEFAULT_RUN_DIRECTORY,
				  .state_directory = DEFAULT_STATE_DIRECTORY};
	int letter;

	while ((letter = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (letter) {
		case 'r':
			options.run_directory = optarg;
			break;
		case 's':
			options.state_directory = optarg;
			break;
		case 'd':
			options.debug = true;
			break;
		case 'v':
			puts("chasqui-guard " CHASQUI_VERSION);
			return 1;
		case 'h':
			fputs(help, stdout);
			return 1;
		default:
			fputs("chasqui-guard --help lists the options\n", stderr);
			return 3;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "chasqui-guard: \"%s\": it takes options only\n", argv[optind]);
		return 3;
	}
	*ret = options;
	return 0;
}
