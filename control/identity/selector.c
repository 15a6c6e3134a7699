// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "identity/selector.h"

#include <string.h>
#include <xxhash.h>

static uint64_t hash_word(uint64_t seed, const char *word)
{
	return XXH3_64bits_withSeed(word, strlen(word), seed);
}

uint64_t selector_hash(const struct selector *selector)
{
	uint64_t hash = selector->count << 1 | selector->impossible;

	for (size_t i = 0; i < selector->count; i++) {
		const struct requirement *requirement = &selector->list[i];

		hash = hash_word(hash + requirement->op, requirement->source);
		hash = hash_word(hash, requirement->key);
		for (size_t v = 0; v < requirement->count; v++)
			hash = hash_word(hash, requirement->values[v]);
	}
	return hash;
}

static bool requirement_same(const struct requirement *a, const struct requirement *b)
{
	if (a->op != b->op || a->count != b->count || strcmp(a->source, b->source) != 0 ||
	    strcmp(a->key, b->key) != 0)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->values[i], b->values[i]) != 0)
			return false;
	return true;
}

bool selector_same(const struct selector *a, const struct selector *b)
{
	if (a->count != b->count || a->impossible != b->impossible)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!requirement_same(&a->list[i], &b->list[i]))
			return false;
	return true;
}
