// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "daemon/stage.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/documents.h"
#include "daemon/folder.h"
#include "daemon/history.h"
#include "util/cleanup.h"

/* A file of the stage that is not as the directory has it. */
struct edit {
	char *name;
	bool removed;
};

static int refuse(struct stage *stage, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(struct stage *stage, int err, const char *format, ...)
{
	va_list args;

	free(give(stage->refusal));
	va_start(args, format);
	if (vasprintf(&stage->refusal, format, args) < 0)
		stage->refusal = NULL;
	va_end(args);
	return err;
}

static void names_free(struct dirent ***names)
{
	struct dirent **list = *names;

	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

static int is_document_file(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && (fnmatch("*.yaml", entry->d_name, 0) == 0 ||
					   fnmatch("*.yml", entry->d_name, 0) == 0);
}

/* The files with documents, in their order; the list ends with NULL. */
static int list_files(const char *directory, struct dirent ***ret)
{
	struct dirent **found, **list;
	int count = scandir(directory, &found, is_document_file, alphasort);

	if (count < 0)
		return -errno;
	list = realloc(found, (count + 1) * sizeof(*list));
	if (!list)
		return -ENOMEM;
	list[count] = NULL;
	*ret = list;
	return 0;
}

static int prepare(struct stage *stage)
{
	free(give(stage->path));
	stage->path = path_join(stage->state_directory, "staged");
	return stage->path ? folder_remove(stage->path) : -ENOMEM;
}

static int stage_copy(struct stage *stage, const char *from)
{
	uint32_t newest = history_newest(stage->state_directory);
	cleanup_free char *like = newest ? history_files(stage->state_directory, newest) : NULL;
	int err = prepare(stage);

	if (!err)
		err = folder_copy(from, stage->path, like);
	if (!err)
		err = folder_hash(stage->path, &stage->hash);
	stage->before_hash = stage->hash;
	if (err)
		return refuse(stage, err, "%s: %s", from, strerror(-err));
	return 0;
}

int stage_directory(struct stage *stage)
{
	return stage_copy(stage, stage->config_directory);
}

int stage_history(struct stage *stage, uint32_t number)
{
	cleanup_free char *files = history_files(stage->state_directory, number);
	struct stat st;

	if (!files)
		return -ENOMEM;
	if (stat(files, &st) < 0)
		return refuse(stage, -ENOENT,
			      "the history has no entry %u; chasqui history lists them", number);
	return stage_copy(stage, files);
}

static int note_edit(struct stage *stage, const char *name, bool removed)
{
	struct edit *edits;

	for (size_t i = 0; i < stage->n_edits; i++) {
		if (strcmp(stage->edits[i].name, name) == 0) {
			stage->edits[i].removed = removed;
			return 0;
		}
	}
	edits = realloc(stage->edits, (stage->n_edits + 1) * sizeof(*edits));
	if (!edits)
		return -ENOMEM;
	stage->edits = edits;
	edits[stage->n_edits] = (struct edit){strdup(name), removed};
	return edits[stage->n_edits].name ? (stage->n_edits++, 0) : -ENOMEM;
}

/* Staged files may be links into the history: a file is always replaced, never written into. */
static int write_staged(struct stage *stage, const char *name, const char *text, size_t bytes)
{
	cleanup_free char *path = path_join(stage->path, name);
	int err;

	if (!path)
		return -ENOMEM;
	if (bytes == 0)
		err = remove(path) < 0 && errno != ENOENT ? -errno : 0;
	else
		err = file_write(path, text, bytes);
	return err ? err : note_edit(stage, name, bytes == 0);
}

/* Replaces the document of this name in one staged file; *ret_found says whether it was there. */
static int replace_in_file(struct stage *stage, const char *name, const struct document *wanted,
			   const char *instead, size_t instead_bytes, bool *ret_found)
{
	cleanup_free char *path = path_join(stage->path, name), *text = NULL, *edited = NULL;
	cleanup(documents_free) struct documents found = {};
	char refusal[DOCUMENTS_REFUSAL_BYTES];
	size_t bytes, edited_bytes;
	int err = path ? file_read(path, &text, &bytes) : -ENOMEM;

	if (!err)
		err = documents_split(text, bytes, &found, refusal);
	if (err == -EINVAL)
		return refuse(stage, err, "%s: %s", name, refusal);
	for (size_t i = 0; !err && i < found.count; i++) {
		if (!document_is(&found.list[i], wanted->kind, wanted->namespace, wanted->name))
			continue;
		*ret_found = true;
		edited = documents_edit(text, bytes, &found.list[i], instead, instead_bytes,
					&edited_bytes);
		if (!edited)
			return -ENOMEM;
		if (!instead && found.count == 1)
			edited_bytes = 0; /* what is left is comments at most */
		return write_staged(stage, name, edited, edited_bytes);
	}
	return err;
}

static int replace_anywhere(struct stage *stage, const struct document *wanted, const char *instead,
			    size_t instead_bytes, bool *ret_found)
{
	cleanup(names_free) struct dirent **names = NULL;
	int err = list_files(stage->path, &names);

	for (size_t i = 0; !err && !*ret_found && names[i]; i++)
		err = replace_in_file(stage, names[i]->d_name, wanted, instead, instead_bytes,
				      ret_found);
	return err;
}

/* chasqui-KIND-NAMESPACE-NAME.yaml, with nothing in it that a path could mind. */
static char *file_name_of(const struct document *document)
{
	char *name;

	if (asprintf(&name, "chasqui-%s%s%s-%s.yaml", document->kind,
		     *document->namespace ? "-" : "", document->namespace, document->name) < 0)
		return NULL;
	for (char *at = name; *at; at++)
		if (*at == '/' || (unsigned char)*at <= ' ')
			*at = '_';
	return name;
}

static int put_document(struct stage *stage, const struct document *document, const char *text)
{
	size_t bytes = document->end - document->start;
	cleanup_free char *name = NULL;
	bool found = false;
	int err = replace_anywhere(stage, document, text + document->start, bytes, &found);

	if (err || found)
		return err;
	name = file_name_of(document);
	if (!name)
		return -ENOMEM;
	if (strlen(name) > 255)
		return refuse(stage, -EINVAL, "%s: the name is too long", document->name);
	return write_staged(stage, name, text + document->start, bytes);
}

static int take_document(struct stage *stage, const struct document *document, const char *text)
{
	bool found = false;
	int err;

	(void)text;
	err = replace_anywhere(stage, document, NULL, 0, &found);
	if (!err && !found)
		return refuse(stage, -ENOENT, "there is no %s %s%s%s in %s", document->kind,
			      document->namespace, *document->namespace ? "/" : "", document->name,
			      stage->config_directory);
	return err;
}

static void summarize(struct stage *stage, const struct documents *documents)
{
	const struct document *first = &documents->list[0];
	char more[48] = "";

	if (documents->count > 1)
		snprintf(more, sizeof(more), " and %zu more", documents->count - 1);
	free(give(stage->summary));
	if (asprintf(&stage->summary, "%s %s%s%s%s", first->kind, first->namespace,
		     *first->namespace ? "/" : "", first->name, more) < 0)
		stage->summary = NULL;
}

static int edit_all(struct stage *stage, const char *text, size_t bytes,
		    int (*edit)(struct stage *stage, const struct document *document,
				const char *text))
{
	cleanup(documents_free) struct documents given = {};
	char refusal[DOCUMENTS_REFUSAL_BYTES];
	size_t mark = documents_mark(text, bytes);
	int err;

	text += mark;
	err = documents_split(text, bytes - mark, &given, refusal);
	if (err)
		return refuse(stage, err, "the documents that were sent: %s", refusal);
	if (given.count == 0)
		return refuse(stage, -EINVAL, "no document was sent");
	summarize(stage, &given);
	for (size_t i = 0; !err && i < given.count; i++)
		err = edit(stage, &given.list[i], text);
	if (!err)
		err = folder_hash(stage->path, &stage->hash);
	if (err && !stage->refusal)
		return refuse(stage, err, "%s: %s", stage->path, strerror(-err));
	return err;
}

int stage_apply(struct stage *stage, const char *text, size_t bytes)
{
	return edit_all(stage, text, bytes, put_document);
}

int stage_delete(struct stage *stage, const char *text, size_t bytes)
{
	return edit_all(stage, text, bytes, take_document);
}

int stage_check_fresh(struct stage *stage)
{
	uint64_t now;
	int err = folder_hash(stage->config_directory, &now);

	if (err)
		return refuse(stage, err, "%s: %s", stage->config_directory, strerror(-err));
	if (now != stage->before_hash)
		return refuse(stage, -ESTALE,
			      "%s was edited meanwhile; nothing was changed, try again",
			      stage->config_directory);
	return 0;
}

static int make_directory_of(const char *path)
{
	cleanup_free char *directory = strndup(path, strrchr(path, '/') - path);

	return directory ? folder_make(directory, 0755) : -ENOMEM;
}

static int write_one(const struct stage *stage, const char *name, bool removed)
{
	cleanup_free char *from = path_join(stage->path, name), *text = NULL;
	cleanup_free char *to = path_join(stage->config_directory, name);
	size_t bytes;
	int err;

	if (!from || !to)
		return -ENOMEM;
	if (removed)
		return remove(to) < 0 && errno != ENOENT ? -errno : 0;
	err = strchr(name, '/') ? make_directory_of(to) : 0;
	if (!err)
		err = file_read(from, &text, &bytes);
	return err ? err : file_write(to, text, bytes);
}

int stage_write_through(struct stage *stage)
{
	int err = 0;

	for (size_t i = 0; !err && i < stage->n_edits; i++) {
		err = write_one(stage, stage->edits[i].name, stage->edits[i].removed);
		if (err)
			refuse(stage, err, "%s/%s: %s", stage->config_directory,
			       stage->edits[i].name, strerror(-err));
	}
	return err;
}

static int note_write(void *data, const char *name)
{
	return note_edit(data, name, false);
}

/* Files with documents that the stage does not have go; what it has is written. */
static int match_directory(struct stage *stage)
{
	cleanup(names_free) struct dirent **there = NULL;
	int err = list_files(stage->config_directory, &there);

	for (size_t i = 0; !err && there[i]; i++)
		err = note_edit(stage, there[i]->d_name, true);
	return err ? err : folder_walk(stage->path, note_write, stage);
}

/* What a person had edited and never made live is not thrown away. */
static int save_directory(const struct stage *stage)
{
	cleanup_free char *saved = path_join(stage->state_directory, "before-rollback");
	int err = saved ? folder_remove(saved) : -ENOMEM;

	return err ? err : folder_copy(stage->config_directory, saved, NULL);
}

int stage_replace_directory(struct stage *stage)
{
	int err = save_directory(stage);

	if (!err)
		err = match_directory(stage);
	if (err)
		return refuse(stage, err, "%s: %s", stage->config_directory, strerror(-err));
	return stage_write_through(stage);
}

void stage_free(struct stage *stage)
{
	for (size_t i = 0; i < stage->n_edits; i++)
		free(stage->edits[i].name);
	free(give(stage->edits));
	stage->n_edits = 0;
	if (stage->path)
		folder_remove(stage->path);
	free(give(stage->path));
	free(give(stage->summary));
	free(give(stage->refusal));
}
