/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "enforcer/hooks_inside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util/cleanup.h"

static const char *const tracing_directories[] = {"/sys/kernel/tracing",
						  "/sys/kernel/debug/tracing"};

static FILE *open_format(const char *subsystem, const char *event)
{
	for (size_t i = 0; i < 2; i++) {
		char path[512];
		FILE *file;

		snprintf(path, sizeof(path), "%s/events/%s/%s/format", tracing_directories[i],
			 subsystem, event);
		file = fopen(path, "re");
		if (file)
			return file;
	}
	return NULL;
}

bool tracefs_is_there(void)
{
	for (size_t i = 0; i < 2; i++) {
		char path[128];

		snprintf(path, sizeof(path), "%s/events", tracing_directories[i]);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}

/* A line such as "	field:const char * name;	offset:8;	size:8;	signed:0;" */
static bool read_field(const char *line, struct field *ret)
{
	unsigned offset, size, is_signed;
	char declaration[200];
	char *name, *bracket;

	if (sscanf(line, " field:%199[^;]; offset:%u; size:%u; signed:%u;", declaration, &offset,
		   &size, &is_signed) != 4)
		return false;
	*ret = (struct field){.offset = offset, .size_bytes = size, .is_signed = is_signed};
	ret->is_data_loc = strncmp(declaration, "__data_loc", 10) == 0;
	bracket = strrchr(declaration, '[');
	if (bracket && !ret->is_data_loc) {
		ret->is_array = true;
		*bracket = 0;
	}
	name = strrchr(declaration, ' ');
	snprintf(ret->name, sizeof(ret->name), "%.63s", name ? name + 1 : declaration);
	return true;
}

int format_read(const char *subsystem, const char *event, struct field fields[FIELDS_MAX],
		size_t *ret_n)
{
	cleanup_fclose FILE *file = open_format(subsystem, event);
	char line[512];
	size_t n = 0;

	if (!file)
		return tracefs_is_there() ? -ENOENT : -ENODEV;
	while (n < FIELDS_MAX && fgets(line, sizeof(line), file)) {
		if (read_field(line, &fields[n]))
			n++;
	}
	*ret_n = n;
	return 0;
}
