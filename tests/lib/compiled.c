// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compiled.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/cleanup.h"

static uint16_t port_number(void *data, const char *name)
{
	const struct compiled *compiled = data;

	for (size_t i = 0; i < compiled->config->gateway.n_ports; i++)
		if (strcmp(compiled->config->gateway.ports[i].name, name) == 0)
			return i + 1;
	return 255;
}

static chq_identity identity_number(void *data, const struct labels *labels, bool is_prefix)
{
	const struct compiled *compiled = data;

	return registry_number(compiled->identities, labels, is_prefix);
}

void compile_text(struct compiled *compiled, const char *text)
{
	struct text_file file = {"test.yaml", text, strlen(text)};
	struct facts facts = {port_number, identity_number, compiled, NULL, 0};
	struct problems problems = {};
	cleanup_free char *said = NULL;
	int err = config_parse(&file, 1, &compiled->config, &problems);

	if (!err) {
		compiled->identities = registry_new(65536);
		err = generation_compile(compiled->config, &facts, &compiled->generation,
					 &problems);
	}
	said = problems_print(&problems);
	problems_free(&problems);
	if (err)
		fail_msg("%s", said ? said : strerror(-err));
}

void compiled_free(struct compiled *compiled)
{
	generation_free(give(compiled->generation));
	config_free(give(compiled->config));
	registry_free(give(compiled->identities));
}
