/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "observe/names.h"

#include <errno.h>
#include <obstack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

#define obstack_chunk_alloc malloc
#define obstack_chunk_free  free
/* Memory that cannot be had is reported by the lists themselves, not by a jump. */
#define uthash_fatal(text) abort()
#include <uthash.h>

struct known_identity {
	chq_identity number;
	uint32_t generation; /* the last one that had it */
	const char **labels;
	UT_hash_handle hh;
};

/* One generation's rules and the sets of them. */
struct chapter {
	uint32_t number; /* 0 = unused */
	struct obstack memory;
	struct rule_ref *rules;
	const struct rule_ref ***sets;
	size_t *set_counts;
	size_t n_sets;
};

struct names {
	struct known_identity *identities;
	struct chq_portname ports[CHQ_PORT_MAX];
	struct chapter chapters[NAMES_GENERATIONS];
	unsigned next;
};

int names_open(struct names **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

static void forget_identity(struct names *names, struct known_identity *identity)
{
	HASH_DEL(names->identities, identity);
	free(identity->labels);
	free(identity);
}

static void forget_chapter(struct chapter *chapter)
{
	if (chapter->number)
		obstack_free(&chapter->memory, NULL);
	*chapter = (struct chapter){};
}

void names_close(struct names *names)
{
	struct known_identity *identity, *after;

	if (!names)
		return;
	HASH_ITER (hh, names->identities, identity, after) {
		forget_identity(names, identity);
	}
	for (int i = 0; i < NAMES_GENERATIONS; i++)
		forget_chapter(&names->chapters[i]);
	free(names);
}

static size_t label_bytes(const struct label *label)
{
	return strlen(label->source) + strlen(label->key) + strlen(label->value) + sizeof(":=");
}

/* One block: the list of pointers, and behind it the texts that they point to. */
static const char **copy_labels(const struct labels *labels)
{
	size_t bytes = (labels->count + 1) * sizeof(char *);
	const char **list;
	char *text;

	for (size_t i = 0; i < labels->count; i++)
		bytes += label_bytes(&labels->list[i]);
	list = malloc(bytes);
	if (!list)
		return NULL;
	text = (char *)(list + labels->count + 1);
	for (size_t i = 0; i < labels->count; i++) {
		const struct label *label = &labels->list[i];

		list[i] = text;
		text += sprintf(text, "%s:%s%s%s", label->source, label->key,
				*label->value ? "=" : "", label->value) +
			1;
	}
	list[labels->count] = NULL;
	return list;
}

static int learn_identity(struct names *names, uint32_t number, const struct identity_row *row)
{
	struct known_identity *identity;

	HASH_FIND(hh, names->identities, &row->number, sizeof(row->number), identity);
	if (!identity) {
		identity = calloc(1, sizeof(*identity));
		if (!identity)
			return -ENOMEM;
		identity->number = row->number;
		HASH_ADD(hh, names->identities, number, sizeof(identity->number), identity);
	}
	if (!identity->labels || identity->generation != number) {
		free(identity->labels);
		identity->labels = copy_labels(&row->labels);
	}
	identity->generation = number;
	return identity->labels ? 0 : -ENOMEM;
}

/* Nobody can ask for those any more that no remembered generation had. */
static void forget_old_identities(struct names *names, uint32_t oldest)
{
	struct known_identity *identity, *after;

	HASH_ITER (hh, names->identities, identity, after) {
		if (identity->generation < oldest)
			forget_identity(names, identity);
	}
}

static const char *keep(struct chapter *chapter, const char *text)
{
	return text ? obstack_copy(&chapter->memory, text, strlen(text) + 1) : "";
}

static void learn_rules(struct chapter *chapter, const struct generation *generation)
{
	const char *last_file = NULL, *kept_file = NULL;

	chapter->rules = obstack_alloc(&chapter->memory,
				       (generation->n_rule_refs + 1) * sizeof(*chapter->rules));
	for (size_t i = 0; i < generation->n_rule_refs; i++) {
		const struct rule_ref *from = &generation->rule_refs[i];
		struct rule_ref *rule = &chapter->rules[i];

		/* Rules of one file stand together and share its name. */
		if (!kept_file || from->file != last_file)
			kept_file = keep(chapter, from->file);
		last_file = from->file;
		*rule = *from;
		rule->kind = keep(chapter, from->kind);
		rule->namespace = keep(chapter, from->namespace);
		rule->name = keep(chapter, from->name);
		rule->file = kept_file;
	}
}

static void learn_set(struct chapter *chapter, const struct generation *generation, size_t number)
{
	const struct origin_set *set = &generation->origins[number];
	const struct rule_ref **list =
		obstack_alloc(&chapter->memory, (set->count + 1) * sizeof(const struct rule_ref *));
	size_t count = 0;

	for (size_t i = 0; i < set->count; i++) {
		if (set->rules[i] < generation->n_rule_refs)
			list[count++] = &chapter->rules[set->rules[i]];
	}
	chapter->sets[number] = list;
	chapter->set_counts[number] = count;
}

static void learn_chapter(struct chapter *chapter, uint32_t number,
			  const struct generation *generation)
{
	forget_chapter(chapter);
	obstack_init(&chapter->memory);
	chapter->number = number;
	chapter->n_sets = generation->n_origins;
	learn_rules(chapter, generation);
	chapter->sets =
		obstack_alloc(&chapter->memory, (chapter->n_sets + 1) * sizeof(*chapter->sets));
	chapter->set_counts = obstack_alloc(&chapter->memory,
					    (chapter->n_sets + 1) * sizeof(*chapter->set_counts));
	for (size_t i = 0; i < chapter->n_sets; i++)
		learn_set(chapter, generation, i);
}

/* The one that this generation has already, when it grew; else the oldest. */
static struct chapter *chapter_for(struct names *names, uint32_t number)
{
	for (int i = 0; i < NAMES_GENERATIONS; i++)
		if (names->chapters[i].number == number)
			return &names->chapters[i];
	return &names->chapters[names->next++ % NAMES_GENERATIONS];
}

int names_learn(struct names *names, uint32_t number, const struct generation *generation)
{
	struct chapter *chapter = chapter_for(names, number);
	uint32_t oldest;
	int err = 0;

	learn_chapter(chapter, number, generation);
	for (size_t i = 0; i < generation->n_identities && !err; i++)
		err = learn_identity(names, number, &generation->identities[i]);
	for (size_t i = 0; i < generation->n_ports; i++) {
		const struct port_row *port = &generation->ports[i];

		if (port->value.port < CHQ_PORT_MAX)
			snprintf(names->ports[port->value.port].name, sizeof(port->name), "%s",
				 port->name);
	}
	oldest = names->chapters[names->next % NAMES_GENERATIONS].number;
	forget_old_identities(names, oldest);
	return err;
}

const char *const *names_labels(const struct names *names, chq_identity identity)
{
	static const char *const none[] = {NULL};
	struct known_identity *found;

	HASH_FIND(hh, names->identities, &identity, sizeof(identity), found);
	return found && found->labels ? found->labels : none;
}

const char *names_port(const struct names *names, uint16_t port)
{
	if (port >= CHQ_PORT_MAX || !names->ports[port].name[0])
		return NULL;
	return names->ports[port].name;
}

size_t names_rules(const struct names *names, uint32_t generation, uint32_t origin,
		   const struct rule_ref *const **ret)
{
	for (int i = 0; i < NAMES_GENERATIONS; i++) {
		const struct chapter *chapter = &names->chapters[i];

		if (!generation || chapter->number != generation || origin >= chapter->n_sets)
			continue;
		*ret = chapter->sets[origin];
		return chapter->set_counts[origin];
	}
	return 0;
}
