// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What the reader makes of a TracingPolicy that is right: every construct of the language. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glob.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "policy/model.h"
#include "util/cleanup.h"

static const char everything[] =
	"apiVersion: cilium.io/v1alpha1\n"
	"kind: TracingPolicy\n"
	"metadata: {name: all-of-it}\n"
	"spec:\n"
	"  options:\n"
	"  - {name: policy-mode, value: monitor}\n"
	"  - {name: disable-kprobe-multi, value: \"1\"}\n"
	"  lists:\n"
	"  - {name: dups, type: syscalls, values: [sys_dup, sys_dup2]}\n"
	"  - {name: small, values: [1, -2, \"5:7\"]}\n"
	"  enforcers: [{calls: [\"list:dups\", security_file_open]}]\n"
	"  lsmhooks:\n"
	"  - hook: file_open\n"
	"    args: [{index: 0, type: file}]\n"
	"    selectors:\n"
	"    - matchArgs: [{index: 0, operator: Prefix, values: [/srv/, /opt/]}]\n"
	"      matchActions: [{action: Override, argError: -13}, {action: Post, rateLimit: 2m, "
	"rateLimitScope: global}]\n"
	"  kprobes:\n"
	"  - call: security_file_permission\n"
	"    args: [{index: 0, type: file, label: which}, {index: 1, type: int}]\n"
	"    return: true\n"
	"    returnArg: {index: 0, type: int}\n"
	"    message: somebody reads\n"
	"    tags: [a, b]\n"
	"    ignore: {callNotFound: true}\n"
	"    selectors:\n"
	"    - matchArgs:\n"
	"      - {index: 0, operator: NotFileType, values: [dir, reg]}\n"
	"      - {args: [1], operator: InMap, values: [\"list:small\", 0x10]}\n"
	"      matchReturnArgs: [{index: 0, operator: LT, values: [0]}]\n"
	"      matchReturnActions: [{action: NoPost}]\n"
	"      matchBinaries: [{operator: NotIn, values: [/usr/bin/cat], followChildren: true}]\n"
	"      matchParentBinaries: [{operator: Postfix, values: [bash]}]\n"
	"      matchPIDs: [{operator: NotIn, values: [1, 0], followForks: true, isNamespacePID: "
	"true}]\n"
	"      matchNamespaces: [{namespace: Pid, operator: In, values: [host_ns, 4026531836]}]\n"
	"      matchCapabilities: [{type: Permitted, operator: NotIn, values: [CAP_CHOWN, "
	"cap_sys_admin], isNamespaceCapability: true}]\n"
	"      matchActions: [{action: Signal, argSig: 10}]\n"
	"    - matchActions: [{action: NotifyEnforcer, argError: -1, argSig: 9}]\n"
	"  - call: list:dups\n"
	"    syscall: true\n"
	"    args: [{index: 0, type: int}]\n"
	"  - call: tcp_connect\n"
	"    args: [{index: 0, type: sock}]\n"
	"    selectors:\n"
	"    - matchArgs:\n"
	"      - {index: 0, operator: DAddr, values: [10.0.0.0/8, \"fd00::1\"]}\n"
	"      - {index: 0, operator: NotDPort, values: [443, \"1000:2000\"]}\n"
	"      - {index: 0, operator: Protocol, values: [IPPROTO_TCP, 17]}\n"
	"      - {index: 0, operator: SPortPriv}\n"
	"  tracepoints:\n"
	"  - subsystem: raw_syscalls\n"
	"    event: sys_enter\n"
	"    args: [{index: 4, type: syscall64}, {index: 5}]\n"
	"    selectors: [{matchArgs: [{index: 4, operator: InMap, values: [\"list:dups\", 0]}]}]\n"
	"  - {subsystem: sched, event: sched_switch, raw: true}\n"
	"  uprobes:\n"
	"  - {path: /bin/bash, symbols: [readline], offsets: [0x1234]}\n";

static struct config *read_config(const char *text)
{
	struct text_file file = {"t.yaml", text, strlen(text)};
	struct problems problems;
	struct config *config = NULL;
	int err = config_parse(&file, 1, &config, &problems);
	cleanup_free char *said = problems_print(&problems);

	if (err)
		print_error("%s\n", said);
	problems_free(&problems);
	assert_int_equal(err, 0);
	return config;
}

static int setup(void **state)
{
	*state = read_config(everything);
	return 0;
}

static int teardown(void **state)
{
	config_free(*state);
	return 0;
}

static const struct tracing_policy *policy_of(void **state)
{
	const struct config *config = *state;

	assert_int_equal(config->n_tracing, 1);
	return &config->tracing[0];
}

static void test_policy(void **state)
{
	const struct tracing_policy *policy = policy_of(state);

	assert_string_equal(policy->name, "all-of-it");
	assert_int_equal(policy->at.line, 3);
	assert_int_equal(policy->mode, TRACING_MONITOR);
	assert_true(policy->no_multi);
	assert_true(policy->enforces);
	assert_int_equal(policy->n_hooks, 7);
	assert_int_equal(policy->n_enforcers, 3);
	assert_string_equal(policy->enforcers[1].name, "sys_dup2");
	assert_string_equal(policy->enforcers[2].name, "security_file_open");
}

static void test_kprobe(void **state)
{
	const struct tracing_hook *hook = &policy_of(state)->hooks[0];

	assert_int_equal(hook->kind, TRACING_KPROBE);
	assert_int_equal(hook->n_calls, 1);
	assert_string_equal(hook->calls[0].name, "security_file_permission");
	assert_int_equal(hook->calls[0].at.line, 19);
	assert_false(hook->syscall);
	assert_true(hook->returns);
	assert_true(hook->may_be_missing);
	assert_int_equal(hook->return_arg.type, TRACING_TYPE_INT);
	assert_string_equal(hook->message, "somebody reads");
	assert_int_equal(hook->n_tags, 2);
	assert_int_equal(hook->n_args, 2);
	assert_string_equal(hook->args[0].label, "which");
	assert_int_equal(hook->args[1].index, 1);
	assert_int_equal(hook->n_selectors, 2);
}

static void test_matches(void **state)
{
	const struct tracing_selector *selector = &policy_of(state)->hooks[0].selectors[0];
	const struct tracing_value *values = selector->args[1].values;

	assert_int_equal(selector->n_args, 2);
	assert_int_equal(selector->args[0].op, TRACING_OP_NOT_FILE_TYPE);
	assert_int_equal(selector->args[0].values[0].low, S_IFDIR);
	assert_int_equal(selector->args[1].arg, 1);
	assert_int_equal(selector->args[1].n_values, 4);
	assert_int_equal(values[0].low, 1);
	assert_true((int64_t)values[1].low == -2);
	assert_true(values[2].low == 5 && values[2].high == 7);
	assert_int_equal(values[3].low, 16);
	assert_int_equal(selector->n_returns, 1);
	assert_int_equal(selector->returns[0].op, TRACING_OP_LESS);
}

static void test_processes(void **state)
{
	const struct tracing_selector *selector = &policy_of(state)->hooks[0].selectors[0];

	assert_true(selector->binaries.given && selector->binaries.follow_children);
	assert_int_equal(selector->binaries.op, TRACING_OP_NOT_EQUAL);
	assert_string_equal(selector->binaries.values[0], "/usr/bin/cat");
	assert_int_equal(selector->parents.op, TRACING_OP_POSTFIX);
	assert_int_equal(selector->n_pids, 1);
	assert_true(selector->pids[0].negated && selector->pids[0].follow_forks &&
		    selector->pids[0].in_namespace);
	assert_int_equal(selector->pids[0].n_values, 2);
	assert_int_equal(selector->namespaces[0].kind, TRACING_NS_PID);
	assert_true(selector->namespaces[0].host);
	assert_int_equal(selector->namespaces[0].n_values, 1);
	assert_int_equal(selector->capabilities[0].set, TRACING_CAP_PERMITTED);
	assert_true(selector->capabilities[0].mask == (1ull << 0 | 1ull << 21));
}

static void test_actions(void **state)
{
	const struct tracing_policy *policy = policy_of(state);
	const struct tracing_selector *selectors = policy->hooks[0].selectors;
	const struct tracing_selector *lsm = &policy->hooks[5].selectors[0];

	assert_int_equal(selectors[0].n_actions, 1);
	assert_int_equal(selectors[0].actions[0].kind, TRACING_ACTION_SIGNAL);
	assert_int_equal(selectors[0].actions[0].signal, 10);
	assert_int_equal(selectors[0].return_actions[0].kind, TRACING_ACTION_NO_POST);
	assert_int_equal(selectors[1].actions[0].kind, TRACING_ACTION_NOTIFY_ENFORCER);
	assert_int_equal(selectors[1].actions[0].error, -1);
	assert_int_equal(policy->hooks[5].kind, TRACING_LSM);
	assert_int_equal(lsm->actions[0].error, -13);
	assert_int_equal(lsm->actions[1].rate_limit_ms, 120000);
	assert_int_equal(lsm->actions[1].scope, TRACING_SCOPE_GLOBAL);
	assert_string_equal(lsm->args[0].values[1].text, "/opt/");
}

static void test_lists_and_sockets(void **state)
{
	const struct tracing_policy *policy = policy_of(state);
	const struct tracing_selector *selector = &policy->hooks[2].selectors[0];

	assert_int_equal(policy->hooks[1].n_calls, 2);
	assert_true(policy->hooks[1].syscall);
	assert_string_equal(policy->hooks[1].calls[1].name, "sys_dup2");
	assert_int_equal(selector->args[0].values[0].prefix.length_bits, 104);
	assert_int_equal(selector->args[0].values[1].prefix.length_bits, 128);
	assert_int_equal(selector->args[1].values[1].high, 2000);
	assert_int_equal(selector->args[2].values[0].low, IPPROTO_TCP);
	assert_int_equal(selector->args[3].n_values, 0);
}

static void test_other_hooks(void **state)
{
	const struct tracing_policy *policy = policy_of(state);
	const struct tracing_hook *enter = &policy->hooks[3], *uprobe = &policy->hooks[6];

	assert_int_equal(enter->kind, TRACING_TRACEPOINT);
	assert_string_equal(enter->event, "sys_enter");
	assert_int_equal(enter->args[1].type, TRACING_TYPE_AUTO);
	assert_int_equal(enter->selectors[0].args[0].values[0].low, SYS_dup);
	assert_int_equal(enter->selectors[0].args[0].values[2].low, 0);
	assert_true(policy->hooks[4].raw);
	assert_string_equal(uprobe->path, "/bin/bash");
	assert_string_equal(uprobe->calls[0].name, "readline");
	assert_int_equal(uprobe->offsets[0], 0x1234);
}

/* The policies that are shipped, as they are. */
static void test_shipped(void **state)
{
	glob_t found;

	(void)state;
	assert_int_equal(glob("policies/*.yaml", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		char text[16384] = "";
		FILE *file = fopen(found.gl_pathv[i], "r");
		struct config *config;

		assert_non_null(file);
		assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
		fclose(file);
		config = read_config(text);
		assert_true(config->n_tracing > 0);
		assert_int_equal(config->tracing[0].mode, TRACING_ENFORCE);
		assert_true(config->tracing[0].enforces);
		config_free(config);
	}
	globfree(&found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_policy),	    cmocka_unit_test(test_kprobe),
		cmocka_unit_test(test_matches),	    cmocka_unit_test(test_processes),
		cmocka_unit_test(test_actions),	    cmocka_unit_test(test_lists_and_sockets),
		cmocka_unit_test(test_other_hooks), cmocka_unit_test(test_shipped),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
