/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef GUARD_RULES_H
#define GUARD_RULES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "policy/tracing.h"

/* The rules as the guard judges by them; the document is told in chasqui/guard.h. */
enum stage { STAGE_ACCESS, STAGE_OPEN, STAGE_EXEC, STAGE_COVERED, STAGE_MAX };
enum argument { ARGUMENT_NONE, ARGUMENT_PATH, ARGUMENT_MASK, ARGUMENT_MAX };

/* Texts and what they are asked; given = false: no such filter. */
struct texts {
	bool given;
	enum tracing_operator op;
	char **values;
	size_t n_values;
};

struct pids {
	bool negated, forks;
	pid_t values[TRACING_PIDS_MOST];
	size_t n_values;
};

struct spaces {
	enum tracing_namespace kind;
	bool negated, host;
	uint64_t values[4];
	size_t n_values;
};

struct powers {
	enum tracing_capability_set set;
	bool negated;
	uint64_t mask;
};

struct selector {
	struct texts *paths; /* all of them hold */
	size_t n_paths;
	struct texts binaries, parents;
	struct pids *pids;
	size_t n_pids;
	struct spaces *namespaces;
	size_t n_namespaces;
	struct powers *capabilities;
	size_t n_capabilities;
	struct tracing_action actions[TRACING_ACTIONS_MOST];
	size_t n_actions;
};

struct hook {
	char *function;
	bool lsm;
	enum stage stage;
	json_t *shown; /* args, labels, types, message, tags: for events as they came */
	struct selector selectors[TRACING_SELECTORS_MOST];
	size_t n_selectors;
};

struct policy {
	char *name;
	bool enabled;
	enum tracing_mode mode;
	struct hook *hooks;
	size_t n_hooks;
	struct {
		uint64_t hits, posts, enforced, monitored, spared, lost, limited;
	} counted;
};

struct rules {
	struct policy *policies;
	size_t n_policies;
	json_t *document; /* what it was made from */
};

/*
 * Reads the document. -EINVAL: `why` (256 bytes) says what and where; nothing is trusted but its
 * being JSON. Takes its own reference.
 */
int rules_read(json_t *document, char *why, struct rules **ret);

void rules_free(struct rules *rules);
void rules_free_p(struct rules **rules);

/* Carries counters on from an older set, by name. */
void rules_inherit(struct rules *rules, const struct rules *older);

/* NULL: there is none of that name. */
struct policy *rules_find(const struct rules *rules, const char *name);

/* Switches it, in the document as well. false: there is none of that name. */
bool rules_set(struct rules *rules, const char *name, bool enabled, const char *mode);

/* Does any hook have this stage? */
bool rules_have(const struct rules *rules, enum stage stage);

/* Is there a hook that tells of accesses and lets them go on? */
bool rules_watch(const struct rules *rules);

/* Calls for each Equal and each Prefix that marks must stand for. */
typedef void rules_path_fn(void *context, const char *value, bool prefix);
void rules_paths(const struct rules *rules, rules_path_fn *fn, void *context);

#endif
