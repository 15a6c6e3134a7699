// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "daemon/state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/folder.h"
#include "daemon/history.h"
#include "identity/registry.h"
#include "util/cleanup.h"
#include "util/log.h"

static int read_generation(struct daemon *daemon)
{
	cleanup_free char *path = path_join(daemon->options.state_directory, "generation");
	cleanup_free char *text = NULL;
	size_t bytes;
	int err = path ? file_read(path, &text, &bytes) : -ENOMEM;

	if (err == -ENOENT)
		return 0;
	if (!err && sscanf(text, "%u", &daemon->highest) != 1)
		log_warn("%s holds no number; the pinned maps are asked instead", path);
	return err;
}

/* Numbers that cannot be read are given out anew: verdicts do not hang on them. */
static int read_identities(struct daemon *daemon)
{
	cleanup_free char *path = path_join(daemon->options.state_directory, "identities");
	cleanup_free char *text = NULL;
	unsigned line = 0;
	size_t bytes;
	int err = path ? file_read(path, &text, &bytes) : -ENOMEM;

	if (err == -ENOENT)
		return 0;
	if (!err && registry_load(daemon->identities, text, &line) < 0)
		log_warn("%s:%u: not a line of identities; they get new numbers", path, line);
	return err;
}

int state_read(struct daemon *daemon)
{
	int err;

	daemon->identities = registry_new(2 * CHQ_IDENTITIES_DEFAULT);
	if (!daemon->identities)
		return -ENOMEM;
	err = read_generation(daemon);
	return err ? err : read_identities(daemon);
}

int state_write(const struct daemon *daemon)
{
	cleanup_free char *generation = path_join(daemon->options.state_directory, "generation");
	cleanup_free char *identities = path_join(daemon->options.state_directory, "identities");
	cleanup_free char *text = registry_save(daemon->identities);
	char number[16];
	int err;

	if (!generation || !identities || !text)
		return -ENOMEM;
	err = file_write(identities, text, strlen(text));
	snprintf(number, sizeof(number), "%u\n", daemon->highest);
	return err ? err : file_write(generation, number, strlen(number));
}

void state_free(struct daemon *daemon)
{
	registry_free(daemon->identities);
}

static int limits_of(const char *directory, struct limits *ret)
{
	struct problems problems = {};
	struct config *config = NULL;
	int err = config_read(directory, &config, &problems);

	problems_free(&problems);
	if (err)
		return err;
	if (config->gateway.at.line)
		*ret = config->gateway.limits;
	else
		err = -ENOENT;
	config_free(config);
	return err;
}

struct limits state_limits(const struct daemon *daemon)
{
	uint32_t newest = history_newest(daemon->options.state_directory);
	cleanup_free char *kept = history_files(daemon->options.state_directory, newest);
	struct limits limits = {.conntrack = CHQ_FLOWS_DEFAULT,
				.unproven = CHQ_UNPROVEN_DEFAULT,
				.fragments = CHQ_FRAGMENTS_DEFAULT,
				.prefixes = CHQ_PREFIXES_DEFAULT,
				.identities = CHQ_IDENTITIES_DEFAULT};

	if (limits_of(daemon->options.config_directory, &limits) < 0 && newest && kept)
		limits_of(kept, &limits);
	return limits;
}
