// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compile/compiler.h"

#include <xxhash.h>

#include "util/addr.h"

/*
 * Which label sets each selector matches, by sets of sets: every label is found
 * under its source and under "any", with its value and without, so that a
 * requirement is a union of such lists, and a selector their intersection.
 */

struct token {
	const char *source, *key, *value; /* value NULL: the key with whatever value */
	struct numbers sets;
};

struct dictionary {
	struct compiler *c;
	struct token *list;
	uint32_t count, room;
	struct index index;
	bool wider[129];	/* lengths of the prefixes that selectors name by cidr: labels */
	bool names_prefixes;	/* there are any */
	uint32_t *stamp, round; /* by label set: in which round it was seen */
	uint32_t *found, n_found;
};

static uint64_t hash_token(const struct token *token)
{
	uint64_t hash = XXH3_64bits_withSeed(token->source, strlen(token->source), !token->value);

	hash = XXH3_64bits_withSeed(token->key, strlen(token->key), hash);
	return token->value ? XXH3_64bits_withSeed(token->value, strlen(token->value), hash) : hash;
}

static bool same_token(const void *data, uint32_t number, const void *wanted)
{
	const struct token *a = &((const struct dictionary *)data)->list[number], *b = wanted;

	return !a->value == !b->value && strcmp(a->source, b->source) == 0 &&
	       strcmp(a->key, b->key) == 0 && (!a->value || strcmp(a->value, b->value) == 0);
}

static const struct token *find_token(const struct dictionary *dictionary, const char *source,
				      const char *key, const char *value)
{
	static const struct token empty;
	struct token wanted = {.source = source, .key = key, .value = value};
	uint32_t number = index_find(&dictionary->index, hash_token(&wanted), same_token,
				     dictionary, &wanted);

	return number == INDEX_NONE ? &empty : &dictionary->list[number];
}

static struct token *make_token(struct dictionary *dictionary, const struct token *token)
{
	uint64_t hash = hash_token(token);
	uint32_t number = index_find(&dictionary->index, hash, same_token, dictionary, token);

	if (number == INDEX_NONE) {
		number = dictionary->count++;
		GROW(dictionary->c, dictionary->list, number, dictionary->room);
		dictionary->list[number] = *token;
		index_keep(&dictionary->index, hash, number);
	}
	return &dictionary->list[number];
}

/* Sets come one after the other, so a list stays sorted, and twice the same is seen at its end. */
static void post(struct dictionary *dictionary, const char *source, const char *key,
		 const char *value, uint32_t set)
{
	struct token token = {.source = source, .key = key, .value = value};
	struct numbers *sets = &make_token(dictionary, &token)->sets;

	if (!sets->count || sets->list[sets->count - 1] != set)
		numbers_add(dictionary->c->scratch, sets, set);
}

/* A prefix is found under those around it, too: cidr:10.0.0.0/8 selects cidr:10.1.0.0/16. */
static void post_wider(struct dictionary *dictionary, const struct label *label, uint32_t set)
{
	char text[PREFIX_TEXT_BYTES];
	struct chq_prefix prefix;
	unsigned least;

	if (strcmp(label->source, "cidr") != 0 || prefix_parse_label(label->key, &prefix) < 0)
		return;
	least = addr_is_ipv4(&prefix.addr) ? 96 : 0;
	for (unsigned length = prefix.length_bits; length-- > least;) {
		const char *key;

		prefix.length_bits = length;
		prefix_mask(&prefix);
		if (!dictionary->wider[length])
			continue;
		key = find_token(dictionary, "cidr", prefix_print_label(&prefix, text), NULL)->key;
		if (!key)
			continue;
		post(dictionary, "cidr", key, label->value, set);
		post(dictionary, "cidr", key, NULL, set);
	}
}

static void post_label(struct dictionary *dictionary, const struct label *label, uint32_t set)
{
	post(dictionary, label->source, label->key, label->value, set);
	post(dictionary, label->source, label->key, NULL, set);
	post(dictionary, "any", label->key, label->value, set);
	post(dictionary, "any", label->key, NULL, set);
	if (dictionary->names_prefixes)
		post_wider(dictionary, label, set);
}

/* The prefixes that selectors ask for, so that only those are looked for around a label's. */
static void note_prefixes(struct dictionary *dictionary, const struct selector *selector)
{
	struct chq_prefix prefix;

	for (size_t i = 0; i < selector->count; i++) {
		struct token token = {.source = "cidr", .key = selector->list[i].key};

		if (strcmp(selector->list[i].source, "cidr") != 0 ||
		    prefix_parse_label(token.key, &prefix) < 0)
			continue;
		make_token(dictionary, &token);
		dictionary->names_prefixes = dictionary->wider[prefix.length_bits] = true;
	}
}

static bool in_scope(enum scope scope, enum category category)
{
	switch (scope) {
	case SCOPE_PEERS:
		return true;
	case SCOPE_NODES:
		return category == CATEGORY_HOST || category == CATEGORY_REMOTE;
	case SCOPE_PODS:
	case SCOPE_SUBJECTS:
		return category == CATEGORY_ENDPOINT;
	default:
		return category == CATEGORY_HOST;
	}
}

/* The lists whose union has what the requirement's words name. */
static uint32_t requirement_lists(const struct requirement *requirement)
{
	bool by_value = requirement->op == REQUIRE_IN || requirement->op == REQUIRE_NOT_IN;

	return by_value ? requirement->count : 1;
}

static const struct numbers *requirement_list(const struct dictionary *dictionary,
					      const struct requirement *requirement, uint32_t i)
{
	bool by_value = requirement->op == REQUIRE_IN || requirement->op == REQUIRE_NOT_IN;

	return &find_token(dictionary, requirement->source, requirement->key,
			   by_value ? requirement->values[i] : NULL)
			->sets;
}

static uint64_t cost_of(const struct dictionary *dictionary, const struct requirement *requirement)
{
	uint64_t cost = 0;

	for (uint32_t l = 0; l < requirement_lists(requirement); l++)
		cost += requirement_list(dictionary, requirement, l)->count;
	return cost;
}

static bool names(const struct dictionary *dictionary, const struct requirement *requirement,
		  uint32_t set)
{
	for (uint32_t l = 0; l < requirement_lists(requirement); l++) {
		const struct numbers *sets = requirement_list(dictionary, requirement, l);

		if (sets->count && bsearch(&set, sets->list, sets->count, sizeof(set), compare_u32))
			return true;
	}
	return false;
}

/* A round stamps the sets that the requirement's words name; then those not wanted are left out. */
static void apply(struct dictionary *dictionary, const struct requirement *requirement)
{
	bool wanted = requirement->op == REQUIRE_IN || requirement->op == REQUIRE_EXISTS;
	uint32_t kept = 0;

	if (dictionary->n_found < cost_of(dictionary, requirement) / 32) {
		for (uint32_t i = 0; i < dictionary->n_found; i++)
			if (names(dictionary, requirement, dictionary->found[i]) == wanted)
				dictionary->found[kept++] = dictionary->found[i];
		dictionary->n_found = kept;
		return;
	}
	dictionary->round++;
	for (uint32_t l = 0; l < requirement_lists(requirement); l++) {
		const struct numbers *sets = requirement_list(dictionary, requirement, l);

		for (uint32_t i = 0; i < sets->count; i++)
			dictionary->stamp[sets->list[i]] = dictionary->round;
		dictionary->c->work += sets->count;
	}
	for (uint32_t i = 0; i < dictionary->n_found; i++)
		if ((dictionary->stamp[dictionary->found[i]] == dictionary->round) == wanted)
			dictionary->found[kept++] = dictionary->found[i];
	dictionary->c->work += dictionary->n_found;
	dictionary->n_found = kept;
}

/* The requirement that names the fewest sets; -1 when none must be there. */
static int cheapest(const struct dictionary *dictionary, const struct selector *selector)
{
	uint64_t least = UINT64_MAX, cost;
	int best = -1;

	for (size_t i = 0; i < selector->count; i++) {
		if (selector->list[i].op != REQUIRE_IN && selector->list[i].op != REQUIRE_EXISTS)
			continue;
		cost = cost_of(dictionary, &selector->list[i]);
		if (cost < least) {
			least = cost;
			best = i;
		}
	}
	return best;
}

static void start_with(struct dictionary *dictionary, const struct selector_term *term, int best)
{
	const struct compiler *c = dictionary->c;
	uint32_t set;

	dictionary->n_found = 0;
	dictionary->round++;
	if (best < 0) {
		for (set = 0; set < c->n_label_sets; set++)
			if (in_scope(term->scope, c->label_sets[set].category))
				dictionary->found[dictionary->n_found++] = set;
		return;
	}
	for (uint32_t l = 0; l < requirement_lists(&term->selector->list[best]); l++) {
		const struct numbers *sets =
			requirement_list(dictionary, &term->selector->list[best], l);

		for (uint32_t i = 0; i < sets->count; i++) {
			set = sets->list[i];
			if (dictionary->stamp[set] == dictionary->round ||
			    !in_scope(term->scope, c->label_sets[set].category))
				continue;
			dictionary->stamp[set] = dictionary->round;
			dictionary->found[dictionary->n_found++] = set;
		}
	}
}

static int match(struct dictionary *dictionary, struct selector_term *term)
{
	struct compiler *c = dictionary->c;
	int best = cheapest(dictionary, term->selector);

	dictionary->n_found = 0;
	if (!term->selector->impossible) {
		start_with(dictionary, term, best);
		for (int i = 0; i < (int)term->selector->count && dictionary->n_found; i++)
			if (i != best)
				apply(dictionary, &term->selector->list[i]);
	}
	term->label_sets = compiler_set(c, c->n_label_sets, dictionary->found, dictionary->n_found);
	return compiler_spend(c, dictionary->n_found);
}

int selectors_match(struct compiler *c)
{
	struct dictionary dictionary = {
		.c = c,
		.stamp = arena_array(c->scratch, uint32_t, c->n_label_sets),
		.found = arena_array(c->scratch, uint32_t, c->n_label_sets),
	};
	int err = 0;

	c->seen = arena_array(c->scratch, bool, c->n_label_sets);
	c->room = arena_array(c->scratch, uint32_t, c->n_label_sets);
	for (uint32_t i = 0; i < c->n_selectors; i++)
		note_prefixes(&dictionary, c->selectors[i].selector);
	for (uint32_t s = 0; s < c->n_label_sets; s++)
		for (size_t l = 0; l < c->label_sets[s].labels->count; l++)
			post_label(&dictionary, &c->label_sets[s].labels->list[l], s);
	for (uint32_t i = 0; i < c->n_selectors && !err; i++)
		err = match(&dictionary, &c->selectors[i]);
	index_free(&dictionary.index);
	return err;
}

/* Classes of the members, each once: `seen` has a place for every class, and is left clean. */
static uint32_t list_classes(const struct partition *partition, uint32_t *members, uint32_t count,
			     bool *seen)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t class = partition->class_of[members[i]];

		if (!seen[class])
			members[kept++] = class;
		seen[class] = true;
	}
	for (uint32_t i = 0; i < kept; i++)
		seen[members[i]] = false;
	return kept;
}

/* Long lists are made again when they are asked for: ten thousand of them would not fit. */
void selectors_keep_classes(struct compiler *c, struct selector_term *term,
			    const struct partition *partition, uint32_t *room)
{
	uint32_t count;

	set_members(&term->label_sets, room);
	count = list_classes(partition, room, term->label_sets.count, c->seen);
	if (count > 64 && count > c->n_label_sets / 32)
		return;
	term->n_label_classes = count;
	term->label_classes = arena_array(c->scratch, uint32_t, count + 1);
	if (count)
		memcpy(term->label_classes, room, count * sizeof(*room));
}

const uint32_t *selectors_classes(struct compiler *c, const struct selector_term *term,
				  const struct partition *partition, uint32_t *room,
				  uint32_t *ret_count)
{
	*ret_count = term->n_label_classes;
	if (term->label_classes)
		return term->label_classes;
	set_members(&term->label_sets, room);
	*ret_count = list_classes(partition, room, term->label_sets.count, c->seen);
	c->work += term->label_sets.count;
	return room;
}
