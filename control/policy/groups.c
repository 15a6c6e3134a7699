// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <stdlib.h>
#include <string.h>

#include "policy/reader.h"
#include "util/addr.h"

static void read_external(struct reader *rd, const struct node *node, void *ret)
{
	struct cidr_group *group = ret;

	read_prefixes(rd, node, "externalCIDRs", PREFIX_LENIENT, &group->prefixes,
		      &group->n_prefixes);
}

static const struct field spec_fields[] = {
	{"externalCIDRs", read_external, .need = FIELD_MUST},
	{},
};

static void read_spec(struct reader *rd, const struct node *node, void *ret)
{
	read_fields(rd, node, "spec", spec_fields, ret);
}

static const struct field group_fields[] = {
	{"apiVersion", read_ignored},
	{"kind", read_ignored},
	{"metadata", read_ignored},
	{"spec", read_spec, .need = FIELD_MUST},
	{"status"},
	{},
};

void read_cidr_group(struct reader *rd, const struct node *document)
{
	struct cidr_group group = {.at = document->at}, *place;
	struct metadata meta = {};

	if (read_metadata(rd, document, &meta)) {
		group.name = meta.name;
		refuse_namespace(rd, &meta, "CiliumCIDRGroup");
	}
	if (meta.labels)
		read_labels(rd, meta.labels, "cidrgroup", &group.labels);
	read_fields(rd, document, "CiliumCIDRGroup", group_fields, &group);
	if (group.name && (place = READER_ADD(rd, rd->groups, rd->n_groups)))
		*place = group;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct cidr_group *)a)->name, ((const struct cidr_group *)b)->name);
}

static bool wanted(const struct group_use *use, const struct cidr_group *group)
{
	if (use->name)
		return strcmp(use->name, group->name) == 0;
	return selector_matches_keys(&use->selector, &group->labels);
}

/* The groups that a use speaks of are `first` to `first + count`, less what is not wanted. */
static size_t find_groups(const struct reader *rd, const struct group_use *use,
			  const struct cidr_group **first)
{
	struct cidr_group key = {.name = use->name};

	*first = rd->groups;
	if (!use->name)
		return rd->n_groups;
	*first = rd->n_groups ? bsearch(&key, rd->groups, rd->n_groups, sizeof(key), compare_names)
			      : NULL;
	return *first ? 1 : 0;
}

static void add_group(const struct group_use *use, const struct cidr_group *group,
		      struct peers *peers)
{
	/* A prefix that lies in an except is kept: addresses in it have its label. */
	for (size_t i = 0; i < group->n_prefixes; i++)
		peers->cidrs[peers->n_cidrs++] = (struct cidr_rule){
			.prefix = group->prefixes[i],
			.except = use->except,
			.excepts = use->excepts,
			.at = use->at,
		};
}

/* Adds the groups' prefixes to the rule; a group that nobody has written has none, as in Cilium. */
static void resolve_use(struct reader *rd, const struct group_use *use)
{
	struct peers *peers = &rd->config->policies[use->policy].rules[use->rule].peers;
	const struct cidr_group *groups;
	size_t n_groups = find_groups(rd, use, &groups), more = 0;
	struct cidr_rule *cidrs;

	for (size_t i = 0; i < n_groups; i++)
		more += wanted(use, &groups[i]) ? groups[i].n_prefixes : 0;
	cidrs = arena_array(&rd->memory->kept, struct cidr_rule, peers->n_cidrs + more);
	if (peers->n_cidrs)
		memcpy(cidrs, peers->cidrs, sizeof(*cidrs) * peers->n_cidrs);
	peers->cidrs = cidrs;
	for (size_t i = 0; i < n_groups; i++)
		if (wanted(use, &groups[i]))
			add_group(use, &groups[i], peers);
}

static void check_twins(struct reader *rd)
{
	for (size_t i = 1; i < rd->n_groups; i++)
		if (strcmp(rd->groups[i].name, rd->groups[i - 1].name) == 0)
			problem_at(rd, rd->groups[i].at,
				   "CiliumCIDRGroup \"%s\" is given twice, the other is in %s:%u",
				   rd->groups[i].name,
				   rd->config->sources[rd->groups[i - 1].at.file].path,
				   rd->groups[i - 1].at.line);
}

void resolve_groups(struct reader *rd)
{
	if (rd->n_groups)
		qsort(rd->groups, rd->n_groups, sizeof(*rd->groups), compare_names);
	check_twins(rd);
	if (rd->problems->count)
		return;
	for (size_t i = 0; i < rd->n_uses; i++)
		resolve_use(rd, &rd->uses[i]);
}
