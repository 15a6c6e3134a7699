// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compile/compiler.h"

#include <errno.h>
#include <xxhash.h>

/*
 * Ports become classes: all ranges of all lists cut the targets into segments, and
 * segments that no list tells apart are one class. Class 0 is what no list names.
 */

#define PORT_CLASSES_MAX 65536

static const struct {
	uint32_t protocol, target;
} transports[] = {
	{PORT_TCP, CHQ_TARGET_TCP},
	{PORT_UDP, CHQ_TARGET_UDP},
	{PORT_SCTP, CHQ_TARGET_SCTP},
};
#define TRANSPORTS (sizeof(transports) / sizeof(*transports))

static bool same_name(const void *data, uint32_t number, const void *wanted)
{
	return strcmp(((const struct compiler *)data)->names[number].text, wanted) == 0;
}

static uint32_t find_name(const struct compiler *c, const char *name)
{
	return index_find(&c->name_index, XXH3_64bits(name, strlen(name)), same_name, c, name);
}

static uint32_t name_number(struct compiler *c, const char *name, enum chq_direction direction)
{
	uint32_t number = find_name(c, name);

	if (number == INDEX_NONE) {
		number = c->n_names++;
		GROW(c, c->names, number, c->room_names);
		c->names[number] = (struct port_name){.text = name};
		index_keep(&c->name_index, XXH3_64bits(name, strlen(name)), number);
	}
	c->names[number].used[direction] = true;
	return number;
}

static void add_range(struct port_list *list, uint32_t first, uint32_t last)
{
	list->ranges[list->n_ranges++] = (struct target_range){first, last};
}

static void add_port_rule(struct compiler *c, struct port_list *list, const struct port_rule *rule,
			  enum chq_direction direction)
{
	bool all = !rule->first && !rule->last;
	uint32_t last = all ? 65535 : rule->last > rule->first ? rule->last : rule->first;

	if (rule->name) {
		list->names[list->n_names++] = (struct named_use){
			name_number(c, rule->name, direction), rule->protocols & PORT_ANY};
		return;
	}
	for (size_t i = 0; i < TRANSPORTS; i++)
		if (rule->protocols & transports[i].protocol)
			add_range(list, transports[i].target + rule->first,
				  transports[i].target + last);
	if (rule->protocols & PORT_ICMP)
		add_range(list, CHQ_TARGET_ICMP + rule->icmp_type,
			  CHQ_TARGET_ICMP + rule->icmp_type);
	if (rule->protocols & PORT_ICMPV6)
		add_range(list, CHQ_TARGET_ICMPV6 + rule->icmp_type,
			  CHQ_TARGET_ICMPV6 + rule->icmp_type);
	if (rule->protocols & PORT_OTHER)
		add_range(list, CHQ_TARGET_OTHER + rule->ip_protocol,
			  CHQ_TARGET_OTHER + rule->ip_protocol);
}

static int compare_ranges(const void *a, const void *b)
{
	const struct target_range *left = a, *right = b;

	return (left->first > right->first) - (left->first < right->first);
}

static int compare_names(const void *a, const void *b)
{
	const struct named_use *left = a, *right = b;

	return (left->name > right->name) - (left->name < right->name);
}

/* Sorted, and what overlaps or touches made one; a name once, with all its protocols. */
static void normalise(struct port_list *list)
{
	uint32_t kept = 0;

	qsort(list->ranges, list->n_ranges, sizeof(*list->ranges), compare_ranges);
	for (uint32_t i = 0; i < list->n_ranges; i++) {
		struct target_range *last = kept ? &list->ranges[kept - 1] : NULL;

		if (last && list->ranges[i].first <= last->last + 1) {
			if (list->ranges[i].last > last->last)
				last->last = list->ranges[i].last;
			continue;
		}
		list->ranges[kept++] = list->ranges[i];
	}
	list->n_ranges = kept;
	qsort(list->names, list->n_names, sizeof(*list->names), compare_names);
	kept = 0;
	for (uint32_t i = 0; i < list->n_names; i++) {
		if (kept && list->names[kept - 1].name == list->names[i].name)
			list->names[kept - 1].protocols |= list->names[i].protocols;
		else
			list->names[kept++] = list->names[i];
	}
	list->n_names = kept;
}

static bool same_list(const void *data, uint32_t number, const void *wanted)
{
	const struct port_list *a = &((const struct compiler *)data)->ports[number], *b = wanted;

	return a->n_ranges == b->n_ranges && a->n_names == b->n_names &&
	       memcmp(a->ranges, b->ranges, a->n_ranges * sizeof(*a->ranges)) == 0 &&
	       memcmp(a->names, b->names, a->n_names * sizeof(*a->names)) == 0;
}

/* A list of none is PORTS_ALL, the first that is made. */
uint32_t ports_list(struct compiler *c, const struct port_rule *ports, size_t count,
		    enum chq_direction direction)
{
	struct port_list list = {
		.ranges = arena_array(c->scratch, struct target_range, count * TRANSPORTS),
		.names = arena_array(c->scratch, struct named_use, count),
	};
	uint64_t hash;
	uint32_t number;

	for (size_t i = 0; i < count; i++)
		add_port_rule(c, &list, &ports[i], direction);
	normalise(&list);
	hash = XXH3_64bits(list.ranges, list.n_ranges * sizeof(*list.ranges));
	hash = XXH3_64bits_withSeed(list.names, list.n_names * sizeof(*list.names), hash);
	number = index_find(&c->port_index, hash, same_list, c, &list);
	if (number != INDEX_NONE)
		return number;
	GROW(c, c->ports, c->n_ports, c->room_ports);
	c->ports[c->n_ports] = list;
	index_keep(&c->port_index, hash, c->n_ports);
	return c->n_ports++;
}

static int compare_targets(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct named_target));
}

static int compare_named(const struct compiler *c, uint32_t a, uint32_t b)
{
	const struct named_ports *left = &c->named[a], *right = &c->named[b];

	if (left->count != right->count)
		return left->count < right->count ? -1 : 1;
	return memcmp(left->list, right->list, left->count * sizeof(*left->list));
}

static bool same_named(const void *data, uint32_t number, const void *wanted)
{
	const struct named_ports *a = &((const struct compiler *)data)->named[number], *b = wanted;

	return a->count == b->count && memcmp(a->list, b->list, a->count * sizeof(*a->list)) == 0;
}

static uint32_t keep_named(struct compiler *c, const struct named_ports *named)
{
	uint64_t hash = XXH3_64bits(named->list, named->count * sizeof(*named->list));
	uint32_t number = index_find(&c->named_index, hash, same_named, c, named);

	if (number != INDEX_NONE)
		return number;
	GROW(c, c->named, c->n_named, c->room_named);
	c->named[c->n_named] = *named;
	index_keep(&c->named_index, hash, c->n_named);
	return c->n_named++;
}

static uint32_t target_of(const struct named_port *port)
{
	for (size_t i = 0; i < TRANSPORTS; i++)
		if (port->protocol == transports[i].protocol)
			return transports[i].target + port->port;
	return CHQ_TARGETS;
}

/* What this endpoint makes of the names that rules of this direction speak of. */
static uint32_t find_named(struct compiler *c, const struct endpoint *endpoint,
			   enum chq_direction direction)
{
	size_t most = endpoint ? endpoint->n_named_ports : 0;
	struct named_ports named = {.list = arena_array(c->scratch, struct named_target, most)};

	for (size_t i = 0; i < most; i++) {
		const struct named_port *port = &endpoint->named_ports[i];
		uint32_t name = find_name(c, port->name), target = target_of(port);

		if (name != INDEX_NONE && c->names[name].used[direction] && target < CHQ_TARGETS)
			named.list[named.count++] =
				(struct named_target){name, port->protocol, target};
	}
	qsort(named.list, named.count, sizeof(*named.list), compare_targets);
	return keep_named(c, &named);
}

/* The ends of all ranges, sorted; segment n lies before edge n, and 0 is none. */
static uint32_t find_segment(const struct compiler *c, uint32_t target)
{
	const uint32_t *edges = c->edges;
	uint32_t low = 0, high = c->n_edges;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (edges[middle] <= target)
			low = middle + 1;
		else
			high = middle;
	}
	return low == c->n_edges ? 0 : low;
}

uint16_t ports_class_of(const struct compiler *c, uint32_t target)
{
	return c->port_classes.class_of[find_segment(c, target)];
}

static void cut(struct compiler *c)
{
	size_t most = 0;

	for (uint32_t i = 0; i < c->n_ports; i++)
		most += c->ports[i].n_ranges;
	for (uint32_t i = 0; i < c->n_named; i++)
		most += c->named[i].count;
	c->edges = arena_array(c->scratch, uint32_t, most * 2);
	for (uint32_t i = 0; i < c->n_ports; i++)
		for (uint32_t r = 0; r < c->ports[i].n_ranges; r++) {
			c->edges[c->n_edges++] = c->ports[i].ranges[r].first;
			c->edges[c->n_edges++] = c->ports[i].ranges[r].last + 1;
		}
	for (uint32_t i = 0; i < c->n_named; i++)
		for (uint32_t t = 0; t < c->named[i].count; t++) {
			c->edges[c->n_edges++] = c->named[i].list[t].target;
			c->edges[c->n_edges++] = c->named[i].list[t].target + 1;
		}
	c->n_edges = sort_unique(c->edges, c->n_edges);
}

static uint32_t segments_of(const struct compiler *c, const struct port_list *list, uint32_t *ret)
{
	uint32_t count = 0, last;

	for (uint32_t r = 0; r < list->n_ranges; r++) {
		last = find_segment(c, list->ranges[r].last);
		for (uint32_t s = find_segment(c, list->ranges[r].first); s <= last; s++)
			ret[count++] = s;
	}
	return count;
}

static void split_named(struct compiler *c)
{
	uint32_t segment;

	for (uint32_t i = 0; i < c->n_named; i++)
		for (uint32_t t = 0; t < c->named[i].count; t++) {
			segment = find_segment(c, c->named[i].list[t].target);
			partition_split(&c->port_classes, &segment, 1);
		}
}

static void keep_classes(struct compiler *c, struct port_list *list, uint32_t *room)
{
	uint32_t count = segments_of(c, list, room);

	for (uint32_t i = 0; i < count; i++)
		room[i] = c->port_classes.class_of[room[i]];
	list->n_classes = sort_unique(room, count);
	list->classes = arena_array(c->scratch, uint16_t, list->n_classes);
	for (uint32_t i = 0; i < list->n_classes; i++)
		list->classes[i] = room[i];
}

static int compare_named_numbers(const void *a, const void *b, void *data)
{
	return compare_named(data, *(const uint32_t *)a, *(const uint32_t *)b);
}

/* Numbers that hang on what the names stand for, and not on who has them first. */
static void number_named(struct compiler *c)
{
	struct named_ports *sorted = arena_array(c->scratch, struct named_ports, c->n_named);
	uint32_t *order;
	uint32_t *numbers = compiler_renumber(c, c->n_named, 1, compare_named_numbers, &order);

	for (uint32_t i = 0; i < c->n_named; i++)
		sorted[i] = c->named[order[i]];
	c->named = sorted;
	for (uint32_t i = 0; i < c->n_actors; i++) {
		c->actors[i].named_egress = numbers[c->actors[i].named_egress];
		c->actors[i].named_ingress = numbers[c->actors[i].named_ingress];
	}
}

static void gather_named(struct compiler *c)
{
	for (uint32_t i = 0; i < c->n_actors; i++) {
		struct actor *actor = &c->actors[i];

		actor->named_egress = find_named(c, actor->endpoint, CHQ_EGRESS);
		actor->named_ingress = find_named(c, actor->endpoint, CHQ_INGRESS);
	}
	number_named(c);
}

int ports_gather(struct compiler *c)
{
	uint32_t *room, count;
	int err;

	gather_named(c);
	cut(c);
	room = arena_array(c->scratch, uint32_t, c->n_edges + 1);
	partition_start(&c->port_classes, c->scratch, c->n_edges + 1);
	for (uint32_t i = 0; i < c->n_ports; i++) {
		count = segments_of(c, &c->ports[i], room);
		partition_split(&c->port_classes, room, count);
		err = compiler_spend(c, count);
		if (err < 0)
			return err;
	}
	split_named(c);
	if (c->port_classes.n_classes > PORT_CLASSES_MAX)
		return compiler_refuse(c, "port classes", c->port_classes.n_classes,
				       PORT_CLASSES_MAX, NULL);
	for (uint32_t i = 0; i < c->n_ports; i++)
		keep_classes(c, &c->ports[i], room);
	return 0;
}
