// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/reader.h"
#include "util/cleanup.h"

enum { PROBLEMS_MOST = 1000, WINDOW = 120, LINE_MOST = 4096 };

/* Bytes of the character at `text`, 0 when it is none that may be shown on a terminal. */
static size_t character_bytes(const char *text, size_t left)
{
	unsigned char lead = text[0];
	size_t bytes = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

	if (lead > 0xf4 || bytes > left || (bytes == 1 && (lead < 0x20 || lead == 0x7f)))
		return 0;
	for (size_t i = 1; i < bytes; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	if (bytes == 2 && lead == 0xc2 && (unsigned char)text[1] < 0xa0)
		return 0;
	if (bytes == 3 && ((lead == 0xe0 && (unsigned char)text[1] < 0xa0) ||
			   (lead == 0xed && (unsigned char)text[1] > 0x9f)))
		return 0;
	if (bytes == 4 && ((lead == 0xf0 && (unsigned char)text[1] < 0x90) ||
			   (lead == 0xf4 && (unsigned char)text[1] > 0x8f)))
		return 0;
	return bytes;
}

/* A copy in which whatever is not printable UTF-8 is a question mark; tabs stay. */
static char *printable(const char *text, size_t length_bytes)
{
	char *copy = malloc(length_bytes + 1);
	size_t at = 0, bytes;

	if (!copy)
		return NULL;
	while (at < length_bytes) {
		bytes = character_bytes(text + at, length_bytes - at);
		if (bytes)
			memcpy(copy + at, text + at, bytes);
		else
			copy[at] = text[at] == '\t' ? '\t' : '?';
		at += bytes ? bytes : 1;
	}
	copy[at] = '\0';
	return copy;
}

/* Lines are looked up in rising order mostly, so the search goes on where it was. */
static const char *line_start(struct problems *problems, const struct config *config,
			      struct place at)
{
	const struct source_file *source = &config->sources[at.file];
	const char *line = source->text, *end = source->text + source->length_bytes;
	unsigned number = 1;

	if (problems->near.at == source->text && problems->near.line <= at.line) {
		line = problems->near.start;
		number = problems->near.line;
	}
	for (; number < at.line; number++) {
		line = memchr(line, '\n', end - line);
		if (!line)
			return NULL;
		line++;
	}
	problems->near.at = source->text;
	problems->near.start = line;
	problems->near.line = number;
	return line;
}

static char *line_of(struct problems *problems, const struct config *config, struct place at)
{
	const char *line, *end;
	size_t length;

	if (at.file >= config->n_sources || !at.line)
		return NULL;
	line = line_start(problems, config, at);
	if (!line)
		return NULL;
	end = config->sources[at.file].text + config->sources[at.file].length_bytes;
	length = end - line;
	if (memchr(line, '\n', length))
		length = (const char *)memchr(line, '\n', length) - line;
	if (length && line[length - 1] == '\r')
		length--;
	return printable(line, length < LINE_MOST ? length : LINE_MOST);
}

static bool keep_path(struct problems *problems, const struct config *config, unsigned file)
{
	char **paths;

	if (file >= config->n_sources)
		return true;
	if (file >= problems->n_paths) {
		paths = realloc(problems->paths, (file + 1) * sizeof(*paths));
		if (!paths)
			return false;
		for (size_t i = problems->n_paths; i <= file; i++)
			paths[i] = NULL;
		problems->paths = paths;
		problems->n_paths = file + 1;
	}
	if (!problems->paths[file])
		problems->paths[file] =
			printable(config->sources[file].path, strlen(config->sources[file].path));
	return problems->paths[file];
}

static bool make_room(struct problems *problems)
{
	struct problem *list;
	char **lines;

	list = realloc(problems->list, (problems->count + 1) * sizeof(*list));
	if (!list)
		return false;
	problems->list = list;
	lines = realloc(problems->lines, (problems->count + 1) * sizeof(*lines));
	if (!lines)
		return false;
	problems->lines = lines;
	return true;
}

static void add(struct problems *problems, const struct config *config, struct place at,
		const char *format, va_list args)
{
	cleanup_free char *text = NULL;
	struct problem problem = {.at = at};

	if (problems->count >= PROBLEMS_MOST) {
		problems->unlisted++;
		return;
	}
	if (vasprintf(&text, format, args) < 0 || !make_room(problems) ||
	    !keep_path(problems, config, at.file)) {
		problems->unlisted++;
		return;
	}
	problem.text = printable(text, strlen(text));
	if (!problem.text) {
		problems->unlisted++;
		return;
	}
	problems->lines[problems->count] = line_of(problems, config, at);
	problems->list[problems->count++] = problem;
}

void problems_add(struct problems *problems, const struct config *config, struct place at,
		  const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(problems, config, at, format, args);
	va_end(args);
}

void problem_at(struct reader *rd, struct place at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(rd->problems, rd->config, at, format, args);
	va_end(args);
}

struct problem_line {
	struct problem problem;
	char *line;
	size_t order;
};

static int compare_places(const void *a, const void *b)
{
	const struct problem_line *left = a, *right = b;
	const struct place *x = &left->problem.at, *y = &right->problem.at;

	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return left->order < right->order ? -1 : 1;
}

void problems_sort(struct problems *problems)
{
	cleanup_free struct problem_line *all = calloc(problems->count + 1, sizeof(*all));

	if (!all)
		return;
	for (size_t i = 0; i < problems->count; i++)
		all[i] = (struct problem_line){problems->list[i], problems->lines[i], i};
	qsort(all, problems->count, sizeof(*all), compare_places);
	for (size_t i = 0; i < problems->count; i++) {
		problems->list[i] = all[i].problem;
		problems->lines[i] = all[i].line;
	}
}

/* From the character that a column counts from 1; the end when the line is shorter. */
static const char *nth_character(const char *line, unsigned column)
{
	while (*line && column > 1) {
		line++;
		column -= (*line & 0xc0) != 0x80;
	}
	return line;
}

/* The line with a mark below; of a long line only what stands around the mark. */
static void print_line(FILE *out, const char *line, struct place at)
{
	const char *mark = nth_character(line, at.column), *start = line;
	unsigned from = at.column > WINDOW / 2 ? at.column - WINDOW / 2 : 1;
	size_t length = strlen(line);
	const char *end;

	if (length > WINDOW)
		start = nth_character(line, from);
	end = nth_character(start, WINDOW + 1);
	fprintf(out, "%5u | %s%.*s%s\n", at.line, start > line ? "..." : "", (int)(end - start),
		start, *end ? "..." : "");
	if (!*mark && mark - line < (ptrdiff_t)at.column - 1)
		return;
	fprintf(out, "      | %s", start > line ? "   " : "");
	for (const char *p = start; p < mark; p++)
		if ((*p & 0xc0) != 0x80)
			fputc(*p == '\t' ? '\t' : ' ', out);
	fputc('^', out);
	for (unsigned i = 1; i < at.width && mark + i < end; i++)
		fputc('~', out);
	fputc('\n', out);
}

static void print_problem(FILE *out, const struct problems *problems, size_t i)
{
	struct place at = problems->list[i].at;
	const char *path = at.file < problems->n_paths ? problems->paths[at.file] : NULL;

	if (path && at.line)
		fprintf(out, "%s:%u:%u: ", path, at.line, at.column);
	else if (path)
		fprintf(out, "%s: ", path);
	fprintf(out, "%s\n", problems->list[i].text);
	if (problems->lines[i])
		print_line(out, problems->lines[i], at);
}

char *problems_print(const struct problems *problems)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return NULL;
	for (size_t i = 0; i < problems->count; i++)
		print_problem(out, problems, i);
	if (problems->unlisted)
		fprintf(out, "and %zu more problems that are not listed\n", problems->unlisted);
	fclose(out);
	return text;
}

void problems_free(struct problems *problems)
{
	for (size_t i = 0; i < problems->count; i++) {
		free(problems->list[i].text);
		free(problems->lines[i]);
	}
	for (size_t i = 0; i < problems->n_paths; i++)
		free(problems->paths[i]);
	free(problems->list);
	free(problems->lines);
	free(problems->paths);
	*problems = (struct problems){};
}
