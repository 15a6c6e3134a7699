// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compile/difference.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "compile/partition.h"
#include "compile/spans.h"
#include "identity/index.h"
#include "policy/memory.h"
#include "util/addr.h"

/* Pairs that are looked at: some seconds' worth. */
#define CANDIDATES_MAX (4u << 20)

#define FAMILY_IPV4 1
#define FAMILY_IPV6 2

enum side { BEFORE, AFTER, SIDES };

struct difference_memory {
	struct obstack kept;
};

/* The kinds of targets that a rule set lets through, once for each rule set. */
struct verdicts {
	const struct generation *generation;
	struct chq_ruleset *sets;
	bool **allowed;
	uint32_t count, room, room_allowed;
	struct index index;
};

struct comparison {
	struct difference *out;
	struct obstack *keep, scratch;
	struct spans spans;
	struct verdicts side[SIDES];
	uint32_t room_ends, room_rows;
	struct index end_index;
	uint32_t *end_of_peer[SIDES]; /* ends by their peer class: where its list begins */
	uint32_t *ends_by_peer[SIDES];
	uint32_t n_peers[SIDES];
	uint64_t *candidates; /* from << 32 | to */
	uint32_t n_candidates, room_candidates;
	bool *before, *after; /* by kind: room for the pair in hand */
	size_t most;
};

static void *grow(struct obstack *arena, void *list, uint32_t count, uint32_t *room, size_t bytes)
{
	void *larger;

	if (count < *room)
		return list;
	*room = *room ? *room * 2 : 64;
	larger = arena_zero(arena, *room * bytes);
	if (count)
		memcpy(larger, list, count * bytes);
	return larger;
}

static void keep_index(struct index *index, uint64_t hash, uint32_t number)
{
	if (index_add(index, hash, number) < 0)
		obstack_alloc_failed_handler();
}

/* Ends: every prefix that either generation knows, grouped by what both make of it. */
struct end_key {
	uint32_t classes[4];
	chq_identity reserved[SIDES]; /* whoever has a name of his own is told apart by it */
};

static chq_identity reserved_of(const struct chq_entry *entry)
{
	return entry->identity < CHQ_ID_FIRST ? entry->identity : 0;
}

static struct end_key key_of(const struct difference_end *end)
{
	return (struct end_key){
		.classes = {end->before->subject, end->before->peer, end->after->subject,
			    end->after->peer},
		.reserved = {reserved_of(end->before), reserved_of(end->after)},
	};
}

static bool same_end(const void *data, uint32_t number, const void *wanted)
{
	struct end_key key = key_of(&((const struct difference *)data)->ends[number]);

	return memcmp(&key, wanted, sizeof(key)) == 0;
}

static void add_end(struct comparison *c, const struct difference_end *end)
{
	struct difference *out = c->out;
	struct end_key key = key_of(end);
	uint64_t hash = XXH3_64bits(&key, sizeof(key));
	uint32_t number = index_find(&c->end_index, hash, same_end, out, &key);

	if (number == INDEX_NONE) {
		number = out->n_ends++;
		out->ends = grow(c->keep, out->ends, number, &c->room_ends, sizeof(*out->ends));
		out->ends[number] = *end;
		keep_index(&c->end_index, hash, number);
	}
	out->ends[number].families |= end->families;
	out->ends[number].rows++;
}

static void add_prefix(struct comparison *c, const struct chq_prefix *prefix)
{
	struct difference_end end = {
		.before = generation_meaning(c->side[BEFORE].generation, prefix),
		.after = generation_meaning(c->side[AFTER].generation, prefix),
		.example = *prefix,
		.families = prefix_is_ipv4(prefix) ? FAMILY_IPV4 : FAMILY_IPV6,
	};

	add_end(c, &end);
}

static int compare_hosts(const void *key, const void *row)
{
	return memcmp(key, row, sizeof(struct chq_addr));
}

static bool known(const struct generation *generation, const struct chq_prefix *prefix)
{
	if (prefix->length_bits == 128)
		return generation->n_hosts &&
		       bsearch(&prefix->addr, generation->hosts, generation->n_hosts,
			       sizeof(*generation->hosts), compare_hosts);
	return generation->n_prefixes &&
	       bsearch(prefix, generation->prefixes, generation->n_prefixes,
		       sizeof(*generation->prefixes), prefix_compare);
}

static void gather_ends(struct comparison *c)
{
	for (int s = 0; s < SIDES; s++) {
		const struct generation *from = c->side[s].generation;

		for (size_t i = 0; i < from->n_hosts + from->n_prefixes; i++) {
			struct chq_prefix prefix = {.length_bits = 128};

			if (i < from->n_hosts)
				prefix.addr = from->hosts[i].key;
			else
				prefix = from->prefixes[i - from->n_hosts].key;
			if (s == BEFORE || !known(c->side[BEFORE].generation, &prefix))
				add_prefix(c, &prefix);
		}
	}
	add_end(c, &(struct difference_end){.before = &c->side[BEFORE].generation->own,
					    .after = &c->side[AFTER].generation->own,
					    .own = true,
					    .families = FAMILY_IPV4 | FAMILY_IPV6});
}

static const struct chq_entry *entry_on(const struct difference_end *end, enum side side)
{
	return side == BEFORE ? end->before : end->after;
}

/* Ends by peer class, so that a pair of the tables finds those whom it is about. */
static void group_ends(struct comparison *c, enum side side)
{
	const struct difference *out = c->out;
	uint32_t *first, classes = 0;

	for (size_t i = 0; i < out->n_ends; i++)
		if (entry_on(&out->ends[i], side)->peer >= classes)
			classes = entry_on(&out->ends[i], side)->peer + 1;
	first = arena_array(&c->scratch, uint32_t, classes + 2);
	c->ends_by_peer[side] = arena_array(&c->scratch, uint32_t, out->n_ends);
	for (size_t i = 0; i < out->n_ends; i++)
		first[entry_on(&out->ends[i], side)->peer + 2]++;
	for (uint32_t p = 2; p < classes + 2; p++)
		first[p] += first[p - 1];
	for (size_t i = 0; i < out->n_ends; i++)
		c->ends_by_peer[side][first[entry_on(&out->ends[i], side)->peer + 1]++] = i;
	c->end_of_peer[side] = first;
	c->n_peers[side] = classes;
}

static bool same_set(const void *data, uint32_t number, const void *wanted)
{
	return memcmp(&((const struct verdicts *)data)->sets[number], wanted,
		      sizeof(struct chq_ruleset)) == 0;
}

static bool passes(const struct chq_decision *decision)
{
	return (decision->reason != CHQ_DROP_DENIED && decision->reason != CHQ_DROP_NO_RULE) ||
	       decision->flags & CHQ_DECISION_AUDIT;
}

static const bool *allowed_by(struct comparison *c, enum side side, const struct chq_ruleset *set)
{
	struct verdicts *known_sets = &c->side[side];
	uint64_t hash = XXH3_64bits(set, sizeof(*set));
	uint32_t number = index_find(&known_sets->index, hash, same_set, known_sets, set);
	bool *allowed;

	if (number != INDEX_NONE)
		return known_sets->allowed[number];
	number = known_sets->count++;
	known_sets->sets = grow(&c->scratch, known_sets->sets, number, &known_sets->room,
				sizeof(*known_sets->sets));
	known_sets->allowed = grow(&c->scratch, known_sets->allowed, number,
				   &known_sets->room_allowed, sizeof(*known_sets->allowed));
	allowed = arena_array(&c->scratch, bool, c->spans.n_kinds);
	for (uint32_t k = 0; k < c->spans.n_kinds; k++) {
		struct chq_decision decision =
			generation_rule(known_sets->generation, set, c->spans.example[k]);

		allowed[k] = passes(&decision);
	}
	known_sets->sets[number] = *set;
	known_sets->allowed[number] = allowed;
	keep_index(&known_sets->index, hash, number);
	return allowed;
}

static void add_candidate(struct comparison *c, uint32_t subject, uint32_t peer,
			  enum chq_direction direction)
{
	uint32_t from = direction == CHQ_EGRESS ? subject : peer;
	uint32_t to = direction == CHQ_EGRESS ? peer : subject;

	if (c->n_candidates >= CANDIDATES_MAX) {
		c->out->cut_short = true;
		return;
	}
	c->candidates = grow(&c->scratch, c->candidates, c->n_candidates, &c->room_candidates,
			     sizeof(*c->candidates));
	c->candidates[c->n_candidates++] = (uint64_t)from << 32 | to;
}

static bool side_differs(struct comparison *c, const struct difference_end *subject,
			 const struct difference_end *peer, enum chq_direction direction)
{
	const struct chq_ruleset *before = generation_ruleset(
		c->side[BEFORE].generation, subject->before, peer->before, direction);
	const struct chq_ruleset *after = generation_ruleset(
		c->side[AFTER].generation, subject->after, peer->after, direction);

	return memcmp(allowed_by(c, BEFORE, before), allowed_by(c, AFTER, after),
		      c->spans.n_kinds * sizeof(bool)) != 0;
}

/* The first of the pairs of a subject class. */
static size_t first_pair(const struct generation *generation, uint32_t subject)
{
	size_t low = 0, high = generation->n_pairs;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (generation->pairs[middle].key.subject < subject)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void try_pairs(struct comparison *c, uint32_t number, enum side side,
		      enum chq_direction direction)
{
	const struct generation *from = c->side[side].generation;
	const struct difference_end *ends = c->out->ends;
	uint32_t subject = entry_on(&ends[number], side)->subject;

	for (size_t i = first_pair(from, subject);
	     i < from->n_pairs && from->pairs[i].key.subject == subject; i++) {
		uint32_t peer = from->pairs[i].key.peer;

		if (from->pairs[i].key.direction != direction || peer >= c->n_peers[side])
			continue;
		for (uint32_t e = c->end_of_peer[side][peer]; e < c->end_of_peer[side][peer + 1];
		     e++) {
			uint32_t other = c->ends_by_peer[side][e];

			if (side_differs(c, &ends[number], &ends[other], direction))
				add_candidate(c, number, other, direction);
		}
	}
}

/* Where both defaults say the same, only the peers that have a pair can differ. */
static void try_subject(struct comparison *c, uint32_t number, enum chq_direction direction)
{
	const struct difference_end *end = &c->out->ends[number];
	const struct chq_ruleset *before =
		direction == CHQ_INGRESS ? &end->before->ingress : &end->before->egress;
	const struct chq_ruleset *after =
		direction == CHQ_INGRESS ? &end->after->ingress : &end->after->egress;

	if (memcmp(allowed_by(c, BEFORE, before), allowed_by(c, AFTER, after),
		   c->spans.n_kinds * sizeof(bool)) == 0) {
		try_pairs(c, number, BEFORE, direction);
		try_pairs(c, number, AFTER, direction);
		return;
	}
	for (uint32_t peer = 0; peer < c->out->n_ends && !c->out->cut_short; peer++)
		if (side_differs(c, end, &c->out->ends[peer], direction))
			add_candidate(c, number, peer, direction);
}

/* An address of one family does not speak to the other; one address not to itself. */
static bool can_meet(const struct difference *out, uint32_t from, uint32_t to)
{
	if (!(out->ends[from].families & out->ends[to].families))
		return false;
	return from != to || (!out->ends[from].own && (out->ends[from].rows > 1 ||
						       out->ends[from].example.length_bits < 128));
}

static void both_allow(struct comparison *c, enum side side, const struct difference_end *from,
		       const struct difference_end *to, bool *ret)
{
	const struct generation *generation = c->side[side].generation;
	const struct chq_entry *source = entry_on(from, side), *target = entry_on(to, side);
	const bool *out =
		allowed_by(c, side, generation_ruleset(generation, source, target, CHQ_EGRESS));
	const bool *in =
		allowed_by(c, side, generation_ruleset(generation, target, source, CHQ_INGRESS));

	for (uint32_t k = 0; k < c->spans.n_kinds; k++)
		ret[k] = out[k] && in[k];
}

static char *print_kinds(struct comparison *c, const bool *have, const bool *had)
{
	bool *wanted = arena_array(&c->scratch, bool, c->spans.n_kinds), any = false;
	char *text, *kept = NULL;

	for (uint32_t k = 0; k < c->spans.n_kinds; k++)
		any |= wanted[k] = have[k] && !had[k];
	text = any ? spans_print(&c->spans, wanted) : NULL;
	if (text)
		kept = arena_text(c->keep, text, strlen(text));
	free(text);
	obstack_free(&c->scratch, wanted);
	return kept;
}

static void compare_pair(struct comparison *c, uint32_t from, uint32_t to)
{
	struct difference *out = c->out;
	struct difference_row row = {.from = from, .to = to};

	both_allow(c, BEFORE, &out->ends[from], &out->ends[to], c->before);
	both_allow(c, AFTER, &out->ends[from], &out->ends[to], c->after);
	if (memcmp(c->before, c->after, c->spans.n_kinds * sizeof(bool)) == 0)
		return;
	if (out->n_rows >= c->most) {
		out->unlisted++;
		return;
	}
	row.gained = print_kinds(c, c->after, c->before);
	row.lost = print_kinds(c, c->before, c->after);
	out->rows = grow(c->keep, out->rows, out->n_rows, &c->room_rows, sizeof(*out->rows));
	out->rows[out->n_rows++] = row;
}

static void compare(struct comparison *c)
{
	gather_ends(c);
	group_ends(c, BEFORE);
	group_ends(c, AFTER);
	for (uint32_t i = 0; i < c->out->n_ends; i++) {
		try_subject(c, i, CHQ_INGRESS);
		try_subject(c, i, CHQ_EGRESS);
	}
	sort_u64(c->candidates, c->n_candidates);
	for (uint32_t i = 0; i < c->n_candidates; i++) {
		uint32_t from = c->candidates[i] >> 32, to = c->candidates[i];

		if ((!i || c->candidates[i] != c->candidates[i - 1]) && can_meet(c->out, from, to))
			compare_pair(c, from, to);
	}
}

static struct difference *difference_new(void)
{
	struct difference *difference = calloc(1, sizeof(*difference));

	if (difference)
		difference->memory = calloc(1, sizeof(*difference->memory));
	if (!difference || !difference->memory) {
		free(difference);
		return NULL;
	}
	obstack_init(&difference->memory->kept);
	return difference;
}

int difference_make(const struct generation *before, const struct generation *after, size_t most,
		    struct difference **ret)
{
	struct difference *difference = difference_new();
	struct comparison c = {.out = difference,
			       .side = {{.generation = before}, {.generation = after}}};

	if (!difference)
		return -ENOMEM;
	c.keep = &difference->memory->kept;
	c.most = most;
	obstack_init(&c.scratch);
	spans_make(before, after, &c.scratch, &c.spans);
	c.before = arena_array(&c.scratch, bool, c.spans.n_kinds);
	c.after = arena_array(&c.scratch, bool, c.spans.n_kinds);
	compare(&c);
	index_free(&c.end_index);
	index_free(&c.side[BEFORE].index);
	index_free(&c.side[AFTER].index);
	obstack_free(&c.scratch, NULL);
	*ret = difference;
	return 0;
}

void difference_free(struct difference *difference)
{
	if (!difference)
		return;
	obstack_free(&difference->memory->kept, NULL);
	free(difference->memory);
	free(difference);
}
