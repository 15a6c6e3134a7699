// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "daemon/folder.h"
#include "daemon/history.h"
#include "daemon/stage.h"
#include "util/cleanup.h"

/* Each test has a directory of its own, and is in it. */
static int in_a_directory(void **state)
{
	char *path = strdup("/tmp/chasqui-folder-XXXXXX");

	*state = path;
	return !path || !mkdtemp(path) || chdir(path) < 0 || mkdir("config", 0755) < 0 ||
	       mkdir("state", 0755) < 0;
}

static int out_of_it(void **state)
{
	int err = chdir("/") || folder_remove(*state);

	free(*state);
	return err;
}

static void put(const char *path, const char *text)
{
	assert_int_equal(0, file_write(path, text, strlen(text)));
}

static void holds(const char *path, const char *wanted)
{
	cleanup_free char *text = NULL;
	size_t bytes;

	assert_int_equal(0, file_read(path, &text, &bytes));
	assert_string_equal(wanted, text);
}

static bool exists(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

static void a_copy_is_the_same(void **state)
{
	uint64_t one, other;
	struct stat first, second;

	(void)state;
	put("config/a.yaml", "a");
	assert_int_equal(0, mkdir("config/lists", 0755));
	put("config/lists/deny", "192.0.2.0/24");
	assert_int_equal(0, chmod("config/a.yaml", 0604));
	put("config/a.yaml", "a");
	assert_int_equal(0, stat("config/a.yaml", &first));
	assert_int_equal(0604, first.st_mode & 0777);
	put("config/.hidden", "editors write such");
	assert_int_equal(0, folder_copy("config", "copy", NULL));
	holds("copy/lists/deny", "192.0.2.0/24");
	assert_false(exists("copy/.hidden"));
	assert_int_equal(0, folder_hash("config", &one));
	assert_int_equal(0, folder_hash("copy", &other));
	assert_true(one == other);

	put("config/a.yaml", "b");
	assert_int_equal(0, folder_hash("config", &one));
	assert_true(one != other);

	/* what is the same is there once */
	assert_int_equal(0, folder_copy("config", "again", "copy"));
	assert_int_equal(0, stat("copy/lists/deny", &first));
	assert_int_equal(0, stat("again/lists/deny", &second));
	assert_true(first.st_ino == second.st_ino);
	holds("again/a.yaml", "b");
	holds("copy/a.yaml", "a");
	assert_int_equal(0, folder_remove("copy"));
	assert_false(exists("copy"));
	assert_int_equal(0, folder_remove("copy"));
}

static void names_and_borders_count(void **state)
{
	uint64_t one, other;

	(void)state;
	put("config/a", "bc");
	assert_int_equal(0, folder_hash("config", &one));
	assert_int_equal(0, rename("config/a", "config/ab"));
	put("config/ab", "c");
	assert_int_equal(0, folder_hash("config", &other));
	assert_true(one != other);
}

static void only_files_are_read(void **state)
{
	cleanup_free char *text = NULL;
	size_t bytes;

	(void)state;
	assert_int_not_equal(0, file_read("config", &text, &bytes));
	assert_int_not_equal(0, file_read("/dev/zero", &text, &bytes));
	assert_int_equal(0, mkfifo("config/pipe", 0600));
	assert_int_not_equal(0, file_read("config/pipe", &text, &bytes));
	assert_int_equal(0, folder_copy("config", "copy", NULL));
	assert_false(exists("copy/pipe"));
}

static struct stage staged(void)
{
	return (struct stage){.config_directory = "config", .state_directory = "state"};
}

#define WEB  "kind: Endpoint\nmetadata: {name: web}\n"
#define WEB2 "kind: Endpoint\nmetadata: {name: web}\nspec: {}\n"
#define DB   "kind: Endpoint\nmetadata: {name: db}\n"

static void nothing_is_written_before_the_end(void **state)
{
	struct stage stage = staged();

	(void)state;
	put("config/a.yaml", WEB);
	assert_int_equal(0, stage_directory(&stage));
	assert_int_equal(0, stage_apply(&stage, WEB2 "---\n" DB, strlen(WEB2 "---\n" DB)));
	assert_string_equal("Endpoint default/web and 1 more", stage.summary);
	holds("config/a.yaml", WEB);
	assert_false(exists("config/chasqui-Endpoint-default-db.yaml"));
	holds("state/staged/a.yaml", WEB2);

	assert_int_equal(0, stage_check_fresh(&stage));
	assert_int_equal(0, stage_write_through(&stage));
	holds("config/a.yaml", WEB2);
	holds("config/chasqui-Endpoint-default-db.yaml", "---\n" DB);
	stage_free(&stage);
	assert_false(exists("state/staged"));
}

static void an_edit_meanwhile_is_seen(void **state)
{
	struct stage stage = staged();

	(void)state;
	put("config/a.yaml", WEB);
	assert_int_equal(0, stage_directory(&stage));
	assert_int_equal(0, stage_apply(&stage, DB, strlen(DB)));
	put("config/a.yaml", WEB2);
	assert_int_not_equal(0, stage_check_fresh(&stage));
	assert_non_null(strstr(stage.refusal, "edited meanwhile"));
	stage_free(&stage);
}

static void the_last_document_takes_its_file(void **state)
{
	struct stage stage = staged();

	(void)state;
	put("config/a.yaml", WEB "---\n" DB);
	assert_int_equal(0, stage_directory(&stage));
	assert_int_equal(0, stage_delete(&stage, WEB, strlen(WEB)));
	holds("state/staged/a.yaml", "---\n" DB);
	assert_int_equal(0, stage_delete(&stage, DB, strlen(DB)));
	assert_false(exists("state/staged/a.yaml"));
	assert_int_not_equal(0, stage_delete(&stage, DB, strlen(DB)));
	assert_non_null(strstr(stage.refusal, "there is no Endpoint default/db"));
	assert_int_equal(0, stage_write_through(&stage));
	assert_false(exists("config/a.yaml"));
	stage_free(&stage);
}

/* A name is somebody's text, and must stay within the directory. */
static void a_name_is_no_path(void **state)
{
	static const char text[] = "kind: Endpoint\nmetadata: {name: ../../x}\n";
	struct stage stage = staged();

	(void)state;
	assert_int_equal(0, stage_directory(&stage));
	assert_int_equal(0, stage_apply(&stage, text, strlen(text)));
	assert_true(exists("state/staged/chasqui-Endpoint-default-.._.._x.yaml"));
	stage_free(&stage);
}

static void keep(uint32_t number, const char *text)
{
	struct stage stage = staged();
	struct history_note note = {.number = number, .who = "a test", .how = "by hand"};

	put("config/a.yaml", text);
	assert_int_equal(0, stage_directory(&stage));
	note.hash = stage.hash;
	assert_int_equal(0, history_keep("state", stage.path, &note));
	stage_free(&stage);
}

static void the_history_keeps_fifty(void **state)
{
	json_t *list;

	(void)state;
	assert_int_equal(0, history_newest("state"));
	for (uint32_t i = 1; i <= HISTORY_MOST + 5; i++)
		keep(i, i % 2 ? WEB : DB);
	assert_int_equal(HISTORY_MOST + 5, history_newest("state"));
	assert_false(exists("state/history/5"));
	holds("state/history/6/files/a.yaml", DB);
	list = history_list("state");
	assert_int_equal(HISTORY_MOST, json_array_size(list));
	assert_int_equal(HISTORY_MOST + 5,
			 json_integer_value(json_object_get(json_array_get(list, 0), "number")));
	json_decref(list);
}

static void rollback_makes_the_directory_follow(void **state)
{
	struct stage stage = staged();

	(void)state;
	assert_int_equal(0, mkdir("config/lists", 0755));
	put("config/lists/deny", "192.0.2.0/24");
	put("config/first", "198.51.100.0/24");
	keep(1, WEB);
	put("config/lists/deny", "203.0.113.0/24");
	put("config/first", "203.0.113.0/24");
	put("config/a.yaml", DB);
	put("config/b.yaml", WEB2);
	put("config/notes.txt", "not a document");
	assert_int_equal(0, stage_history(&stage, 1));
	assert_int_equal(0, stage_replace_directory(&stage));
	holds("config/a.yaml", WEB);
	assert_false(exists("config/b.yaml"));
	holds("config/notes.txt", "not a document");
	holds("config/lists/deny", "192.0.2.0/24");
	holds("config/first", "198.51.100.0/24");
	holds("state/before-rollback/b.yaml", WEB2);
	stage_free(&stage);
	stage = staged();
	assert_int_not_equal(0, stage_history(&stage, 7));
	assert_non_null(strstr(stage.refusal, "no entry 7"));
	stage_free(&stage);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, in_a_directory, out_of_it)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_copy_is_the_same),
		TEST(names_and_borders_count),
		TEST(only_files_are_read),
		TEST(nothing_is_written_before_the_end),
		TEST(an_edit_meanwhile_is_seen),
		TEST(the_last_document_takes_its_file),
		TEST(a_name_is_no_path),
		TEST(the_history_keeps_fifty),
		TEST(rollback_makes_the_directory_follow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
