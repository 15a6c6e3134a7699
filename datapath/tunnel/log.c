/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum level { LEVEL_SILENT, LEVEL_ERROR, LEVEL_VERBOSE };

static struct {
	const char *device;
	enum level level;
	bool journal; /* lines begin with their priority */
} log_state = {"", LEVEL_ERROR, false};

void log_open(const char *device)
{
	const char *level = getenv("LOG_LEVEL");

	log_state.device = device;
	log_state.journal = getenv("JOURNAL_STREAM");
	if (!level)
		return;
	if (!strcmp(level, "silent"))
		log_state.level = LEVEL_SILENT;
	if (!strcmp(level, "verbose") || !strcmp(level, "debug"))
		log_state.level = LEVEL_VERBOSE;
}

static void line(int priority, const char *format, va_list args)
{
	char text[512];

	vsnprintf(text, sizeof(text), format, args);
	if (log_state.journal)
		fprintf(stderr, "<%d>", priority);
	fprintf(stderr, "chasqui-wg: %s: %s\n", log_state.device, text);
}

void log_error(const char *format, ...)
{
	va_list args;

	if (log_state.level < LEVEL_ERROR)
		return;
	va_start(args, format);
	line(3, format, args);
	va_end(args);
}

void log_verbose(const char *format, ...)
{
	va_list args;

	if (log_state.level < LEVEL_VERBOSE)
		return;
	va_start(args, format);
	line(7, format, args);
	va_end(args);
}
