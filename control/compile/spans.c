// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compile/spans.h"

#include <stdio.h>

#include "identity/index.h"
#include "policy/icmp.h"
#include "policy/memory.h"

static const struct {
	uint32_t first, last;
	const char *name;
} protocols[] = {
	{CHQ_TARGET_TCP, CHQ_TARGET_UDP - 1, "tcp"},
	{CHQ_TARGET_UDP, CHQ_TARGET_SCTP - 1, "udp"},
	{CHQ_TARGET_SCTP, CHQ_TARGET_ICMP - 1, "sctp"},
	{CHQ_TARGET_ICMP, CHQ_TARGET_ICMPV6 - 1, "icmp"},
	{CHQ_TARGET_ICMPV6, CHQ_TARGET_OTHER - 1, "icmpv6"},
	{CHQ_TARGET_OTHER, CHQ_TARGETS - 1, "other protocols"},
};
#define PROTOCOLS (sizeof(protocols) / sizeof(protocols[0]))

static uint32_t class_at(const struct generation *generation, uint32_t target)
{
	return generation->blocks[target / CHQ_BLOCK_TARGETS]
		.port_class[target % CHQ_BLOCK_TARGETS];
}

static bool new_protocol(uint32_t target)
{
	for (size_t i = 0; i < PROTOCOLS; i++)
		if (protocols[i].first == target)
			return true;
	return false;
}

static size_t count_spans(const struct generation *before, const struct generation *after)
{
	size_t count = 1;

	for (uint32_t t = 1; t < CHQ_TARGETS; t++)
		count += new_protocol(t) || class_at(before, t) != class_at(before, t - 1) ||
			 class_at(after, t) != class_at(after, t - 1);
	return count;
}

struct seen {
	uint64_t *pairs;
	struct index index;
};

static bool same_pair(const void *data, uint32_t number, const void *wanted)
{
	return ((const uint64_t *)data)[number] == *(const uint64_t *)wanted;
}

static void add_span(struct spans *spans, struct seen *seen, uint32_t target, uint64_t pair)
{
	uint64_t hash = pair * 0x9e3779b97f4a7c15ull;
	uint32_t kind = index_find(&seen->index, hash, same_pair, seen->pairs, &pair);

	if (kind == INDEX_NONE) {
		kind = spans->n_kinds++;
		spans->example[kind] = target;
		seen->pairs[kind] = pair;
		if (index_add(&seen->index, hash, kind) < 0)
			obstack_alloc_failed_handler();
	}
	spans->list[spans->count++] = (struct span){target, target, kind};
}

void spans_make(const struct generation *before, const struct generation *after,
		struct obstack *arena, struct spans *ret)
{
	size_t most = count_spans(before, after);
	struct seen seen = {.pairs = arena_array(arena, uint64_t, most)};
	uint64_t pair, last = UINT64_MAX;

	*ret = (struct spans){.list = arena_array(arena, struct span, most),
			      .example = arena_array(arena, uint32_t, most)};
	for (uint32_t t = 0; t < CHQ_TARGETS; t++) {
		pair = (uint64_t)class_at(before, t) << 32 | class_at(after, t);
		if (pair != last || new_protocol(t))
			add_span(ret, &seen, t, pair);
		ret->list[ret->count - 1].last = t;
		last = pair;
	}
	index_free(&seen.index);
}

static const char *type_name(size_t protocol, uint32_t number)
{
	if (protocols[protocol].first == CHQ_TARGET_ICMP)
		return icmp_type_name(false, number);
	return protocols[protocol].first == CHQ_TARGET_ICMPV6 ? icmp_type_name(true, number) : NULL;
}

static void print_range(FILE *out, size_t protocol, uint32_t first, uint32_t last)
{
	const char *name = protocols[protocol].name, *type;

	if (first == protocols[protocol].first && last == protocols[protocol].last) {
		fprintf(out, "%s%s", protocol < PROTOCOLS - 1 ? "all " : "", name);
		return;
	}
	first -= protocols[protocol].first;
	last -= protocols[protocol].first;
	if (protocol == PROTOCOLS - 1)
		fprintf(out, "protocol %u", first);
	else
		fprintf(out, "%u", first);
	if (last > first)
		fprintf(out, "-%u", last);
	if (protocol < PROTOCOLS - 1)
		fprintf(out, "/%s", name);
	type = first == last ? type_name(protocol, first) : NULL;
	if (type)
		fprintf(out, " (%s)", type);
}

static bool all_wanted(const struct spans *spans, const bool *wanted)
{
	for (uint32_t k = 0; k < spans->n_kinds; k++)
		if (!wanted[k])
			return false;
	return true;
}

static void print_spans(FILE *out, const struct spans *spans, const bool *wanted)
{
	const char *comma = "";
	size_t protocol = 0;

	for (size_t i = 0; i < spans->count; i++) {
		uint32_t first = spans->list[i].first, last = spans->list[i].last;

		if (!wanted[spans->list[i].kind])
			continue;
		while (protocols[protocol].last < first)
			protocol++;
		while (last < protocols[protocol].last && wanted[spans->list[i + 1].kind])
			last = spans->list[++i].last;
		fputs(comma, out);
		print_range(out, protocol, first, last);
		comma = ", ";
	}
}

char *spans_print(const struct spans *spans, const bool *wanted)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	if (!out)
		return NULL;
	if (all_wanted(spans, wanted))
		fputs("everything", out);
	else
		print_spans(out, spans, wanted);
	fclose(out);
	return text;
}
