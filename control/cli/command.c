// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "cli/command.h"

#include <getopt.h>
#include <stddef.h>
#include <string.h>

#include "api/version.h"

/* Every long option of any word, and where it is kept. */
struct known_option {
	const char *name;
	char letter;
	bool is_flag;
	size_t offset;
};

#define TEXT(name, letter, field)                                      \
	{                                                              \
		name, letter, false, offsetof(struct arguments, field) \
	}
#define FLAG(name, letter, field)                                     \
	{                                                             \
		name, letter, true, offsetof(struct arguments, field) \
	}

static const struct known_option known[] = {
	TEXT("run-dir", 'r', run_dir),
	TEXT("bpffs", 'b', bpffs),
	TEXT("output", 'o', output),
	TEXT("file", 'f', file),
	TEXT("from", 'F', from),
	TEXT("to", 'T', to),
	TEXT("dport", 'd', dport),
	TEXT("proto", 'p', proto),
	TEXT("icmp", 'i', icmp),
	TEXT("flows", 'w', flows),
	TEXT("direction", 'D', direction),
	TEXT("in", 'I', in),
	TEXT("sport", 's', sport),
	TEXT("confirm", 'c', confirm),
	TEXT("public-key", 'K', public_key),
	TEXT("preshared-key-file", 'R', preshared_key_file),
	TEXT("endpoint", 'E', endpoint),
	TEXT("prefixes", 'N', prefixes),
	TEXT("keepalive", 'A', keepalive),
	TEXT("labels", 'L', labels),
	FLAG("follow", 'l', follow),
	FLAG("all", 'a', all),
	FLAG("drops", 'x', drops),
	FLAG("process", 'P', process),
	FLAG("timestamps", 't', timestamps),
	TEXT("since", 'S', since),
	TEXT("policy", 'y', policy),
	TEXT("binary", 'B', binary),
	TEXT("pid", 'k', pid),
	TEXT("event", 'e', event),
};

#define KNOWN (sizeof(known) / sizeof(known[0]))

static bool listed(const char *options, const char *name)
{
	size_t length = strlen(name);

	while (options && (options = strstr(options, name))) {
		if (options[length] == '\0' || options[length] == ' ')
			return true;
		options += length;
	}
	return false;
}

/* getopt's view of what this word takes; -o and -f have short forms, the others are long only. */
static void list_options(const struct command *word, struct option *longs, char *shorts)
{
	size_t used = 0;

	*shorts++ = ':';
	for (size_t i = 0; i < KNOWN; i++) {
		if (!listed(word->options, known[i].name))
			continue;
		longs[used++] =
			(struct option){known[i].name, !known[i].is_flag, NULL, known[i].letter};
		if (known[i].letter == 'o' || known[i].letter == 'f') {
			*shorts++ = known[i].letter;
			*shorts++ = ':';
		}
	}
	longs[used++] = (struct option){"help", no_argument, NULL, 'h'};
	longs[used] = (struct option){};
	*shorts = '\0';
}

static void keep_option(struct arguments *arguments, int letter, const char *text)
{
	for (size_t i = 0; i < KNOWN; i++) {
		if (known[i].letter != letter)
			continue;
		if (known[i].is_flag)
			*(bool *)((char *)arguments + known[i].offset) = true;
		else
			*(const char **)((char *)arguments + known[i].offset) = text;
	}
}

static void show_usage(FILE *out, const char *path, const struct command *word)
{
	fprintf(out, "usage: %s%s%s\n\n  %s\n", path, *word->arguments ? " " : "", word->arguments,
		word->summary);
}

static bool output_known(const struct command *word, const char *output)
{
	return strcmp(output, "text") == 0 || strcmp(output, "json") == 0 ||
	       (strcmp(output, "yaml") == 0 && strstr(word->arguments, "yaml")) ||
	       (strcmp(output, "compact") == 0 && strstr(word->arguments, "compact"));
}

/* 0, or what the program ends with: asked for help (-1), wrong usage (2). */
static int read_arguments(const char *path, const struct command *word, int argc, char **argv,
			  struct arguments *ret)
{
	struct option longs[KNOWN + 2];
	char shorts[16];
	int letter;

	list_options(word, longs, shorts);
	optind = 1;
	opterr = 0;
	while ((letter = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (letter == 'h')
			return -1;
		if (letter == ':' || letter == '?') {
			fprintf(stderr, "%s: %s %s\n", path, argv[optind - 1],
				letter == ':' ? "wants a value" : "is no option here");
			return EXIT_USAGE;
		}
		keep_option(ret, letter, optarg);
	}
	ret->words = argv + optind;
	ret->n_words = argc - optind;
	if (!output_known(word, ret->output)) {
		fprintf(stderr, "%s: no output \"%s\": it is text or json\n", path, ret->output);
		return EXIT_USAGE;
	}
	if (ret->n_words < word->least || (word->most >= 0 && ret->n_words > word->most)) {
		fprintf(stderr, "%s: %s\n", path,
			ret->n_words < word->least ? "something is missing" : "too many words");
		return EXIT_USAGE;
	}
	return 0;
}

static int run_word(const char *path, const struct command *word, int argc, char **argv)
{
	struct arguments arguments = {.run_dir = DEFAULT_RUN_DIRECTORY,
				      .bpffs = DEFAULT_BPFFS_DIRECTORY,
				      .output = "text"};
	int outcome = read_arguments(path, word, argc, argv, &arguments);

	if (outcome) {
		show_usage(outcome < 0 ? stdout : stderr, path, word);
		return outcome < 0 ? EXIT_DONE : outcome;
	}
	outcome = word->run(&arguments);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "%s: standard output: cannot be written\n", path);
		return EXIT_REFUSED;
	}
	return outcome;
}

static void show_words(FILE *out, const char *path, const struct command *words)
{
	fprintf(out, "usage: %s COMMAND\n\n", path);
	for (; words->name; words++)
		fprintf(out, "  %-10s %-30s %s\n", words->name,
			words->under ? "..." : words->arguments, words->summary);
}

void command_tree(FILE *out, const char *path, const struct command *words)
{
	char deeper[128];

	for (; words->name; words++) {
		snprintf(deeper, sizeof(deeper), "%s %s", path, words->name);
		if (words->under)
			command_tree(out, deeper, words->under);
		else
			fprintf(out, "  %s%s%s\n        %s\n", deeper, *words->arguments ? " " : "",
				words->arguments, words->summary);
	}
}

static const struct command *find_word(const struct command *words, const char *name)
{
	for (; words->name; words++)
		if (strcmp(words->name, name) == 0)
			return words;
	return NULL;
}

int command_run(const char *path, const struct command *words, int argc, char **argv)
{
	const struct command *word = argc > 0 ? find_word(words, argv[0]) : NULL;
	char deeper[128];

	if (argc > 0 && strcmp(argv[0], "--help") == 0) {
		show_words(stdout, path, words);
		return EXIT_DONE;
	}
	if (!word) {
		if (argc > 0)
			fprintf(stderr, "%s: no command \"%s\"\n", path, argv[0]);
		show_words(stderr, path, words);
		return EXIT_USAGE;
	}
	snprintf(deeper, sizeof(deeper), "%s %s", path, word->name);
	if (!word->under)
		return run_word(deeper, word, argc, argv);
	return command_run(deeper, word->under, argc - 1, argv + 1);
}

bool wants_json(const struct arguments *arguments)
{
	return strcmp(arguments->output, "json") == 0;
}
