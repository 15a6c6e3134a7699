// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compile/generation.h"

#include <errno.h>

#include "compile/compiler.h"

/* Where a document was made by hand; the reader fills in the same. */
#define RULES_DEFAULT (1 << 20)
#define PAIRS_DEFAULT (1 << 20)

struct generation_memory {
	struct obstack kept;
};

static uint32_t or_default(uint32_t given, uint32_t standard)
{
	return given ? given : standard;
}

static struct limits fill_limits(const struct limits *given)
{
	return (struct limits){
		.conntrack = or_default(given->conntrack, CHQ_FLOWS_DEFAULT),
		.unproven = or_default(given->unproven, CHQ_UNPROVEN_DEFAULT),
		.fragments = or_default(given->fragments, CHQ_FRAGMENTS_DEFAULT),
		.prefixes = or_default(given->prefixes, CHQ_PREFIXES_DEFAULT),
		.identities = or_default(given->identities, CHQ_IDENTITIES_DEFAULT),
		.rules = or_default(given->rules, RULES_DEFAULT),
		.pairs = or_default(given->pairs, PAIRS_DEFAULT),
	};
}

static int run_steps(struct compiler *c)
{
	static int (*const steps[])(struct compiler *) = {
		who_gather,	 terms_gather, rows_gather,   rows_name,  who_number,
		selectors_match, ports_gather, peers_make,    specs_fill, subjects_make,
		pairs_make,	 tables_write, listing_write,
	};
	int err = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps) && !err; i++)
		err = steps[i](c);
	return err;
}

static void free_indexes(struct compiler *c)
{
	index_free(&c->label_set_index);
	index_free(&c->selector_index);
	index_free(&c->cidr_index);
	index_free(&c->spec_index);
	index_free(&c->port_index);
	index_free(&c->name_index);
	index_free(&c->named_index);
	index_free(&c->peer_index);
	index_free(&c->subject_index);
	index_free(&c->origin_index);
	index_free(&c->rule_set_index);
}

static struct generation *start_generation(void)
{
	struct generation *generation = calloc(1, sizeof(*generation));
	struct generation_memory *memory = calloc(1, sizeof(*memory));

	if (!generation || !memory) {
		free(generation);
		free(memory);
		return NULL;
	}
	generation->memory = memory;
	obstack_init(&memory->kept);
	return generation;
}

int generation_compile(const struct config *config, const struct facts *facts,
		       struct generation **ret, struct problems *problems)
{
	struct generation *generation = start_generation();
	struct obstack scratch;
	struct compiler c = {
		.config = config,
		.facts = facts,
		.problems = problems,
		.out = generation,
		.scratch = &scratch,
		.limits = fill_limits(&config->gateway.limits),
	};
	int err;

	if (!generation)
		return -ENOMEM;
	c.keep = &generation->memory->kept;
	obstack_init(&scratch);
	err = run_steps(&c);
	free_indexes(&c);
	obstack_free(&scratch, NULL);
	if (err < 0) {
		generation_free(generation);
		return err;
	}
	*ret = generation;
	return 0;
}

void generation_free(struct generation *generation)
{
	if (!generation)
		return;
	obstack_free(&generation->memory->kept, NULL);
	free(generation->memory);
	free(generation);
}
