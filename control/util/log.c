// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "util/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct {
	const char *program;
	bool journal, debug;
} log_to = {.program = "chasqui"};

/* systemd.exec(5): JOURNAL_STREAM holds device:inode of the stream that journald reads. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void log_open(const char *program, int debug)
{
	log_to.program = program;
	log_to.debug = debug;
	log_to.journal = stderr_is_journal();
}

static void write_line(int priority, const char *mark, const char *format, va_list args)
{
	char line[2048], when[16] = "";
	time_t now = time(NULL);
	struct tm parts;
	int used;

	if (log_to.journal) {
		used = snprintf(line, sizeof(line), "<%d>%s", priority, mark);
	} else {
		strftime(when, sizeof(when), "%H:%M:%S", localtime_r(&now, &parts));
		used = snprintf(line, sizeof(line), "%s %s: %s", when, log_to.program, mark);
	}
	vsnprintf(line + used, sizeof(line) - used, format, args);
	fprintf(stderr, "%s\n", line);
}

#define LOG_WRITE(priority, mark)                         \
	do {                                              \
		va_list args;                             \
		va_start(args, format);                   \
		write_line(priority, mark, format, args); \
		va_end(args);                             \
	} while (0)

void log_error(const char *format, ...)
{
	LOG_WRITE(3, "error: ");
}

void log_warn(const char *format, ...)
{
	LOG_WRITE(4, "warning: ");
}

void log_info(const char *format, ...)
{
	LOG_WRITE(6, "");
}

void log_audit(const char *format, ...)
{
	LOG_WRITE(5, "audit: ");
}

void log_debug(const char *format, ...)
{
	if (log_to.debug)
		LOG_WRITE(7, "debug: ");
}
