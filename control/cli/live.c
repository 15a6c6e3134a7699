// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "cli/live.h"

#include <errno.h>
#include <string.h>

#include "util/addr.h"
#include "util/cleanup.h"

/* Documents of one file, put together again so that each begins at its line. */
struct live_file {
	const char *path;
	char *text;
	size_t bytes;
	FILE *out;
	json_int_t line; /* that comes next */
};

struct live_files {
	struct live_file *list;
	size_t count;
};

static void live_files_free(struct live_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		if (files->list[i].out)
			fclose(files->list[i].out);
		free(files->list[i].text);
	}
	free(files->list);
}

static struct live_file *file_of(struct live_files *files, const char *path)
{
	struct live_file *file;

	for (size_t i = files->count; i-- > 0;)
		if (strcmp(files->list[i].path, path) == 0)
			return &files->list[i];
	file = &files->list[files->count++];
	*file = (struct live_file){.path = path, .line = 1};
	file->out = open_memstream(&file->text, &file->bytes);
	return file;
}

static int add_document(struct live_files *files, const json_t *document)
{
	const char *path = json_string_value(json_object_get(document, "file"));
	const char *text = json_string_value(json_object_get(document, "text"));
	json_int_t line = json_integer_value(json_object_get(document, "line"));
	struct live_file *file;

	if (!path || !text)
		return -EBADMSG;
	file = file_of(files, path);
	if (!file->out)
		return -ENOMEM;
	for (; file->line + 1 < line; file->line++)
		fputc('\n', file->out);
	if (strncmp(text, "---", 3) != 0 && (file->line > 1 || line > 1)) {
		fputs("---\n", file->out);
		file->line++;
	} else if (file->line < line) {
		fputc('\n', file->out);
		file->line++;
	}
	fputs(text, file->out);
	for (const char *at = text; *at; at++)
		file->line += *at == '\n';
	if (*text && text[strlen(text) - 1] != '\n') {
		fputc('\n', file->out);
		file->line++;
	}
	return 0;
}

static int parse_files(struct live_files *files, struct offline *offline, struct problems *problems)
{
	cleanup_free struct text_file *texts = calloc(files->count + 1, sizeof(*texts));

	if (!texts)
		return -ENOMEM;
	for (size_t i = 0; i < files->count; i++) {
		fclose(give(files->list[i].out));
		texts[i] = (struct text_file){files->list[i].path, files->list[i].text,
					      files->list[i].bytes};
	}
	return config_parse(texts, files->count, &offline->config, problems);
}

/* The gateway's own addresses are no document's. */
static int read_own(const struct arguments *arguments, struct offline *offline)
{
	struct question question = {.method = "GET", .path = "/v1/gateway"};
	json_t *gateway, *list, *item;
	int outcome = ask(arguments, &question, &gateway);
	size_t i;

	if (outcome != EXIT_DONE)
		return outcome;
	list = json_object_get(gateway, "addresses");
	offline->own = calloc(json_array_size(list) + 1, sizeof(*offline->own));
	json_array_foreach(list, i, item)
	{
		if (offline->own && json_is_string(item) &&
		    addr_parse(json_string_value(item), &offline->own[offline->n_own]) == 0)
			offline->n_own++;
	}
	json_decref(gateway);
	return EXIT_DONE;
}

int live_read(const struct arguments *arguments, struct offline *offline, struct problems *problems,
	      int *ret_err)
{
	struct question question = {.method = "GET", .path = "/v1/documents"};
	cleanup(live_files_free) struct live_files files = {};
	json_t *documents, *document;
	int err = 0;
	size_t i;

	if (read_own(arguments, offline) != EXIT_DONE ||
	    ask(arguments, &question, &documents) != EXIT_DONE)
		return EXIT_REFUSED;
	files.list = calloc(json_array_size(documents) + 1, sizeof(*files.list));
	if (!files.list)
		err = -ENOMEM;
	json_array_foreach(documents, i, document)
	{
		if (!err)
			err = add_document(&files, document);
	}
	*ret_err = err ? err : parse_files(&files, offline, problems);
	json_decref(documents);
	return EXIT_DONE;
}
