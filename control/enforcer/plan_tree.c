// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "enforcer/plan.h"
#include "util/cleanup.h"

/* The directory, and those in it whose names begin with `start`, to the bottom. */
static bool fits(const char *path, const char *start, unsigned *left)
{
	cleanup_closedir DIR *directory = opendir(path);
	const struct dirent *entry;
	char below[PATH_MAX];
	bool ok = !directory || *left;

	if (!directory || !ok)
		return ok;
	--*left;
	while (ok && (entry = readdir(directory))) {
		if (entry->d_type != DT_DIR || !strcmp(entry->d_name, ".") ||
		    !strcmp(entry->d_name, "..") || strncmp(entry->d_name, start, strlen(start)))
			continue;
		if (snprintf(below, sizeof(below), "%s/%s", path, entry->d_name) <
		    (int)sizeof(below))
			ok = fits(below, "", left);
	}
	return ok;
}

static bool prefix_fits(const char *prefix, unsigned *left)
{
	char directory[PATH_MAX];
	char *slash;

	snprintf(directory, sizeof(directory), "%s", prefix);
	slash = strrchr(directory, '/');
	if (!slash)
		return true;
	*slash = '\0';
	return fits(*directory ? directory : "/", slash + 1, left);
}

static bool has_equal(const struct tracing_selector *selector)
{
	for (size_t i = 0; i < selector->n_args; i++)
		if (selector->args[i].op == TRACING_OP_EQUAL)
			return true;
	return false;
}

bool plan_trees_fit(const struct tracing_hook *hook, unsigned directories)
{
	bool ok = true;

	for (size_t s = 0; s < hook->n_selectors; s++) {
		const struct tracing_selector *selector = &hook->selectors[s];

		for (size_t a = 0; a < selector->n_args && !has_equal(selector); a++)
			for (size_t v = 0; ok && selector->args[a].op == TRACING_OP_PREFIX &&
					   v < selector->args[a].n_values;
			     v++)
				ok = prefix_fits(selector->args[a].values[v].text, &directories);
	}
	return ok;
}
