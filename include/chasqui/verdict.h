/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef CHQ_VERDICT_H
#define CHQ_VERDICT_H

/*
 * Every way a packet can leave a checkpoint or the gate, said once. The
 * programs return these, the counters are indexed by them, the events carry
 * them, CLI, metrics and manual print them. Append only: the number is the wire
 * format. At most CHQ_REASON_LIMIT of them.
 *
 *   X(name, action, what we tell a person)
 */
#define CHQ_REASONS(X)                                                                         \
	X(UNDECIDED, NEXT, "no stage has decided yet")                                         \
	/* passed */                                                                           \
	X(PASS_ALLOWED, PASS, "a rule allows it")                                              \
	X(PASS_NO_POLICY, PASS, "no policy selects either end")                                \
	X(PASS_KNOWN, PASS, "its flow is known")                                               \
	X(PASS_RELATED, PASS, "an ICMP error about a known flow")                              \
	X(PASS_PICKED_UP, PASS, "its flow was running before the gateway watched")             \
	X(PASS_MANAGEMENT, PASS, "the management guard keeps it open")                         \
	X(PASS_AUDIT, PASS, "audit mode: a policy would drop it")                              \
	X(PASS_JUDGED, PASS, "judged where it came in")                                        \
	X(PASS_NEIGHBOUR, PASS, "address resolution on the link (ARP, neighbour discovery)")   \
	X(PASS_LINK, PASS, "link-local housekeeping (DHCP, IGMP, MLD, router discovery)")      \
	X(PASS_ETHERTYPE, PASS, "a link protocol that is let through")                         \
	X(PASS_TRANSLATED, PASS, "a reply to a translated address, judged where it leaves")    \
	/* dropped: what the packet is */                                                      \
	X(DROP_NOT_READY, DROP, "no complete policy is live yet")                              \
	X(DROP_TRUNCATED, DROP, "a header runs past the packet's end")                         \
	X(DROP_IPV4_HEADER, DROP, "the IPv4 header is malformed")                              \
	X(DROP_IPV6_HEADER, DROP, "the IPv6 header is malformed")                              \
	X(DROP_EXTENSION, DROP, "the IPv6 extension headers are malformed or too many")        \
	X(DROP_L4_HEADER, DROP, "the transport header is malformed")                           \
	X(DROP_TCP_FLAGS, DROP, "the TCP flags contradict each other")                         \
	X(DROP_MAPPED, DROP, "an IPv6 header carries an IPv4-mapped address")                  \
	X(DROP_SOURCE_ROUTE, DROP, "the sender prescribes the route")                          \
	X(DROP_VLAN_DEPTH, DROP, "more than two VLAN tags")                                    \
	X(DROP_ETHERTYPE, DROP, "a link protocol that is not let through")                     \
	X(DROP_FRAGMENT_MISSING, DROP, "a fragment whose first fragment was not seen")         \
	X(DROP_FRAGMENT_TINY, DROP, "a first fragment too short for its transport header")     \
	X(DROP_FRAGMENT_OVERLAP, DROP, "a fragment that would overwrite the transport header") \
	X(DROP_ND_FORGED, DROP, "neighbour discovery that was not sent on this link")          \
	X(DROP_RA_OUTSIDE, DROP, "a router advertisement or redirect from outside")            \
	X(DROP_LINK_LOCAL, DROP, "a link-local address that would be forwarded")               \
	X(DROP_MULTICAST, DROP, "multicast or broadcast that would be forwarded")              \
	X(DROP_MARTIAN, DROP, "an address that may not stand in this place")                   \
	X(DROP_ICMP_UNRELATED, DROP, "an ICMP error about no flow that is known")              \
	/* dropped: who sent it */                                                             \
	X(DROP_SPOOFED_ENDPOINT, DROP, "an endpoint's source address from the wrong port")     \
	X(DROP_SPOOFED_PEER, DROP, "a tunnel peer's source address outside the tunnel")        \
	X(DROP_SPOOFED_OWN, DROP, "the gateway's own address as a source from outside")        \
	X(DROP_DENY_LIST, DROP, "the source is on the deny list")                              \
	/* dropped: the policy says so */                                                      \
	X(DROP_DENIED, DROP, "a rule denies it")                                               \
	X(DROP_NO_RULE, DROP, "no rule allows it")                                             \
	X(DROP_ENCRYPTION, DROP, "encryption required: only the tunnel may carry it")          \
	/* dropped: us */                                                                      \
	X(DROP_INTERNAL, DROP, "the program could not finish (a table refused an entry)")      \
	/* the tunnel */                                                                       \
	X(PASS_TUNNEL, PASS, "the tunnel's own packets, between its port and a peer")          \
	X(DROP_PEER_CLEAR, DROP, "bound for a tunnel peer's prefix, outside the tunnel")       \
	X(DROP_TUNNEL_SOURCE, DROP, "out of the tunnel, from a source that is no peer's")

enum chq_action { CHQ_NEXT, CHQ_PASS, CHQ_DROP };

enum chq_reason {
#define X(name, action, text) CHQ_##name,
	CHQ_REASONS(X)
#undef X
		CHQ_REASON_MAX
};

/* Counters and budgets are laid out for this many; a power of two. */
#define CHQ_REASON_LIMIT 64

_Static_assert(CHQ_REASON_MAX <= CHQ_REASON_LIMIT, "the counters have no room for another reason");

/* Where on a port a program stands. */
enum chq_direction { CHQ_INGRESS, CHQ_EGRESS };

#endif
