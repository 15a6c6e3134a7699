/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef COMPILE_GENERATION_H
#define COMPILE_GENERATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chasqui/control.h"
#include "chasqui/policy.h"
#include "policy/model.h"

/*
 * One complete compiled policy, as the kernel will hold it, and beside it what
 * people want to know of it. Made by generation_compile() from documents alone:
 * no kernel, socket or clock. Rows are sorted by key.
 */

struct host_row { /* a /32 or /128: chq_hosts */
	struct chq_addr key;
	struct chq_entry value;
};

struct prefix_row { /* chq_prefixes; ::ffff:0:0/96 and ::/0 are always there */
	struct chq_prefix key;
	struct chq_entry value;
};

struct pair_row {
	struct chq_pair key;
	struct chq_ruleset value;
};

struct rule_row {
	struct chq_rule key;
	struct chq_decision value;
};

struct port_row { /* by name: the kernel room knows the interface index */
	char name[16];
	struct chq_port value; /* .port is filled in from struct facts */
};

struct encrypt_row { /* chq_encrypt: where what encryption says changes */
	struct chq_prefix key;
	struct chq_encrypt value;
};

/* One rule of one policy: what an origin set is made of. */
struct rule_ref {
	const char *kind, *namespace, *name; /* of the policy */
	const char *file;
	unsigned line;
	enum chq_direction direction;
	bool deny;
	bool default_deny; /* not a rule: the policy itself, for what none of its rules allows */
	uint32_t policy;   /* its place in config->policies */
	const struct rule *rule; /* NULL with default_deny */
	uint32_t peers;		 /* peer classes that it speaks of */
};

/* One distinct selector of all policies: what `policy selectors` shows. */
struct selector_row {
	const struct selector *selector;
	const char *file; /* where it stands first */
	unsigned line;
	bool is_subject;   /* it says whom a policy is for */
	size_t label_sets; /* that it matches */
	size_t endpoints;  /* documents; the gateway counts as one */
};

/* Rules that together give one verdict, in file order. Set 0 is empty. */
struct origin_set {
	uint32_t *rules; /* indexes into generation.rule_refs */
	size_t count;
};

/* One set of labels with its number. */
struct identity_row {
	chq_identity number;
	struct labels labels;
	size_t prefixes; /* entries that carry it */
};

struct endpoint_row { /* what `endpoint list` shows */
	const char *namespace, *name;
	chq_identity identity;
	uint32_t subject, peer;
	bool enforced[2]; /* by direction */
	bool audit;
	const char *port; /* NULL = any inside port */
	struct chq_prefix *prefixes;
	size_t n_prefixes;
};

/* What `class list` shows: first the subjects, then the peers, each by number. */
struct class_row {
	bool is_subject;
	uint32_t number;
	size_t entries;
	chq_identity example; /* an identity in it */
	bool enforced[2];     /* subjects, by direction: policies have a say */
};

struct policy_row {
	const char *kind, *namespace, *name, *file;
	unsigned line;
	size_t rules;
	size_t subjects; /* endpoints it selects, the gateway counts as one */
	bool audit;
};

struct generation {
	struct host_row *hosts;
	size_t n_hosts;
	struct prefix_row *prefixes;
	size_t n_prefixes;
	uint32_t *around; /* by prefix row: the nearest row that contains it; not the kernel's */
	struct pair_row *pairs;
	size_t n_pairs;
	struct rule_row *rules;
	size_t n_rules;
	struct chq_portblock *blocks; /* CHQ_BLOCKS of them */
	uint32_t n_port_classes;
	uint32_t n_rule_sets;
	struct chq_prefix *deny;
	size_t n_deny;
	struct encrypt_row *encrypt;
	size_t n_encrypt;
	uint8_t secures;	/* CHQ_SECURES_* */
	struct port_row *ports; /* the tunnel's device is the last */
	size_t n_ports;
	uint16_t *ethertypes;
	size_t n_ethertypes;
	uint32_t timeout_ticks[CHQ_TIMEOUT_MAX];
	uint32_t pickup_ticks;
	bool by_stack; /* no packet leaves straight from the checkpoint */
	struct limits limits;

	struct chq_entry own; /* what an address of the gateway itself means */

	struct rule_ref *rule_refs;
	size_t n_rule_refs;
	struct origin_set *origins;
	size_t n_origins;
	struct identity_row *identities; /* sorted by number; the reserved ones too */
	size_t n_identities;
	struct endpoint_row *endpoints;
	size_t n_endpoints;
	struct class_row *classes;
	size_t n_classes;
	struct policy_row *policies;
	size_t n_policies;
	struct selector_row *selectors;
	size_t n_selectors;
	struct generation_memory *memory; /* the compiler's */
};

/* What the compiler must know of the world. */
struct facts {
	/* number of a port by its name (given out by the kernel room, stable); never 0 */
	uint16_t (*port_number)(void *data, const char *name);
	/* number of a label set, stable while the process lives and given back from the
	 * state file over restarts; 0 = no more numbers (limits.identities) */
	chq_identity (*identity_number)(void *data, const struct labels *labels, bool is_prefix);
	void *data;
	/* the gateway's own addresses: entries of kind OWN, over any document's */
	const struct chq_addr *own;
	size_t n_own;
};

/*
 * 0, or -EINVAL with `problems` (a document that is right by itself but not in
 * this company: a policy that names an unknown port, an address of two endpoints),
 * or -E2BIG with one problem that names the limit, the figure and the policy that
 * costs most. `config` must outlive the generation (strings are shared).
 */
int generation_compile(const struct config *config, const struct facts *facts,
		       struct generation **ret, struct problems *problems);
void generation_free(struct generation *generation); /* accepts NULL */

/* Walks the compiled tables as the checkpoint does; the meaning of a flow without a kernel. */
struct flow_query {
	struct chq_addr source, target;
	uint32_t aim;	      /* CHQ_TARGET_*: protocol and port or type */
	bool ingress, egress; /* which end's policies are asked */
};

struct flow_answer {
	struct chq_entry source, target;     /* what the addresses mean */
	struct chq_decision egress, ingress; /* reason UNDECIDED where not asked */
	uint8_t reason;	 /* of both together: the first drop, else PASS_AUDIT, PASS_MANAGEMENT,
			  * PASS_ALLOWED, PASS_NO_POLICY in this order */
	uint8_t decided; /* enum chq_direction that decided; 0xff when neither */
};

void generation_ask(const struct generation *generation, const struct flow_query *query,
		    struct flow_answer *ret);

/* The same between two entries, whatever addresses they have (`own` has none). */
void generation_judge(const struct generation *generation, const struct chq_entry *source,
		      const struct chq_entry *target, const struct flow_query *query,
		      struct flow_answer *ret);

/* The identity of this number; NULL when the generation has none such. */
const struct identity_row *generation_identity(const struct generation *generation,
					       chq_identity number);

/* And what one side's policies say alone. */
struct chq_decision generation_decision(const struct generation *generation,
					const struct chq_entry *subject,
					const struct chq_entry *peer, enum chq_direction direction,
					uint32_t aim);

/* What all of a prefix means that no longer prefix speaks of. */
const struct chq_entry *generation_meaning(const struct generation *generation,
					   const struct chq_prefix *prefix);

/* What the tables hold for a pair: the subject's default when they hold nothing. */
const struct chq_ruleset *generation_ruleset(const struct generation *generation,
					     const struct chq_entry *subject,
					     const struct chq_entry *peer,
					     enum chq_direction direction);

/* What a rule set says of one target. */
struct chq_decision generation_rule(const struct generation *generation,
				    const struct chq_ruleset *set, uint32_t aim);

/* Longest prefix match over hosts and prefixes; never NULL for a compiled generation. */
const struct chq_entry *generation_entry(const struct generation *generation,
					 const struct chq_addr *addr);

#endif
