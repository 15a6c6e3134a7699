// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "daemon/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "compile/generation.h"
#include "identity/registry.h"
#include "policy/model.h"
#include "util/cleanup.h"
#include "util/log.h"

struct checking {
	const struct config *config;
	struct registry *numbers;
};

static uint16_t port_number(void *data, const char *name)
{
	const struct gateway *gateway = &((const struct checking *)data)->config->gateway;

	for (size_t i = 0; i < gateway->n_ports; i++)
		if (strcmp(gateway->ports[i].name, name) == 0)
			return i + 1;
	if (gateway->tunnel.at.line && strcmp(gateway->tunnel.name, name) == 0)
		return gateway->n_ports + 1;
	return CHQ_PORT_MAX - 1;
}

static chq_identity identity_number(void *data, const struct labels *labels, bool is_prefix)
{
	return registry_number(((struct checking *)data)->numbers, labels, is_prefix);
}

static int compile(struct config *config, struct problems *problems)
{
	struct checking checking = {config, registry_new(config->gateway.limits.identities)};
	struct facts facts = {
		.port_number = port_number, .identity_number = identity_number, .data = &checking};
	struct generation *generation = NULL;
	int err = checking.numbers ? generation_compile(config, &facts, &generation, problems)
				   : -ENOMEM;

	generation_free(generation);
	registry_free(checking.numbers);
	return err;
}

int check_directory(const char *directory)
{
	cleanup_free char *text = NULL;
	struct problems problems = {};
	struct config *config = NULL;
	int err = config_read(directory, &config, &problems);

	if (!err && !config->gateway.at.line) {
		log_error("%s has no Gateway document, so there is no port to guard", directory);
		err = -EINVAL;
	}
	if (!err)
		err = compile(config, &problems);
	if (err && problems.count) {
		text = problems_print(&problems);
		fputs(text ? text : "", stderr);
	}
	if (err)
		log_error("%s: %s", directory,
			  problems.count ? "refused, for the reasons above" : strerror(-err));
	else
		log_info("%s is right", directory);
	problems_free(&problems);
	config_free(config);
	return err;
}
