// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Any bytes at all are read without a fault: either a configuration or at least one problem. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_problems(struct problems *problems)
{
	char *text = problems_print(problems);

	if (!problems->count || !text)
		abort();
	for (size_t i = 0; i < problems->count; i++)
		if (!*problems->list[i].text)
			abort();
	free(text);
}

/* What was accepted is whole: every policy has a say, no string is missing. */
static void check_config(const struct config *config)
{
	for (size_t i = 0; i < config->n_policies; i++) {
		const struct policy *policy = &config->policies[i];

		if (!strlen(policy->kind) || !policy->name || !policy->namespace ||
		    (!policy->applies[CHQ_INGRESS] && !policy->applies[CHQ_EGRESS]))
			abort();
	}
	for (size_t i = 0; i < config->n_tracing; i++)
		if (!*config->tracing[i].name || !config->tracing[i].n_hooks)
			abort();
	for (size_t i = 0; i < config->n_endpoints; i++)
		if (!config->endpoints[i].n_prefixes || !config->endpoints[i].labels.count)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text_file file = {"fuzz.yaml", (const char *)data, size};
	struct config *config = NULL;
	struct problems problems;
	int error = config_parse(&file, 1, &config, &problems);

	if (error == -EINVAL)
		check_problems(&problems);
	else if (error || problems.count)
		abort();
	else
		check_config(config);
	problems_free(&problems);
	config_free(config);
	return 0;
}
