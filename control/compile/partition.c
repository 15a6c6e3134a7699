// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compile/partition.h"

int compare_u32(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

void sort_u64(uint64_t *list, size_t count)
{
	if (count > 1)
		qsort(list, count, sizeof(*list), compare_u64);
}

/* Most lists come sorted already. */
uint32_t sort_unique(uint32_t *list, uint32_t count)
{
	uint32_t kept = 0;
	bool sorted = true;

	for (uint32_t i = 1; i < count && sorted; i++)
		sorted = list[i - 1] < list[i];
	if (sorted)
		return count;
	qsort(list, count, sizeof(*list), compare_u32);
	for (uint32_t i = 0; i < count; i++)
		if (!kept || list[kept - 1] != list[i])
			list[kept++] = list[i];
	return kept;
}

/* Bits need no sorting. */
static struct set make_bits(struct obstack *arena, uint32_t n, const uint32_t *list, uint32_t count)
{
	struct set set = {.n = n, .bits = arena_array(arena, uint64_t, n / 64 + 1)};

	for (uint32_t i = 0; i < count; i++)
		set.bits[list[i] / 64] |= 1ull << list[i] % 64;
	for (uint32_t word = 0; word <= n / 64; word++)
		set.count += __builtin_popcountll(set.bits[word]);
	return set;
}

struct set set_make(struct obstack *arena, uint32_t n, uint32_t *list, uint32_t count)
{
	struct set set = {.n = n};

	if (count >= n / 32)
		return make_bits(arena, n, list, count);
	set.count = sort_unique(list, count);
	set.list = arena_array(arena, uint32_t, set.count + 1);
	if (set.count)
		memcpy(set.list, list, set.count * sizeof(*list));
	return set;
}

bool set_has(const struct set *set, uint32_t number)
{
	if (set->bits)
		return set->bits[number / 64] >> number % 64 & 1;
	return set->count &&
	       bsearch(&number, set->list, set->count, sizeof(number), compare_u32) != NULL;
}

void set_members(const struct set *set, uint32_t *ret)
{
	uint32_t count = 0;

	if (!set->bits) {
		if (set->count)
			memcpy(ret, set->list, set->count * sizeof(*ret));
		return;
	}
	for (uint32_t word = 0; word <= set->n / 64; word++)
		for (uint64_t bits = set->bits[word]; bits; bits &= bits - 1)
			ret[count++] = word * 64 + __builtin_ctzll(bits);
}

void partition_start(struct partition *partition, struct obstack *arena, uint32_t n)
{
	*partition = (struct partition){
		.n = n,
		.n_classes = 1,
		.class_of = arena_array(arena, uint32_t, n),
		.element = arena_array(arena, uint32_t, n),
		.where = arena_array(arena, uint32_t, n),
		.first = arena_array(arena, uint32_t, n + 1),
		.size = arena_array(arena, uint32_t, n + 1),
		.marked = arena_array(arena, uint32_t, n + 1),
		.touched = arena_array(arena, uint32_t, n + 1),
	};
	partition->size[0] = n;
	for (uint32_t i = 0; i < n; i++)
		partition->element[i] = partition->where[i] = i;
}

/* Where the part that is marked of a class grows: at its front, or at its back. */
enum side { FRONT, BACK };

/* Moves a member among the marked ones of its class. True: it is the first of them. */
static bool mark(struct partition *p, uint32_t member, enum side side)
{
	uint32_t class = p->class_of[member], from = p->where[member];
	uint32_t to = side == FRONT ? p->first[class] + p->marked[class]
				    : p->first[class] + p->size[class] - 1 - p->marked[class];
	uint32_t other = p->element[to];

	if (side == FRONT ? from < to : from > to)
		return false; /* listed twice */
	p->element[to] = member;
	p->where[member] = to;
	p->element[from] = other;
	p->where[other] = from;
	return p->marked[class]++ == 0;
}

/* The marked part becomes a class of its own, unless it is the whole class. */
static void part(struct partition *p, uint32_t class, enum side side)
{
	uint32_t marked = p->marked[class], new;

	p->marked[class] = 0;
	if (marked == p->size[class])
		return;
	new = p->n_classes++;
	p->first[new] = p->first[class];
	p->size[new] = marked;
	p->size[class] -= marked;
	if (side == FRONT)
		p->first[class] += marked;
	else
		p->first[new] += p->size[class];
	for (uint32_t i = p->first[new]; i < p->first[new] + marked; i++)
		p->class_of[p->element[i]] = new;
}

static void split(struct partition *partition, const uint32_t *members, uint32_t count,
		  enum side side)
{
	uint32_t touched = 0;

	for (uint32_t i = 0; i < count; i++)
		if (mark(partition, members[i], side))
			partition->touched[touched++] = partition->class_of[members[i]];
	for (uint32_t i = 0; i < touched; i++)
		part(partition, partition->touched[i], side);
}

void partition_split(struct partition *partition, const uint32_t *members, uint32_t count)
{
	split(partition, members, count, FRONT);
}

uint32_t *partition_ranks(const struct partition *partition, struct obstack *arena)
{
	uint32_t *ranks = arena_array(arena, uint32_t, partition->n_classes), rank = 0, class;

	for (uint32_t i = 0; i < partition->n; i += partition->size[class]) {
		class = partition->class_of[partition->element[i]];
		ranks[class] = rank++;
	}
	return ranks;
}

static uint32_t list_others(const struct set *set, uint32_t *ret)
{
	uint32_t count = 0, last = set->n / 64;
	uint64_t bits;

	for (uint32_t word = 0; word <= last; word++) {
		bits = ~set->bits[word];
		if (word == last)
			bits &= (1ull << set->n % 64) - 1;
		for (; bits; bits &= bits - 1)
			ret[count++] = word * 64 + __builtin_ctzll(bits);
	}
	return count;
}

/* To part some from the others, the fewer of both will do. */
void partition_split_set(struct partition *partition, const struct set *set, uint32_t *room)
{
	if (set->list) {
		partition_split(partition, set->list, set->count);
	} else if (set->count > set->n / 2) {
		split(partition, room, list_others(set, room), BACK);
	} else {
		set_members(set, room);
		partition_split(partition, room, set->count);
	}
}

void numbers_add(struct obstack *arena, struct numbers *numbers, uint32_t number)
{
	uint32_t *list;

	if (numbers->count == numbers->room) {
		numbers->room = numbers->room ? numbers->room * 2 : 4;
		list = obstack_alloc(arena, numbers->room * sizeof(*list));
		if (numbers->count)
			memcpy(list, numbers->list, numbers->count * sizeof(*list));
		numbers->list = list;
	}
	numbers->list[numbers->count++] = number;
}
