/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "observe/process.h"

#include <stdlib.h>
#include <string.h>

#include "observe/process_line.h"
#include "util/cleanup.h"

const char *text_at(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static void set_colour(const struct line *line, int colour)
{
	if (line->colour)
		fprintf(line->out, "\033[%dm", colour);
}

void write_field(const struct line *line, enum colour colour, const char *text)
{
	set_colour(line, colour);
	write_quoted(line->out, text);
	set_colour(line, 0);
}

void write_plain(const struct line *line, enum colour colour, const char *text)
{
	set_colour(line, colour);
	fputs(text, line->out);
	set_colour(line, 0);
}

void write_start(const struct line *line, const char *emoji, const char *verb)
{
	set_colour(line, COLOUR_BLUE);
	fprintf(line->out, "%s %-7s", emoji, verb);
	set_colour(line, 0);
	fputc(' ', line->out);
	write_field(line, COLOUR_GREEN, line->node);
	fputc(' ', line->out);
	write_field(line, COLOUR_MAGENTA, line->binary);
	fputc(' ', line->out);
}

static void write_exec(const struct line *line, const json_t *inside)
{
	(void)inside;
	write_start(line, "🚀", "process");
	write_field(line, COLOUR_CYAN, line->arguments);
}

static void write_exit(const struct line *line, const json_t *inside)
{
	const char *signal = text_at(inside, "signal");
	char status[24];

	write_start(line, "💥", "exit");
	write_field(line, COLOUR_CYAN, line->arguments);
	fputc(' ', line->out);
	snprintf(status, sizeof(status), "%lld",
		 (long long)json_integer_value(json_object_get(inside, "status")));
	write_plain(line, COLOUR_RED, *signal ? signal : status);
}

/* System calls that are not in the kernel's headers here have their number for a name. */
static void write_syscall(const struct line *line, const json_t *inside)
{
	const json_t *arg = json_array_get(json_object_get(inside, "args"), 0);
	const json_t *call = json_object_get(arg, "syscall_id");
	const json_t *number = call ? json_object_get(call, "id") : NULL;
	char text[40];

	if (!number)
		number = json_object_get(arg, "long_arg");
	snprintf(text, sizeof(text), "%lld",
		 json_is_string(number) ? atoll(json_string_value(number))
					: (long long)json_integer_value(number));
	write_start(line, "☎ ", "syscall");
	write_plain(line, COLOUR_CYAN, text);
}

static void write_tracepoint(const struct line *line, const json_t *inside)
{
	const char *subsystem = text_at(inside, "subsys"), *event = text_at(inside, "event");

	if (strcmp(subsystem, "raw_syscalls") == 0 && strcmp(event, "sys_enter") == 0) {
		write_syscall(line, inside);
		return;
	}
	write_start(line, "⁉️", "tracepoint");
	write_field(line, COLOUR_CYAN, subsystem);
	fputc(' ', line->out);
	write_field(line, COLOUR_CYAN, event);
}

static void write_lsm(const struct line *line, const json_t *inside)
{
	write_start(line, "🔒", "LSM");
	write_field(line, COLOUR_CYAN, text_at(inside, "function_name"));
}

static void write_uprobe(const struct line *line, const json_t *inside)
{
	write_start(line, "🕵️", "uprobe");
	write_field(line, COLOUR_CYAN, text_at(inside, "path"));
	fputc(' ', line->out);
	write_field(line, COLOUR_CYAN, text_at(inside, "symbol"));
}

static const struct {
	const char *member, *kind;
	void (*write)(const struct line *line, const json_t *inside);
} kinds[] = {
	{"process_exec", "exec", write_exec},
	{"process_exit", "exit", write_exit},
	{"process_kprobe", "kprobe", write_kprobe},
	{"process_lsm", "lsm", write_lsm},
	{"process_tracepoint", "tracepoint", write_tracepoint},
	{"process_uprobe", "uprobe", write_uprobe},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static size_t find_kind(const json_t *event, const json_t **ret_inside)
{
	for (size_t i = 0; i < KINDS; i++) {
		*ret_inside = json_object_get(event, kinds[i].member);
		if (*ret_inside)
			return i;
	}
	return KINDS;
}

const char *process_kind(const json_t *event, const json_t **ret_inside)
{
	size_t kind = find_kind(event, ret_inside);

	return kind < KINDS ? kinds[kind].kind : NULL;
}

/* The time with all nine digits of its nanoseconds, so that lines stand below each other. */
static void write_time(FILE *out, const char *time)
{
	const char *dot = strchr(time, '.'), *digits = dot ? dot + 1 : "";
	size_t whole = strcspn(time, ".Z"), have = strspn(digits, "0123456789");

	fprintf(out, "%.*s.%.*s%.*sZ ", (int)whole, time, (int)have, digits,
		(int)(have < 9 ? 9 - have : 0), "000000000");
}

char *process_compact(const json_t *event, const struct process_style *style)
{
	const json_t *inside;
	size_t kind = find_kind(event, &inside), bytes;
	const json_t *process = json_object_get(inside, "process");
	char *text = NULL;
	FILE *out = kind < KINDS ? open_memstream(&text, &bytes) : NULL;
	struct line line = {.out = out,
			    .colour = style->colour,
			    .node = text_at(event, "node_name"),
			    .binary = text_at(process, "binary"),
			    .arguments = text_at(process, "arguments")};

	if (!out)
		return NULL;
	if (style->timestamps)
		write_time(out, text_at(event, "time"));
	kinds[kind].write(&line, inside);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}
