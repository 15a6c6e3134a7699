// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "policy/reader.h"
#include "util/addr.h"
#include "util/cleanup.h"

enum { FILE_MOST_BYTES = 64 << 20 };

static int read_all(int fd, char *text, size_t length_bytes)
{
	size_t done = 0;

	while (done < length_bytes) {
		ssize_t got = read(fd, text + done, length_bytes - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			return -EIO;
		done += got;
	}
	return 0;
}

int read_whole_file(int directory_fd, const char *path, char **ret, size_t *length_bytes)
{
	cleanup_close int fd = openat(directory_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	cleanup_free char *text = NULL;
	struct stat st;
	int error;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size > FILE_MOST_BYTES)
		return -EFBIG;
	text = malloc(st.st_size + 1);
	if (!text)
		return -ENOMEM;
	error = read_all(fd, text, st.st_size);
	if (error)
		return error;
	text[st.st_size] = '\0';
	*ret = give(text);
	*length_bytes = st.st_size;
	return 0;
}

unsigned add_source(struct reader *rd, const char *path, char *text, size_t length_bytes)
{
	char **kept = READER_ADD(rd, rd->memory->texts, rd->memory->n_texts);
	struct source_file *source;

	if (!kept) {
		free(text);
		return 0;
	}
	*kept = text;
	source = READER_ADD(rd, rd->config->sources, rd->config->n_sources);
	if (!source)
		return 0;
	*source = (struct source_file){keep(rd, path), text, length_bytes};
	return rd->config->n_sources - 1;
}

/* One line of a prefix file: a prefix, blanks, a comment. */
static void read_prefix_line(struct reader *rd, struct place at, const char *line, size_t length)
{
	const char *comment = memchr(line, '#', length);
	char text[PREFIX_TEXT_BYTES + 1];
	struct chq_prefix prefix, *place;
	const char *expected;

	length = comment ? (size_t)(comment - line) : length;
	for (; length && (*line == ' ' || *line == '\t'); line++, length--)
		at.column++;
	while (length &&
	       (line[length - 1] == ' ' || line[length - 1] == '\t' || line[length - 1] == '\r'))
		length--;
	if (!length)
		return;
	at.width = length;
	if (length >= sizeof(text)) {
		problem_at(rd, at, "the line is no prefix, expected one such as 203.0.113.0/24");
		return;
	}
	memcpy(text, line, length);
	text[length] = '\0';
	if (strlen(text) != length || !parse_prefix_text(text, PREFIX_STRICT, &prefix, &expected))
		problem_at(rd, at, "\"%s\" cannot be read, expected %s", text,
			   strlen(text) == length ? expected : "text");
	else if ((place = READER_ADD(rd, rd->deny, rd->n_deny)))
		*place = prefix;
}

static void read_prefix_text(struct reader *rd, unsigned file, const char *text, size_t length)
{
	struct place at = {.file = file, .line = 1, .column = 1, .width = 1};
	const char *end = text + length;

	while (text < end && !rd->out_of_memory) {
		const char *newline = memchr(text, '\n', end - text);
		size_t line_bytes = (newline ? newline : end) - text;

		read_prefix_line(rd, at, text, line_bytes);
		text += line_bytes + 1;
		at.line++;
	}
}

static void read_prefix_file(struct reader *rd, int directory_fd, const struct prefix_file *file)
{
	char *text = NULL;
	size_t length;
	unsigned number;
	int error;

	if (!rd->directory) {
		problem_at(rd, file->at,
			   "%s cannot be read here, expected documents in a directory", file->path);
		return;
	}
	error = read_whole_file(directory_fd, file->path, &text, &length);
	if (error) {
		problem_at(rd, file->at, "%s: %s, expected a file with a prefix a line", file->path,
			   strerror(-error));
		return;
	}
	number = add_source(rd, file->path, text, length);
	if (!rd->out_of_memory)
		read_prefix_text(rd, number, text, length);
}

/* Sorted, each once, and owned by the configuration. */
static void settle_deny(struct reader *rd)
{
	struct gateway *gateway = &rd->config->gateway;
	size_t kept = 0;

	if (!rd->n_deny)
		return;
	qsort(rd->deny, rd->n_deny, sizeof(*rd->deny), prefix_compare);
	for (size_t i = 0; i < rd->n_deny; i++)
		if (!kept || prefix_compare(&rd->deny[kept - 1], &rd->deny[i]) != 0)
			rd->deny[kept++] = rd->deny[i];
	gateway->deny = arena_array(&rd->memory->kept, struct chq_prefix, kept);
	memcpy(gateway->deny, rd->deny, kept * sizeof(*gateway->deny));
	gateway->n_deny = kept;
}

void read_prefix_files(struct reader *rd)
{
	cleanup_close int directory = -1;

	if (rd->directory && rd->n_prefix_files)
		directory = open(rd->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < rd->n_prefix_files; i++)
		read_prefix_file(rd, directory, &rd->prefix_files[i]);
	settle_deny(rd);
}
