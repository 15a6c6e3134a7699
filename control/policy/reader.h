/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef POLICY_READER_H
#define POLICY_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/memory.h"
#include "policy/model.h"
#include "policy/words.h"
#include "policy/yaml.h"

/* A CiliumCIDRGroup, until the policies that name it are read. */
struct cidr_group {
	const char *name;
	struct labels labels;
	struct chq_prefix *prefixes;
	size_t n_prefixes;
	struct place at;
};

/* A fromCIDRSet entry that speaks of groups, until all groups are known. */
struct group_use {
	size_t policy, rule; /* which rule's peers take the group's prefixes */
	const char *name;    /* cidrGroupRef, or NULL */
	struct selector selector;
	struct chq_prefix *except;
	size_t excepts;
	struct place at;
};

/* A v1 Namespace: what namespace selectors see. */
struct namespace_labels {
	const char *name;
	struct labels labels;
	struct place at;
};

/* A policy document: its specs share this name. */
struct policy_head {
	const char *kind, *namespace, *name;
	struct place at;
};

/* The name of a file with prefixes to deny, as the Gateway document gives it. */
struct prefix_file {
	const char *path;
	struct place at;
};

/* What is known while the documents are read. */
struct reader {
	struct config *config;
	struct config_memory *memory;
	struct problems *problems;
	const char *directory; /* NULL: no other files can be read */
	struct cidr_group *groups;
	size_t n_groups;
	struct group_use *uses;
	size_t n_uses;
	struct namespace_labels *namespaces;
	size_t n_namespaces;
	struct policy_head *policy_heads;
	size_t n_policy_heads;
	struct prefix_file *prefix_files;
	size_t n_prefix_files;
	struct chq_prefix *deny; /* grown with realloc */
	size_t n_deny;
	bool out_of_memory;
};

void problem_at(struct reader *rd, struct place at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void problems_sort(struct problems *problems);

/* One more element at the end of a list that is grown with realloc; NULL: no memory, noted. */
void *reader_grow(struct reader *rd, void *list, size_t *count, size_t element_bytes);
#define READER_ADD(rd, list, count)                                                  \
	({                                                                           \
		void *grown_ = reader_grow((rd), (list), &(count), sizeof(*(list))); \
		if (grown_)                                                          \
			(list) = grown_;                                             \
		grown_ ? &(list)[(count)-1] : NULL;                                  \
	})

enum need { FIELD_MAY, FIELD_MUST };

/* How one field of a mapping is read. A table of them ends with an entry that has no name. */
struct field {
	const char *name;
	void (*read)(struct reader *rd, const struct node *node, void *ret); /* NULL: ignored */
	size_t offset;							     /* of what it fills */
	enum need need;
	const char *refused; /* why a field that is known is not read */
};

/*
 * Reads a mapping by its table; `what` names it in messages ("a port of toPorts").
 * A field that is null counts as not given. False: there were problems.
 */
bool read_fields(struct reader *rd, const struct node *node, const char *what,
		 const struct field *fields, void *into);

/* The number of children of a list, or of nothing; a problem when it is no list. */
size_t list_count(struct reader *rd, const struct node *node, const char *what);
#define FOR_EACH_KEY(key, map) for (const struct node *key = (map)->first; key; key = key->next)
#define FOR_EACH_CHILD(child, list)                                                              \
	for (const struct node *child = (list)->kind == NODE_LIST ? (list)->first : NULL; child; \
	     child = child->next)

/* Single values; `ret` is filled only when the value is right. */
const char *text_of(struct reader *rd, const struct node *node, const char *what);
const char *keep(struct reader *rd, const char *text);
void read_text(struct reader *rd, const struct node *node, void *ret);	  /* const char * */
void read_bool(struct reader *rd, const struct node *node, void *ret);	  /* bool */
void read_node(struct reader *rd, const struct node *node, void *ret);	  /* const struct node * */
void read_ignored(struct reader *rd, const struct node *node, void *ret); /* any value */
void read_interface(struct reader *rd, const struct node *node, void *ret); /* const char * */
bool read_number(struct reader *rd, const struct node *node, const char *what, uint32_t least,
		 uint32_t most, uint32_t *ret);
bool read_word(struct reader *rd, const struct node *node, const char *what,
	       const struct word *words, unsigned *ret);
/* Seconds from "30s", "1h30m", "500ms"; 0 has no unit. */
bool read_duration(struct reader *rd, const struct node *node, double least_s, double most_s,
		   double *ret);

enum prefix_style {
	PREFIX_STRICT,	/* ours: no bits beyond the length */
	PREFIX_LENGTH,	/* Cilium's CIDRSet: a length must be there, other bits are cleared */
	PREFIX_LENIENT, /* Cilium's CIDR: an address or a prefix, other bits are cleared */
	PREFIX_ADDRESS, /* an address, no length */
};
bool read_prefix(struct reader *rd, const struct node *node, enum prefix_style style,
		 struct chq_prefix *ret);
bool parse_prefix_text(const char *text, enum prefix_style style, struct chq_prefix *ret,
		       const char **expected);
/* A list of prefixes into the kept arena. */
void read_prefixes(struct reader *rd, const struct node *node, const char *what,
		   enum prefix_style style, struct chq_prefix **ret, size_t *count);

/* What metadata says of any document. */
struct metadata {
	const char *name, *namespace; /* NULL when not given */
	const struct node *labels;    /* NULL when not given */
	bool audit;
	enum on_deny on_deny;
	struct place name_at, namespace_at;
};
bool read_metadata(struct reader *rd, const struct node *document, struct metadata *ret);
void refuse_namespace(struct reader *rd, const struct metadata *meta, const char *kind);

/* Labels and selectors. */
#define NAMESPACE_KEY	     "io.kubernetes.pod.namespace"
#define NAMESPACE_LABELS_KEY "io.cilium.k8s.namespace.labels."
bool valid_label_key(const char *source, const char *key);
bool valid_label_value(const char *value);
void read_labels(struct reader *rd, const struct node *node, const char *source,
		 struct labels *ret);
void labels_order(struct reader *rd, struct labels *labels, struct place at);
void split_source(struct reader *rd, const char *text, const char *source, const char **ret_source,
		  const char **ret_key);

/* How the keys of a selector become keys of labels. */
struct key_style {
	const char *source; /* of a key that names none */
	bool sources;	    /* "k8s:app": the part before the colon is a source */
	const char *prefix; /* put before each key, or "" */
};
extern const struct key_style cilium_keys;
bool read_selector(struct reader *rd, const struct node *node, const char *what,
		   const struct key_style *style, struct selector *ret);
void selector_require(struct reader *rd, struct selector *selector, const char *source,
		      const char *key, enum requirement_op op, const char *value);
void selector_append(struct reader *rd, struct selector *selector, const struct selector *more);
void selector_order(struct selector *selector);
bool selector_names(const struct selector *selector, const char *key);
bool selector_names_prefix(const struct selector *selector, const char *prefix);
bool selector_has_reserved(const struct selector *selector, const char *name);
bool selector_has_source(const struct selector *selector, const char *source);
bool selector_matches_keys(const struct selector *selector, const struct labels *labels);

/* One function a kind; `spec` is not read yet. */
void read_gateway(struct reader *rd, const struct node *document);
void read_tunnel(struct reader *rd, const struct node *node, void *ret);     /* struct tunnel */
void read_encryption(struct reader *rd, const struct node *node, void *ret); /* struct encryption */
void read_endpoint(struct reader *rd, const struct node *document);
void read_peer(struct reader *rd, const struct node *document);
void read_endpoints_behind(struct reader *rd, const struct node *node); /* a Peer's list of them */
void read_cilium_policy(struct reader *rd, const struct node *document);
void read_cidr_group(struct reader *rd, const struct node *document);
void read_network_policy(struct reader *rd, const struct node *document);
void read_namespace(struct reader *rd, const struct node *document);
void read_tracing_policy(struct reader *rd, const struct node *document);
void read_document(struct reader *rd, const struct node *document);

/* Parts of a policy. */
#define PORTS_MOST 40
void read_to_ports(struct reader *rd, const struct node *node, bool deny, struct rule *rule);
void read_icmps(struct reader *rd, const struct node *node, struct rule *rule);
void read_network_ports(struct reader *rd, const struct node *node, struct rule *rule);
bool read_port_name(struct reader *rd, const struct node *node, const char **ret);
extern const struct word transport_words[];

/* Where a rule's parts are read: which policy, which way. */
struct rule_context {
	const char *namespace; /* "" for clusterwide */
	enum chq_direction direction;
	bool deny, init;     /* init: the subject is reserved:init, whose peers need no namespace */
	size_t policy, rule; /* for group_use */
};
void note_policy(struct reader *rd, const struct policy *policy, struct place at);
void read_rule(struct reader *rd, const struct node *node, const struct rule_context *context,
	       struct rule *ret);

/* After all documents. */
void resolve_groups(struct reader *rd);
void resolve_namespaces(struct reader *rd);
void read_prefix_files(struct reader *rd);
void check_all(struct reader *rd);

/* A file as text that ends with 0; the caller frees. 0 or -errno; -EFBIG over 64 MiB. */
int read_whole_file(int directory_fd, const char *path, char **ret, size_t *length_bytes);
unsigned add_source(struct reader *rd, const char *path, char *text, size_t length_bytes);

#endif
