/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "enforcer/process_program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

/* One component of a path: nothing, ".", ".." or a name. */
static void add_component(char *path, size_t *length, const char *name, size_t bytes)
{
	if (bytes == 0 || (bytes == 1 && *name == '.'))
		return;
	if (bytes == 2 && memcmp(name, "..", 2) == 0) {
		while (*length > 0 && path[--*length] != '/')
			;
		return;
	}
	path[(*length)++] = '/';
	memcpy(path + *length, name, bytes);
	*length += bytes;
}

/* Puts "." and ".." right, as text: nobody asks the file system. */
static void add_clean(char *path, size_t *length, const struct program_text *text)
{
	const char *at = text->at, *end = text->at + text->bytes;

	while (at < end) {
		const char *slash = memchr(at, '/', end - at);
		size_t bytes = (slash ? slash : end) - at;

		add_component(path, length, at, bytes);
		at += bytes + 1;
	}
}

static bool is_descriptor(const struct program_text *name)
{
	static const char prefix[] = "/dev/fd/";

	return name->bytes >= sizeof(prefix) - 1 &&
	       memcmp(name->at, prefix, sizeof(prefix) - 1) == 0;
}

/*
 * The name that execve was given, from the root: relative ones begin in the working
 * directory. What was executed by its descriptor has no name but its own path.
 */
static void write_binary(FILE *out, const struct program_texts *texts)
{
	const struct program_text *name = &texts->name;
	cleanup_free char *path = NULL;
	size_t length = 0;

	if (name->bytes == 0 || is_descriptor(name))
		name = &texts->executable;
	if (name->bytes > 0 && *name->at == '/') {
		fwrite(name->at, 1, name->bytes, out);
		return;
	}
	path = malloc(texts->cwd.bytes + name->bytes + 4);
	if (!path || name->bytes == 0)
		return;
	add_clean(path, &length, &texts->cwd);
	add_clean(path, &length, name);
	fwrite(path, 1, length, out);
}

static void write_argument(FILE *out, const char *text, size_t bytes, bool first)
{
	const char *quote = memchr(text, ' ', bytes) ? "\"" : "";

	if (!first)
		fputc(' ', out);
	fprintf(out, "%s%.*s%s", quote, (int)bytes, text, quote);
}

/* Empty arguments at the end are not told from the zeroes that end the list. */
static void write_arguments(FILE *out, const struct program_text *args)
{
	const char *at = args->at, *end = args->at + args->bytes;
	bool first = true;

	while (end > at && end[-1] == '\0')
		end--;
	at = end > at ? memchr(at, '\0', end - at) : NULL;
	while (at && at < end) {
		const char *from = at + 1, *zero = memchr(from, '\0', end - from);
		size_t bytes = (zero ? zero : end) - from;

		write_argument(out, from, bytes, first);
		first = false;
		at = from + bytes;
	}
}

static struct program_text cut(const struct program_text *args, size_t most)
{
	return (struct program_text){args->at, args->bytes < most ? args->bytes : most};
}

/* All texts in one piece, one behind the other, each with its 0. */
static char *write_all(const struct program_texts *texts, size_t most_args, size_t *ret_bytes)
{
	struct program_text args = cut(&texts->args, most_args);
	char *all = NULL;
	FILE *out = open_memstream(&all, ret_bytes);

	if (!out)
		return NULL;
	write_binary(out, texts);
	fputc('\0', out);
	fwrite(texts->executable.at, 1, texts->executable.bytes, out);
	fputc('\0', out);
	write_arguments(out, &args);
	fputc('\0', out);
	fwrite(texts->cwd.at, 1, texts->cwd.bytes, out);
	fputc('\0', out);
	fwrite(texts->cgroup.at, 1, texts->cgroup.bytes, out);
	if (fclose(out) == 0)
		return all;
	free(all);
	return NULL;
}

/* A text of the kernel's may hold no 0; what stands behind one is nobody's. */
static char *next_text(char **at, const char *end)
{
	char *text = *at;

	*at += strlen(text) + 1;
	if (*at > end)
		*at = (char *)end;
	return text;
}

struct process_program *program_new(const struct program_texts *texts, size_t most_args)
{
	cleanup_free char *all = NULL;
	struct process_program *program;
	size_t bytes = 0;
	char *at;

	all = write_all(texts, most_args, &bytes);
	program = all ? malloc(sizeof(*program) + bytes + 1) : NULL;
	if (!program)
		return NULL;
	at = (char *)(program + 1);
	memcpy(at, all, bytes + 1);
	*program = (struct process_program){.refs = 1, .bytes = sizeof(*program) + bytes + 1};
	program->binary = next_text(&at, (char *)(program + 1) + bytes);
	program->executable = next_text(&at, (char *)(program + 1) + bytes);
	program->arguments = next_text(&at, (char *)(program + 1) + bytes);
	program->cwd = next_text(&at, (char *)(program + 1) + bytes);
	program->cgroup = at;
	return program;
}

struct process_program *program_hold(struct process_program *program)
{
	program->refs++;
	return program;
}

size_t program_release(struct process_program *program)
{
	size_t bytes;

	if (!program || --program->refs > 0)
		return 0;
	bytes = program->bytes;
	free(program);
	return bytes;
}
