/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef BPF_CONNTRACK_H
#define BPF_CONNTRACK_H

/*
 * Flows. A proven flow costs a packet one look-up (flow_fast); whatever is
 * unusual about it is flow_known()'s. Flows that nobody has answered yet, and
 * denied ones, are in tables of their own, so that no flood of them evicts a
 * proven one.
 */

#include "maps.h"
#include "packet.h"
#include "policy.h"
#include "verdict.h"

/* One-way UDP that has lasted this long may become a proven flow (5 s). */
#define ONE_WAY_TICKS (5000000000ull >> CHQ_TICK_SHIFT)

static __always_inline __u32 timeout_of(const struct chq_config *cfg, __u8 protocol, __u8 state,
					bool proven)
{
	if (state == CHQ_FLOW_DENIED && !proven)
		return cfg->timeout_ticks[CHQ_TIMEOUT_DENIED];
	switch (protocol) {
	case IPPROTO_TCP:
		if (state == CHQ_FLOW_CLOSED)
			return cfg->timeout_ticks[CHQ_TIMEOUT_TCP_CLOSING];
		return state == CHQ_FLOW_NEW || state == CHQ_FLOW_ANSWERED
			       ? cfg->timeout_ticks[CHQ_TIMEOUT_TCP_SYN]
			       : cfg->timeout_ticks[CHQ_TIMEOUT_TCP_ESTABLISHED];
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
		return state == CHQ_FLOW_NEW ? cfg->timeout_ticks[CHQ_TIMEOUT_UDP_NEW]
					     : cfg->timeout_ticks[CHQ_TIMEOUT_UDP];
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return cfg->timeout_ticks[CHQ_TIMEOUT_ICMP];
	default:
		return cfg->timeout_ticks[CHQ_TIMEOUT_OTHER];
	}
}

static __always_inline bool same_arrival(const struct chq_arrival *a, const struct chq_arrival *b)
{
	return a->ifindex == b->ifindex && *(const __u32 *)a->vlan == *(const __u32 *)b->vlan;
}

static __always_inline bool arrival_seen(const struct chq_arrival *arrival)
{
	return arrival->vlan[0] != CHQ_VLAN_UNKNOWN;
}

static __always_inline __u8 opener_of(const struct chq_flow *flow)
{
	return flow->flags & CHQ_FLOW_OPENER_1;
}

/*
 * Before 6.3 the verifier takes no key from a pointer that a global function was
 * given: those functions look up with a copy on their own stack.
 */
struct flow_key {
	union {
		struct chq_flow4 key4;
		struct chq_flow6 key6;
	};
};

static __always_inline struct flow_key flow_key(const struct packet *pkt)
{
	return (struct flow_key){.key6 = pkt->key6};
}

/*
 * Two calls that differ in the map alone are made one by the compiler, with the map chosen before
 * it. The verifier puts a map's own look-up in the place of a call only where one map can be meant.
 */
#define map_lookup(map, key)                                   \
	({                                                     \
		void *found_ = bpf_map_lookup_elem(&map, key); \
		asm volatile("# " #map : "+r"(found_));        \
		found_;                                        \
	})

static __always_inline struct chq_flow *flow_proven(__u8 family, const void *key)
{
	return family == FAMILY_IPV4 ? map_lookup(chq_flow4, key) : map_lookup(chq_flow6, key);
}

static __always_inline struct chq_flow *flow_unproven(__u8 family, const void *key)
{
	return family == FAMILY_IPV4 ? map_lookup(chq_new4, key) : map_lookup(chq_new6, key);
}

static __always_inline long flow_store(const struct packet *pkt, const struct chq_flow *flow,
				       bool proven)
{
	struct flow_key key = flow_key(pkt);

	if (chq_dry_run)
		return 0;
	if (pkt->family == FAMILY_IPV4)
		return proven ? bpf_map_update_elem(&chq_flow4, &key, flow, BPF_ANY)
			      : bpf_map_update_elem(&chq_new4, &key, flow, BPF_ANY);
	return proven ? bpf_map_update_elem(&chq_flow6, &key, flow, BPF_ANY)
		      : bpf_map_update_elem(&chq_new6, &key, flow, BPF_ANY);
}

static __always_inline void flow_delete(const struct packet *pkt, bool proven)
{
	struct flow_key key = flow_key(pkt);

	if (chq_dry_run)
		return;
	if (pkt->family == FAMILY_IPV4) {
		if (proven)
			bpf_map_delete_elem(&chq_flow4, &key);
		else
			bpf_map_delete_elem(&chq_new4, &key);
	} else if (proven) {
		bpf_map_delete_elem(&chq_flow6, &key);
	} else {
		bpf_map_delete_elem(&chq_new6, &key);
	}
}

static __always_inline bool has_flow(const struct packet *pkt)
{
	return !is_icmp(pkt) || is_echo(pkt->protocol, pkt->icmp_type);
}

/*
 * A running flow's next packet: judged by this generation, from where its sender
 * always came, nothing that could change its state. UNDECIDED asks flow_known().
 */
static __always_inline enum chq_reason flow_fast(struct packet *pkt, struct chq_flow *flow)
{
	__u8 end = pkt->end & 1;

	if (flow->state != CHQ_FLOW_ESTABLISHED || flow->seen_tick != pkt->tick ||
	    CHQ_FLOW_GENERATION(flow->verdict) != pkt->generation ||
	    !same_arrival(&flow->arrival[end], &pkt->arrival) ||
	    (pkt->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST)))
		return CHQ_UNDECIDED;
	if (pkt->direction == CHQ_INGRESS)
		pkt->port = flow->port[end];
	pkt->proven = 1;
	pkt->hop = flow->hop[end];
	return flow->flags & CHQ_FLOW_TRANSLATED ? CHQ_PASS_TRANSLATED : CHQ_PASS_KNOWN;
}

/* The flow's addresses as its opener used them. */
static __always_inline void flow_question(const struct packet *pkt, const struct chq_flow *flow,
					  struct question *q)
{
	bool same = opener_of(flow) == pkt->end;

	q->source = same ? pkt->source : pkt->target;
	q->target = same ? pkt->target : pkt->source;
	q->aim = aim_of(pkt->protocol, same ? pkt->dport_be : pkt->sport_be,
			pkt->protocol == IPPROTO_ICMP ? 8 : 128);
	q->sport_be = same ? pkt->sport_be : pkt->dport_be;
	q->slot = pkt->slot;
	q->secures = pkt->secures;
}

/* An older generation's verdict never overwrites a newer one's. */
static __always_inline bool verdict_write(struct chq_flow *flow, __u64 verdict)
{
#pragma unroll
	for (int i = 0; i < 3; i++) {
		__u64 old = *(volatile __u64 *)&flow->verdict;

		if ((__s32)(CHQ_FLOW_GENERATION(old) - CHQ_FLOW_GENERATION(verdict)) > 0)
			return false;
		if (__sync_val_compare_and_swap(&flow->verdict, old, verdict) == old)
			return true;
	}
	return false;
}

static __always_inline __u64 verdict_of(const struct packet *pkt)
{
	__u32 origin = pkt->judged.decided == CHQ_EGRESS ? pkt->judged.origin_egress
							 : pkt->judged.origin_ingress;

	return CHQ_FLOW_VERDICT(pkt->generation, origin, pkt->judged.reason);
}

/*
 * Judges a flow as its opener opened it. With `arrival` that is where the opener
 * is held to come in, else its source is not guarded.
 */
static __always_inline enum chq_reason judge_flow(struct packet *pkt, struct chq_flow *flow,
						  bool guard)
{
	struct question q = {};

	if (flow->flags & CHQ_FLOW_TRANSLATED) {
		pkt->judged = (struct judgement){.decided = 0xff, .reason = CHQ_PASS_TRANSLATED};
		return CHQ_PASS_TRANSLATED;
	}
	flow_question(pkt, flow, &q);
	q.ifindex = flow->arrival[opener_of(flow)].ifindex;
	q.guard = guard && arrival_seen(&flow->arrival[opener_of(flow)]);
	return judge(&q, &pkt->judged);
}

/*
 * Of these a denial does not last: whose outer address a Peer's is changes between
 * generations, and a peer that was a stranger for a moment would stay one.
 */
static __always_inline bool touches_tunnel(const struct packet *pkt)
{
	const struct chq_tunnel *tunnel;

	if (pkt->protocol != IPPROTO_UDP)
		return false;
	tunnel = bpf_map_lookup_elem(&chq_tunnel, &(__u32){0});
	return tunnel && tunnel->listen_port_be &&
	       (pkt->sport_be == tunnel->listen_port_be || pkt->dport_be == tunnel->listen_port_be);
}

static __always_inline bool flow_current(const struct packet *pkt, const struct chq_flow *flow)
{
	return (__s32)(CHQ_FLOW_GENERATION(flow->verdict) - pkt->generation) >= 0;
}

/* The generation has moved on: the flow is judged anew, whoever sent this packet. */
static __always_inline enum chq_reason flow_rejudge(struct packet *pkt, struct chq_flow *flow)
{
	enum chq_reason why = judge_flow(pkt, flow, true);

	if (!verdict_write(flow, verdict_of(pkt)))
		return CHQ_FLOW_REASON(flow->verdict);
	flow->identity[opener_of(flow)] = pkt->judged.source;
	flow->identity[!opener_of(flow)] = pkt->judged.target;
	if (is_drop(why)) {
		flow->state = CHQ_FLOW_DENIED;
		pkt->reject = wants_reject(pkt);
		if (pkt->reject)
			flow->flags |= CHQ_FLOW_REJECT;
		else
			flow->flags &= ~CHQ_FLOW_REJECT;
		return why;
	}
	if (flow->state == CHQ_FLOW_DENIED)
		flow->state = CHQ_FLOW_ESTABLISHED;
	pkt->event = CHQ_EVENT_REJUDGED + 1;
	pkt->event_reason = why;
	if (why == CHQ_PASS_AUDIT) {
		pkt->event = CHQ_EVENT_AUDIT + 1;
		pkt->event_reason = pkt->judged.audit_reason;
	}
	return why;
}

/*
 * A Peer's answer to the engine. Its outer address may be behind a Peer itself (0.0.0.0/0), where
 * no other packet may come from; the engine knows who sent it.
 */
static __always_inline bool is_outer_in(const struct packet *pkt)
{
	const struct chq_tunnel *tunnel = bpf_map_lookup_elem(&chq_tunnel, &(__u32){0});
	struct chq_addr other = pkt->source;

	if (!tunnel || !tunnel->listen_port_be || pkt->protocol != IPPROTO_UDP ||
	    pkt->dport_be != tunnel->listen_port_be || !pkt->arrival.ifindex ||
	    pkt->arrival.ifindex == tunnel->ifindex || !is_own_host(pkt->slot, &pkt->target))
		return false;
	return tunnel->any_peer || bpf_map_lookup_elem(&chq_outer, &other);
}

/*
 * May the sender be there at all? On its own for the stack's sake: on Linux 6.1 a program and
 * what it calls share 512 bytes, and chq_out, flow_pending and judge() need every one of them.
 */
__noinline int guard_sender(struct packet *pkt)
{
	int why;

	if (!pkt)
		return CHQ_DROP_INTERNAL;
	why = guard_address(&pkt->source, pkt->slot, pkt->arrival.ifindex);
	return why && !is_outer_in(pkt) ? why : CHQ_UNDECIDED;
}

/* It comes from elsewhere than its sender came so far, or its sender is new: is it him? */
static __always_inline enum chq_reason flow_moved(struct packet *pkt, struct chq_flow *flow)
{
	__u8 end = pkt->end & 1;
	int why;

	why = guard_sender(pkt);
	if (why)
		return why;
	if (arrival_seen(&flow->arrival[end])) {
		why = judge_flow(pkt, flow, false);
		if (is_drop(why))
			return why;
	}
	flow->arrival[end] = pkt->arrival;
	flow->port[end] = pkt->port;
	return CHQ_UNDECIDED;
}

static __always_inline void flow_close(struct packet *pkt, struct chq_flow *flow)
{
	flow->state = CHQ_FLOW_CLOSED;
	pkt->event = CHQ_EVENT_CLOSE + 1;
	pkt->event_reason = CHQ_FLOW_REASON(flow->verdict);
	pkt->judged.source = flow->identity[pkt->end & 1];
	pkt->judged.target = flow->identity[!pkt->end];
	pkt->judged.decided = 0xff;
}

/* What TCP's flags do to a flow that is running. */
static __always_inline void flow_tcp_end(struct packet *pkt, struct chq_flow *flow)
{
	__u8 fin = pkt->end ? CHQ_FLOW_FIN_1 : CHQ_FLOW_FIN_0;

	if (flow->state == CHQ_FLOW_CLOSED)
		return;
	if (pkt->tcp_flags & TCP_RST) {
		flow_close(pkt, flow);
		return;
	}
	if (!(pkt->tcp_flags & TCP_FIN) || flow->flags & fin)
		return;
	flow->flags |= fin;
	if ((flow->flags & (CHQ_FLOW_FIN_0 | CHQ_FLOW_FIN_1)) == (CHQ_FLOW_FIN_0 | CHQ_FLOW_FIN_1))
		flow_close(pkt, flow);
	else
		flow->state = CHQ_FLOW_CLOSING;
}

/* Is what we have seen of this unproven flow proof that both ends mean it? */
static __always_inline bool flow_is_proof(struct packet *pkt, struct chq_flow *flow)
{
	bool opener = opener_of(flow) == pkt->end;
	const struct chq_config *cfg = config();

	if (pkt->fragment == FRAGMENT_LATER)
		return false;
	if (pkt->protocol == IPPROTO_TCP) {
		if (pkt->tcp_flags & TCP_RST)
			return false;
		if (flow->flags & CHQ_FLOW_PICKED_UP)
			return !opener && !(pkt->tcp_flags & TCP_SYN);
		return opener && flow->state == CHQ_FLOW_ANSWERED && pkt->tcp_flags & TCP_ACK &&
		       !(pkt->tcp_flags & TCP_SYN) && pkt->ack == flow->answer_seq;
	}
	if (is_icmp(pkt))
		return !opener && is_echo_reply(pkt);
	if (!opener)
		return true;
	if (pkt->protocol != IPPROTO_UDP || !cfg || pkt->tick - flow->opened_tick < ONE_WAY_TICKS)
		return false;
	if (!budget_spend(BUDGET_ONE_WAY, cfg->oneway_budget, pkt->tick))
		return false;
	flow->flags |= CHQ_FLOW_ONE_WAY;
	return true;
}

static __always_inline void flow_promote(struct packet *pkt, const struct chq_flow *from)
{
	struct chq_flow flow = *from;

	flow.state = CHQ_FLOW_ESTABLISHED;
	flow.answer_seq = 0;
	if (!flow_store(pkt, &flow, true))
		flow_delete(pkt, false);
}

static __always_inline void flow_answer(struct packet *pkt, struct chq_flow *flow)
{
	if (pkt->protocol != IPPROTO_TCP || opener_of(flow) == pkt->end ||
	    pkt->fragment == FRAGMENT_LATER ||
	    (pkt->tcp_flags & (TCP_SYN | TCP_ACK)) != (TCP_SYN | TCP_ACK) ||
	    flow->state > CHQ_FLOW_ANSWERED)
		return;
	flow->answer_seq = pkt->seq + 1;
	flow->state = CHQ_FLOW_ANSWERED;
}

/* A SYN that opens the tuple again after its last flow ended, or was refused. */
static __always_inline bool flow_reopens(const struct packet *pkt, const struct chq_flow *flow)
{
	return pkt->protocol == IPPROTO_TCP && (pkt->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN &&
	       (flow->state == CHQ_FLOW_CLOSING || flow->state == CHQ_FLOW_CLOSED ||
		(flow->state == CHQ_FLOW_DENIED && opener_of(flow) != pkt->end));
}

static __always_inline enum chq_reason flow_pass(struct packet *pkt, struct chq_flow *flow,
						 bool proven)
{
	if (pkt->protocol == IPPROTO_TCP && pkt->fragment != FRAGMENT_LATER)
		flow_tcp_end(pkt, flow);
	if (flow->seen_tick != pkt->tick) {
		flow->hop[0] = flow->hop[1] = 0;
		*(volatile __u32 *)&flow->seen_tick = pkt->tick; /* makes hops good: last */
	}
	if (proven) {
		pkt->proven = 1;
		pkt->hop = flow->hop[pkt->end & 1];
	} else {
		flow_answer(pkt, flow);
		if (flow->state != CHQ_FLOW_CLOSED && flow_is_proof(pkt, flow))
			flow_promote(pkt, flow);
	}
	if (flow->flags & CHQ_FLOW_TRANSLATED)
		return CHQ_PASS_TRANSLATED;
	return CHQ_PASS_KNOWN;
}

static __always_inline enum chq_reason flow_denied(struct packet *pkt, struct chq_flow *flow,
						   bool proven)
{
	if (proven && flow->seen_tick != pkt->tick)
		flow->seen_tick = pkt->tick;
	pkt->judged.source = flow->identity[pkt->end & 1];
	pkt->judged.target = flow->identity[!pkt->end];
	pkt->judged.origin_egress = CHQ_FLOW_ORIGIN(flow->verdict);
	pkt->judged.origin_ingress = CHQ_FLOW_ORIGIN(flow->verdict);
	pkt->judged.decided = 0xff;
	pkt->reject = flow->flags & CHQ_FLOW_REJECT;
	return CHQ_FLOW_REASON(flow->verdict);
}

/* Everything about a flow that flow_fast() leaves. UNDECIDED: no flow of ours, judge it in full. */
static __always_inline enum chq_reason flow_step(struct packet *pkt, struct chq_flow *flow,
						 bool proven)
{
	const struct chq_config *cfg = config();
	__u8 end = pkt->end & 1;
	enum chq_reason why = CHQ_UNDECIDED;
	bool moved;

	if (!cfg || flow_reopens(pkt, flow) ||
	    pkt->tick - flow->seen_tick > timeout_of(cfg, pkt->protocol, flow->state, proven)) {
		flow_delete(pkt, proven);
		return CHQ_UNDECIDED;
	}
	moved = !pkt->crosses_again && !same_arrival(&flow->arrival[end], &pkt->arrival);
	if (flow->state == CHQ_FLOW_DENIED && !proven &&
	    (moved || opener_of(flow) != end || !flow_current(pkt, flow) || touches_tunnel(pkt)))
		return CHQ_UNDECIDED;
	if (moved)
		why = flow_moved(pkt, flow);
	if (why)
		return why;
	if (!flow_current(pkt, flow) || (flow->state == CHQ_FLOW_DENIED && touches_tunnel(pkt))) {
		why = flow_rejudge(pkt, flow);
		if (is_drop(why))
			return why;
	}
	if (pkt->direction == CHQ_INGRESS)
		pkt->port = flow->port[end];
	if (flow->state == CHQ_FLOW_DENIED)
		return flow_denied(pkt, flow, proven);
	return flow_pass(pkt, flow, proven);
}

/* The flow itself, or what a dry run may change in its place. */
static __always_inline struct chq_flow *flow_at_hand(struct chq_flow *flow)
{
	struct chq_flow *copy;

	if (!chq_dry_run || !flow)
		return flow;
	copy = bpf_map_lookup_elem(&chq_scratch, &(__u32){0});
	if (copy)
		*copy = *flow;
	return copy;
}

__noinline int flow_known(struct packet *pkt)
{
	struct chq_flow *flow;
	struct flow_key key;

	if (!pkt)
		return CHQ_DROP_INTERNAL;
	key = flow_key(pkt);
	flow = flow_at_hand(flow_proven(pkt->family, &key));
	return flow ? flow_step(pkt, flow, true) : CHQ_UNDECIDED;
}

__noinline int flow_pending(struct packet *pkt)
{
	struct chq_flow *flow;
	struct flow_key key;

	if (!pkt)
		return CHQ_DROP_INTERNAL;
	key = flow_key(pkt);
	flow = flow_at_hand(flow_unproven(pkt->family, &key));
	return flow ? flow_step(pkt, flow, false) : CHQ_UNDECIDED;
}

/* A denial that is remembered and still holds: same opener, from the same place, same generation.
 */
static __always_inline bool denial_holds(const struct packet *pkt, const struct chq_flow *flow)
{
	const struct chq_config *cfg;

	if (flow->state != CHQ_FLOW_DENIED || opener_of(flow) != pkt->end ||
	    CHQ_FLOW_GENERATION(flow->verdict) != pkt->generation ||
	    !same_arrival(&flow->arrival[pkt->end & 1], &pkt->arrival) || touches_tunnel(pkt))
		return false;
	cfg = config();
	return cfg && pkt->tick - flow->seen_tick <= cfg->timeout_ticks[CHQ_TIMEOUT_DENIED];
}

/* What flow_open() makes, besides the packet. */
struct opening {
	__u8 state;
	__u8 flags;
	__u8 reversed; /* the other end opened it */
	__u8 pad;
};

/* Keeps what was judged: an allowed flow until it is proven, a denied one so that it stays cheap.
 */
__noinline int flow_open(struct packet *pkt, const struct opening *how)
{
	struct chq_flow flow = {};
	__u8 opener;

	if (!pkt || !how)
		return CHQ_DROP_INTERNAL;
	opener = (pkt->end ^ how->reversed) & 1;
	flow.verdict = verdict_of(pkt);
	flow.seen_tick = pkt->tick;
	flow.opened_tick = pkt->tick;
	flow.state = how->state;
	flow.flags = how->flags | (opener ? CHQ_FLOW_OPENER_1 : 0);
	if (pkt->end & 1) {
		flow.arrival[1] = pkt->arrival;
		flow.port[1] = pkt->port;
		flow.arrival[0].vlan[0] = CHQ_VLAN_UNKNOWN;
	} else {
		flow.arrival[0] = pkt->arrival;
		flow.port[0] = pkt->port;
		flow.arrival[1].vlan[0] = CHQ_VLAN_UNKNOWN;
	}
	flow.identity[0] = opener ? pkt->judged.target : pkt->judged.source;
	flow.identity[1] = opener ? pkt->judged.source : pkt->judged.target;
	return flow_store(pkt, &flow, false) ? CHQ_DROP_INTERNAL : CHQ_UNDECIDED;
}

#endif
