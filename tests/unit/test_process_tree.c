/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "enforcer/process_tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "process_case.h"
#include "util/cleanup.h"

static void tree_free(struct process_tree **tree)
{
	process_tree_free(*tree);
}

#define TREE(limits) cleanup(tree_free) struct process_tree *tree = process_tree_new(limits)

static struct process *exec(struct process_tree *tree, const struct exec_case *exec)
{
	struct record_case record;

	make_exec(&record, exec);
	return process_tree_exec(tree, record.bytes, record.size);
}

static struct process *end(struct process_tree *tree, unsigned pid, unsigned long long started,
			   unsigned code)
{
	struct record_case record;

	make_exit(&record, pid, started, started + 1000, code);
	return process_tree_exit(tree, record.bytes, record.size);
}

static struct process *fork_of(struct process_tree *tree, unsigned pid, unsigned long long started,
			       unsigned parent, unsigned long long parent_started)
{
	struct record_case record;

	make_fork(&record, pid, started, parent, parent_started);
	return process_tree_fork(tree, record.bytes, record.size);
}

/* The name that execve was given becomes a path from the root; arguments become one text. */
static void programs(void **state)
{
	static const struct {
		struct exec_case exec;
		const char *binary, *arguments;
	} cases[] = {
		{{.name = "/usr/bin/cat", .args = "cat|/etc/passwd|"},
		 "/usr/bin/cat",
		 "/etc/passwd"},
		{{.name = "/usr/bin/true", .args = "true|"}, "/usr/bin/true", ""},
		{{.name = "/usr/bin/true", .args = ""}, "/usr/bin/true", ""},
		{{.name = "./a", .args = "x|", .cwd = "/tmp"}, "/tmp/a", ""},
		{{.name = "../b/./c", .args = "x|", .cwd = "/tmp/d"}, "/tmp/b/c", ""},
		{{.name = "../../../c", .args = "x|", .cwd = "/a"}, "/c", ""},
		{{.name = "c", .args = "x|", .cwd = "/"}, "/c", ""},
		{{.name = "/a/../b", .args = "x|"}, "/a/../b", ""},
		{{.name = "/bin/sh", .args = "sh|-c|echo a b|x|"}, "/bin/sh", "-c \"echo a b\" x"},
		{{.name = "/bin/sh", .args = "sh|a b|c|"}, "/bin/sh", "\"a b\" c"},
		{{.name = "/bin/sh", .args = "sh|a||b|"}, "/bin/sh", "a  b"},
		{{.name = "/bin/sh", .args = "sh|a|||"}, "/bin/sh", "a"},
		{{.name = "/bin/sh", .args = "sh|cut off he"}, "/bin/sh", "\"cut off he\""},
		{{.name = "/dev/fd/3", .args = "x|", .executable = "/memfd:x (deleted)"},
		 "/memfd:x (deleted)",
		 ""},
		{{.name = "", .args = "x|y|", .executable = "/usr/bin/y"}, "/usr/bin/y", "y"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		TREE(&PROCESS_LIMITS);
		struct exec_case one = cases[i].exec;
		struct process *process;

		one.pid = 7;
		one.started = 70;
		process = exec(tree, &one);
		assert_non_null(process);
		assert_string_equal(cases[i].binary, process->program->binary);
		assert_string_equal(cases[i].arguments, process->program->arguments);
	}
}

static void a_child_is_its_parent_until_it_calls_execve(void **state)
{
	TREE(&PROCESS_LIMITS);
	struct process *shell, *child, *cat, *second;

	(void)state;
	shell = exec(tree, &(struct exec_case){10, 1, 0, 100, 1, "/bin/sh", "/", "/bin/dash", "/",
					       "sh|"});
	child = fork_of(tree, 11, 110, 10, 100);
	assert_non_null(child);
	assert_ptr_equal(shell, child->parent);
	assert_ptr_equal(shell->program, child->program);
	assert_int_equal(CHQ_PROC_FLAG_CLONE, child->flags);
	cat = exec(tree, &(struct exec_case){11, 10, CHQ_PROC_FLAG_CLONE, 120, 100, "/bin/cat",
					     "/tmp", "/usr/bin/cat", "/user", "cat|x|"});
	assert_ptr_not_equal(child, cat);
	assert_ptr_equal(shell, cat->parent);
	assert_string_equal("/user", cat->program->cgroup);
	assert_ptr_equal(cat, process_tree_find(tree, 11, 0, false));
	assert_ptr_equal(child, process_tree_find(tree, 11, 110, false));
	/* a second execve has the real parent, too, not the first */
	second = exec(tree, &(struct exec_case){11, 10, 0, 130, 100, "/bin/tac", "/", "/bin/tac",
						"/", "tac|"});
	assert_ptr_equal(shell, second->parent);
	assert_ptr_equal(second, end(tree, 11, 130, 9));
	assert_int_equal(9, second->code);
	assert_null(end(tree, 11, 130, 9));
	assert_ptr_equal(second, process_tree_find(tree, 11, 0, false));
	assert_int_equal(1, process_tree_counts(tree).running);
}

/* The same record may come twice: from the ring's backlog, and found by a daemon that starts. */
static void told_twice_is_there_once(void **state)
{
	TREE(&PROCESS_LIMITS);
	struct exec_case one = {10, 1, 0, 100, 1, "/bin/sh", "/", "/bin/sh", "/", "sh|"};
	struct process *first = exec(tree, &one);

	(void)state;
	assert_ptr_equal(first, exec(tree, &one));
	assert_ptr_equal(fork_of(tree, 11, 110, 10, 100), fork_of(tree, 11, 110, 10, 100));
	assert_int_equal(2, process_tree_counts(tree).running);
}

/* Found at its end, with nothing in /proc; then its execve is read from the ring. */
static void what_is_told_is_more_than_what_was_found(void **state)
{
	TREE(&PROCESS_LIMITS);
	struct exec_case one = {10, 1, 0, 100, 1, "/bin/cat", "/", "/bin/cat", "/", "cat|x|"};
	struct record_case record;
	struct process *found;

	(void)state;
	make_exec(&record, &one);
	record.head.kind = CHQ_PROC_FOUND;
	found = process_tree_found(tree, record.bytes, record.size, "", 0);
	assert_string_equal("", found->program->arguments);
	assert_ptr_equal(found, exec(tree, &one));
	assert_string_equal("x", found->program->arguments);
	assert_ptr_equal(found, process_tree_found(tree, record.bytes, record.size, "", 0));
	assert_string_equal("x", found->program->arguments);
}

static void a_pid_that_is_used_again_is_another_process(void **state)
{
	TREE(&PROCESS_LIMITS);
	struct process *first, *second;

	(void)state;
	first = exec(tree,
		     &(struct exec_case){10, 1, 0, 100, 1, "/bin/a", "/", "/bin/a", "/", "a|"});
	second = exec(tree,
		      &(struct exec_case){10, 1, 0, 900, 1, "/bin/b", "/", "/bin/b", "/", "b|"});
	assert_ptr_not_equal(first, second);
	assert_ptr_equal(second, process_tree_find(tree, 10, 0, false));
	assert_ptr_equal(first, process_tree_find(tree, 10, 100, false));
	assert_int_equal(1, process_tree_counts(tree).running);
	assert_int_equal(1, process_tree_counts(tree).ended);
}

static void those_that_ended_make_room_the_oldest_first(void **state)
{
	const struct process_limits limits = {4, 2, 1 << 20};
	TREE(&limits);
	struct process_counts counts;

	(void)state;
	for (unsigned i = 1; i <= 100; i++) {
		assert_non_null(exec(tree, &(struct exec_case){i, 1, 0, i * 10, 0, "/bin/a", "/",
							       "/bin/a", "/", "a|"}));
		assert_non_null(end(tree, i, i * 10, 0));
	}
	counts = process_tree_counts(tree);
	assert_true(counts.running + counts.ended <= 4);
	assert_true(counts.forgotten >= 96);
	assert_null(process_tree_find(tree, 1, 10, false));
	assert_non_null(process_tree_find(tree, 100, 1000, false));
}

static void what_runs_is_never_forgotten(void **state)
{
	const struct process_limits limits = {4, 2, 1 << 20};
	TREE(&limits);

	(void)state;
	for (unsigned i = 1; i <= 10; i++)
		exec(tree,
		     &(struct exec_case){i, 1, 0, i * 10, 0, "/bin/a", "/", "/bin/a", "/", "a|"});
	assert_int_equal(4, process_tree_counts(tree).running);
	assert_int_equal(6, process_tree_counts(tree).refused);
	assert_non_null(process_tree_find(tree, 1, 10, false));
}

/* A chain of processes that each start the next and end: nobody's memory grows with it. */
static void a_long_line_of_ancestors_is_cut(void **state)
{
	const struct process_limits limits = {64, 16, 1 << 20};
	TREE(&limits);
	struct process *last;
	unsigned depth = 0;

	(void)state;
	exec(tree, &(struct exec_case){1, 0, 0, 10, 0, "/bin/a", "/", "/bin/a", "/", "a|"});
	for (unsigned i = 2; i <= 10000; i++) {
		assert_non_null(fork_of(tree, i, i * 10ull, i - 1, (i - 1) * 10ull));
		end(tree, i - 1, (i - 1) * 10ull, 0);
	}
	last = process_tree_find(tree, 10000, 0, false);
	for (; last; last = last->parent)
		depth++;
	assert_true(depth >= 2 && depth <= 20);
	assert_true(process_tree_counts(tree).text_bytes < 4096);
}

static void arguments_are_cut_when_there_is_no_room_for_them(void **state)
{
	const struct process_limits limits = {1000, 1000, 20000};
	TREE(&limits);
	char args[4001] = "a|";
	struct process *process = NULL;

	(void)state;
	memset(args + 2, 'x', 3998);
	for (unsigned i = 1; i <= 100; i++)
		process = exec(tree, &(struct exec_case){i, 1, 0, i * 10, 0, "/bin/a", "/",
							 "/bin/a", "/", args});
	assert_non_null(process);
	assert_true(strlen(process->program->arguments) <= 256);
	assert_true(process->flags & CHQ_PROC_FLAG_TRUNC_ARGS);
	assert_true(process_tree_counts(tree).cut > 90);
	assert_true(process_tree_counts(tree).text_bytes < 100000);
}

/* Somebody who holds a process may go on when the tree has forgotten it, or is gone. */
static void who_is_held_lives_on(void **state)
{
	struct process_tree *tree = process_tree_new(&PROCESS_LIMITS);
	struct process *shell, *child;

	(void)state;
	shell = exec(tree,
		     &(struct exec_case){10, 1, 0, 100, 1, "/bin/sh", "/", "/bin/sh", "/", "sh|"});
	child = process_hold(fork_of(tree, 11, 110, 10, 100));
	assert_ptr_equal(shell, child->parent);
	process_tree_free(tree);
	assert_string_equal("/bin/sh", child->program->binary);
	process_release(child);
}

/* Every record is checked: lengths that lie, kinds that are another's, records that are cut. */
static void bad_records_are_refused(void **state)
{
	TREE(&PROCESS_LIMITS);
	struct record_case record;

	(void)state;
	make_exec(&record,
		  &(struct exec_case){10, 1, 0, 100, 1, "/bin/sh", "/", "/bin/sh", "/", "sh|"});
	for (size_t size = 0; size < record.size; size++)
		assert_null(process_tree_exec(tree, record.bytes, size));
	assert_null(process_tree_fork(tree, record.bytes, record.size));
	assert_null(process_tree_exit(tree, record.bytes, record.size));
	assert_null(process_tree_found(tree, record.bytes, record.size, NULL, 0));
	record.exec.cwd_bytes = 0xffff;
	assert_null(process_tree_exec(tree, record.bytes, record.size));
	assert_int_equal(0, process_tree_counts(tree).running);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(programs),
		cmocka_unit_test(a_child_is_its_parent_until_it_calls_execve),
		cmocka_unit_test(told_twice_is_there_once),
		cmocka_unit_test(what_is_told_is_more_than_what_was_found),
		cmocka_unit_test(a_pid_that_is_used_again_is_another_process),
		cmocka_unit_test(those_that_ended_make_room_the_oldest_first),
		cmocka_unit_test(what_runs_is_never_forgotten),
		cmocka_unit_test(a_long_line_of_ancestors_is_cut),
		cmocka_unit_test(arguments_are_cut_when_there_is_no_room_for_them),
		cmocka_unit_test(who_is_held_lives_on),
		cmocka_unit_test(bad_records_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
