/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "observe/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/addr.h"
#include "util/cleanup.h"

/* A line for each kind of event and each function with a verb; what stands for what is Tetragon's.
 */
#define CAT "\"process\":{\"binary\":\"/bin/cat\",\"arguments\":\"a\"}"

static const struct {
	const char *inside, *line;
} lines[] = {
	{"process_exec:{" CAT "}", "🚀 process n /bin/cat a"},
	{"process_exec:{\"process\":{\"binary\":\"/bin/x\"}}", "🚀 process n /bin/x "},
	{"process_exec:{\"process\":{\"binary\":\"/bin/x\",\"arguments\":\"-n /x\"}}",
	 "🚀 process n /bin/x \"-n /x\""},
	{"process_exec:{\"process\":{\"binary\":\"/a b\",\"arguments\":\"\\u001b[31m\"}}",
	 "🚀 process n \"/a b\" \"\\x1b[31m\""},
	{"process_exec:{\"process\":{\"binary\":\"/x\",\"arguments\":\"a\\nb \\\"c\\\" \\\\ \\t\\u0000z\"}}",
	 NULL},
	{"process_exec:{\"process\":{\"binary\":\"/x\",\"arguments\":\"a\\nb \\\"c\\\" \\\\ \\t\"}}",
	 "🚀 process n /x \"a\\nb \\\"c\\\" \\\\ \\t\""},
	{"process_exec:{\"process\":{\"binary\":\"/x\",\"arguments\":\"\\u202e\\u2003\\ufeff\"}}",
	 "🚀 process n /x \"\\u202e\\u2003\\ufeff\""},
	{"process_exec:{\"process\":{\"binary\":\"/x\",\"arguments\":\"grüße,日本🚀\"}}",
	 "🚀 process n /x grüße,日本🚀"},
	{"process_exit:{" CAT ",\"signal\":\"SIGKILL\"}", "💥 exit    n /bin/cat a SIGKILL"},
	{"process_exit:{" CAT ",\"status\":3}", "💥 exit    n /bin/cat a 3"},
	{"process_exit:{\"process\":{\"binary\":\"/bin/x\"}}", "💥 exit    n /bin/x  0"},
	{"process_kprobe:{" CAT ",\"function_name\":\"security_file_permission\",\"args\":"
	 "[{\"file_arg\":{\"path\":\"/f\"}},{\"int_arg\":4}]}",
	 "📚 read    n /bin/cat /f"},
	{"process_kprobe:{" CAT ",\"function_name\":\"security_file_permission\",\"args\":"
	 "[{\"file_arg\":{\"path\":\"/f\"}},{\"int_arg\":2}]}",
	 "📝 write   n /bin/cat /f"},
	{"process_kprobe:{" CAT ",\"function_name\":\"security_file_permission\",\"args\":"
	 "[{\"file_arg\":{\"path\":\"/f\"}},{\"int_arg\":1}]}",
	 "❓ security_file_permission n /bin/cat /f"},
	{"process_kprobe:{" CAT ",\"function_name\":\"security_mmap_file\",\"args\":"
	 "[{\"file_arg\":{\"path\":\"/f\"}},{\"uint_arg\":5}]}",
	 "📝 mmap-rx n /bin/cat /f"},
	{"process_kprobe:{" CAT ",\"function_name\":\"security_mmap_file\",\"args\":"
	 "[{\"file_arg\":{\"path\":\"/f\"}},{\"long_arg\":\"7\"}]}",
	 "📝 mmap-rwx n /bin/cat /f"},
	{"process_kprobe:{" CAT ",\"function_name\":\"security_path_truncate\",\"args\":"
	 "[{\"path_arg\":{\"path\":\"/f\"}}]}",
	 "📝 truncate n /bin/cat /f"},
	{"process_kprobe:{" CAT ",\"function_name\":\"security_file_truncate\",\"args\":"
	 "[{\"file_arg\":{\"path\":\"/f\"}}]}",
	 "📝 truncate n /bin/cat /f"},
	{"process_kprobe:{" CAT ",\"function_name\":\"__x64_sys_write\",\"args\":"
	 "[{\"file_arg\":{\"path\":\"/f\"}},{\"bytes_arg\":\"YQ==\"},{\"size_arg\":\"12\"}]}",
	 "📝 write   n /bin/cat /f 12 bytes"},
	{"process_kprobe:{" CAT ",\"function_name\":\"sys_write\"}", "📝 write   n /bin/cat  "},
	{"process_kprobe:{" CAT ",\"function_name\":\"sys_read\",\"args\":"
	 "[{\"file_arg\":{\"path\":\"/f\"}},{\"bytes_arg\":\"\"},{\"size_arg\":\"1\"}]}",
	 "📚 read    n /bin/cat /f 1 bytes"},
	{"process_kprobe:{" CAT ",\"function_name\":\"fd_install\",\"args\":"
	 "[{\"int_arg\":3},{\"file_arg\":{\"path\":\"/f\"}}]}",
	 "📬 open    n /bin/cat /f"},
	{"process_kprobe:{" CAT ",\"function_name\":\"sys_openat\",\"args\":"
	 "[{\"int_arg\":-100},{\"string_arg\":\"/f\"}]}",
	 "📬️ openat  n /bin/cat /f"},
	{"process_kprobe:{" CAT ",\"function_name\":\"sys_close\",\"args\":"
	 "[{\"file_arg\":{\"path\":\"/f\"}}]}",
	 "📪 close   n /bin/cat /f"},
	{"process_kprobe:{" CAT ",\"function_name\":\"sys_mount\",\"args\":"
	 "[{\"string_arg\":\"/a\"},{\"string_arg\":\"/b\"}]}",
	 "💾 mount   n /bin/cat /a /b"},
	{"process_kprobe:{" CAT ",\"function_name\":\"sys_setuid\",\"args\":[{\"int_arg\":0}]}",
	 "🔑 setuid  n /bin/cat 0"},
	{"process_kprobe:{" CAT ",\"function_name\":\"tcp_connect\",\"args\":[{\"sock_arg\":"
	 "{\"saddr\":\"1.2.3.4\",\"daddr\":\"::1\",\"sport\":5,\"dport\":80}}]}",
	 "🔌 connect n /bin/cat tcp 1.2.3.4:5 -> ::1:80"},
	{"process_kprobe:{" CAT ",\"function_name\":\"tcp_sendmsg\",\"args\":[{\"sock_arg\":"
	 "{\"saddr\":\"1.2.3.4\",\"daddr\":\"5.6.7.8\",\"sport\":5,\"dport\":80}},{\"int_arg\":9}]}",
	 "📤 sendmsg n /bin/cat tcp 1.2.3.4:5 -> 5.6.7.8:80 bytes 9"},
	{"process_kprobe:{" CAT ",\"function_name\":\"security_inode_unlink\"}",
	 "❓ syscall n /bin/cat security_inode_unlink"},
	{"process_lsm:{" CAT ",\"function_name\":\"file_open\"}", "🔒 LSM     n /bin/cat file_open"},
	{"process_tracepoint:{" CAT ",\"subsys\":\"sched\",\"event\":\"sched_switch\"}",
	 "⁉️ tracepoint n /bin/cat sched sched_switch"},
	{"process_tracepoint:{" CAT ",\"subsys\":\"raw_syscalls\",\"event\":\"sys_enter\","
	 "\"args\":[{\"long_arg\":\"59\"}]}",
	 "☎  syscall n /bin/cat 59"},
	{"process_uprobe:{" CAT ",\"path\":\"/lib/x\",\"symbol\":\"f\"}",
	 "🕵️ uprobe  n /bin/cat /lib/x f"},
	{"rate_limit_info:{}", NULL},
};

static json_t *object_of(const char *text)
{
	cleanup_free char *whole = NULL;
	const char *colon = strchr(text, ':');
	json_error_t error;
	json_t *object;

	assert_true(asprintf(&whole,
			     "{\"%.*s\":%s,\"node_name\":\"n\","
			     "\"time\":\"2026-01-02T03:04:05.5Z\"}",
			     (int)(colon - text), text, colon + 1) > 0);
	object = json_loads(whole, 0, &error);
	return object;
}

static void each_has_its_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		json_t *object = object_of(lines[i].inside);
		cleanup_free char *line = NULL;

		if (object)
			line = process_compact(object, &(struct process_style){});
		if (lines[i].line)
			assert_string_equal(lines[i].line, line ? line : "(none)");
		else
			assert_null(line);
		json_decref(object);
	}
}

static void colours_and_time(void **state)
{
	json_t *object = object_of("process_exit:{" CAT ",\"signal\":\"SIGKILL\"}");
	json_t *bare = object_of("process_exec:{\"process\":{\"binary\":\"/x\"}}");
	cleanup_free char *colour =
		process_compact(object, &(struct process_style){.colour = true});
	cleanup_free char *empty = process_compact(bare, &(struct process_style){.colour = true});
	cleanup_free char *time =
		process_compact(object, &(struct process_style){.timestamps = true});

	(void)state;
	assert_string_equal("\033[34m💥 exit   \033[0m \033[32mn\033[0m \033[35m/bin/cat\033[0m "
			    "\033[36ma\033[0m \033[31mSIGKILL\033[0m",
			    colour);
	assert_string_equal("\033[34m🚀 process\033[0m \033[32mn\033[0m \033[35m/x\033[0m "
			    "\033[36m\033[0m",
			    empty);
	assert_string_equal("2026-01-02T03:04:05.500000000Z 💥 exit    n /bin/cat a SIGKILL", time);
	json_decref(object);
	json_decref(bare);
}

static void is_arg(const char *wanted, const struct hook_arg *arg)
{
	json_t *object = hook_arg_json(arg);
	cleanup_free char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

	assert_string_equal(wanted, text ? text : "(none)");
	json_decref(object);
}

/* Numbers of 64 bits are text, bytes are base64, as protobuf writes JSON. */
static void plain_arguments(void **state)
{
	struct hook_arg text = {.kind = HOOK_ARG_STRING, .label = "l"};
	struct hook_arg bytes = {.kind = HOOK_ARG_BYTES};

	(void)state;
	is_arg("(none)", &(struct hook_arg){});
	is_arg("{\"int_arg\":-1}", &(struct hook_arg){.kind = HOOK_ARG_INT, .number = -1ull});
	is_arg("{\"uint_arg\":4294967295}",
	       &(struct hook_arg){.kind = HOOK_ARG_UINT, .number = -1ull});
	is_arg("{\"long_arg\":\"-5\"}", &(struct hook_arg){.kind = HOOK_ARG_LONG, .number = -5ull});
	is_arg("{\"size_arg\":\"18446744073709551615\"}",
	       &(struct hook_arg){.kind = HOOK_ARG_SIZE, .number = -1ull});
	is_arg("{\"capability_arg\":{\"value\":21,\"name\":\"CAP_SYS_ADMIN\"}}",
	       &(struct hook_arg){.kind = HOOK_ARG_CAPABILITY, .number = 21});
	is_arg("{\"syscall_id\":{\"id\":59,\"abi\":\"x64\"}}",
	       &(struct hook_arg){.kind = HOOK_ARG_SYSCALL, .number = 59});
	text.text.bytes = "a\xff\xfe"
			  "b\xc3\xa9\xe2\x82";
	text.text.n_bytes = strlen(text.text.bytes);
	is_arg("{\"string_arg\":\"a\xef\xbf\xbd"
	       "b\xc3\xa9\xef\xbf\xbd\",\"label\":\"l\"}",
	       &text);
	bytes.text.bytes = "abcd";
	bytes.text.n_bytes = bytes.text.whole_bytes = 4;
	is_arg("{\"bytes_arg\":\"YWJjZA==\"}", &bytes);
	bytes.text.whole_bytes = 9;
	is_arg("{\"truncated_bytes_arg\":{\"bytes_arg\":\"YWJjZA==\",\"orig_size\":\"9\"}}",
	       &bytes);
}

static void files_and_sockets(void **state)
{
	struct hook_arg file = {.kind = HOOK_ARG_FILE}, sock = {.kind = HOOK_ARG_SOCK};

	(void)state;
	file.file = (struct hook_file){"/f", 0100644, false};
	is_arg("{\"file_arg\":{\"path\":\"/f\",\"permission\":\"-rw-r--r--\"}}", &file);
	file.file = (struct hook_file){"/f", 0040000 | 01777, true};
	file.kind = HOOK_ARG_PATH;
	is_arg("{\"path_arg\":{\"path\":\"/f\",\"flags\":\"unresolvedPathComponents\","
	       "\"permission\":\"drwxrwxrwt\"}}",
	       &file);
	file.file = (struct hook_file){"/f", 0100000 | 06711, false};
	file.kind = HOOK_ARG_BINPRM;
	is_arg("{\"linux_binprm_arg\":{\"path\":\"/f\",\"permission\":\"-rws--s--x\"}}", &file);
	addr_parse("1.2.3.4", &sock.sock.source);
	addr_parse("5.6.7.8", &sock.sock.target);
	sock.sock.family = 2;
	sock.sock.type = 1;
	sock.sock.protocol = 6;
	sock.sock.state = 1;
	sock.sock.sport = 5;
	sock.sock.dport = 80;
	sock.sock.cookie = 1;
	is_arg("{\"sock_arg\":{\"family\":\"AF_INET\",\"type\":\"SOCK_STREAM\","
	       "\"protocol\":\"IPPROTO_TCP\",\"saddr\":\"1.2.3.4\",\"daddr\":\"5.6.7.8\","
	       "\"sport\":5,\"dport\":80,\"cookie\":\"1\",\"state\":\"TCP_ESTABLISHED\"}}",
	       &sock);
	sock.kind = HOOK_ARG_SOCKADDR;
	is_arg("{\"sockaddr_arg\":{\"family\":\"AF_INET\",\"addr\":\"5.6.7.8\",\"port\":80}}",
	       &sock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_has_its_line),
		cmocka_unit_test(colours_and_time),
		cmocka_unit_test(plain_arguments),
		cmocka_unit_test(files_and_sockets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
