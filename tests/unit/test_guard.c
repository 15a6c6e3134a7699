/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The guard's judgement: rules as JSON in, a question, an answer out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guard/judge.h"
#include "util/cleanup.h"

static const char seed[] =
	"{'version':1,'policies':[{'name':'inca','enabled':true,'mode':'%s','hooks':[{"
	"'function':'security_file_permission','kind':'kprobe','stage':'access','selectors':[%s]}]}]}";

static const char kill_file[] =
	"{'paths':[{'op':'Equal','values':['/x']}],'actions':[{'do':'Sigkill'}]}";

static struct rules *rules_of(const char *mode, const char *selectors)
{
	char text[4096], why[256];
	json_t *document;
	struct rules *rules;

	snprintf(text, sizeof(text), seed, mode, selectors);
	for (char *at = text; *at; at++)
		*at = *at == '\'' ? '"' : *at;
	document = json_loads(text, 0, NULL);
	assert_non_null(document);
	assert_int_equal(rules_read(document, why, &rules), 0);
	json_decref(document);
	return rules;
}

struct case_of {
	struct question question;
	struct process process;
	const char *names[4];
	struct answer answer;
	unsigned told;
	enum tracing_action_kind action;
};

static void hear(void *context, struct policy *policy, const struct hook *hook,
		 enum tracing_action_kind action)
{
	struct case_of *one = context;

	(void)policy;
	(void)hook;
	one->told++;
	one->action = action;
}

static void set_up(struct case_of *one, enum stage stage, const char *path, const char *binary)
{
	*one = (struct case_of){.names = {path}};
	process_init(&one->process, getpid());
	snprintf(one->process.binary, sizeof(one->process.binary), "%s", binary);
	one->process.have_binary = true;
	one->question = (struct question){.stage = stage,
					  .names = one->names,
					  .n_names = 1,
					  .process = &one->process,
					  .now_ms = 1000};
}

static void ask(struct case_of *one, struct rules *rules)
{
	one->told = 0;
	judge(rules, &one->question, hear, one, &one->answer);
}

static void a_read_is_denied_and_killed(void **state)
{
	cleanup(rules_free_p) struct rules *rules = rules_of("enforce", kill_file);
	struct case_of one;

	(void)state;
	set_up(&one, STAGE_ACCESS, "/x", "/bin/cat");
	ask(&one, rules);
	assert_true(one.answer.deny && one.answer.kill);
	assert_int_equal(one.told, 1);
	assert_int_equal(one.action, TRACING_ACTION_SIGKILL);
	set_up(&one, STAGE_ACCESS, "/y", "/bin/cat");
	ask(&one, rules);
	assert_false(one.answer.deny);
	assert_int_equal(one.told, 0);
}

static void what_enforces_does_so_when_it_is_opened(void **state)
{
	cleanup(rules_free_p) struct rules *rules = rules_of("enforce", kill_file);
	cleanup(rules_free_p) struct rules *watching = rules_of("monitor", kill_file);
	struct case_of one;

	(void)state;
	set_up(&one, STAGE_OPEN, "/x", "/bin/cat");
	ask(&one, rules);
	assert_true(one.answer.deny);
	ask(&one, watching);
	assert_false(one.answer.deny);
	assert_int_equal(one.told, 0);
	one.question.stage = STAGE_ACCESS;
	ask(&one, watching);
	assert_false(one.answer.deny);
	assert_int_equal(one.action, TRACING_ACTION_SIGKILL);
	assert_int_equal(watching->policies[0].counted.monitored, 1);
}

static void a_write_that_is_done_can_only_be_told(void **state)
{
	cleanup(rules_free_p) struct rules *rules = rules_of("enforce", kill_file);
	cleanup(rules_free_p) struct rules *watching = rules_of("monitor", kill_file);
	struct case_of one;

	(void)state;
	set_up(&one, STAGE_ACCESS, "/x", "/bin/cat");
	one.question.written = true;
	ask(&one, rules);
	assert_false(one.answer.deny || one.answer.kill);
	assert_int_equal(one.told, 0);
	ask(&one, watching);
	assert_false(one.answer.deny || one.answer.kill);
	assert_int_equal(one.told, 1);
}

static void what_only_watches_wants_to_hear_of_writes(void **state)
{
	cleanup(rules_free_p) struct rules *rules = rules_of("enforce", kill_file);
	cleanup(rules_free_p) struct rules *watching = rules_of("monitor", kill_file);
	cleanup(rules_free_p) struct rules *posting = rules_of(
		"enforce", "{'paths':[{'op':'Equal','values':['/x']}],'actions':[{'do':'Post'}]}");

	(void)state;
	assert_false(rules_watch(rules));
	assert_true(rules_watch(watching));
	assert_true(rules_watch(posting));
}

static void ours_are_spared_in_monitor_mode(void **state)
{
	cleanup(rules_free_p) struct rules *watching = rules_of("monitor", kill_file);
	struct case_of one;

	(void)state;
	set_up(&one, STAGE_ACCESS, "/x", "/bin/cat");
	one.question.spared = true;
	ask(&one, watching);
	assert_int_equal(watching->policies[0].counted.monitored, 0);
	assert_int_equal(watching->policies[0].counted.spared, 1);
}

static void a_followed_file_is_known_by_its_first_name(void **state)
{
	cleanup(rules_free_p) struct rules *rules = rules_of("enforce", kill_file);
	struct case_of one;

	(void)state;
	set_up(&one, STAGE_ACCESS, "/moved", "/bin/cat");
	one.names[1] = "/x";
	one.question.n_names = 2;
	ask(&one, rules);
	assert_true(one.answer.deny);
}

static void the_first_selector_that_matches_acts_alone(void **state)
{
	cleanup(rules_free_p) struct rules *rules = rules_of(
		"enforce",
		"{'paths':[{'op':'Equal','values':['/x']}],'binaries':{'op':'Equal','values':['/bin/ok']},"
		"'actions':[{'do':'NoPost'}]},"
		"{'paths':[{'op':'Prefix','values':['/x','/z/']},{'op':'NotPostfix','values':['.txt']}],"
		"'actions':[{'do':'Override','error':-5}]}");
	struct case_of one;

	(void)state;
	set_up(&one, STAGE_ACCESS, "/x", "/bin/ok");
	ask(&one, rules);
	assert_false(one.answer.deny);
	assert_int_equal(one.told, 0);
	set_up(&one, STAGE_ACCESS, "/z/a", "/bin/cat");
	ask(&one, rules);
	assert_true(one.answer.deny);
	assert_false(one.answer.kill);
	assert_int_equal(one.answer.error, EIO);
	set_up(&one, STAGE_ACCESS, "/z/a.txt", "/bin/cat");
	ask(&one, rules);
	assert_false(one.answer.deny);
}

static void an_unknown_program_is_in_no_list(void **state)
{
	cleanup(rules_free_p) struct rules *rules = rules_of(
		"enforce",
		"{'paths':[{'op':'Equal','values':['/x']}],'binaries':{'op':'NotEqual','values':['/bin/ok']},"
		"'actions':[{'do':'Sigkill'}]}");
	struct case_of one;

	(void)state;
	set_up(&one, STAGE_ACCESS, "/x", "");
	ask(&one, rules);
	assert_true(one.answer.deny);
}

static void ours_are_spared_unless_they_are_named(void **state)
{
	cleanup(rules_free_p) struct rules *rules = rules_of("enforce", kill_file);
	cleanup(rules_free_p) struct rules *naming = rules_of(
		"enforce",
		"{'paths':[{'op':'Equal','values':['/x']}],'binaries':{'op':'Equal','values':['/sbin/chasquid']},"
		"'actions':[{'do':'Sigkill'}]}");
	struct case_of one;

	(void)state;
	set_up(&one, STAGE_ACCESS, "/x", "/sbin/chasquid");
	one.question.spared = true;
	ask(&one, rules);
	assert_false(one.answer.deny);
	assert_int_equal(rules->policies[0].counted.spared, 1);
	ask(&one, naming);
	assert_true(one.answer.kill);
}

static void a_rate_limit_holds_events_back_but_not_denials(void **state)
{
	cleanup(rules_free_p) struct rules *rules = rules_of(
		"enforce",
		"{'paths':[{'op':'Equal','values':['/x']}],"
		"'actions':[{'do':'Override','error':-1},{'do':'Post','rate_limit_ms':5000,'scope':2}]}");
	struct case_of one;

	(void)state;
	set_up(&one, STAGE_ACCESS, "/x", "/bin/cat");
	ask(&one, rules);
	assert_int_equal(one.told, 1);
	one.question.now_ms = 5999;
	ask(&one, rules);
	assert_int_equal(one.told, 0);
	assert_true(one.answer.deny);
	one.question.now_ms = 6000;
	ask(&one, rules);
	assert_int_equal(one.told, 1);
	assert_int_equal(rules->policies[0].counted.limited, 1);
}

static void take_place(void *context, const char *value, bool prefix)
{
	(void)prefix;
	snprintf(context, 64, "%s", value);
}

static void the_prefix_that_reaches_least_far_says_where_to_look(void **state)
{
	static const char *const both[] = {
		"{'paths':[{'op':'Prefix','values':['/srv/data']},{'op':'Prefix','values':['/']}],'actions':[]}",
		"{'paths':[{'op':'Prefix','values':['/']},{'op':'Prefix','values':['/srv/data']}],'actions':[]}",
		"{'paths':[{'op':'Prefix','values':['/long','/']},{'op':'Prefix','values':['/srv/data']}],'actions':[]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++) {
		cleanup(rules_free_p) struct rules *rules = rules_of("enforce", both[i]);
		char place[64] = "";

		rules_paths(rules, take_place, place);
		assert_string_equal("/srv/data", place);
	}
}

static void what_is_no_document_is_refused(void **state)
{
	static const char *const bad[] = {
		"{}",
		"[]",
		"{\"version\":2,\"policies\":[]}",
		"{\"version\":1,\"policies\":{}}",
		"{\"version\":1,\"policies\":[1]}",
		"{\"version\":1,\"policies\":[{\"name\":\"x\",\"enabled\":true,\"mode\":\"enforce\",\"hooks\":[{}]}]}",
		"{\"version\":1,\"policies\":[{\"name\":\"x\",\"enabled\":true,\"mode\":\"enforce\",\"hooks\":[{\"function\":\"security_nothing\",\"kind\":\"kprobe\",\"stage\":\"access\",\"selectors\":[]}]}]}",
		"{\"version\":1,\"policies\":[{\"name\":\"x\",\"enabled\":true,\"mode\":\"enforce\",\"hooks\":[{\"function\":\"security_file_open\",\"kind\":\"kprobe\",\"stage\":\"open\",\"selectors\":[{\"paths\":[{\"op\":\"Mask\",\"values\":[\"/\"]}]}]}]}]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_t *document = json_loads(bad[i], 0, NULL);
		struct rules *rules;
		char why[256];

		assert_non_null(document);
		assert_int_equal(rules_read(document, why, &rules), -EINVAL);
		json_decref(document);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_read_is_denied_and_killed),
		cmocka_unit_test(what_enforces_does_so_when_it_is_opened),
		cmocka_unit_test(a_write_that_is_done_can_only_be_told),
		cmocka_unit_test(what_only_watches_wants_to_hear_of_writes),
		cmocka_unit_test(ours_are_spared_in_monitor_mode),
		cmocka_unit_test(a_followed_file_is_known_by_its_first_name),
		cmocka_unit_test(the_first_selector_that_matches_acts_alone),
		cmocka_unit_test(an_unknown_program_is_in_no_list),
		cmocka_unit_test(ours_are_spared_unless_they_are_named),
		cmocka_unit_test(a_rate_limit_holds_events_back_but_not_denials),
		cmocka_unit_test(the_prefix_that_reaches_least_far_says_where_to_look),
		cmocka_unit_test(what_is_no_document_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
