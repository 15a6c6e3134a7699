// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "cli/confirm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/words.h"
#include "util/cleanup.h"

#define CONFIRM_MOST_S 86400

/* "60s", "5m", "1h", or seconds alone. */
static int read_time(const char *text, unsigned *ret_seconds)
{
	static const struct {
		const char *unit;
		unsigned seconds;
	} units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
	size_t digits = strspn(text, "0123456789");
	unsigned long number = strtoul(text, NULL, 10);

	if (digits < 1 || digits > 5 || number < 1)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(text + digits, units[i].unit) != 0)
			continue;
		*ret_seconds = number * units[i].seconds;
		return *ret_seconds <= CONFIRM_MOST_S ? 0 : -ERANGE;
	}
	return -EINVAL;
}

int tell_change(const struct arguments *arguments, struct question *question, const char *path)
{
	cleanup_free char *with_time = NULL;
	unsigned seconds;

	question->path = path;
	if (!arguments->confirm)
		return tell_outcome(arguments, question);
	if (read_time(arguments->confirm, &seconds) < 0) {
		fprintf(stderr, "chasqui: \"%s\" is no time from 1s to 24h, such as 60s or 5m\n",
			arguments->confirm);
		return EXIT_USAGE;
	}
	if (asprintf(&with_time, "%s?confirm=%u", path, seconds) < 0)
		return EXIT_REFUSED;
	question->path = with_time;
	return tell_outcome(arguments, question);
}

int confirm(const struct arguments *arguments)
{
	struct question question = {.method = "POST", .path = "/v1/confirm"};

	return tell_outcome(arguments, &question);
}
