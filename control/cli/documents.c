// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "cli/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/server.h"
#include "cli/confirm.h"
#include "cli/table.h"
#include "util/cleanup.h"

static void close_input(FILE **file)
{
	if (*file && *file != stdin)
		fclose(*file);
}

static int read_text(const char *name, char **ret, size_t *ret_bytes)
{
	cleanup(close_input) FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
	cleanup_free char *text = NULL;
	size_t bytes = 0, got;

	if (!file)
		return -errno;
	text = malloc(API_BODY_BYTES + 1);
	if (!text)
		return -ENOMEM;
	while ((got = fread(text + bytes, 1, API_BODY_BYTES + 1 - bytes, file)) > 0)
		bytes += got;
	if (ferror(file))
		return errno ? -errno : -EIO;
	if (bytes > API_BODY_BYTES)
		return -EFBIG;
	*ret = give(text);
	*ret_bytes = bytes;
	return 0;
}

static int send_file(const struct arguments *arguments, const char *path)
{
	cleanup_free char *text = NULL;
	struct question question = {.method = "POST"};
	int err = read_text(arguments->file, &text, &question.body_bytes);

	if (err) {
		fprintf(stderr, "chasqui: %s: %s\n", arguments->file, strerror(-err));
		return EXIT_REFUSED;
	}
	question.body = text;
	return tell_change(arguments, &question, path);
}

int apply_documents(const struct arguments *arguments)
{
	if (!arguments->file) {
		fprintf(stderr, "chasqui apply: which file? -f FILE, or -f - for standard input\n");
		return EXIT_USAGE;
	}
	return send_file(arguments, "/v1/apply");
}

/* "shop/web" or "web": namespace and name. */
static void split_name(const char *word, char **ret_namespace, char **ret_name)
{
	const char *slash = strchr(word, '/');

	*ret_namespace = slash ? strndup(word, slash - word) : strdup("");
	*ret_name = strdup(slash ? slash + 1 : word);
}

/* The daemon takes documents; one that only names is enough to say what to delete. */
static int delete_named(const struct arguments *arguments)
{
	cleanup_free char *namespace = NULL, *name = NULL, *text = NULL;
	struct question question = {.method = "POST"};
	json_t *document;

	split_name(arguments->words[1], &namespace, &name);
	if (!namespace || !name)
		return EXIT_REFUSED;
	document =
		json_pack("{s:s, s:{s:s}}", "kind", arguments->words[0], "metadata", "name", name);
	if (*namespace)
		json_object_set_new(json_object_get(document, "metadata"), "namespace",
				    json_string(namespace));
	text = json_dumps(document, 0);
	json_decref(document);
	if (!text) {
		fprintf(stderr, "chasqui delete: %s is not UTF-8\n", arguments->words[1]);
		return EXIT_USAGE;
	}
	question.body = text;
	question.body_bytes = strlen(text);
	return tell_change(arguments, &question, "/v1/delete");
}

int delete_documents(const struct arguments *arguments)
{
	if (arguments->file && arguments->n_words == 0)
		return send_file(arguments, "/v1/delete");
	if (!arguments->file && arguments->n_words == 2)
		return delete_named(arguments);
	fprintf(stderr, "chasqui delete: what? -f FILE, or KIND NAMESPACE/NAME\n");
	return EXIT_USAGE;
}

static bool same_text(const json_t *object, const char *member, const char *wanted)
{
	const char *text = json_string_value(json_object_get(object, member));

	return text && strcasecmp(text, wanted) == 0;
}

static bool asked_for(const struct arguments *arguments, const json_t *document)
{
	const char *wanted, *slash;
	const char *namespace = json_string_value(json_object_get(document, "namespace"));

	if (arguments->n_words > 0 && !same_text(document, "kind", arguments->words[0]))
		return false;
	if (arguments->n_words < 2)
		return true;
	wanted = arguments->words[1];
	slash = strchr(wanted, '/');
	if (!slash)
		return same_text(document, "name", wanted);
	return same_text(document, "name", slash + 1) && namespace &&
	       strlen(namespace) == (size_t)(slash - wanted) &&
	       strncmp(namespace, wanted, slash - wanted) == 0;
}

static json_t *filter_documents(const struct arguments *arguments, json_t *all)
{
	json_t *kept = json_array(), *document;
	size_t i;

	json_array_foreach(all, i, document) if (asked_for(arguments, document))
		json_array_append(kept, document);
	json_decref(all);
	return kept;
}

/* As one file that can be applied again. */
static void print_yaml(const json_t *documents)
{
	json_t *document;
	const char *text;
	size_t i;

	json_array_foreach(documents, i, document)
	{
		text = json_string_value(json_object_get(document, "text"));
		if (strncmp(text, "---", 3) != 0)
			puts("---");
		fputs(text, stdout);
		if (*text && text[strlen(text) - 1] != '\n')
			putchar('\n');
	}
}

int get_documents(const struct arguments *arguments)
{
	static const struct column columns[] = {
		{"KIND", "kind", false},
		{"NAMESPACE", "namespace", false},
		{"NAME", "name", false},
		{"FROM", "place", false},
		{},
	};
	struct question question = {.method = "GET", .path = "/v1/documents"};
	json_t *documents;
	int outcome = ask(arguments, &question, &documents);

	if (outcome != EXIT_DONE)
		return outcome;
	documents = filter_documents(arguments, documents);
	if (json_array_size(documents) == 0 && arguments->n_words > 0) {
		fprintf(stderr, "chasqui get: there is no such document\n");
		outcome = EXIT_REFUSED;
	} else if (wants_json(arguments)) {
		print_json(json_incref(documents));
	} else if (strcmp(arguments->output, "yaml") == 0) {
		print_yaml(documents);
	} else if (table_print(columns, documents) < 0) {
		outcome = EXIT_REFUSED;
	}
	json_decref(documents);
	return outcome;
}
