/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef BPF_POLICY_H
#define BPF_POLICY_H

/*
 * Who the ends are and what their policies say. The compiler has settled every
 * precedence; here each question is one look-up in the live generation's tables.
 */

#include "maps.h"
#include "packet.h"
#include "verdict.h"

/* One flow as it was opened: what the policies are asked about. */
struct question {
	struct chq_addr source, target;
	__u32 slot;
	__u32 aim;     /* CHQ_TARGET_* */
	__u32 ifindex; /* where its opener's packets come in; 0 = the gateway's own */
	__be16 sport_be;
	__u8 guard;    /* may the source stand behind ifindex? */
	__u8 to_link;  /* the target is ::, which stands for the gateway */
	__u32 secures; /* CHQ_SECURES_* of the generation */
};

static __always_inline const struct chq_entry *entry_of(__u32 slot, const struct chq_addr *addr)
{
	void *hosts = bpf_map_lookup_elem(&chq_hosts, &slot);
	void *prefixes = bpf_map_lookup_elem(&chq_prefixes, &slot);
	const struct chq_entry *entry;
	struct chq_prefix key;

	if (!hosts || !prefixes)
		return NULL;
	key.length_bits = 128;
	key.addr = *addr;
	entry = bpf_map_lookup_elem(hosts, &key.addr);
	if (entry)
		return entry;
	return bpf_map_lookup_elem(prefixes, &key);
}

/* What encryption says of an address; false: nothing. */
static __always_inline bool encrypt_find(__u32 slot, const struct chq_addr *addr,
					 struct chq_encrypt *ret)
{
	void *table = bpf_map_lookup_elem(&chq_encrypt, &slot);
	const struct chq_encrypt *found;
	struct chq_prefix key;

	if (!table)
		return false;
	key.length_bits = 128;
	key.addr = *addr;
	found = bpf_map_lookup_elem(table, &key);
	if (!found)
		return false;
	*ret = *found;
	return true;
}

/* The gateway's own addresses are hosts, so no prefix has to be asked. */
static __always_inline bool is_own_host(__u32 slot, const struct chq_addr *addr)
{
	void *hosts = bpf_map_lookup_elem(&chq_hosts, &slot);
	const struct chq_entry *entry;
	struct chq_addr key = *addr;

	if (!hosts)
		return false;
	entry = bpf_map_lookup_elem(hosts, &key);
	return entry && entry->kind == CHQ_KIND_OWN;
}

/* An address is an identity only from where it belongs; a Peer's always, whatever a port allows. */
static __always_inline enum chq_reason guard_source(__u32 slot, const struct chq_entry *entry,
						    __u32 ifindex)
{
	void *ports = bpf_map_lookup_elem(&chq_ports, &slot);
	const struct chq_port *port;
	__u32 role = CHQ_OUTSIDE, number = 0;

	if (!ports)
		return CHQ_DROP_NOT_READY;
	if (!ifindex)
		return entry->kind == CHQ_KIND_ENDPOINT ? CHQ_DROP_SPOOFED_ENDPOINT
		       : entry->kind == CHQ_KIND_PEER	? CHQ_DROP_SPOOFED_PEER
							: CHQ_UNDECIDED;
	port = bpf_map_lookup_elem(ports, &ifindex);
	if (port) {
		role = port->role;
		number = port->port;
	}
	if (entry->kind == CHQ_KIND_PEER)
		return role == CHQ_TUNNEL ? CHQ_UNDECIDED : CHQ_DROP_SPOOFED_PEER;
	if (port && port->flags & CHQ_PORT_ANY_SRC)
		return CHQ_UNDECIDED;
	switch (entry->kind) {
	case CHQ_KIND_OWN:
		return CHQ_DROP_SPOOFED_OWN;
	case CHQ_KIND_ENDPOINT:
		if (entry->guard_port ? entry->guard_port == number : role == CHQ_INSIDE)
			return CHQ_UNDECIDED;
		return CHQ_DROP_SPOOFED_ENDPOINT;
	default:
		if (role == CHQ_TUNNEL)
			return CHQ_DROP_TUNNEL_SOURCE;
		return entry->guard_port && entry->guard_port != number ? CHQ_DROP_SPOOFED_ENDPOINT
									: CHQ_UNDECIDED;
	}
}

/* Of an address that is no part of a question: the sender of a reply, of an ICMP error. */
__noinline int guard_address(const struct chq_addr *addr, __u32 slot, __u32 ifindex)
{
	const struct chq_entry *entry;

	if (!addr)
		return CHQ_DROP_INTERNAL;
	entry = entry_of(slot, addr);
	return entry ? guard_source(slot, entry, ifindex) : CHQ_DROP_NOT_READY;
}

static __always_inline bool port_class(__u32 slot, __u32 aim, __u32 *ret)
{
	void *blocks = bpf_map_lookup_elem(&chq_portcls, &slot);
	__u32 index = aim / CHQ_BLOCK_TARGETS;
	const struct chq_portblock *block;

	if (!blocks)
		return false;
	block = bpf_map_lookup_elem(blocks, &index);
	if (!block)
		return false;
	*ret = block->port_class[aim % CHQ_BLOCK_TARGETS];
	return true;
}

/* What the subject's policies say of this peer, in one direction, about this class of ports. */
static __always_inline const struct chq_decision *decide(__u32 slot,
							 const struct chq_entry *subject,
							 const struct chq_entry *peer,
							 enum chq_direction direction, __u32 class)
{
	void *pairs = bpf_map_lookup_elem(&chq_pairs, &slot);
	void *rules = bpf_map_lookup_elem(&chq_rules, &slot);
	struct chq_pair pair = {.subject = subject->subject};
	const struct chq_decision *decision = NULL;
	const struct chq_ruleset *set;

	if (!pairs || !rules)
		return NULL;
	pair.peer = peer->peer;
	pair.direction = direction;
	set = bpf_map_lookup_elem(pairs, &pair);
	if (!set)
		set = direction == CHQ_EGRESS ? &subject->egress : &subject->ingress;
	if (set->rule_set) {
		struct chq_rule rule = {.rule_set = set->rule_set, .port_class = class};

		decision = bpf_map_lookup_elem(rules, &rule);
	}
	return decision ?: &set->otherwise;
}

/* Folds one direction's decision in; true when it drops for good. The first audited drop is told.
 */
static __always_inline bool fold(struct judgement *judged, const struct chq_decision *decision,
				 enum chq_direction direction)
{
	bool audited = judged->reason == CHQ_PASS_AUDIT;

	if (!is_drop(decision->reason))
		return false;
	if (decision->flags & CHQ_DECISION_AUDIT) {
		if (!audited) {
			judged->audit_reason = decision->reason;
			judged->decided = direction;
		}
		judged->reason = CHQ_PASS_AUDIT;
		return false;
	}
	judged->decided = direction;
	judged->reason = decision->reason;
	judged->flags = decision->flags;
	return true;
}

/* Both allow: management before a rule before no policy at all. */
static __always_inline void fold_pass(struct judgement *judged, __u8 egress, __u8 ingress)
{
	if (judged->reason == CHQ_PASS_AUDIT)
		return;
	if (egress == CHQ_PASS_MANAGEMENT || ingress == CHQ_PASS_MANAGEMENT)
		judged->reason = CHQ_PASS_MANAGEMENT;
	else if (egress == CHQ_PASS_ALLOWED || ingress == CHQ_PASS_ALLOWED)
		judged->reason = CHQ_PASS_ALLOWED;
	else
		judged->reason = CHQ_PASS_NO_POLICY;
	if (judged->reason != CHQ_PASS_NO_POLICY)
		judged->decided = egress == judged->reason ? CHQ_EGRESS : CHQ_INGRESS;
}

/* Every judgement counts: of a new flow, and of a running one after a reload. */
static __always_inline void hit(__u32 slot, __u32 origin)
{
	__u32 index = slot * CHQ_HITS + (origin < CHQ_HITS ? origin : 0);
	__u64 *hits;

	if (chq_dry_run || !origin)
		return;
	hits = bpf_map_lookup_elem(&chq_hits, &index);
	if (hits)
		*hits += 1;
}

static __always_inline struct chq_trace *trace(void)
{
	return bpf_map_lookup_elem(&chq_trace, &(__u32){0});
}

static __always_inline void trace_decision(const struct chq_decision *decision,
					   enum chq_direction direction)
{
	struct chq_trace *found = trace();

	if (!found)
		return;
	if (direction == CHQ_EGRESS)
		found->egress = *decision;
	else
		found->ingress = *decision;
}

static __always_inline enum chq_reason ask_policies(const struct question *q,
						    const struct chq_entry *source,
						    const struct chq_entry *target,
						    struct judgement *judged)
{
	const struct chq_decision *egress, *ingress;
	__u32 class = 0;

	if (!port_class(q->slot, q->aim, &class))
		return CHQ_DROP_NOT_READY;
	egress = decide(q->slot, source, target, CHQ_EGRESS, class);
	if (!egress)
		return CHQ_DROP_NOT_READY;
	judged->origin_egress = egress->origin;
	hit(q->slot, egress->origin);
	if (chq_dry_run)
		trace_decision(egress, CHQ_EGRESS);
	if (fold(judged, egress, CHQ_EGRESS))
		return judged->reason;
	ingress = decide(q->slot, target, source, CHQ_INGRESS, class);
	if (!ingress)
		return CHQ_DROP_NOT_READY;
	judged->origin_ingress = ingress->origin;
	hit(q->slot, ingress->origin);
	if (chq_dry_run)
		trace_decision(ingress, CHQ_INGRESS);
	if (fold(judged, ingress, CHQ_INGRESS))
		return judged->reason;
	fold_pass(judged, egress->reason, ingress->reason);
	return judged->reason;
}

/*
 * The tunnel's own packets, by its local port and the Peer: no policy is asked. What
 * they carry is judged where it comes out of the tunnel, and the engine knows who sent it.
 */
static __always_inline bool is_outer(const struct question *q, const struct chq_entry *source,
				     const struct chq_entry *target)
{
	const struct chq_tunnel *tunnel = bpf_map_lookup_elem(&chq_tunnel, &(__u32){0});
	struct chq_addr other;

	if (!tunnel || !tunnel->listen_port_be)
		return false;
	if (q->ifindex && q->ifindex != tunnel->ifindex && target->kind == CHQ_KIND_OWN &&
	    q->aim == CHQ_TARGET_UDP + bpf_ntohs(tunnel->listen_port_be))
		other = q->source;
	else if (!q->ifindex && source->kind == CHQ_KIND_OWN && q->aim - CHQ_TARGET_UDP < 65536 &&
		 q->sport_be == tunnel->listen_port_be)
		other = q->target;
	else
		return false;
	return tunnel->any_peer || bpf_map_lookup_elem(&chq_outer, &other);
}

static __always_inline bool is_strict(__u32 slot, const struct chq_addr *addr)
{
	struct chq_encrypt found;

	return encrypt_find(slot, addr, &found) && found.strict;
}

/* Strict encryption holds for what comes in, too: in the clear it has no business here. */
static __always_inline bool came_in_clear(const struct question *q)
{
	__u32 slot = q->slot, ifindex = q->ifindex;
	void *ports = bpf_map_lookup_elem(&chq_ports, &slot);
	const struct chq_port *port;

	if (!(q->secures & CHQ_SECURES_STRICT) || !ifindex || !ports || q->to_link)
		return false;
	port = bpf_map_lookup_elem(ports, &ifindex);
	if (port && port->role != CHQ_OUTSIDE)
		return false;
	return is_strict(slot, &q->target) && is_strict(slot, &q->source);
}

/* The whole of it: ends, guard, policies. Returns the reason, which *judged holds, too. */
__noinline int judge(const struct question *q, struct judgement *judged)
{
	const struct chq_entry *source, *target;
	enum chq_reason why;

	if (!q || !judged)
		return CHQ_DROP_INTERNAL;
	*judged = (struct judgement){.decided = 0xff};
	source = entry_of(q->slot, &q->source);
	target = entry_of(q->slot, &q->target);
	if (!source || !target) {
		judged->reason = CHQ_DROP_NOT_READY;
		return CHQ_DROP_NOT_READY;
	}
	if (q->to_link && target->kind != CHQ_KIND_OWN) {
		judged->reason = CHQ_DROP_MULTICAST;
		return CHQ_DROP_MULTICAST;
	}
	judged->source = source->identity;
	judged->target = target->identity;
	judged->source_kind = source->kind;
	judged->target_kind = target->kind;
	if (is_outer(q, source, target)) {
		judged->reason = CHQ_PASS_TUNNEL;
		return CHQ_PASS_TUNNEL;
	}
	why = q->guard ? guard_source(q->slot, source, q->ifindex) : CHQ_UNDECIDED;
	if (!why && q->guard && came_in_clear(q))
		why = CHQ_DROP_ENCRYPTION;
	if (chq_dry_run) {
		struct chq_trace *found = trace();

		if (found) {
			found->judged = 1;
			found->guard = why;
		}
	}
	if (!why)
		why = ask_policies(q, source, target, judged);
	judged->reason = why;
	return why;
}

/* Is this denial to be answered: by the rule's wish, or by the port's where it came in? */
static __always_inline bool wants_reject(const struct packet *pkt)
{
	__u32 slot = pkt->slot, ifindex = pkt->arrival.ifindex;
	void *ports = bpf_map_lookup_elem(&chq_ports, &slot);
	const struct chq_port *port;

	if (pkt->judged.flags & CHQ_DECISION_REJECT)
		return true;
	if (!ports)
		return false;
	port = bpf_map_lookup_elem(ports, &ifindex);
	return port && port->flags & CHQ_PORT_REJECT;
}

#endif
