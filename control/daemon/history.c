// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "daemon/history.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "daemon/folder.h"
#include "util/cleanup.h"

struct numbers {
	uint32_t *list;
	size_t count;
};

static void numbers_free(struct numbers *numbers)
{
	free(numbers->list);
}

static int newest_first(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left < right) - (left > right);
}

static char *entry_path(const char *state_directory, uint32_t number, const char *below)
{
	char *path;

	return asprintf(&path, "%s/history/%u%s", state_directory, number, below) < 0 ? NULL : path;
}

static int add_number(struct numbers *numbers, const char *name)
{
	char *end;
	unsigned long number = strtoul(name, &end, 10);
	uint32_t *list;

	if (*name < '1' || *name > '9' || *end || number > UINT32_MAX)
		return 0;
	list = realloc(numbers->list, (numbers->count + 1) * sizeof(*list));
	if (!list)
		return -ENOMEM;
	numbers->list = list;
	list[numbers->count++] = number;
	return 0;
}

static int read_numbers(const char *state_directory, struct numbers *ret)
{
	cleanup_free char *path = path_join(state_directory, "history");
	DIR *directory = path ? opendir(path) : NULL;
	struct dirent *entry;
	int err = 0;

	if (!directory)
		return path && errno == ENOENT ? 0 : -errno;
	while (!err && (entry = readdir(directory)))
		err = add_number(ret, entry->d_name);
	closedir(directory);
	if (ret->count)
		qsort(ret->list, ret->count, sizeof(*ret->list), newest_first);
	return err;
}

static int prune(const char *state_directory)
{
	cleanup(numbers_free) struct numbers numbers = {};
	int err = read_numbers(state_directory, &numbers);

	for (size_t i = HISTORY_MOST; !err && i < numbers.count; i++) {
		cleanup_free char *path = entry_path(state_directory, numbers.list[i], "");

		err = path ? folder_remove(path) : -ENOMEM;
	}
	return err;
}

static int write_note(const char *directory, const struct history_note *note)
{
	cleanup_free char *path = path_join(directory, "note.json"), *text = NULL;
	char when[32], hash[20];
	time_t now = time(NULL);
	struct tm parts;
	json_t *json;

	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &parts));
	snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)note->hash);
	json = json_pack("{s:I, s:s, s:s, s:s, s:s}", "number", (json_int_t)note->number, "when",
			 when, "who", note->who, "how", note->how, "hash", hash);
	text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;
	json_decref(json);
	return text && path ? file_write(path, text, strlen(text)) : -ENOMEM;
}

/* The entry is complete before it has its number. */
int history_keep(const char *state_directory, const char *staged, const struct history_note *note)
{
	cleanup_free char *entry = entry_path(state_directory, note->number, "");
	cleanup_free char *coming = path_join(state_directory, "history/coming");
	cleanup_free char *files = coming ? path_join(coming, "files") : NULL;
	int err;

	if (!entry || !files)
		return -ENOMEM;
	err = folder_remove(coming);
	if (!err)
		err = folder_make(coming, 0750);
	if (!err && rename(staged, files) < 0)
		err = -errno;
	if (!err)
		err = write_note(coming, note);
	if (!err)
		err = folder_remove(entry);
	if (!err && rename(coming, entry) < 0)
		err = -errno;
	return err ? err : prune(state_directory);
}

uint32_t history_newest(const char *state_directory)
{
	cleanup(numbers_free) struct numbers numbers = {};

	if (read_numbers(state_directory, &numbers) < 0 || !numbers.count)
		return 0;
	return numbers.list[0];
}

char *history_files(const char *state_directory, uint32_t number)
{
	return entry_path(state_directory, number, "/files");
}

json_t *history_note(const char *state_directory, uint32_t number)
{
	cleanup_free char *path = entry_path(state_directory, number, "/note.json");

	return path ? json_load_file(path, 0, NULL) : NULL;
}

json_t *history_list(const char *state_directory)
{
	cleanup(numbers_free) struct numbers numbers = {};
	json_t *list = json_array(), *note;

	if (read_numbers(state_directory, &numbers) < 0)
		return list;
	for (size_t i = 0; i < numbers.count; i++) {
		note = history_note(state_directory, numbers.list[i]);
		if (note)
			json_array_append_new(list, note);
	}
	return list;
}
