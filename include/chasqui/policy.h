/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef CHQ_POLICY_H
#define CHQ_POLICY_H

#include <linux/types.h>

#include "chasqui/verdict.h"

/*
 * What a compiled generation looks like to the kernel. Names end in what a
 * number counts: _be is network byte order, _ns nanoseconds, _bytes and _bits
 * what they say; everything else is host order. An address is always 16 bytes,
 * IPv4 written as ::ffff:a.b.c.d.
 *
 * Every table here belongs to one generation: it is an inner map in an
 * array-of-maps indexed by slot, and never changes its meaning while it is live.
 */

typedef __u32 chq_identity;

/* Cilium's numbering (cilium pkg/identity/numericidentity.go). */
#define CHQ_ID_UNKNOWN	   0
#define CHQ_ID_HOST	   1
#define CHQ_ID_WORLD	   2
#define CHQ_ID_UNMANAGED   3
#define CHQ_ID_HEALTH	   4
#define CHQ_ID_INIT	   5
#define CHQ_ID_REMOTE_NODE 6
#define CHQ_ID_KUBE_API	   7
#define CHQ_ID_INGRESS	   8
#define CHQ_ID_WORLD_IPV4  9
#define CHQ_ID_WORLD_IPV6  10
#define CHQ_ID_FIRST	   256	      /* endpoints: one number for each set of labels */
#define CHQ_ID_PREFIX	   (1u << 24) /* prefixes that a policy names */

struct chq_addr {
	union {
		__u8 byte[16];
		__be32 word_be[4];
	};
};

/* Key of chq_prefixes and chq_deny: longest prefix wins. */
struct chq_prefix {
	__u32 length_bits; /* 0..128, so an IPv4 /24 is 120 */
	struct chq_addr addr;
};

/* What the compiler has decided for one (rule set, port class), or for all the rest of it. */
struct chq_decision {
	__u32 origin; /* origin set of this generation: which rules say so; 0 = none */
	__u8 reason;  /* PASS_ALLOWED, _NO_POLICY or _MANAGEMENT, DROP_DENIED or _NO_RULE */
	__u8 flags;   /* CHQ_DECISION_* */
	__u16 pad;    /* 0 */
};

#define CHQ_DECISION_AUDIT  1 /* a drop passes as PASS_AUDIT and is reported */
#define CHQ_DECISION_REJECT 2 /* a drop is answered (onDeny: reject) */

/* A rule set: the ports that differ, by number, and what holds for the others. */
struct chq_ruleset {
	__u32 rule_set; /* 0 = no port differs from `otherwise` */
	__u32 pad;	/* 0 */
	struct chq_decision otherwise;
};

/* Value of chq_hosts and chq_prefixes: whose address this is, and what policies make of it. */
struct chq_entry {
	chq_identity identity;
	__u32 subject;	   /* class of those whom the same policies select */
	__u32 peer;	   /* class of those whom the same peer selectors match */
	__u16 guard_port;  /* may send only from this port; 0 = what `kind` says */
	__u8 kind;	   /* enum chq_entry_kind */
	__u8 pad;	   /* 0 */
	__u32 tunnel_peer; /* Peer that owns the prefix, counted from 1; 0 = none */
	__u32 pad2;	   /* 0 */
	struct chq_ruleset ingress, egress; /* towards peers for which chq_pairs has nothing */
};

/*
 * chq_hosts also holds the unspecified address ::/128 with the gateway's own entry
 * (kind OWN): what multicast and broadcast on the link are judged as aimed at.
 * Without it they are dropped.
 */

/* Where a source address may come from (design decision 7). */
enum chq_entry_kind {
	CHQ_KIND_WORLD,	   /* any port */
	CHQ_KIND_ENDPOINT, /* inside ports, or its own port */
	CHQ_KIND_PEER,	   /* the tunnel device only */
	CHQ_KIND_OWN,	   /* the gateway itself: from no port */
};

/* Key of chq_pairs (value: struct chq_ruleset). Missing: the subject's default in its entry. */
struct chq_pair {
	__u32 subject;
	__u32 peer : 31;     /* peer classes are below 2^31 */
	__u32 direction : 1; /* enum chq_direction, as the subject sees it */
};

/* Key of chq_rules (value: struct chq_decision). Missing: the rule set's `otherwise`. */
struct chq_rule {
	__u32 rule_set;
	__u32 port_class;
};

/*
 * chq_portcls: what a packet is aimed at -> port class. One number for each
 * TCP, UDP and SCTP port, ICMP and ICMPv6 type and other protocol, 64 in a block.
 */
#define CHQ_TARGET_TCP	  0
#define CHQ_TARGET_UDP	  65536
#define CHQ_TARGET_SCTP	  131072
#define CHQ_TARGET_ICMP	  196608 /* + type */
#define CHQ_TARGET_ICMPV6 196864 /* + type */
#define CHQ_TARGET_OTHER  197120 /* + IP protocol number */
#define CHQ_TARGETS	  197376
#define CHQ_BLOCK_TARGETS 64
#define CHQ_BLOCKS	  (CHQ_TARGETS / CHQ_BLOCK_TARGETS)

struct chq_portblock {
	__u16 port_class[CHQ_BLOCK_TARGETS]; /* 0 = no policy tells it from the others */
};

/* Value of chq_ports, key interface index: what the Gateway document says of a port. */
struct chq_port {
	__u16 port; /* its number: guard_port, counters */
	__u8 role;  /* enum chq_role */
	__u8 flags; /* CHQ_PORT_* */
};

enum chq_role { CHQ_OUTSIDE, CHQ_INSIDE, CHQ_TUNNEL };

#define CHQ_PORT_REJECT	 1 /* onDeny: reject for packets that came in here */
#define CHQ_PORT_ANY_SRC 2 /* antiSpoofing: false, sources are not checked here */

/*
 * Value of chq_encrypt, key struct chq_prefix, longest match; missing: neither. What is
 * bound for a Peer's address leaves by the tunnel alone, and so does what goes between two
 * strict addresses, but for inside ports.
 */
struct chq_encrypt {
	__u32 tunnel_peer; /* as in struct chq_entry */
	__u8 strict;	   /* in encryption.prefixes and not in encryption.allow */
	__u8 pad[3];	   /* 0 */
};

/*
 * The gate's deny list, IPv4: two bits for each /24, 32 of them in a word, cell
 * number address >> 8. IPv6, and IPv4 longer than /24, are in chq_deny.
 */
enum chq_deny_cell { CHQ_DENY_NONE, CHQ_DENY_ALL, CHQ_DENY_LOOK };
#define CHQ_DENY_WORDS (1u << 19)

_Static_assert(sizeof(struct chq_addr) == 16, "chq_addr is a map key");
_Static_assert(sizeof(struct chq_prefix) == 20, "chq_prefix is a map key");
_Static_assert(sizeof(struct chq_decision) == 8, "chq_decision is a map value");
_Static_assert(sizeof(struct chq_ruleset) == 16, "chq_ruleset is a map value");
_Static_assert(sizeof(struct chq_entry) == 56, "chq_entry is a map value");
_Static_assert(sizeof(struct chq_encrypt) == 8, "chq_encrypt is a map value");
_Static_assert(sizeof(struct chq_pair) == 8, "chq_pair is a map key");
_Static_assert(sizeof(struct chq_rule) == 8, "chq_rule is a map key");

#endif
