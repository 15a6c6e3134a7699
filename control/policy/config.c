// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "chasqui/control.h"
#include "policy/reader.h"
#include "util/cleanup.h"

#define RULES_DEFAULT (1 << 20)
#define PAIRS_DEFAULT (1 << 20)

_Static_assert(TIMEOUT_KINDS == CHQ_TIMEOUT_MAX, "a timeout for each kind");

static const struct gateway defaults = {
	.name = "gateway",
	.on_deny = ON_DENY_DROP,
	.limits =
		{
			.conntrack = CHQ_FLOWS_DEFAULT,
			.unproven = CHQ_UNPROVEN_DEFAULT,
			.fragments = CHQ_FRAGMENTS_DEFAULT,
			.prefixes = CHQ_PREFIXES_DEFAULT,
			.identities = CHQ_IDENTITIES_DEFAULT,
			.rules = RULES_DEFAULT,
			.pairs = PAIRS_DEFAULT,
		},
	.timeout_s =
		{
			[CHQ_TIMEOUT_TCP_SYN] = 60,
			[CHQ_TIMEOUT_TCP_ESTABLISHED] = 8000,
			[CHQ_TIMEOUT_TCP_CLOSING] = 10,
			[CHQ_TIMEOUT_UDP_NEW] = 30,
			[CHQ_TIMEOUT_UDP] = 180,
			[CHQ_TIMEOUT_ICMP] = 30,
			[CHQ_TIMEOUT_OTHER] = 180,
			[CHQ_TIMEOUT_DENIED] = 10,
			[CHQ_TIMEOUT_FRAGMENT] = 30,
		},
	.pickup_s = 300,
};

static void memory_free(struct config_memory *memory)
{
	for (size_t i = 0; i < memory->n_texts; i++)
		free(memory->texts[i]);
	free(memory->texts);
	/* the functions, because the macros reckon with the null pointer */
	(obstack_free)(&memory->kept, NULL);
	(obstack_free)(&memory->scratch, NULL);
	free(memory);
}

void config_free(struct config *config)
{
	if (!config)
		return;
	free(config->endpoints);
	free(config->policies);
	free(config->peers);
	free(config->tracing);
	free(config->sources);
	if (config->memory)
		memory_free(config->memory);
	free(config);
}

static struct config *config_new(void)
{
	struct config *config = calloc(1, sizeof(*config));
	struct config_memory *memory = calloc(1, sizeof(*memory));

	if (!config || !memory) {
		free(config);
		free(memory);
		return NULL;
	}
	obstack_begin(&memory->kept, 64 << 10);
	obstack_begin(&memory->scratch, 64 << 10);
	memory->scratch_start = obstack_alloc(&memory->scratch, 1);
	config->memory = memory;
	config->gateway = defaults;
	return config;
}

static void reader_close(struct reader *rd)
{
	free(rd->groups);
	free(rd->uses);
	free(rd->namespaces);
	free(rd->policy_heads);
	free(rd->prefix_files);
	free(rd->deny);
	config_free(rd->config);
}

static int reader_open(struct reader *rd, const char *directory, struct problems *problems)
{
	*problems = (struct problems){};
	*rd = (struct reader){.directory = directory, .problems = problems};
	rd->config = config_new();
	if (!rd->config)
		return -ENOMEM;
	rd->memory = rd->config->memory;
	return 0;
}

/* An editor's byte order mark is no part of the text; its place in line 1 would count. */
static size_t drop_mark(char *text, size_t length_bytes)
{
	size_t mark_bytes = strlen(UTF8_MARK);

	if (length_bytes < mark_bytes || memcmp(text, UTF8_MARK, mark_bytes) != 0)
		return length_bytes;
	memmove(text, text + mark_bytes, length_bytes - mark_bytes + 1);
	return length_bytes - mark_bytes;
}

static void read_source(struct reader *rd, const char *path, char *text, size_t length_bytes)
{
	unsigned file;

	length_bytes = drop_mark(text, length_bytes);
	file = add_source(rd, path, text, length_bytes);

	if (!rd->out_of_memory)
		yaml_read(rd, file, text, length_bytes, read_document);
}

/* What can be said only when everything has been read. */
static int finish(struct reader *rd, struct config **ret)
{
	read_prefix_files(rd);
	resolve_namespaces(rd);
	resolve_groups(rd);
	if (!rd->out_of_memory)
		check_all(rd);
	if (rd->out_of_memory)
		return -ENOMEM;
	problems_sort(rd->problems);
	if (rd->problems->count)
		return -EINVAL;
	*ret = give(rd->config);
	return 0;
}

static int compare_files(const void *a, const void *b)
{
	return strcmp((*(const struct text_file *const *)a)->path,
		      (*(const struct text_file *const *)b)->path);
}

int config_parse_in(const char *directory, const struct text_file *files, size_t count,
		    struct config **ret, struct problems *problems)
{
	cleanup_free const struct text_file **order = calloc(count + 1, sizeof(*order));
	cleanup(reader_close) struct reader rd = {};
	int error = reader_open(&rd, directory, problems);

	if (error || !order)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		order[i] = &files[i];
	qsort(order, count, sizeof(*order), compare_files);
	for (size_t i = 0; i < count && !rd.out_of_memory; i++) {
		char *text = malloc(order[i]->length_bytes + 1);

		if (!text)
			return -ENOMEM;
		if (order[i]->length_bytes)
			memcpy(text, order[i]->text, order[i]->length_bytes);
		text[order[i]->length_bytes] = '\0';
		read_source(&rd, order[i]->path, text, order[i]->length_bytes);
	}
	return finish(&rd, ret);
}

int config_parse(const struct text_file *files, size_t count, struct config **ret,
		 struct problems *problems)
{
	return config_parse_in(NULL, files, count, ret, problems);
}

/* Hidden files are an editor's, not a person's. */
static int is_document(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return entry->d_name[0] != '.' && dot &&
	       (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

struct listing {
	struct dirent **entries;
	int count;
};

static void listing_free(struct listing *listing)
{
	for (int i = 0; i < listing->count; i++)
		free(listing->entries[i]);
	free(listing->entries);
}

static void read_file(struct reader *rd, int directory_fd, const char *name)
{
	char *text = NULL;
	size_t length = 0;
	int error = read_whole_file(directory_fd, name, &text, &length);
	struct place at = {};

	if (!error) {
		read_source(rd, name, text, length);
		return;
	}
	text = strdup("");
	if (text)
		at.file = add_source(rd, name, text, 0);
	if (error == -EFBIG)
		problem_at(rd, at, "the file is too large, expected at most 64 MiB");
	else
		problem_at(rd, at, "the file cannot be read: %s, expected a regular file",
			   strerror(-error));
}

int config_read(const char *directory, struct config **ret, struct problems *problems)
{
	cleanup_close int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup(listing_free) struct listing listing = {};
	cleanup(reader_close) struct reader rd = {};
	int error;

	*problems = (struct problems){};
	if (fd < 0)
		return -errno;
	error = reader_open(&rd, directory, problems);
	if (error)
		return error;
	listing.count = scandirat(fd, ".", &listing.entries, is_document, by_name);
	if (listing.count < 0)
		return -errno;
	for (int i = 0; i < listing.count && !rd.out_of_memory; i++)
		read_file(&rd, fd, listing.entries[i]->d_name);
	return finish(&rd, ret);
}
