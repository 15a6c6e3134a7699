// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compile/compiler.h"

#include "identity/label.h"
#include "identity/reserved.h"

/* What people ask of a generation: who is who, and what is it made of. */

static int compare_identities(const void *a, const void *b)
{
	const struct identity_row *left = a, *right = b;

	return (left->number > right->number) - (left->number < right->number);
}

static void list_reserved(struct compiler *c, struct identity_row *row, size_t i)
{
	row->number = reserved_identities[i].number;
	row->labels.list = arena_array(c->keep, struct label, 1);
	row->labels.list[0] = (struct label){"reserved", reserved_identities[i].key, ""};
	row->labels.count = 1;
}

static void list_identities(struct compiler *c)
{
	uint32_t *prefixes = arena_array(c->scratch, uint32_t, c->n_label_sets), at_peers = 0;
	struct generation *out = c->out;

	for (uint32_t i = 0; i < c->n_rows; i++)
		prefixes[c->actors[c->rows[i].actor].label_set]++;
	out->identities =
		arena_array(c->keep, struct identity_row, RESERVED_IDENTITIES + c->n_label_sets);
	for (size_t i = 0; i < RESERVED_IDENTITIES; i++)
		list_reserved(c, &out->identities[out->n_identities++], i);
	for (uint32_t i = 0; i < c->n_label_sets; i++) {
		const struct label_set *set = &c->label_sets[i];
		struct identity_row *row = NULL;

		at_peers += set->category == CATEGORY_REMOTE ? prefixes[i] : 0;
		for (size_t r = 0; r < RESERVED_IDENTITIES; r++)
			if (reserved_identities[r].number == set->identity)
				row = &out->identities[r];
		if (!row)
			row = &out->identities[out->n_identities++];
		row->number = set->identity;
		if (set->category != CATEGORY_REMOTE)
			row->labels = *set->labels;
		row->prefixes = set->category == CATEGORY_REMOTE ? at_peers : prefixes[i];
	}
	qsort(out->identities, out->n_identities, sizeof(*out->identities), compare_identities);
}

/* An endpoint's class is that of its first prefix; prefixes that others share may differ. */
static void list_endpoints(struct compiler *c)
{
	struct generation *out = c->out;
	uint32_t first = ACTOR_PEERS + c->config->n_peers;

	out->n_endpoints = c->config->n_endpoints;
	out->endpoints = arena_array(c->keep, struct endpoint_row, out->n_endpoints);
	for (size_t i = 0; i < out->n_endpoints; i++) {
		const struct endpoint *endpoint = &c->config->endpoints[i];

		out->endpoints[i] = (struct endpoint_row){
			.namespace = endpoint->namespace,
			.name = endpoint->name,
			.identity = c->label_sets[c->actors[first + i].label_set].identity,
			.audit = endpoint->audit || c->config->gateway.audit,
			.port = endpoint->port,
			.prefixes = endpoint->prefixes,
			.n_prefixes = endpoint->n_prefixes,
		};
	}
	for (uint32_t i = c->n_rows; i-- > 0;) {
		const struct row *row = &c->rows[i];
		struct endpoint_row *listed;

		if (row->actor < first || row->actor >= first + out->n_endpoints)
			continue;
		listed = &out->endpoints[row->actor - first];
		listed->subject = row->subject;
		listed->peer = row->peer;
		listed->enforced[0] = c->subjects[row->subject].enforced[0];
		listed->enforced[1] = c->subjects[row->subject].enforced[1];
	}
}

static void list_classes(struct compiler *c)
{
	struct generation *out = c->out;

	out->classes = arena_array(c->keep, struct class_row, c->n_subjects + c->n_peers);
	for (uint32_t i = 0; i < c->n_subjects; i++)
		out->classes[out->n_classes++] = (struct class_row){
			.is_subject = true,
			.number = i,
			.entries = c->subjects[i].entries,
			.example = c->subjects[i].example,
			.enforced = {c->subjects[i].spoken[0], c->subjects[i].spoken[1]},
		};
	for (uint32_t i = 0; i < c->n_peers; i++)
		out->classes[out->n_classes++] =
			(struct class_row){false, i, c->peers[i].entries, c->peers[i].example, {}};
}

static size_t count_subjects(const struct compiler *c, const struct selector_term *term)
{
	uint32_t *sets = arena_array(c->scratch, uint32_t, term->label_sets.count);
	size_t subjects = 0;

	set_members(&term->label_sets, sets);
	for (uint32_t i = 0; i < term->label_sets.count; i++)
		subjects += c->label_sets[sets[i]].endpoints;
	obstack_free(c->scratch, sets);
	return subjects;
}

static void list_policies(struct compiler *c)
{
	size_t *subjects = arena_array(c->scratch, size_t, c->n_selectors);
	struct generation *out = c->out;

	for (uint32_t i = 0; i < c->n_selectors; i++)
		if (c->selectors[i].scope >= SCOPE_SUBJECTS)
			subjects[i] = count_subjects(c, &c->selectors[i]);
	out->n_policies = c->config->n_policies;
	out->policies = arena_array(c->keep, struct policy_row, out->n_policies);
	for (size_t i = 0; i < out->n_policies; i++) {
		const struct policy *policy = &c->config->policies[i];
		const struct rule_ref *ref = &out->rule_refs[c->policies[i].ref];

		out->policies[i] = (struct policy_row){
			.kind = policy->kind,
			.namespace = policy->namespace,
			.name = policy->name,
			.file = ref->file,
			.line = ref->line,
			.rules = policy->n_rules,
			.subjects = subjects[c->policies[i].subject],
			.audit = policy->audit,
		};
	}
}

static void list_selectors(struct compiler *c)
{
	struct generation *out = c->out;

	out->n_selectors = c->n_selectors;
	out->selectors = arena_array(c->keep, struct selector_row, out->n_selectors);
	for (uint32_t i = 0; i < c->n_selectors; i++) {
		const struct selector_term *term = &c->selectors[i];
		struct place at = term->selector->at;

		out->selectors[i] = (struct selector_row){
			.selector = term->selector,
			.file = at.file < c->config->n_sources ? c->config->sources[at.file].path
							       : "",
			.line = at.line,
			.is_subject = term->scope >= SCOPE_SUBJECTS,
			.label_sets = term->label_sets.count,
			.endpoints = count_subjects(c, term),
		};
	}
	for (uint32_t r = 0; r < c->n_rules; r++)
		out->rule_refs[c->rules[r].ref].peers = c->specs[c->rules[r].spec].peers.count;
}

int listing_write(struct compiler *c)
{
	list_identities(c);
	list_endpoints(c);
	list_classes(c);
	list_policies(c);
	list_selectors(c);
	return 0;
}
