/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */

/* Functions that have a verb of their own, and what is told of their arguments. */

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "observe/process_line.h"

static const json_t *arg_at(const json_t *inside, size_t index)
{
	return json_array_get(json_object_get(inside, "args"), index);
}

/* The path of a file, path or name that stands there. */
static const char *path_at(const json_t *inside, size_t index)
{
	static const char *const kinds[] = {"file_arg", "path_arg", "linux_binprm_arg"};
	const json_t *arg = arg_at(inside, index);

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const json_t *file = json_object_get(arg, kinds[i]);

		if (file)
			return text_at(file, "path");
	}
	return text_at(arg, "string_arg");
}

/* Numbers of 64 bits are text in JSON. */
static long long number_at(const json_t *inside, size_t index)
{
	static const char *const kinds[] = {"int_arg", "uint_arg", "long_arg", "size_arg"};
	const json_t *arg = arg_at(inside, index);

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const json_t *number = json_object_get(arg, kinds[i]);

		if (json_is_string(number))
			return strtoll(json_string_value(number), NULL, 10);
		if (number)
			return json_integer_value(number);
	}
	return 0;
}

static void write_path(const struct line *line, const json_t *inside, const char *emoji,
		       const char *verb, size_t index)
{
	write_start(line, emoji, verb);
	write_field(line, COLOUR_CYAN, path_at(inside, index));
}

/* The second argument of the hook says what is about to be done with the file. */
static void write_permission(const struct line *line, const json_t *inside)
{
	enum { MAY_WRITE = 2, MAY_READ = 4 };
	long long mask = number_at(inside, 1);

	if (mask == MAY_READ)
		write_path(line, inside, "📚", "read", 0);
	else if (mask == MAY_WRITE)
		write_path(line, inside, "📝", "write", 0);
	else
		write_path(line, inside, "❓", "security_file_permission", 0);
}

static void write_mmap(const struct line *line, const json_t *inside)
{
	long long protection = number_at(inside, 1);
	char verb[16];

	snprintf(verb, sizeof(verb), "mmap-%s%s%s", protection & PROT_READ ? "r" : "",
		 protection & PROT_WRITE ? "w" : "", protection & PROT_EXEC ? "x" : "");
	write_path(line, inside, "📝", verb, 0);
}

static void write_transfer(const struct line *line, const json_t *inside, const char *emoji,
			   const char *verb)
{
	char bytes[40] = "";

	write_path(line, inside, emoji, verb, 0);
	if (arg_at(inside, 2))
		snprintf(bytes, sizeof(bytes), "%lld bytes", number_at(inside, 2));
	fputc(' ', line->out);
	write_plain(line, COLOUR_CYAN, bytes);
}

static void write_sys_read(const struct line *line, const json_t *inside)
{
	write_transfer(line, inside, "📚", "read");
}

static void write_sys_write(const struct line *line, const json_t *inside)
{
	write_transfer(line, inside, "📝", "write");
}

static void write_truncate(const struct line *line, const json_t *inside)
{
	write_path(line, inside, "📝", "truncate", 0);
}

static void write_fd_install(const struct line *line, const json_t *inside)
{
	write_path(line, inside, "📬", "open", 1);
}

static void write_open(const struct line *line, const json_t *inside)
{
	write_path(line, inside, "📬️", "open", 0);
}

static void write_openat(const struct line *line, const json_t *inside)
{
	write_path(line, inside, "📬️", "openat", 1);
}

static void write_close(const struct line *line, const json_t *inside)
{
	write_path(line, inside, "📪", "close", 0);
}

static void write_two(const struct line *line, const json_t *inside, const char *verb)
{
	write_path(line, inside, "💾", verb, 0);
	fputc(' ', line->out);
	write_field(line, COLOUR_CYAN, path_at(inside, 1));
}

static void write_mount(const struct line *line, const json_t *inside)
{
	write_two(line, inside, "mount");
}

static void write_pivot_root(const struct line *line, const json_t *inside)
{
	write_two(line, inside, "pivot_root");
}

static void write_setuid(const struct line *line, const json_t *inside)
{
	char uid[24];

	snprintf(uid, sizeof(uid), "%lld", number_at(inside, 0));
	write_start(line, "🔑", "setuid");
	write_plain(line, COLOUR_CYAN, uid);
}

static void write_settime(const struct line *line, const json_t *inside)
{
	(void)inside;
	write_start(line, "⏰", "clock_settime");
}

static void write_connection(const struct line *line, const json_t *inside, const char *emoji,
			     const char *verb)
{
	const json_t *sock = json_object_get(arg_at(inside, 0), "sock_arg");
	char text[128];

	write_start(line, emoji, verb);
	snprintf(text, sizeof(text), "tcp %s:%lld -> %s:%lld", text_at(sock, "saddr"),
		 (long long)json_integer_value(json_object_get(sock, "sport")),
		 text_at(sock, "daddr"),
		 (long long)json_integer_value(json_object_get(sock, "dport")));
	write_plain(line, COLOUR_CYAN, sock ? text : "");
}

static void write_connect(const struct line *line, const json_t *inside)
{
	write_connection(line, inside, "🔌", "connect");
}

static void write_disconnect(const struct line *line, const json_t *inside)
{
	write_connection(line, inside, "🧹", "close");
}

static void write_sendmsg(const struct line *line, const json_t *inside)
{
	write_connection(line, inside, "📤", "sendmsg");
	fprintf(line->out, " bytes %lld", arg_at(inside, 1) ? number_at(inside, 1) : 0);
}

static const struct {
	const char *function;
	void (*write)(const struct line *line, const json_t *inside);
} verbs[] = {
	{"security_file_permission", write_permission},
	{"security_mmap_file", write_mmap},
	{"security_path_truncate", write_truncate},
	{"security_file_truncate", write_truncate},
	{"sys_read", write_sys_read},
	{"sys_write", write_sys_write},
	{"fd_install", write_fd_install},
	{"sys_open", write_open},
	{"sys_openat", write_openat},
	{"sys_close", write_close},
	{"sys_mount", write_mount},
	{"sys_pivot_root", write_pivot_root},
	{"sys_setuid", write_setuid},
	{"sys_clock_settime", write_settime},
	{"tcp_connect", write_connect},
	{"tcp_close", write_disconnect},
	{"tcp_sendmsg", write_sendmsg},
};

/* System calls carry the machine's name before theirs. */
static const char *short_name(const char *function)
{
	static const char *const prefixes[] = {"__x64_", "__arm64_", "__ia32_"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(function, prefixes[i], strlen(prefixes[i])) == 0)
			return function + strlen(prefixes[i]);
	return function;
}

void write_kprobe(const struct line *line, const json_t *inside)
{
	const char *function = text_at(inside, "function_name");

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].function, short_name(function)) == 0) {
			verbs[i].write(line, inside);
			return;
		}
	}
	write_start(line, "❓", "syscall");
	write_plain(line, COLOUR_CYAN, function);
}
