/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef POLICY_MODEL_H
#define POLICY_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chasqui/policy.h"
#include "policy/source.h"
#include "policy/tracing.h"

/*
 * What the documents of one directory ask for, read and checked, but not yet
 * resolved: the words are Cilium's and Kubernetes'. Everything is owned by struct
 * config and lives until config_free(). Strings are never NULL where a comment
 * does not say so. A count of 0 with `given` set is `[]`.
 */

/* Label as Cilium writes it: source:key=value. */
struct label {
	const char *source; /* "k8s", "reserved", "cidr", ...; "any" in a selector matches all */
	const char *key;
	const char *value; /* "" when there is none */
};

struct labels {
	struct label *list; /* sorted by source, key, value; no duplicates of (source, key) */
	size_t count;
};

enum requirement_op { REQUIRE_IN, REQUIRE_NOT_IN, REQUIRE_EXISTS, REQUIRE_NOT_EXISTS };

/* One line of matchLabels (an In with one value) or of matchExpressions. */
struct requirement {
	const char *source, *key;
	enum requirement_op op;
	const char **values; /* sorted */
	size_t count;
};

/*
 * All requirements must hold; none matches everything. What a namespaced policy
 * adds (its own namespace) has been added by the reader, as requirements on
 * k8s:io.kubernetes.pod.namespace; namespaceSelector and
 * k8s:io.cilium.k8s.namespace.labels.KEY stand as requirements on the latter keys.
 */
struct selector {
	struct requirement *list; /* sorted by source, key, op, values */
	size_t count;
	bool impossible; /* cannot match anything (entity none) */
	struct place at;
};

/* A bit for each entity; `all` is a peer set of its own kind. */
enum entity {
	ENTITY_HOST,
	ENTITY_REMOTE_NODE,
	ENTITY_KUBE_API,
	ENTITY_HEALTH,
	ENTITY_INIT,
	ENTITY_INGRESS,
	ENTITY_UNMANAGED,
	ENTITY_WORLD,
	ENTITY_WORLD_IPV4,
	ENTITY_WORLD_IPV6,
	ENTITY_CLUSTER,
	ENTITY_ALL,
	ENTITY_NONE,
	ENTITY_MAX
};

/* One entry of a ...CIDR or ...CIDRSet list, or an ipBlock; groups are resolved by the reader. */
struct cidr_rule {
	struct chq_prefix prefix;
	struct chq_prefix *except;
	size_t excepts;
	bool endpoints_too; /* ipBlock: Kubernetes' meaning, endpoints' addresses match as well */
	struct place at;
};

enum peer_kind {
	PEER_ANY,	/* no member given: every peer, the world too */
	PEER_SELECTORS, /* fromEndpoints, toEndpoints, fromNodes, toNodes, NetworkPolicy's pods */
	PEER_CIDRS,
	PEER_ENTITIES,
};

/*
 * Who a rule speaks of: the union of the lists. CNP rules have one member kind;
 * a NetworkPolicy `from` list may mix selectors and CIDRs, so all lists count,
 * whatever `kind` says, except with PEER_ANY. All lists empty: nobody.
 */
struct peers {
	enum peer_kind kind;
	struct selector *selectors; /* match endpoints (any labelled thing; see nodes) */
	size_t n_selectors;
	struct selector *nodes; /* match the host and remote nodes by their labels */
	size_t n_nodes;
	struct cidr_rule *cidrs;
	size_t n_cidrs;
	uint32_t entities; /* bits 1 << enum entity */
};

/* One port, range or name of toPorts; or one ICMP type. */
struct port_rule {
	uint32_t protocols;   /* bits PORT_* below; ANY is TCP|UDP|SCTP */
	uint16_t first, last; /* both 0 = all ports of the protocols */
	const char *name;     /* named port, lower case; NULL when numbers count */
	uint8_t icmp_type;    /* PORT_ICMP, PORT_ICMPV6 */
	uint8_t ip_protocol;  /* PORT_OTHER: VRRP, IGMP, GRE, IPIP, IPV6, ESP, AH ... by number */
	struct place at;
};

#define PORT_TCP    1
#define PORT_UDP    2
#define PORT_SCTP   4
#define PORT_ICMP   8
#define PORT_ICMPV6 16
#define PORT_OTHER  32
#define PORT_ANY    (PORT_TCP | PORT_UDP | PORT_SCTP)

/* One entry of ingress, egress, ingressDeny or egressDeny. */
struct rule {
	enum chq_direction direction;
	bool deny;
	bool selects_nobody; /* `- {}`: turns default deny on and allows nobody */
	struct peers peers;
	bool ports_given; /* false: all ports and protocols, ICMP too */
	struct port_rule *ports;
	size_t n_ports;
	struct place at;
};

enum on_deny { ON_DENY_DEFAULT, ON_DENY_DROP, ON_DENY_REJECT };

/* One rule of Cilium's (a spec, or one of specs), or one NetworkPolicy. */
struct policy {
	const char *kind;      /* as in the document */
	const char *namespace; /* "" for clusterwide */
	const char *name;
	bool selects_nodes; /* nodeSelector: the subject is the gateway itself */
	struct selector subject;
	struct rule *rules;
	size_t n_rules;
	bool default_deny[2]; /* by enum chq_direction: those it selects are closed but for its
				 rules */
	bool applies[2];      /* it has a say in this direction at all */
	bool audit;	      /* annotation chasqui.io/audit: "true" */
	enum on_deny on_deny; /* annotation chasqui.io/on-deny: drop | reject */
	struct place at;
};

struct named_port {
	const char *name; /* lower case */
	uint16_t port;
	uint32_t protocol; /* one PORT_* bit */
};

struct endpoint {
	const char *namespace, *name;
	struct labels labels; /* with k8s:io.kubernetes.pod.namespace and the namespace's labels */
	struct chq_prefix *prefixes; /* addresses are /32 and /128 */
	size_t n_prefixes;
	const char *port; /* must come from here; NULL = any inside port */
	struct named_port *named_ports;
	size_t n_named_ports;
	bool audit; /* spec.audit */
	struct place at;
};

/* Another gateway, reached through the tunnel; its prefixes are remote nodes' unless endpoints say
 * more. */
struct peer_gateway {
	const char *name;
	struct labels labels;
	struct chq_prefix *prefixes;
	size_t n_prefixes;
	const char *public_key;		/* base64 of 32 bytes; no two Peers' are the same */
	const char *preshared_key_file; /* NULL when not given */
	const char *endpoint;		/* host:port or [IPv6]:port; NULL: it calls us */
	unsigned keepalive_s;		/* 0 = none */
	struct place at;
};

struct gateway_port {
	const char *name;
	enum chq_role role;
	enum on_deny on_deny;
	bool any_source; /* antiSpoofing: false */
	struct place at;
};

enum tunnel_backend { BACKEND_AUTO, BACKEND_KERNEL, BACKEND_USERSPACE };

/* An address of an interface, and how much of it is the link's prefix. */
struct link_address {
	struct chq_addr addr;
	uint32_t length_bits; /* of the mapped form, as in struct chq_prefix */
};

#define TUNNEL_PORT_DEFAULT 51820
#define TUNNEL_MTU_LEAST    1280 /* IPv6's */
#define TUNNEL_MTU_MOST	    65455

/* The WireGuard device that leads to all Peers. */
struct tunnel {
	const char *name; /* of the interface */
	struct link_address *addresses;
	size_t n_addresses;
	uint16_t listen_port;	      /* default filled in */
	const char *private_key_file; /* NULL: the daemon's own place */
	enum tunnel_backend backend;
	uint32_t mtu;	 /* 0 = auto */
	uint32_t fwmark; /* 0 = none */
	struct place at; /* line 0: there is no tunnel */
};

/* Strict encryption: what goes between the prefixes leaves through the tunnel alone. */
struct encryption {
	bool strict;
	struct chq_prefix *prefixes;
	size_t n_prefixes;
	struct chq_prefix *allow; /* whatever has an end in here may leave in the clear */
	size_t n_allow;
	struct place at; /* line 0: not given */
};

enum enforcement { ENFORCE_DEFAULT, ENFORCE_ALWAYS, ENFORCE_NEVER };

struct limits {
	uint32_t conntrack, unproven, fragments, prefixes, identities, rules, pairs;
};

/* Seconds; 0 = the default. Indexed by enum chq_timeout. */
#define TIMEOUT_KINDS 9

struct gateway {
	const char *name;
	struct labels labels; /* what nodeSelector sees; reserved:host is added */
	struct gateway_port *ports;
	size_t n_ports;
	enum enforcement enforcement;
	bool audit;
	bool cidr_matches_endpoints, cidr_matches_nodes; /* policy.cidrMatchMode */
	enum on_deny on_deny;
	struct port_rule *management_ports;
	size_t n_management_ports;
	struct chq_prefix *management_from;
	size_t n_management_from;
	struct chq_prefix *deny; /* denyPrefixes and the files of denyPrefixFiles, sorted */
	size_t n_deny;
	uint16_t *ethertypes; /* let through besides the built-in list, host order */
	size_t n_ethertypes;
	struct limits limits; /* defaults filled in */
	double timeout_s[TIMEOUT_KINDS];
	struct tunnel tunnel;
	struct encryption encryption;
	bool by_stack;	 /* forwarding: kernel */
	double pickup_s; /* how long after the first attach or a flush running flows are picked up
			  */
	struct place at; /* line 0: no Gateway document */
};

struct source_file {
	const char *path; /* relative to the directory, for messages */
	const char *text;
	size_t length_bytes;
};

struct config {
	struct gateway gateway;
	struct endpoint *endpoints;
	size_t n_endpoints;
	struct policy *policies; /* in file order: by path, then by place */
	size_t n_policies;
	struct peer_gateway *peers;
	size_t n_peers;
	struct tracing_policy *tracing; /* in file order; names differ */
	size_t n_tracing;
	struct source_file *sources;
	size_t n_sources;
	struct config_memory *memory; /* the reader's */
};

/* What is wrong with the documents: all of it, not only the first. */
struct problem {
	struct place at;
	char *text; /* what is wrong, what was expected */
};

struct problems {
	struct problem *list;
	size_t count;
	char **paths; /* of the files, by place.file, so that a report outlives the config */
	size_t n_paths;
	char **lines;	 /* by problem: the source line, NULL when there is none */
	size_t unlisted; /* found after the first thousand */
	struct {
		const char *at, *start;
		unsigned line;
	} near; /* where the last line was found; problems_add's own */
};

/*
 * Reads every *.yaml and *.yml of a directory (not below it), in the order of
 * their names; a file's documents may be of any kind. Files over 64 MiB are refused.
 * 0: `*ret` is the caller's. -EINVAL: `problems` says what is wrong, each with its
 * place. Other -errno: the directory could not be read.
 */
int config_read(const char *directory, struct config **ret, struct problems *problems);

/* The same from memory, for tests, fuzzing and what came over the API. */
struct text_file {
	const char *path;
	const char *text;
	size_t length_bytes;
};
int config_parse(const struct text_file *files, size_t count, struct config **ret,
		 struct problems *problems);

void config_free(struct config *config); /* accepts NULL */

/*
 * As config_parse(); the files that denyPrefixFiles names are read from `directory`.
 * For a change that is tried before it is written.
 */
int config_parse_in(const char *directory, const struct text_file *files, size_t count,
		    struct config **ret, struct problems *problems);

/* Notes one more problem, with its source line; for those who check a configuration further. */
void problems_add(struct problems *problems, const struct config *config, struct place at,
		  const char *format, ...) __attribute__((format(printf, 4, 5)));

/* file:line:column: text, and below it the line with a mark; one after the other. Caller frees. */
char *problems_print(const struct problems *problems);
void problems_free(struct problems *problems);

#endif
