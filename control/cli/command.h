/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2 };

/* What may stand behind the last word. Only what a word lists in `options` is taken. */
struct arguments {
	const char *run_dir;
	const char *bpffs;
	const char *output; /* "text", "json", "yaml" or "compact" */
	const char *file;
	const char *in, *sport;
	const char *confirm;
	const char *from, *to, *dport, *proto, *icmp, *flows, *direction;
	const char *public_key, *preshared_key_file, *endpoint, *prefixes, *keepalive, *labels;
	const char *since, *policy, *binary, *pid, *event;
	bool follow, all, drops, process, timestamps;
	char **words; /* what is not an option */
	int n_words;
};

/* A word of the command line: it either runs or has words under it. */
struct command {
	const char *name;
	const char *arguments; /* as the help shows them */
	const char *summary;
	int (*run)(const struct arguments *arguments);
	const char *options; /* names of the long options it takes, with blanks between */
	int least, most;     /* how many words may follow; most -1 = any number */
	const struct command *under;
};

/* Finds the word, reads what follows and runs it. */
int command_run(const char *path, const struct command *words, int argc, char **argv);

/* The whole tree, a line a command. */
void command_tree(FILE *out, const char *path, const struct command *words);

bool wants_json(const struct arguments *arguments);

#endif
