/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "observe/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "process_case.h"
#include "util/cleanup.h"

#define NODE "021c177557f5"

/* All that is said of what was given in, a line each. */
struct told {
	struct process_tree *tree;
	struct process_events *events;
	char text[8192];
};

static void told_open(struct told *told)
{
	*told = (struct told){.tree = process_tree_new(&PROCESS_LIMITS)};
	told->events = process_events_new(told->tree);
}

static void told_close(struct told *told)
{
	process_events_free(told->events);
	process_tree_free(told->tree);
}

static const struct process_view view = {.node = NODE};

static void tell(void *data, struct process_event *event)
{
	struct told *told = data;
	json_t *object = process_json(&view, event);
	cleanup_free char *line = process_compact(object, &(struct process_style){});
	size_t length = strlen(told->text);

	snprintf(told->text + length, sizeof(told->text) - length, "%s\n", line);
	json_decref(object);
}

static void give_record(struct told *told, const struct record_case *record)
{
	process_events_record(told->events, &record->head, record->size);
}

static void give_exec(struct told *told, const struct exec_case *exec)
{
	struct record_case record;

	make_exec(&record, exec);
	give_record(told, &record);
}

static const struct exec_case cat = {
	.pid = 42,
	.parent = 1,
	.started = 1000,
	.flags = CHQ_PROC_FLAG_CLONE,
	.name = "/usr/bin/cat",
	.cwd = "/",
	.executable = "/usr/bin/cat",
	.args = "cat|/lost_city_of_inca.txt|",
};

/* A hit of the seed policy, as a back end makes it. */
static struct hook_event read_hit(uint64_t time_ns, uint32_t pid)
{
	struct hook_event hit = {
		.time_ns = time_ns,
		.pid = pid,
		.tid = pid,
		.kind = HOOK_KPROBE,
		.action = HOOK_ACTION_SIGKILL,
		.function = strdup("security_file_permission"),
		.policy = strdup("inca"),
		.n_args = 2,
	};

	hit.args[0] = (struct hook_arg){.kind = HOOK_ARG_FILE};
	hit.args[0].file.path = strdup("/lost_city_of_inca.txt");
	hit.args[0].file.mode = 0100644;
	hit.args[1] = (struct hook_arg){.kind = HOOK_ARG_INT, .number = 4};
	return hit;
}

/* The guard's message may come before the ring is read, and after the end: time decides. */
static void the_three_lines(void **state)
{
	cleanup(told_close) struct told told;
	struct hook_event hit = read_hit(1500, 42);
	struct record_case exit;

	(void)state;
	told_open(&told);
	hit.here = true;
	make_exit(&exit, 42, 1000, 2000, 9);
	give_record(&told, &exit);
	process_events_hook(told.events, &hit);
	give_exec(&told, &cat);
	process_events_give(told.events, 1000, SIZE_MAX, tell, &told);
	assert_string_equal("", told.text);
	process_events_give(told.events, 3000, SIZE_MAX, tell, &told);
	assert_string_equal("🚀 process " NODE " /usr/bin/cat /lost_city_of_inca.txt\n"
			    "📚 read    " NODE " /usr/bin/cat /lost_city_of_inca.txt\n"
			    "💥 exit    " NODE " /usr/bin/cat /lost_city_of_inca.txt SIGKILL\n",
			    told.text);
}

/* A hit by somebody whose start nobody told of is told all the same. */
static void a_stranger_is_told_of(void **state)
{
	cleanup(told_close) struct told told;
	struct hook_event hit = read_hit(10, 0x7ffffff0);

	(void)state;
	told_open(&told);
	hit.started_ns = 5;
	process_events_hook(told.events, &hit);
	process_events_give(told.events, 100, SIZE_MAX, tell, &told);
	assert_string_equal("📚 read    " NODE "  /lost_city_of_inca.txt\n", told.text);
	assert_int_equal(0, process_events_counts(told.events).unknown);
}

static void not_more_than_so_many_wait(void **state)
{
	cleanup(told_close) struct told told;

	(void)state;
	told_open(&told);
	for (unsigned i = 0; i < PROCESS_HELD_MOST + 100; i++) {
		struct record_case exit;

		make_exit(&exit, i + 1, i + 1, 1000 + i, 0);
		give_record(&told, &exit);
	}
	process_events_give(told.events, 0, SIZE_MAX, tell, &told);
	assert_int_equal(100, process_events_counts(told.events).early);
}

static void tell_nobody(void *data, struct process_event *event)
{
	(void)data;
	(void)event;
}

/* Of large ones not as many: here a MiB each. */
static void not_more_than_so_many_bytes_wait(void **state)
{
	cleanup(told_close) struct told told;
	unsigned fit = PROCESS_HELD_BYTES / ((1 << 20) + sizeof(struct hook_event));

	(void)state;
	told_open(&told);
	for (unsigned i = 0; i < fit + 3; i++) {
		struct hook_event hook = {.pid = 1, .time_ns = 1000 + i};

		assert_int_equal(i > fit, process_events_full(told.events));
		hook.args[0] = (struct hook_arg){
			.kind = HOOK_ARG_BYTES,
			.text = {.bytes = malloc(1 << 20), .n_bytes = 1 << 20},
		};
		process_events_hook(told.events, &hook);
	}
	process_events_give(told.events, 0, SIZE_MAX, tell_nobody, &told);
	assert_int_equal(3, process_events_counts(told.events).early);
	assert_false(process_events_full(told.events));
}

static void broken_records_are_counted(void **state)
{
	cleanup(told_close) struct told told;
	struct record_case record;

	(void)state;
	told_open(&told);
	make_exec(&record, &cat);
	record.head.kind = 99;
	give_record(&told, &record);
	record.head.kind = CHQ_PROC_HOOK; /* nobody reads these here */
	give_record(&told, &record);
	process_events_give(told.events, 10000, SIZE_MAX, tell, &told);
	assert_int_equal(2, process_events_counts(told.events).broken);
	assert_string_equal("", told.text);
}

static void copies_own_their_texts(void **state)
{
	struct hook_event hit = read_hit(1, 2), copy;

	(void)state;
	hit.tags = calloc(2, sizeof(*hit.tags));
	hit.tags[0] = strdup("tag");
	hit.args[1] = (struct hook_arg){.kind = HOOK_ARG_BYTES, .label = strdup("label")};
	hit.args[1].text.bytes = malloc(3);
	memcpy(hit.args[1].text.bytes, "abc", 3);
	hit.args[1].text.n_bytes = 3;
	assert_int_equal(0, hook_event_copy(&hit, &copy));
	hook_event_clear(&hit);
	assert_string_equal("inca", copy.policy);
	assert_string_equal("tag", copy.tags[0]);
	assert_string_equal("label", copy.args[1].label);
	assert_string_equal("/lost_city_of_inca.txt", copy.args[0].file.path);
	assert_memory_equal("abc", copy.args[1].text.bytes, 3);
	hook_event_clear(&copy);
}

/* The whole of an event, compared as JSON. */
static void collect(void *data, struct process_event *event)
{
	json_array_append_new(data, process_json(&view, event));
}

static void same_json(const char *wanted, const json_t *got)
{
	json_error_t error;
	json_t *object = json_loads(wanted, 0, &error);
	cleanup_free char *text = json_dumps(got, JSON_SORT_KEYS | JSON_INDENT(1));
	cleanup_free char *expected = json_dumps(object, JSON_SORT_KEYS | JSON_INDENT(1));

	if (!object)
		fail_msg("%s at %d", error.text, error.position);
	assert_string_equal(expected, text);
	json_decref(object);
}

#define SHELL_JSON                                                                            \
	"{\"exec_id\": \"MDIxYzE3NzU1N2Y1OjUwMDo0MQ==\", \"pid\": 41, \"uid\": 1000, "        \
	"\"cwd\": \"/home\", \"binary\": \"/bin/sh\", \"flags\": \"execve\", "                \
	"\"start_time\": \"1970-01-01T00:00:00.000000500Z\", \"auid\": 1000, \"refcnt\": 2, " \
	"\"tid\": 41, \"in_init_tree\": false}"

#define CAT_JSON                                                                                \
	"\"exec_id\": \"MDIxYzE3NzU1N2Y1OjIwMDAwMDA6NDI=\", \"pid\": 42, \"uid\": 1000, "       \
	"\"cwd\": \"/\", \"binary\": \"/usr/bin/cat\", \"arguments\": \"/a\", "                 \
	"\"flags\": \"execve rootcwd clone\", \"start_time\": \"1970-01-01T00:00:00.002Z\", "   \
	"\"auid\": 1000, \"parent_exec_id\": \"MDIxYzE3NzU1N2Y1OjUwMDo0MQ==\", \"refcnt\": 1, " \
	"\"tid\": 42, \"in_init_tree\": true"

#define DETAILS_JSON                                                                     \
	"\"cap\": {\"permitted\": [\"CAP_CHOWN\", \"CAP_SYS_ADMIN\"], "                  \
	"\"effective\": [\"CAP_CHECKPOINT_RESTORE\"]}, "                                 \
	"\"ns\": {\"uts\": {\"inum\": 4026531838}}, "                                    \
	"\"process_credentials\": {\"uid\": 1000, \"gid\": 1001, \"euid\": 1000, "       \
	"\"egid\": 1001, \"suid\": 1000, \"sgid\": 1001, \"fsuid\": 1000, "              \
	"\"fsgid\": 1001}, "                                                             \
	"\"cgroup\": {\"id\": \"77\", \"path\": \"/system.slice/docker-0123456789abcdef" \
	"0123456789abcdef0123456789abcdef0123456789abcdef.scope\"}, "                    \
	"\"docker\": \"0123456789abcdef0123456789abcde\""

static void give_shell_and_cat(struct told *told)
{
	struct exec_case shell = {41, 1, 0, 500, 0, "/bin/sh", "/home", "/bin/sh", "", "sh|"};
	struct exec_case child = {
		.pid = 42, .parent = 41, .started = 2000000, .parent_started = 500};
	struct record_case record;

	make_exec(&record, &shell);
	record.exec.creds = (struct chq_proc_credentials){.uid = 1000, .euid = 1000, .auid = 1000};
	give_record(told, &record);
	child.name = child.executable = "/usr/bin/cat";
	child.cwd = "/";
	child.args = "cat|/a|";
	child.flags = CHQ_PROC_FLAG_CLONE | CHQ_PROC_FLAG_ROOT_CWD | CHQ_PROC_FLAG_IN_INIT_TREE;
	child.cgroup = "/system.slice/docker-0123456789abcdef0123456789abcdef"
		       "0123456789abcdef0123456789abcdef.scope";
	make_exec(&record, &child);
	record.exec.creds = (struct chq_proc_credentials){.uid = 1000,
							  .gid = 1001,
							  .euid = 1000,
							  .egid = 1001,
							  .suid = 1000,
							  .sgid = 1001,
							  .fsuid = 1000,
							  .fsgid = 1001,
							  .auid = 1000};
	record.exec.caps[CHQ_CAP_PERMITTED] = 1ull << 0 | 1ull << 21;
	record.exec.caps[CHQ_CAP_EFFECTIVE] = 1ull << 40;
	record.exec.namespaces[CHQ_NS_UTS] = 0xeffffffe;
	record.exec.cgroup = 77;
	record.exec.raised = CHQ_RAISED_GID | CHQ_RAISED_CAPS;
	give_record(told, &record);
}

static void json_of_exec_and_exit(void **state)
{
	cleanup(told_close) struct told told;
	json_t *list = json_array();
	struct record_case record;

	(void)state;
	told_open(&told);
	give_shell_and_cat(&told);
	make_exit(&record, 42, 2000000, 3000001000, 3 << 8);
	give_record(&told, &record);
	process_events_give(told.events, 4000000000, SIZE_MAX, collect, list);
	assert_int_equal(3, json_array_size(list));
	same_json("{\"process_exec\": {\"process\": {" CAT_JSON ", "
		  "\"binary_properties\": {\"setgid\": 1001, "
		  "\"privileges_changed\": [\"PRIVILEGES_RAISED_EXEC_FILE_CAP\"]}, " DETAILS_JSON
		  "}, "
		  "\"parent\": " SHELL_JSON "}, "
		  "\"node_name\": \"" NODE "\", \"time\": \"1970-01-01T00:00:00.002Z\"}",
		  json_array_get(list, 1));
	same_json("{\"process_exit\": {\"process\": {" CAT_JSON ", " DETAILS_JSON "}, "
		  "\"parent\": " SHELL_JSON ", \"status\": 3, "
		  "\"time\": \"1970-01-01T00:00:03.000001Z\"}, "
		  "\"node_name\": \"" NODE "\", \"time\": \"1970-01-01T00:00:03.000001Z\"}",
		  json_array_get(list, 2));
	json_decref(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_three_lines),
		cmocka_unit_test(a_stranger_is_told_of),
		cmocka_unit_test(not_more_than_so_many_wait),
		cmocka_unit_test(not_more_than_so_many_bytes_wait),
		cmocka_unit_test(broken_records_are_counted),
		cmocka_unit_test(copies_own_their_texts),
		cmocka_unit_test(json_of_exec_and_exit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
