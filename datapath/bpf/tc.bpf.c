/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */

/*
 * The checkpoint: TC programs on both sides of every guarded port. A packet is
 * parsed once into struct packet and walks stages; the first that returns a
 * reason has decided.
 */

#include <linux/pkt_cls.h>

#include "conntrack.h"
#include "direct.h"
#include "encrypt.h"
#include "fragment.h"
#include "link.h"
#include "maps.h"
#include "packet.h"
#include "parse.h"
#include "policy.h"
#include "reject.h"
#include "related.h"
#include "verdict.h"

static __always_inline void trace_flow(const struct packet *pkt, struct chq_trace *found)
{
	struct flow_key key = flow_key(pkt);
	struct chq_flow *flow;

	if (!pkt->family || !has_flow(pkt))
		return;
	found->flow = CHQ_TRACE_PROVEN;
	flow = flow_proven(pkt->family, &key);
	if (!flow) {
		found->flow = CHQ_TRACE_UNPROVEN;
		flow = flow_unproven(pkt->family, &key);
	}
	if (!flow) {
		found->flow = CHQ_TRACE_NO_FLOW;
		return;
	}
	found->flow_verdict = flow->verdict;
	found->flow_state = flow->state;
}

/* The end of a dry run: what the stages found, beside what judge() has put there. */
__noinline int trace_end(const struct packet *pkt, __u32 why)
{
	struct chq_trace *found = trace();

	if (!pkt || !found)
		return 0;
	found->source = pkt->source;
	found->target = pkt->target;
	found->generation = pkt->generation;
	found->aim = pkt->aim;
	found->source_identity = pkt->judged.source;
	found->target_identity = pkt->judged.target;
	found->source_kind = pkt->judged.source_kind;
	found->target_kind = pkt->judged.target_kind;
	found->sport_be = pkt->sport_be;
	found->dport_be = pkt->dport_be;
	found->port = pkt->port;
	found->family = pkt->family;
	found->protocol = pkt->protocol;
	found->reason = why;
	found->decided = pkt->judged.decided;
	found->audit_reason = pkt->judged.audit_reason;
	found->reject = pkt->reject;
	trace_flow(pkt, found);
	return 0;
}

/* The one exit: nothing leaves that no stage has passed. */
static __always_inline int finish(struct __sk_buff *skb, struct packet *pkt, __u32 why)
{
	bool drop = is_drop(why);

	if (chq_dry_run) {
		trace_end(pkt, why);
		return drop ? TC_ACT_SHOT : TC_ACT_OK;
	}
	count(pkt->port, pkt->direction, why, skb->gso_segs ?: 1, skb->len);
	if (drop) {
		pkt->event = CHQ_EVENT_DROP + 1;
		pkt->event_reason = why;
	}
	if (pkt->event)
		tell(pkt, skb->len);
	if (!drop)
		return TC_ACT_OK;
	return pkt->reject ? reject(skb, pkt) : TC_ACT_SHOT;
}

static __always_inline bool opens_tcp(const struct packet *pkt)
{
	return (pkt->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/* Does a packet of no known flow belong to one that runs already, by what it is? */
static __always_inline bool looks_running(const struct packet *pkt)
{
	return pkt->protocol == IPPROTO_TCP ? !opens_tcp(pkt) : is_echo_reply(pkt);
}

/* May it be the answer to something that was opened before we watched? */
static __always_inline bool may_answer(const struct packet *pkt)
{
	const struct chq_config *cfg = config();

	if (!cfg || (__s32)(cfg->pickup_until_tick - pkt->tick) <= 0 || pkt->tcp_flags & TCP_RST ||
	    pkt->to_link)
		return false;
	if (pkt->protocol == IPPROTO_TCP)
		return !opens_tcp(pkt);
	return is_icmp(pkt) ? is_echo_reply(pkt) : true;
}

static __always_inline int judge_stands(struct packet *pkt)
{
	struct question q = {
		.source = pkt->source,
		.slot = pkt->slot,
		.aim = pkt->aim,
		.ifindex = pkt->arrival.ifindex,
		.sport_be = pkt->sport_be,
		.secures = pkt->secures,
		.guard = 1,
		.to_link = pkt->to_link,
	};

	if (!pkt->to_link)
		q.target = pkt->target;
	return judge(&q, &pkt->judged);
}

static __always_inline int judge_reversed(struct packet *pkt)
{
	struct question q = {
		.source = pkt->target,
		.target = pkt->source,
		.slot = pkt->slot,
		.aim = aim_of(pkt->protocol, pkt->sport_be,
			      pkt->protocol == IPPROTO_ICMP ? 8 : 128),
	};

	return judge(&q, &pkt->judged);
}

static __always_inline bool keeps_flow(const struct packet *pkt)
{
	return has_flow(pkt) && pkt->fragment != FRAGMENT_LATER && !pkt->to_link &&
	       !(pkt->tcp_flags & TCP_RST) && pkt->link_type != PACKET_MULTICAST;
}

static __always_inline bool is_policy_drop(int why)
{
	return why == CHQ_DROP_DENIED || why == CHQ_DROP_NO_RULE;
}

static __always_inline int deny(struct packet *pkt, int why)
{
	struct opening how = {.state = CHQ_FLOW_DENIED};

	if (!is_policy_drop(why))
		return why;
	pkt->reject = wants_reject(pkt);
	if (pkt->reject)
		how.flags = CHQ_FLOW_REJECT;
	if (keeps_flow(pkt) && !is_echo_reply(pkt))
		flow_open(pkt, &how);
	return why;
}

static __always_inline int admit(struct packet *pkt, int why, bool reversed)
{
	struct opening how = {.state = CHQ_FLOW_NEW, .reversed = reversed};

	if (!pkt->arrival.ifindex)
		how.flags |= CHQ_FLOW_HOST;
	if (looks_running(pkt) || reversed) {
		how.flags |= CHQ_FLOW_PICKED_UP;
		if (reversed || pkt->protocol == IPPROTO_TCP)
			why = CHQ_PASS_PICKED_UP;
	}
	if (pkt->tcp_flags & TCP_RST)
		return pkt->judged.reason;
	pkt->event = CHQ_EVENT_NEW + 1;
	pkt->event_reason = why;
	if (pkt->judged.reason == CHQ_PASS_AUDIT) {
		pkt->event = CHQ_EVENT_AUDIT + 1;
		pkt->event_reason = pkt->judged.audit_reason;
	}
	if (!keeps_flow(pkt) || (is_echo_reply(pkt) && !reversed))
		return why;
	return flow_open(pkt, &how) ?: why;
}

/* A packet of no known flow. */
__noinline int judge_new(struct packet *pkt)
{
	struct judgement stands;
	int why;

	if (!pkt)
		return CHQ_DROP_INTERNAL;
	why = judge_stands(pkt);
	if (!is_drop(why))
		return admit(pkt, why, false);
	if (!is_policy_drop(why) || !may_answer(pkt))
		return deny(pkt, why);
	stands = pkt->judged;
	if (!is_drop(judge_reversed(pkt)))
		return admit(pkt, CHQ_PASS_PICKED_UP, true);
	pkt->judged = stands;
	return deny(pkt, why);
}

static __always_inline bool packet_begin(struct __sk_buff *skb, struct packet *pkt)
{
	const struct chq_cell *cell = bpf_map_lookup_elem(&chq_cell, &(__u32){0});
	__u64 live;

	pkt->ifindex = skb->ifindex;
	if (!cell)
		return false;
	live = *(const volatile __u64 *)&cell->live;
	pkt->generation = CHQ_LIVE_GENERATION(live);
	pkt->slot = CHQ_LIVE_SLOT(live);
	pkt->secures = CHQ_LIVE_SECURES(live);
	pkt->tick = now_tick();
	return live;
}

static __always_inline int parse(struct __sk_buff *skb, struct packet *pkt)
{
	pkt->plain = parse_fast(skb, pkt);
	return pkt->plain ? CHQ_UNDECIDED : parse_slow(skb, pkt);
}

static __always_inline void port_of_link(struct packet *pkt)
{
	const struct chq_link *link = link_of(pkt->ifindex);

	if (link)
		pkt->port = link->port;
}

/*
 * A flow that is known decides; a new one or one not yet proven may be left
 * UNDECIDED. What opens TCP is looked for among the unproven and denied first.
 */
static __always_inline int find_flow(struct packet *pkt)
{
	bool opens = pkt->protocol == IPPROTO_TCP && opens_tcp(pkt);
	struct chq_flow *flow = NULL;
	int why;

	if (!has_flow(pkt)) {
		port_of_link(pkt);
		return CHQ_UNDECIDED;
	}
	if (!opens)
		flow = flow_proven(pkt->family, &pkt->key6);
	why = flow ? flow_fast(pkt, flow) : CHQ_UNDECIDED;
	if (why)
		return why;
	port_of_link(pkt);
	if (flow)
		return flow_known(pkt);
	flow = flow_unproven(pkt->family, &pkt->key6);
	if (flow && denial_holds(pkt, flow))
		return flow_denied(pkt, flow, false);
	why = opens ? flow_known(pkt) : CHQ_UNDECIDED;
	if (why || !flow)
		return why;
	return flow_pending(pkt);
}

/* A later fragment of an error quotes nothing; its first one had to. */
static __always_inline int related(struct __sk_buff *skb, struct packet *pkt)
{
	return pkt->fragment == FRAGMENT_LATER ? CHQ_PASS_RELATED : check_related(skb, pkt);
}

/* From a parsed packet to a reason; where it came in is known. */
static __always_inline int corridor(struct __sk_buff *skb, struct packet *pkt)
{
	int why = CHQ_UNDECIDED;

	if (pkt->fragment == FRAGMENT_LATER)
		why = fragment_find(pkt);
	if (why || !pkt->family)
		port_of_link(pkt);
	else
		why = find_flow(pkt);
	why = why ?: check_link(skb, pkt);
	if (!why)
		why = is_icmp_error(pkt) ? related(skb, pkt) : judge_new(pkt);
	if (pkt->fragment == FRAGMENT_FIRST && !is_drop(why))
		return fragment_keep(pkt) ?: why;
	return why;
}

static __always_inline int arrive(struct __sk_buff *skb, bool no_ethernet)
{
	struct packet pkt = {};
	int why, verdict;

	pkt.direction = CHQ_INGRESS;
	pkt.no_ethernet = no_ethernet;
	pkt.link_type = skb->pkt_type;
	if (!packet_begin(skb, &pkt)) {
		port_of_link(&pkt);
		return finish(skb, &pkt, CHQ_DROP_NOT_READY);
	}
	pkt.arrival.ifindex = skb->ifindex;
	why = parse(skb, &pkt);
	if (why)
		port_of_link(&pkt);
	else
		why = corridor(skb, &pkt);
	if (pkt.secures && !is_drop(why))
		why = check_arriving(&pkt, why);
	verdict = finish(skb, &pkt, why);
	return verdict == TC_ACT_OK && why == CHQ_PASS_KNOWN ? leave_directly(skb, &pkt) : verdict;
}

/*
 * A forwarded packet that leaves with the gateway's address: its source was
 * translated behind our ingress checkpoint. The translated tuple becomes a flow, so
 * that its replies are recognised; they are judged where they leave (chq_link's
 * `translates` says so), as replies to the flow before translation.
 */
__noinline int translation_open(struct packet *pkt)
{
	struct opening how = {.flags = CHQ_FLOW_TRANSLATED | CHQ_FLOW_HOST};
	struct chq_flow *flow;
	struct flow_key key;

	if (!pkt)
		return CHQ_DROP_INTERNAL;
	key = flow_key(pkt);
	flow = flow_proven(pkt->family, &key) ?: flow_unproven(pkt->family, &key);
	if (flow && flow->flags & CHQ_FLOW_TRANSLATED)
		return CHQ_PASS_JUDGED;
	pkt->judged = (struct judgement){.decided = 0xff, .reason = CHQ_PASS_TRANSLATED};
	return flow_open(pkt, &how) ?: CHQ_PASS_JUDGED;
}

static __always_inline int follow_translation(struct packet *pkt)
{
	struct chq_link *link = bpf_map_lookup_elem(&chq_link, &pkt->ifindex);

	if (link && !link->translates && !chq_dry_run)
		link->translates = 1;
	if (!has_flow(pkt) || pkt->fragment == FRAGMENT_LATER)
		return CHQ_PASS_JUDGED;
	if (flow_known(pkt) == CHQ_PASS_TRANSLATED || flow_pending(pkt) == CHQ_PASS_TRANSLATED)
		return CHQ_PASS_JUDGED;
	return translation_open(pkt);
}

static __always_inline bool may_translate(const struct __sk_buff *skb, const struct chq_link *out)
{
	return out && out->role == CHQ_OUTSIDE && skb->ingress_ifindex != skb->ifindex;
}

/* Forwarded, judged where it came in, not translated on its way, and no secret: as nearly all are.
 */
static __always_inline bool leaves_as_judged(const struct __sk_buff *skb, const struct chq_link *in,
					     const struct chq_link *out, bool no_ethernet)
{
	const struct chq_cell *cell = bpf_map_lookup_elem(&chq_cell, &(__u32){0});
	__u64 live;

	if (chq_dry_run || !cell || !skb->ingress_ifindex || !in || !in->live || in->translates)
		return false;
	live = *(const volatile __u64 *)&cell->live;
	return live && !CHQ_LIVE_SECURES(live) &&
	       !(may_translate(skb, out) && source_may_be_own(skb, no_ethernet));
}

/*
 * Forwarded, and judged where it came in: only translation needs another look.
 * UNDECIDED sends a reply to a translated address through the corridor again.
 */
static __always_inline int leave_judged(struct __sk_buff *skb, struct packet *pkt,
					const struct chq_link *in, const struct chq_link *out)
{
	bool translated = may_translate(skb, out) && source_may_be_own(skb, pkt->no_ethernet);
	int why;

	if (!in->translates && !translated)
		return CHQ_PASS_JUDGED;
	why = parse(skb, pkt);
	if (why)
		return why;
	if (translated && pkt->family && is_own_host(pkt->slot, &pkt->source))
		return follow_translation(pkt);
	if (!in->translates)
		return CHQ_PASS_JUDGED;
	pkt->crosses_again = 1;
	return CHQ_UNDECIDED;
}

/* What leaves_as_judged() does not pass. */
static __always_inline int leave_looked_at(struct __sk_buff *skb, const struct chq_link *in,
					   const struct chq_link *out, bool no_ethernet)
{
	struct packet pkt = {};
	int why;

	pkt.direction = CHQ_EGRESS;
	pkt.no_ethernet = no_ethernet;
	pkt.port = out ? out->port : 0;
	if (!packet_begin(skb, &pkt))
		return finish(skb, &pkt, CHQ_DROP_NOT_READY);
	if (skb->ingress_ifindex && in && in->live)
		why = leave_judged(skb, &pkt, in, out);
	else
		why = parse(skb, &pkt);
	if (!why) {
		pkt.arrival.ifindex = skb->ingress_ifindex;
		why = corridor(skb, &pkt);
	}
	if (pkt.secures && !is_drop(why))
		why = check_leaving(skb, &pkt, why, out ? out->role : CHQ_OUTSIDE);
	return finish(skb, &pkt, why);
}

static __always_inline int leave(struct __sk_buff *skb, bool no_ethernet)
{
	const struct chq_link *in = link_of(skb->ingress_ifindex);
	const struct chq_link *out = link_of(skb->ifindex);

	if (!leaves_as_judged(skb, in, out, no_ethernet))
		return leave_looked_at(skb, in, out, no_ethernet);
	count(out ? out->port : 0, CHQ_EGRESS, CHQ_PASS_JUDGED, skb->gso_segs ?: 1, skb->len);
	return TC_ACT_OK;
}

SEC("tc")
int chq_in(struct __sk_buff *skb)
{
	return arrive(skb, false);
}

SEC("tc")
int chq_in_l3(struct __sk_buff *skb)
{
	return arrive(skb, true);
}

SEC("tc")
int chq_out(struct __sk_buff *skb)
{
	return leave(skb, false);
}

SEC("tc")
int chq_out_l3(struct __sk_buff *skb)
{
	return leave(skb, true);
}

char _license[] SEC("license") = "Dual BSD/GPL";
