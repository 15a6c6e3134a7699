// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <stdlib.h>
#include <string.h>

#include "policy/reader.h"

static const struct field spec_fields[] = {{"finalizers"}, {}};

static void read_spec(struct reader *rd, const struct node *node, void *ret)
{
	read_fields(rd, node, "spec", spec_fields, ret);
}

static const struct field namespace_fields[] = {
	{"apiVersion", read_ignored},
	{"kind", read_ignored},
	{"metadata", read_ignored},
	{"spec", read_spec},
	{"status"},
	{},
};

void read_namespace(struct reader *rd, const struct node *document)
{
	struct namespace_labels ns = {.at = document->at}, *place;
	struct metadata meta = {};

	if (read_metadata(rd, document, &meta)) {
		ns.name = meta.name;
		refuse_namespace(rd, &meta, "Namespace");
	}
	if (meta.labels)
		read_labels(rd, meta.labels, "k8s", &ns.labels);
	read_fields(rd, document, "Namespace", namespace_fields, &ns);
	if (ns.name && (place = READER_ADD(rd, rd->namespaces, rd->n_namespaces)))
		*place = ns;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct namespace_labels *)a)->name,
		      ((const struct namespace_labels *)b)->name);
}

static const char *join(struct reader *rd, const char *prefix, const char *key)
{
	struct obstack *kept = &rd->memory->kept;

	obstack_grow(kept, prefix, strlen(prefix));
	obstack_grow0(kept, key, strlen(key));
	return obstack_finish(kept);
}

/* As its endpoints carry them: the name, every label, and the one that Kubernetes adds itself. */
static void spell_out(struct reader *rd, struct namespace_labels *ns)
{
	struct label *list = arena_array(&rd->memory->kept, struct label, ns->labels.count + 2);
	size_t count = 0;

	list[count++] = (struct label){"k8s", NAMESPACE_KEY, ns->name};
	list[count++] = (struct label){
		"k8s", join(rd, NAMESPACE_LABELS_KEY, "kubernetes.io/metadata.name"), ns->name};
	for (size_t i = 0; i < ns->labels.count; i++) {
		const struct label *label = &ns->labels.list[i];

		if (strcmp(label->key, "kubernetes.io/metadata.name") != 0)
			list[count++] = (struct label){
				"k8s", join(rd, NAMESPACE_LABELS_KEY, label->key), label->value};
	}
	ns->labels.list = list;
	ns->labels.count = count;
}

static void check_twins(struct reader *rd)
{
	for (size_t i = 1; i < rd->n_namespaces; i++)
		if (strcmp(rd->namespaces[i].name, rd->namespaces[i - 1].name) == 0)
			problem_at(rd, rd->namespaces[i].at,
				   "Namespace \"%s\" is given twice, the other is in %s:%u",
				   rd->namespaces[i].name,
				   rd->config->sources[rd->namespaces[i - 1].at.file].path,
				   rd->namespaces[i - 1].at.line);
}

static void add_to_endpoint(struct reader *rd, struct endpoint *endpoint)
{
	struct namespace_labels implied = {.name = endpoint->namespace}, *ns = NULL;
	struct labels all;

	if (rd->n_namespaces)
		ns = bsearch(&implied, rd->namespaces, rd->n_namespaces, sizeof(implied),
			     compare_names);
	if (!ns) {
		spell_out(rd, &implied);
		ns = &implied;
	}
	all.count = endpoint->labels.count + ns->labels.count;
	all.list = arena_array(&rd->memory->kept, struct label, all.count);
	memcpy(all.list, ns->labels.list, ns->labels.count * sizeof(*all.list));
	if (endpoint->labels.count)
		memcpy(all.list + ns->labels.count, endpoint->labels.list,
		       endpoint->labels.count * sizeof(*all.list));
	labels_order(rd, &all, endpoint->at);
	endpoint->labels = all;
}

void resolve_namespaces(struct reader *rd)
{
	if (rd->n_namespaces)
		qsort(rd->namespaces, rd->n_namespaces, sizeof(*rd->namespaces), compare_names);
	check_twins(rd);
	for (size_t i = 0; i < rd->n_namespaces; i++)
		spell_out(rd, &rd->namespaces[i]);
	for (size_t i = 0; i < rd->config->n_endpoints; i++)
		add_to_endpoint(rd, &rd->config->endpoints[i]);
}
