// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "daemon/options.h"

#include <getopt.h>
#include <stdio.h>

#include "api/version.h"

static const char help[] =
	"usage: chasquid [OPTION...]\n"
	"\n"
	"Judges the traffic between the ports of this gateway, by identity.\n"
	"\n"
	"  --config DIR      the documents                 (" DEFAULT_CONFIG_DIRECTORY ")\n"
	"  --run-dir DIR     the socket of the API, dumps  (" DEFAULT_RUN_DIRECTORY ")\n"
	"  --state-dir DIR   what outlives a restart       (" DEFAULT_STATE_DIRECTORY ")\n"
	"  --bpffs DIR       where maps and programs are pinned (" DEFAULT_BPFFS_DIRECTORY ")\n"
	"  --no-forwarding   leave net.ipv4.ip_forward and its IPv6 sister alone\n"
	"  --check           read and compile the documents, say what is wrong, and end\n"
	"  --debug           say more\n"
	"  --version, --help\n"
	"\n"
	"SIGHUP reads the directory again, SIGUSR1 dumps the state to the log and to\n"
	"RUN-DIR/dump.json, SIGTERM ends the daemon and leaves the kernel enforcing.\n";

int options_read(int argc, char **argv, struct options *ret)
{
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"run-dir", required_argument, NULL, 'r'},
		{"state-dir", required_argument, NULL, 's'},
		{"bpffs", required_argument, NULL, 'b'},
		{"no-forwarding", no_argument, NULL, 'n'},
		{"check", no_argument, NULL, 'k'},
		{"debug", no_argument, NULL, 'd'},
		{"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{},
	};
	struct options options = {.config_directory = DEFAULT_CONFIG_DIRECTORY,
				  .run_directory = DEFAULT_RUN_DIRECTORY,
				  .state_directory = DEFAULT_STATE_DIRECTORY,
				  .bpffs_directory = DEFAULT_BPFFS_DIRECTORY};
	int letter;

	while ((letter = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (letter) {
		case 'c':
			options.config_directory = optarg;
			break;
		case 'r':
			options.run_directory = optarg;
			break;
		case 's':
			options.state_directory = optarg;
			break;
		case 'b':
			options.bpffs_directory = optarg;
			break;
		case 'n':
			options.no_forwarding = true;
			break;
		case 'k':
			options.check_only = true;
			break;
		case 'd':
			options.debug = true;
			break;
		case 'v':
			puts("chasquid " CHASQUI_VERSION);
			return 1;
		case 'h':
			fputs(help, stdout);
			return 1;
		default:
			fputs("chasquid --help lists the options\n", stderr);
			return 3;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "chasquid: \"%s\": chasquid takes options only\n", argv[optind]);
		return 3;
	}
	*ret = options;
	return 0;
}
