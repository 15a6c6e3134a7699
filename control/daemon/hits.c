// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "daemon/hits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <uthash.h>
#include <xxhash.h>

#include "daemon/daemon.h"
#include "daemon/folder.h"
#include "identity/selector.h"
#include "util/cleanup.h"
#include "util/log.h"

/* Sets with more members than this, added up, are not kept over a restart. */
#define MEMBERS_KEPT (1 << 20)

/* Rules that are gone are remembered up to this many, for when they come back. */
#define GONE_MOST 10000

struct tally {
	char *key;
	uint64_t total;
	bool live; /* the live generation has it */
	UT_hash_handle hh;
};

struct hit_set {
	struct tally **rules;
	size_t count;
	uint64_t counted; /* of the kernel's number: in the totals already */
};

struct hits {
	struct tally *tallies;
	uint32_t generation; /* whose sets these are */
	struct hit_set *sets;
	size_t n_sets;
};

static uint64_t hash_text(const char *text, uint64_t seed)
{
	return XXH3_64bits_withSeed(text, strlen(text), seed);
}

static uint64_t hash_cidr(const struct cidr_rule *cidr, uint64_t seed)
{
	seed = XXH3_64bits_withSeed(&cidr->prefix, sizeof(cidr->prefix), seed + cidr->excepts);
	for (size_t i = 0; i < cidr->excepts; i++)
		seed = XXH3_64bits_withSeed(&cidr->except[i], sizeof(cidr->except[i]), seed);
	return seed;
}

static uint64_t hash_port(const struct port_rule *port, uint64_t seed)
{
	uint32_t words[] = {port->protocols, port->first, port->last, port->icmp_type,
			    port->ip_protocol};

	seed = XXH3_64bits_withSeed(words, sizeof(words), seed);
	return port->name ? hash_text(port->name, seed) : seed;
}

/* What the rule says, and not where. */
static uint64_t hash_rule(const struct rule *rule)
{
	const struct peers *peers = &rule->peers;
	uint32_t words[] = {rule->selects_nobody, peers->kind, peers->entities, rule->ports_given};
	uint64_t hash = XXH3_64bits(words, sizeof(words)), selector;

	for (size_t i = 0; i < peers->n_selectors + peers->n_nodes; i++) {
		selector = selector_hash(i < peers->n_selectors
						 ? &peers->selectors[i]
						 : &peers->nodes[i - peers->n_selectors]);
		hash = XXH3_64bits_withSeed(&selector, sizeof(selector), hash);
	}
	for (size_t i = 0; i < peers->n_cidrs; i++)
		hash = hash_cidr(&peers->cidrs[i], hash);
	for (size_t i = 0; i < rule->n_ports; i++)
		hash = hash_port(&rule->ports[i], hash);
	return hash;
}

static char *key_of(const struct rule_ref *ref)
{
	char *key;

	if (asprintf(&key, "%s/%s/%s/%s/%s/%016" PRIx64, ref->kind, ref->namespace, ref->name,
		     ref->direction == CHQ_INGRESS ? "ingress" : "egress",
		     ref->default_deny ? "default"
		     : ref->deny       ? "deny"
				       : "allow",
		     ref->rule ? hash_rule(ref->rule) : 0) < 0)
		return NULL;
	return key;
}

/* The tally of this key, made when there is none. */
static struct tally *tally_of(struct hits *hits, const char *key)
{
	struct tally *tally;

	HASH_FIND_STR(hits->tallies, key, tally);
	if (tally)
		return tally;
	tally = calloc(1, sizeof(*tally));
	if (!tally)
		return NULL;
	tally->key = strdup(key);
	if (!tally->key) {
		free(tally);
		return NULL;
	}
	HASH_ADD_KEYPTR(hh, hits->tallies, tally->key, strlen(tally->key), tally);
	return tally;
}

static void forget_sets(struct hits *hits)
{
	for (size_t i = 0; i < hits->n_sets; i++)
		free(hits->sets[i].rules);
	free(give(hits->sets));
	hits->n_sets = 0;
}

static void drop_tally(struct hits *hits, struct tally *tally)
{
	HASH_DEL(hits->tallies, tally);
	free(tally->key);
	free(tally);
}

static void hits_free(struct hits *hits)
{
	struct tally *tally, *next;

	forget_sets(hits);
	HASH_ITER (hh, hits->tallies, tally, next)
		drop_tally(hits, tally);
	free(hits);
}

/* Adds what the kernel has counted since the last time to each rule of each set. */
static void fold(struct hits *hits, const uint64_t *counters, size_t count)
{
	for (size_t o = 1; o < hits->n_sets && o < count; o++) {
		struct hit_set *set = &hits->sets[o];
		uint64_t more = counters[o] > set->counted ? counters[o] - set->counted : 0;

		for (size_t i = 0; more && i < set->count; i++)
			set->rules[i]->total += more;
		set->counted = counters[o];
	}
}

static void fold_now(struct daemon *daemon, bool before)
{
	struct hits *hits = daemon->hits;
	size_t count = hits->n_sets < CHQ_HITS ? hits->n_sets : CHQ_HITS;
	cleanup_free uint64_t *counters = calloc(count + 1, sizeof(*counters));
	int err = counters ? datapath_hits(daemon->datapath, before, counters, count) : -ENOMEM;

	if (err)
		log_warn("hits of rules cannot be read: %s", strerror(-err));
	else
		fold(hits, counters, count);
}

static int fill_set(struct hit_set *set, const struct origin_set *origin, struct tally **tallies)
{
	set->rules = calloc(origin->count + 1, sizeof(struct tally *));
	if (!set->rules)
		return -ENOMEM;
	for (size_t i = 0; i < origin->count; i++)
		set->rules[set->count++] = tallies[origin->rules[i]];
	return 0;
}

static int adopt(struct hits *hits, const struct generation *generation)
{
	cleanup_free struct tally **tallies =
		calloc(generation->n_rule_refs + 1, sizeof(struct tally *));
	int err = 0;

	hits->sets = calloc(generation->n_origins + 1, sizeof(*hits->sets));
	if (!tallies || !hits->sets)
		return -ENOMEM;
	for (size_t i = 0; i < generation->n_rule_refs; i++) {
		cleanup_free char *key = key_of(&generation->rule_refs[i]);

		tallies[i] = key ? tally_of(hits, key) : NULL;
		if (!tallies[i])
			return -ENOMEM;
		tallies[i]->live = true;
	}
	for (; !err && hits->n_sets < generation->n_origins; hits->n_sets++)
		err = fill_set(&hits->sets[hits->n_sets], &generation->origins[hits->n_sets],
			       tallies);
	return err;
}

static void forget_gone(struct hits *hits)
{
	struct tally *tally, *next;
	size_t gone = 0;

	HASH_ITER (hh, hits->tallies, tally, next)
		gone += !tally->live;
	if (gone <= GONE_MOST)
		return;
	HASH_ITER (hh, hits->tallies, tally, next)
		if (!tally->live)
			drop_tally(hits, tally);
}

static size_t members(const struct hits *hits)
{
	size_t count = 0;

	for (size_t o = 0; o < hits->n_sets; o++)
		count += hits->sets[o].count;
	return count;
}

static json_t *sets_as_json(const struct hits *hits)
{
	size_t count = members(hits) <= MEMBERS_KEPT ? hits->n_sets : 0;
	json_t *list = json_array(), *rules;

	for (size_t o = 0; o < count; o++) {
		const struct hit_set *set = &hits->sets[o];

		rules = json_array();
		for (size_t i = 0; i < set->count; i++)
			json_array_append_new(rules, json_string(set->rules[i]->key));
		json_array_append_new(list, json_pack("{s:I, s:o}", "counted",
						      (json_int_t)set->counted, "rules", rules));
	}
	return list;
}

static void keep(const struct daemon *daemon)
{
	cleanup_free char *path = path_join(daemon->options.state_directory, "hits");
	cleanup_free char *text = NULL;
	const struct hits *hits = daemon->hits;
	json_t *totals = json_object(), *all;
	struct tally *tally, *next;
	int err = -ENOMEM;

	HASH_ITER (hh, hits->tallies, tally, next)
		json_object_set_new(totals, tally->key, json_integer(tally->total));
	all = json_pack("{s:I, s:o, s:o}", "generation", (json_int_t)hits->generation, "totals",
			totals, "sets", sets_as_json(hits));
	text = json_dumps(all, JSON_COMPACT);
	json_decref(all);
	if (path && text)
		err = file_write(path, text, strlen(text));
	if (err)
		log_warn("hits of rules are not kept: %s", strerror(-err));
}

static int read_set(struct hits *hits, const json_t *value)
{
	struct hit_set *set = &hits->sets[hits->n_sets];
	const json_t *rules = json_object_get(value, "rules"), *item;
	size_t i;

	set->rules = calloc(json_array_size(rules) + 1, sizeof(struct tally *));
	if (!set->rules)
		return -ENOMEM;
	hits->n_sets++;
	set->counted = json_integer_value(json_object_get(value, "counted"));
	json_array_foreach(rules, i, item)
	{
		if (!json_is_string(item))
			return -EBADMSG;
		set->rules[i] = tally_of(hits, json_string_value(item));
		if (!set->rules[i])
			return -ENOMEM;
		set->count++;
	}
	return 0;
}

static int read_kept(struct hits *hits, json_t *all)
{
	json_t *totals = json_object_get(all, "totals"), *value;
	const json_t *sets = json_object_get(all, "sets"), *item;
	struct tally *tally;
	const char *key;
	int err = 0;
	size_t i;

	json_object_foreach(totals, key, value)
	{
		tally = tally_of(hits, key);
		if (!tally)
			return -ENOMEM;
		tally->total = json_integer_value(value);
	}
	hits->generation = json_integer_value(json_object_get(all, "generation"));
	hits->sets = calloc(json_array_size(sets) + 1, sizeof(*hits->sets));
	if (!hits->sets)
		return -ENOMEM;
	json_array_foreach(sets, i, item)
	{
		err = err ? err : read_set(hits, item);
	}
	return err;
}

/* What cannot be read is counted from zero: no verdict hangs on it. */
int hits_open(struct daemon *daemon)
{
	cleanup_free char *path = path_join(daemon->options.state_directory, "hits");
	cleanup_free char *text = NULL;
	json_t *all = NULL;
	size_t bytes;

	daemon->hits = calloc(1, sizeof(*daemon->hits));
	if (!path || !daemon->hits)
		return -ENOMEM;
	if (file_read(path, &text, &bytes) < 0)
		return 0;
	all = json_loadb(text, bytes, 0, NULL);
	if (!all || read_kept(daemon->hits, all) < 0)
		log_warn("%s cannot be read; rules whose hits are not in it begin at zero", path);
	json_decref(all);
	if (daemon->hits->generation != datapath_live(daemon->datapath))
		forget_sets(daemon->hits);
	return 0;
}

void hits_close(struct daemon *daemon)
{
	if (!daemon->hits)
		return;
	if (daemon->datapath && daemon->hits->n_sets) {
		fold_now(daemon, false);
		keep(daemon);
	}
	hits_free(give(daemon->hits));
}

void hits_follow(struct daemon *daemon, const struct generation *generation)
{
	struct hits *hits = daemon->hits;
	struct tally *tally, *next;

	fold_now(daemon, true);
	forget_sets(hits);
	HASH_ITER (hh, hits->tallies, tally, next)
		tally->live = false;
	hits->generation = daemon->highest;
	if (adopt(hits, generation) < 0) {
		log_warn("hits of rules are not counted: out of memory");
		forget_sets(hits);
	}
	forget_gone(hits);
	keep(daemon);
}

static json_t *rule_as_json(struct daemon *daemon, const struct rule_ref *ref)
{
	cleanup_free char *key = key_of(ref);
	struct tally *tally = key ? tally_of(daemon->hits, key) : NULL;
	char place[512];

	snprintf(place, sizeof(place), "%s:%u", ref->file, ref->line);
	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:I}", "kind", ref->kind,
			 "namespace", ref->namespace, "name", ref->name, "file", ref->file, "line",
			 (json_int_t)ref->line, "place", place, "direction",
			 ref->direction == CHQ_INGRESS ? "ingress" : "egress", "verdict",
			 ref->default_deny ? "default-deny"
			 : ref->deny	   ? "deny"
					   : "allow",
			 "hits", (json_int_t)(tally ? tally->total : 0));
}

/* A policy closes a direction only where it says so. */
static bool is_rule(const struct daemon *daemon, const struct rule_ref *ref)
{
	return !ref->default_deny ||
	       daemon->live.config->policies[ref->policy].default_deny[ref->direction];
}

json_t *show_rules(struct daemon *daemon)
{
	const struct generation *generation = daemon->live.generation;
	json_t *list = json_array();

	if (!generation)
		return list;
	fold_now(daemon, false);
	for (size_t i = 0; i < generation->n_rule_refs; i++)
		if (is_rule(daemon, &generation->rule_refs[i]))
			json_array_append_new(list,
					      rule_as_json(daemon, &generation->rule_refs[i]));
	return list;
}

json_t *show_selectors(struct daemon *daemon)
{
	const struct generation *generation = daemon->live.generation;
	json_t *list = json_array();
	char place[512];

	for (size_t i = 0; generation && i < generation->n_selectors; i++) {
		const struct selector_row *row = &generation->selectors[i];
		cleanup_free char *text = selector_print(row->selector);

		snprintf(place, sizeof(place), "%s:%u", row->file, row->line);
		json_array_append_new(list, json_pack("{s:s?, s:s, s:s, s:I, s:I}", "selector",
						      text, "place", place, "side",
						      row->is_subject ? "subject" : "peer",
						      "labelSets", (json_int_t)row->label_sets,
						      "endpoints", (json_int_t)row->endpoints));
	}
	return list;
}
