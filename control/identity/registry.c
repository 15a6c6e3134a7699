// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "identity/registry.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "identity/index.h"
#include "identity/label.h"
#include "util/cleanup.h"

#define FORM "chasqui identities 1"

struct holder {
	chq_identity number; /* 0 = a free place */
	uint32_t round; /* when it was asked for last; of a free place: 1 + the next free one */
	uint32_t born;	/* when it was asked for first */
	struct labels *labels;
};

/* Numbers of endpoints end where those of prefixes begin; both spaces are as large. */
static const struct span {
	chq_identity first, last;
} spans[] = {
	{CHQ_ID_FIRST, CHQ_ID_PREFIX - 1},
	{CHQ_ID_PREFIX, 2 * CHQ_ID_PREFIX - 1},
};

struct registry {
	struct holder *holders;
	uint32_t n_holders, room; /* the free places count */
	uint32_t free_place;	  /* 1 + the first of them, 0 = none */
	uint32_t used, most;
	uint32_t lived, round; /* rounds that became live, and the one that is tried now */
	chq_identity next[2];  /* where the search for a number goes on, by span */
	struct index by_labels, by_number;
};

struct registry *registry_new(uint32_t most)
{
	struct registry *registry = calloc(1, sizeof(*registry));

	if (!registry)
		return NULL;
	registry->most = most;
	registry->round = 1;
	registry->next[0] = spans[0].first;
	registry->next[1] = spans[1].first;
	return registry;
}

void registry_free(struct registry *registry)
{
	if (!registry)
		return;
	for (uint32_t i = 0; i < registry->n_holders; i++)
		labels_free(registry->holders[i].labels);
	free(registry->holders);
	index_free(&registry->by_labels);
	index_free(&registry->by_number);
	free(registry);
}

void registry_limit(struct registry *registry, uint32_t most)
{
	registry->most = most;
}

static bool same_labels(const void *data, uint32_t place, const void *wanted)
{
	const struct registry *registry = data;

	return labels_compare(registry->holders[place].labels, wanted) == 0;
}

static bool same_number(const void *data, uint32_t place, const void *wanted)
{
	const struct registry *registry = data;

	return registry->holders[place].number == *(const chq_identity *)wanted;
}

/* Spread over the index, for numbers follow each other. */
static uint64_t hash_number(chq_identity number)
{
	return number * 0x9e3779b97f4a7c15ull >> 16;
}

static uint32_t find_number(const struct registry *registry, chq_identity number)
{
	return index_find(&registry->by_number, hash_number(number), same_number, registry,
			  &number);
}

/* A set of labels may be an endpoint's and a prefix's: two numbers. */
static uint64_t hash_holder(const struct labels *labels, bool is_prefix)
{
	return labels_hash(labels) * 2 + is_prefix;
}

static chq_identity next_free(struct registry *registry, bool is_prefix)
{
	const struct span *span = &spans[is_prefix];
	chq_identity *next = &registry->next[is_prefix], number;

	for (chq_identity tries = 0; tries <= span->last - span->first; tries++) {
		number = *next;
		*next = number == span->last ? span->first : number + 1;
		if (find_number(registry, number) == INDEX_NONE)
			return number;
	}
	return 0;
}

/* NULL: no memory. The place stays free until it is taken. */
static struct holder *find_place(struct registry *registry)
{
	uint32_t room = registry->room ? registry->room * 2 : 64;
	struct holder *larger;

	if (registry->free_place)
		return &registry->holders[registry->free_place - 1];
	if (registry->n_holders == registry->room) {
		larger = realloc(registry->holders, room * sizeof(*larger));
		if (!larger)
			return NULL;
		registry->holders = larger;
		registry->room = room;
	}
	registry->holders[registry->n_holders] = (struct holder){};
	registry->free_place = ++registry->n_holders;
	return &registry->holders[registry->n_holders - 1];
}

static int hold(struct registry *registry, const struct labels *labels, chq_identity number)
{
	struct holder *holder = find_place(registry);
	struct labels *copy = labels_copy(labels);
	uint64_t hash = hash_holder(labels, number >= CHQ_ID_PREFIX);
	uint32_t place;

	if (!holder || !copy) {
		labels_free(copy);
		return -ENOMEM;
	}
	place = holder - registry->holders;
	if (index_add(&registry->by_labels, hash, place) < 0) {
		labels_free(copy);
		return -ENOMEM;
	}
	if (index_add(&registry->by_number, hash_number(number), place) < 0) {
		index_remove(&registry->by_labels, hash, place);
		labels_free(copy);
		return -ENOMEM;
	}
	registry->free_place = holder->round;
	*holder = (struct holder){number, registry->round, registry->round, copy};
	registry->used++;
	return 0;
}

chq_identity registry_number(void *data, const struct labels *labels, bool is_prefix)
{
	struct registry *registry = data;
	uint32_t place = index_find(&registry->by_labels, hash_holder(labels, is_prefix),
				    same_labels, registry, labels);
	chq_identity number;

	if (place != INDEX_NONE) {
		registry->holders[place].round = registry->round;
		return registry->holders[place].number;
	}
	if (registry->used >= registry->most)
		return 0;
	number = next_free(registry, is_prefix);
	return number && hold(registry, labels, number) == 0 ? number : 0;
}

const struct labels *registry_labels(const struct registry *registry, chq_identity number)
{
	uint32_t place = find_number(registry, number);

	return place == INDEX_NONE ? NULL : registry->holders[place].labels;
}

size_t registry_count(const struct registry *registry)
{
	return registry->used;
}

static void release(struct registry *registry, uint32_t place)
{
	struct holder *holder = &registry->holders[place];

	index_remove(&registry->by_labels,
		     hash_holder(holder->labels, holder->number >= CHQ_ID_PREFIX), place);
	index_remove(&registry->by_number, hash_number(holder->number), place);
	labels_free(holder->labels);
	*holder = (struct holder){.round = registry->free_place};
	registry->free_place = place + 1;
	registry->used--;
}

/* Frees what was asked for in none of the last `keep` rounds that became live. */
static void sweep(struct registry *registry, uint32_t keep)
{
	for (uint32_t i = 0; i < registry->n_holders; i++)
		if (registry->holders[i].number &&
		    registry->holders[i].round + keep <= registry->lived)
			release(registry, i);
}

void registry_begin(struct registry *registry)
{
	registry->round = registry->lived + 1;
	if (registry->used > registry->most / 2)
		sweep(registry, 1);
}

void registry_commit(struct registry *registry, uint32_t keep)
{
	registry->lived = registry->round;
	sweep(registry, keep);
}

void registry_abandon(struct registry *registry)
{
	for (uint32_t i = 0; i < registry->n_holders; i++)
		if (registry->holders[i].number && registry->holders[i].born > registry->lived)
			release(registry, i);
}

static bool print_holder(FILE *out, const struct holder *holder)
{
	cleanup_free char *text = labels_print(holder->labels);

	return text && fprintf(out, "%" PRIu32 " %s\n", holder->number, text) > 0;
}

char *registry_save(const struct registry *registry)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	bool whole = true;

	if (!out)
		return NULL;
	fprintf(out, FORM "\n");
	for (uint32_t i = 0; i < registry->n_holders; i++)
		if (registry->holders[i].number)
			whole = whole && print_holder(out, &registry->holders[i]);
	if (fclose(out) != 0 || !whole) {
		free(text);
		return NULL;
	}
	return text;
}

static int load_line(struct registry *registry, char *line)
{
	char *labels_text = strchr(line, ' '), *end;
	struct labels *labels;
	unsigned long number;
	bool is_prefix;
	int err;

	if (!labels_text || *line < '1' || *line > '9')
		return -EINVAL;
	*labels_text++ = '\0';
	errno = 0;
	number = strtoul(line, &end, 10);
	if (*end || errno || number < spans[0].first || number > spans[1].last)
		return -EINVAL;
	is_prefix = number >= CHQ_ID_PREFIX;
	err = labels_parse(labels_text, &labels);
	if (err < 0)
		return err;
	if (find_number(registry, number) != INDEX_NONE ||
	    index_find(&registry->by_labels, hash_holder(labels, is_prefix), same_labels, registry,
		       labels) != INDEX_NONE)
		err = -EINVAL;
	else
		err = hold(registry, labels, number);
	labels_free(labels);
	if (!err && registry->next[is_prefix] <= number)
		registry->next[is_prefix] =
			number == spans[is_prefix].last ? spans[is_prefix].first : number + 1;
	return err;
}

static int load_lines(struct registry *registry, char *text, unsigned *ret_line)
{
	char *rest = text, *line;
	unsigned number = 0;
	int err = 0;

	while (!err && (line = strsep(&rest, "\n"))) {
		number++;
		if (number == 1)
			err = strcmp(line, FORM) == 0 ? 0 : -EINVAL;
		else if (*line)
			err = load_line(registry, line);
	}
	if (err)
		*ret_line = number;
	return err;
}

int registry_load(struct registry *registry, const char *text, unsigned *ret_line)
{
	char *copy;
	int err;

	if (registry->used)
		return -EBUSY;
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	registry->round = registry->lived; /* no try that fails gives them back */
	err = load_lines(registry, copy, ret_line);
	registry->round = registry->lived + 1;
	free(copy);
	if (err < 0)
		for (uint32_t i = 0; i < registry->n_holders; i++)
			if (registry->holders[i].number)
				release(registry, i);
	return err;
}
