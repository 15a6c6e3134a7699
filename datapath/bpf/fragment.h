/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef BPF_FRAGMENT_H
#define BPF_FRAGMENT_H

/* A datagram's later fragments get the ports of its first one, if that one passed. */

#include "maps.h"
#include "packet.h"
#include "verdict.h"

static __always_inline void fragment_key(struct chq_fragment *key, const struct packet *pkt)
{
	key->source = pkt->source;
	key->target = pkt->target;
	key->id_be = pkt->fragment_id_be;
	key->protocol = pkt->protocol;
}

static __always_inline __u32 fragment_ticks(void)
{
	const struct chq_config *cfg = config();

	return cfg ? cfg->timeout_ticks[CHQ_TIMEOUT_FRAGMENT] : 0;
}

__noinline int fragment_find(struct packet *pkt)
{
	struct chq_fragment_ports *ports;
	struct chq_fragment key;

	if (!pkt)
		return CHQ_DROP_INTERNAL;
	fragment_key(&key, pkt);
	ports = bpf_map_lookup_elem(&chq_frags, &key);
	if (!ports || pkt->tick - ports->seen_tick > fragment_ticks())
		return CHQ_DROP_FRAGMENT_MISSING;
	if (is_icmp(pkt)) {
		pkt->icmp_type = bpf_ntohs(ports->port_be[0]);
		pkt->sport_be = pkt->dport_be = ports->port_be[1];
	} else {
		pkt->sport_be = ports->port_be[0];
		pkt->dport_be = ports->port_be[1];
	}
	packet_key(pkt);
	return CHQ_UNDECIDED;
}

__noinline int fragment_keep(struct packet *pkt)
{
	struct chq_fragment_ports ports = {};
	struct chq_fragment key;

	if (!pkt)
		return CHQ_DROP_INTERNAL;
	if (chq_dry_run)
		return CHQ_UNDECIDED;
	fragment_key(&key, pkt);
	ports.port_be[0] = is_icmp(pkt) ? bpf_htons(pkt->icmp_type) : pkt->sport_be;
	ports.port_be[1] = pkt->dport_be;
	ports.seen_tick = pkt->tick;
	return bpf_map_update_elem(&chq_frags, &key, &ports, BPF_ANY) ? CHQ_DROP_INTERNAL
								      : CHQ_UNDECIDED;
}

#endif
