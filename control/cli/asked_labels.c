// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "cli/asked_labels.h"

#include <errno.h>
#include <string.h>
#include <uthash.h>

#include "identity/label.h"
#include "identity/reserved.h"

#define NAMESPACE_KEY	     "io.kubernetes.pod.namespace"
#define NAMESPACE_LABELS_KEY "io.cilium.k8s.namespace.labels."

void asked_labels_free(struct asked_labels *asked)
{
	free(asked->labels.list);
	free(asked->text);
	*asked = (struct asked_labels){};
}

/* "k8s:a=b", cut in place. */
static int cut_label(char *part, struct label *ret)
{
	char *equals = strchr(part, '='), *colon;

	if (equals)
		*equals = '\0';
	colon = strchr(part, ':');
	if (colon)
		*colon = '\0';
	ret->source = colon ? part : "k8s";
	ret->key = colon ? colon + 1 : part;
	ret->value = equals ? equals + 1 : "";
	return *ret->key && *ret->source ? 0 : -EINVAL;
}

int asked_labels_cut(const char *text, struct asked_labels *ret)
{
	struct asked_labels asked = {.text = strdup(text)};
	char *rest = asked.text, *part;
	size_t most = 1;
	int err = 0;

	for (const char *at = text; *at; at++)
		most += *at == ',';
	asked.labels.list = calloc(most, sizeof(*asked.labels.list));
	if (!asked.text || !asked.labels.list)
		err = -ENOMEM;
	while (!err && (part = strsep(&rest, ",")))
		err = cut_label(part, &asked.labels.list[asked.labels.count++]);
	if (err)
		asked_labels_free(&asked);
	else
		*ret = asked;
	return err;
}

static int add_label(struct asked_labels *asked, struct label label)
{
	struct labels *labels = &asked->labels;
	struct label *list = realloc(labels->list, (labels->count + 1) * sizeof(*list));

	if (!list)
		return -ENOMEM;
	labels->list = list;
	list[labels->count++] = label;
	return 0;
}

static const char *namespace_of(const struct labels *labels)
{
	for (size_t i = 0; i < labels->count; i++)
		if (strcmp(labels->list[i].source, "k8s") == 0 &&
		    strcmp(labels->list[i].key, NAMESPACE_KEY) == 0)
			return labels->list[i].value;
	return NULL;
}

static const struct endpoint *somebody_in(const char *namespace, const struct config *config,
					  size_t documented)
{
	for (size_t i = 0; i < documented; i++)
		if (strcmp(config->endpoints[i].namespace, namespace) == 0)
			return &config->endpoints[i];
	return NULL;
}

int asked_labels_settle(struct asked_labels *asked, const struct config *config, size_t documented)
{
	const char *namespace = namespace_of(&asked->labels);
	const struct endpoint *neighbour;
	int err = 0;

	if (!namespace) {
		namespace = "default";
		err = add_label(asked, (struct label){"k8s", NAMESPACE_KEY, namespace});
	}
	neighbour = somebody_in(namespace, config, documented);
	for (size_t i = 0; !err && neighbour && i < neighbour->labels.count; i++) {
		const struct label *label = &neighbour->labels.list[i];

		if (strncmp(label->key, NAMESPACE_LABELS_KEY, strlen(NAMESPACE_LABELS_KEY)) == 0)
			err = add_label(asked, *label);
	}
	return err;
}

bool asked_labels_right(const struct asked_labels *asked)
{
	for (size_t i = 0; i < asked->labels.count; i++)
		if (strcmp(asked->labels.list[i].source, "reserved") == 0 &&
		    !reserved_number(asked->labels.list[i].key))
			return false;
	return true;
}

static bool has_label(const struct labels *labels, const struct label *wanted)
{
	for (size_t i = 0; i < labels->count; i++)
		if (label_compare(&labels->list[i], wanted) == 0)
			return true;
	return false;
}

bool asked_labels_within(const struct asked_labels *asked, const struct labels *labels)
{
	for (size_t i = 0; i < asked->labels.count; i++)
		if (!has_label(labels, &asked->labels.list[i]))
			return false;
	return true;
}

struct labelled {
	uint64_t hash;
	size_t number;
	UT_hash_handle hh;
};

static int index_labels(struct labelled **index, const struct config *config, size_t documented)
{
	for (size_t i = 0; i < documented; i++) {
		uint64_t hash = labels_hash(&config->endpoints[i].labels);
		struct labelled *labelled;

		HASH_FIND(hh, *index, &hash, sizeof(hash), labelled);
		if (labelled)
			continue;
		labelled = calloc(1, sizeof(*labelled));
		if (!labelled)
			return -ENOMEM;
		labelled->hash = hash;
		labelled->number = i;
		HASH_ADD(hh, *index, hash, sizeof(hash), labelled);
	}
	return 0;
}

int labelled_find(struct labelled **index, const struct config *config, size_t documented,
		  const struct labels *labels, size_t *ret)
{
	uint64_t hash = labels_hash(labels);
	struct labelled *labelled;
	int err = *index ? 0 : index_labels(index, config, documented);

	if (err)
		return err;
	HASH_FIND(hh, *index, &hash, sizeof(hash), labelled);
	if (!labelled || labels_compare(&config->endpoints[labelled->number].labels, labels) != 0)
		return -ENOENT;
	*ret = labelled->number;
	return 0;
}

void labelled_free(struct labelled *index)
{
	struct labelled *labelled, *next;

	HASH_ITER (hh, index, labelled, next) {
		HASH_DEL(index, labelled);
		free(labelled);
	}
}
