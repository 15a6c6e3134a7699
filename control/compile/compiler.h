/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef COMPILE_COMPILER_H
#define COMPILE_COMPILER_H

#include "compile/generation.h"
#include "compile/partition.h"
#include "identity/index.h"

/*
 * One compilation, in the order in which its steps run. Everything here lies in
 * `scratch` and is gone afterwards; what the generation keeps lies in its own arena.
 */

#define NOBODY UINT32_MAX

/* Steps that one compilation may take before it is refused: some seconds. */
#define WORK_MAX 1000000000ull

/* Memory for what selectors and lists of peers match. */
#define SETS_MAX_BYTES (256u << 20)

/* Policies of all groups of subjects, added up; and rules of all origin sets. */
#define MEMBERSHIPS_MAX	   20000000
#define ORIGIN_MEMBERS_MAX 16000000
#define ORIGINS_MAX	   (1 << 24) /* a flow's verdict has 24 bits for it */

/* What CIDR rules and node selectors go by. */
enum category { CATEGORY_WORLD, CATEGORY_ENDPOINT, CATEGORY_HOST, CATEGORY_REMOTE, CATEGORY_MAX };

/* Step 1, who.c: distinct sets of labels (of one category), and what stands behind addresses. */
struct label_set {
	const struct labels *labels;
	enum category category;
	uint32_t entities; /* bits 1 << enum entity that match it */
	chq_identity identity;
	uint32_t endpoints;	/* Endpoint documents that have it; the host counts as one */
	uint32_t subject_group; /* step 3: those whom the same policies select */
};

struct actor {
	uint32_t label_set;
	const struct endpoint *endpoint; /* NULL: not one */
	/* numbers of what it makes of the names that egress and ingress rules speak of */
	uint32_t named_egress, named_ingress;
	uint16_t guard_port;
};

#define ACTOR_WORLD4 0
#define ACTOR_WORLD6 1
#define ACTOR_HOST   2
#define ACTOR_PEERS  3 /* then one for each Peer document, each Endpoint, each CIDR in the world */

/* Step 2, rows.c: prefixes, longest match wins. Sorted by family, address, length. */
struct row {
	struct chq_prefix prefix;
	uint32_t actor;
	uint32_t parent;      /* nearest row around it; NOBODY = none */
	uint32_t cidr;	      /* nearest prefix that a CIDR rule names, 0 = none */
	uint32_t tunnel_peer; /* counted from 1 */
	bool own;
	bool encrypted, allowed; /* in encryption.prefixes, in encryption.allow */
	bool managed;		 /* inside management.from */
	uint32_t peer, subject;
};

/* Step 3, terms.c: every selector, CIDR rule and list of peers once. */
enum scope {
	SCOPE_PEERS, /* Cilium's: whatever has labels */
	SCOPE_PODS,  /* Kubernetes': endpoints */
	SCOPE_NODES, /* the host and remote nodes */
	SCOPE_SUBJECTS,
	SCOPE_HOST,
	SCOPE_MAX
};

struct selector_term {
	const struct selector *selector;
	enum scope scope;
	struct set label_sets;	 /* those it matches within its scope */
	uint32_t *label_classes; /* the same in classes; NULL: too many to keep */
	uint32_t n_label_classes;
};

struct cidr_term {
	const struct cidr_rule *rule;
	uint32_t *classes; /* of CIDR classes, all categories */
	uint32_t n_classes;
};

struct peer_spec { /* one distinct list of peers */
	bool any;
	uint32_t entities;
	uint32_t *selectors, *cidrs; /* sorted numbers of terms */
	uint32_t n_selectors, n_cidrs;
	struct set peers; /* step 5: peer classes */
};

#define SPEC_ANY    0
#define SPEC_NOBODY 1

/* Step 4, ports.c: every list of ports once. */
struct target_range {
	uint32_t first, last;
};

struct named_use { /* a name that a port list speaks of */
	uint32_t name, protocols;
};

struct port_list {
	struct target_range *ranges; /* sorted, apart */
	uint32_t n_ranges;
	struct named_use *names;
	uint32_t n_names;
	uint16_t *classes; /* sorted; without the names */
	uint32_t n_classes;
};

#define PORTS_ALL 0

struct named_target { /* name and protocol on one endpoint */
	uint32_t name, protocol, target;
};

struct named_ports { /* a distinct set of them; number 0 is empty */
	struct named_target *list;
	uint32_t count;
};

struct compiled_rule {
	uint32_t policy, ref, spec, ports;
	enum chq_direction direction;
	bool deny;
};

struct compiled_policy {
	uint32_t first_rule, n_rules; /* in compiled rules */
	uint32_t subject;	      /* selector term */
	uint32_t ref;		      /* of its default deny */
	size_t subjects;
	uint64_t cost; /* pairs and rules that it brings about, roughly */
};

/* Subjects that the same policies select. */
struct subject_group {
	uint32_t *policies; /* in file order */
	uint32_t n_policies, room;
	bool closed; /* both directions, whatever the policies say */
	bool names;  /* an ingress rule speaks of a named port */
};

struct peer_class { /* what tells it from the others */
	uint32_t label_class, cidr_class, named;
	bool managed;
	bool host; /* told apart only where there is a management guard */
	uint32_t entities;
	uint32_t entries;
	chq_identity example;
};

struct subject_class {
	uint32_t group, named;
	bool audit, managed, host;
	uint32_t entries;
	chq_identity example;
	struct chq_ruleset defaults[2];
	bool enforced[2], spoken[2];
};

struct compiler {
	const struct config *config;
	const struct facts *facts;
	struct problems *problems;
	struct generation *out;
	struct obstack *keep, *scratch;
	struct limits limits;

	struct label_set *label_sets;
	uint32_t n_label_sets, room_label_sets;
	struct index label_set_index;
	struct actor *actors;
	uint32_t n_actors, room_actors;

	struct row *rows;
	uint32_t n_rows;
	struct row own;		  /* any address of the gateway */
	struct chq_prefix *cidrs; /* prefixes that CIDR rules name, from 1; sorted as rows */
	uint32_t n_cidrs;

	struct selector_term *selectors;
	uint32_t n_selectors, room_selectors;
	struct index selector_index;
	struct cidr_term *cidr_terms;
	uint32_t n_cidr_terms, room_cidr_terms;
	struct index cidr_index;
	struct peer_spec *specs;
	uint32_t n_specs, room_specs;
	struct index spec_index;
	uint32_t used_entities;

	struct port_list *ports;
	uint32_t n_ports, room_ports;
	struct index port_index;
	struct port_name {
		const char *text;
		bool used[2]; /* by direction of the rules */
	} * names;
	uint32_t n_names, room_names;
	struct index name_index;
	struct named_ports *named;
	uint32_t n_named, room_named;
	struct index named_index;
	uint32_t *edges; /* ends of all ranges: segment n lies before edge n, 0 is none */
	uint32_t n_edges;
	struct partition port_classes; /* of segments */
	uint32_t management_ports;     /* port list, PORTS_ALL = no management guard */

	struct compiled_rule *rules;
	uint32_t n_rules;
	struct compiled_policy *policies;

	struct partition label_classes;
	bool *seen;	 /* by class of label sets, all false between uses */
	uint32_t *room;	 /* for a number of each label set */
	uint32_t *ranks; /* of the classes of label sets, later of the groups of subjects */
	uint32_t *cidr_class[CATEGORY_MAX]; /* by CIDR prefix; 0 = no rule matches */
	uint32_t n_cidr_classes;
	bool *left_out; /* by CIDR prefix: a hole of the rule in hand */

	struct subject_group *groups;
	uint32_t n_groups;
	struct peer_class *peers;
	uint32_t n_peers, room_peers;
	struct index peer_index;
	struct subject_class *subjects;
	uint32_t n_subjects, room_subjects;
	struct index subject_index;

	struct rule_set_rows {
		size_t first;
		uint32_t count;
	} * rule_sets; /* by number, from 1 */
	uint32_t room_rule_sets;
	struct index origin_index, rule_set_index;
	uint32_t room_origins, room_pairs, room_rules;
	uint64_t set_bytes, memberships, origin_members, wanted_pairs, wanted_rules, work;
};

/* The steps. Each returns 0, or -EINVAL or -E2BIG after it has noted a problem. */
int who_gather(struct compiler *c);
int terms_gather(struct compiler *c);
int rows_gather(struct compiler *c);
int rows_name(struct compiler *c);
int who_number(struct compiler *c);
int selectors_match(struct compiler *c);
int ports_gather(struct compiler *c);
int peers_make(struct compiler *c);
int specs_fill(struct compiler *c);
int subjects_make(struct compiler *c);
int pairs_make(struct compiler *c);
int tables_write(struct compiler *c);
int listing_write(struct compiler *c);

/* who.c */
uint32_t who_label_set(struct compiler *c, const struct labels *labels, enum category category);
uint32_t who_actor(struct compiler *c, struct actor actor);

/* rows.c: order of rows and CIDR prefixes, families apart */
int rows_compare(const void *a, const void *b);

/* selectors.c: classes of the label sets that a term matches, each once */
void selectors_keep_classes(struct compiler *c, struct selector_term *term,
			    const struct partition *partition, uint32_t *room);
const uint32_t *selectors_classes(struct compiler *c, const struct selector_term *term,
				  const struct partition *partition, uint32_t *room,
				  uint32_t *ret_count);

/* cidrs.c */
int cidrs_part(struct compiler *c);

/* ports.c */
uint32_t ports_list(struct compiler *c, const struct port_rule *ports, size_t count,
		    enum chq_direction direction);
uint16_t ports_class_of(const struct compiler *c, uint32_t target);

/* origins.c: number of this set of rule references, which is sorted. */
uint32_t origin_number(struct compiler *c, const uint32_t *rules, uint32_t count);

/* judge.c: what one subject class makes of the rules of one direction */
struct judge {
	struct compiler *c;
	const struct subject_class *subject;
	enum chq_direction direction;
	bool enforced;	     /* what no rule allows is dropped */
	bool spoken;	     /* some policy has a say, or all is closed */
	bool default_audits; /* only policies under audit close it */
	struct chq_decision fallback;
	uint32_t *rules; /* compiled rules of this direction, in file order */
	uint32_t n_rules;
};
void judge_start(struct judge *judge, struct compiler *c, const struct subject_class *subject,
		 enum chq_direction direction);
/* The rules (rising) that hold between the subject and one peer class, as a rule set. */
struct chq_ruleset judge_rules(const struct judge *judge, const uint32_t *rules, uint32_t count,
			       uint32_t named, bool managed);

/* Notes that a limit is passed, with the policy that costs most; returns -E2BIG. */
int compiler_refuse(struct compiler *c, const char *what, uint64_t figure, uint64_t limit,
		    const char *setting);

/* set_make(), counted against SETS_MAX_BYTES: check with compiler_spend(). */
struct set compiler_set(struct compiler *c, uint32_t n, uint32_t *list, uint32_t count);
/* Counts steps; -E2BIG when there were too many, or too much memory went into sets. */
int compiler_spend(struct compiler *c, uint64_t steps);

/* index_add() where running out of memory is treated as everywhere in the arenas. */
void index_keep(struct index *index, uint64_t hash, uint32_t number);

int compiler_order(uint32_t a, uint32_t b);
/*
 * New numbers, by old ones, in the order of `compare`, which gets numbers; the first
 * `fixed` stay. `*ret_order` has the old ones in their new order.
 */
uint32_t *compiler_renumber(struct compiler *c, uint32_t count, uint32_t fixed,
			    int (*compare)(const void *, const void *, void *),
			    uint32_t **ret_order);

/* One more element of a growing array in scratch; may move it. */
void *compiler_grow(struct obstack *arena, void *list, uint32_t count, uint32_t *room,
		    size_t bytes);
#define GROW(c, list, count, room) \
	((list) = compiler_grow((c)->scratch, (list), (count), &(room), sizeof(*(list))))

#endif
