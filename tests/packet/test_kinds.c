/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */

/* What each kind of packet meets: the rows of chasqui-packets(7), and everything malformed. */

#include <netinet/in.h>

#include "steps.h"

#define TCP(from_, to_, dport_) \
	.frame = {.from = (from_), .to = (to_), .sport = 40000, .dport = (dport_)}
#define RAW(type, bytes) \
	.frame = {.from = WEB, .to = WORLD, .ethertype = (type), .payload_bytes = (bytes)}

static void test_ethertypes(void **state)
{
	static const struct step steps[] = {
		{"arp", AT(LAN), RAW(0x0806, 28), CHQ_PASS_NEIGHBOUR, NO_EVENT},
		{"arp leaves", OUT(WAN, HERE), RAW(0x0806, 28), CHQ_PASS_NEIGHBOUR, NO_EVENT},
		{"lldp", AT(WAN), RAW(0x88cc, 40), CHQ_PASS_ETHERTYPE, NO_EVENT},
		{"eapol", AT(WAN), RAW(0x888e, 40), CHQ_PASS_ETHERTYPE, NO_EVENT},
		{"lacp", AT(WAN), RAW(0x8809, 110), CHQ_PASS_ETHERTYPE, NO_EVENT},
		{"spanning tree", AT(LAN),
		 .frame = {.from = WEB, .ethertype = 38, .payload_bytes = 38, .fill = 0x42},
		 CHQ_PASS_ETHERTYPE, NO_EVENT},
		{"other 802.2", AT(LAN),
		 .frame = {.from = WEB, .ethertype = 38, .payload_bytes = 38, .fill = 0xaa},
		 CHQ_DROP_ETHERTYPE},
		{"mpls", AT(LAN), RAW(0x8847, 40), CHQ_DROP_ETHERTYPE},
		{"pppoe", AT(LAN), RAW(0x8864, 40), CHQ_DROP_ETHERTYPE},
		{"a tagged arp", AT(LAN),
		 .frame = {.from = WEB, .ethertype = 0x0806, .payload_bytes = 28, .vlans = {20}},
		 CHQ_PASS_NEIGHBOUR, NO_EVENT},
	};

	WALK_EACH(state, steps);
}

static void test_listed_ethertype(void **state)
{
	static const struct step steps[] = {
		{"profinet, listed", AT(LAN), RAW(0x8892, 40), CHQ_PASS_ETHERTYPE, NO_EVENT},
		{"ethercat, not listed", AT(LAN), RAW(0x88a4, 40), CHQ_DROP_ETHERTYPE},
	};

	gateway_config(*state)->ethertypes = 1;
	gateway_config(*state)->ethertype_be[0] = htons(0x8892);
	WALK(state, steps);
}

static void test_not_ready(void **state)
{
	static const struct step steps[] = {
		{"arp", AT(LAN), RAW(0x0806, 28), CHQ_DROP_NOT_READY},
		{"tcp in", AT(LAN), TCP(DB, WORLD, 80), CHQ_DROP_NOT_READY},
		{"tcp out, own", OUT(WAN, HERE), TCP(OWN_WAN, WORLD, 80), CHQ_DROP_NOT_READY},
		{"tcp out, forwarded", OUT(WAN, LAN), TCP(DB, WORLD, 80), CHQ_DROP_NOT_READY},
	};

	gateway_unready(*state);
	WALK(state, steps);
}

static void test_tags(void **state)
{
	static const struct step steps[] = {
		{"one tag", AT(LAN),
		 .frame = {.from = WEB, .to = WORLD, .dport = 80, .vlans = {20}}, CHQ_PASS_ALLOWED,
		 IS(NEW)},
		{"two tags", AT(LAN),
		 .frame = {.from = WEB, .to = WORLD, .dport = 80, .vlans = {20, 30}},
		 CHQ_PASS_ALLOWED, IS(NEW)},
		{"two tags, ipv6", AT(LAN),
		 .frame = {.from = WEB6, .to = WORLD6, .dport = 80, .vlans = {20, 30}},
		 CHQ_PASS_ALLOWED, IS(NEW)},
		{"three tags", AT(LAN),
		 .frame = {.from = WEB, .to = WORLD, .dport = 80, .vlans = {20, 30, 40}},
		 CHQ_DROP_VLAN_DEPTH},
		{"a tag and an end", AT(LAN),
		 .frame = {.from = WEB, .ethertype = 0x8100, .payload_bytes = 2},
		 CHQ_DROP_TRUNCATED},
	};

	WALK_EACH(state, steps);
}

static void test_ipv4_header(void **state)
{
	static const struct step steps[] = {
		{"options", AT(LAN),
		 .frame = {.from = WEB,
			   .to = WORLD,
			   .dport = 80,
			   .options = {1, 1, 7, 5},
			   .options_bytes = 8},
		 CHQ_PASS_ALLOWED, IS(NEW)},
		{"end of options", AT(LAN),
		 .frame = {.from = WEB,
			   .to = WORLD,
			   .dport = 80,
			   .options = {0, 131, 3},
			   .options_bytes = 4},
		 CHQ_PASS_ALLOWED, IS(NEW)},
		{"loose source route", AT(LAN),
		 .frame = {.from = WEB,
			   .to = WORLD,
			   .dport = 80,
			   .options = {131, 7, 4},
			   .options_bytes = 8},
		 CHQ_DROP_SOURCE_ROUTE},
		{"strict source route", AT(LAN),
		 .frame = {.from = WEB,
			   .to = WORLD,
			   .dport = 80,
			   .options = {1, 137, 7, 4},
			   .options_bytes = 8},
		 CHQ_DROP_SOURCE_ROUTE},
		{"an option of no length", AT(LAN),
		 .frame = {.from = WEB,
			   .to = WORLD,
			   .dport = 80,
			   .options = {7, 0},
			   .options_bytes = 4},
		 CHQ_DROP_IPV4_HEADER},
		{"an option past the end", AT(LAN),
		 .frame = {.from = WEB,
			   .to = WORLD,
			   .dport = 80,
			   .options = {7, 9},
			   .options_bytes = 4},
		 CHQ_DROP_IPV4_HEADER},
		{"version 5", AT(LAN),
		 .frame = {.from = WEB, .to = WORLD, .dport = 80, .pokes = {{0, 0x55}}},
		 CHQ_DROP_IPV4_HEADER},
		{"header of 16 bytes", AT(LAN),
		 .frame = {.from = WEB, .to = WORLD, .dport = 80, .pokes = {{0, 0x44}}},
		 CHQ_DROP_IPV4_HEADER},
		{"header longer than the packet", AT(LAN),
		 .frame = {.from = WEB, .to = WORLD, .dport = 80, .pokes = {{0, 0x4f}}},
		 CHQ_DROP_IPV4_HEADER},
		{"length below the header", AT(LAN),
		 .frame = {.from = WEB, .to = WORLD, .dport = 80, .pokes = {{3, 19}}},
		 CHQ_DROP_IPV4_HEADER},
		{"length past the frame", AT(LAN),
		 .frame = {.from = WEB, .to = WORLD, .dport = 80, .cut_bytes = 1},
		 CHQ_DROP_TRUNCATED},
		{"padding behind", AT(LAN),
		 .frame = {.from = WEB,
			   .to = WORLD,
			   .protocol = IPPROTO_UDP,
			   .sport = 9,
			   .dport = 53,
			   .payload_bytes = 18,
			   .pokes = {{3, 28}, {25, 8}}},
		 CHQ_PASS_ALLOWED, IS(NEW)},
	};

	WALK_EACH(state, steps);
}

static void test_ipv6_header(void **state)
{
	static const struct step steps[] = {
		{"plain", AT(LAN), TCP(WEB6, WORLD6, 80), CHQ_PASS_ALLOWED, IS(NEW)},
		{"version 5", AT(LAN),
		 .frame = {.from = WEB6, .to = WORLD6, .dport = 80, .pokes = {{0, 0x50}}},
		 CHQ_DROP_IPV6_HEADER},
		{"length past the frame", AT(LAN),
		 .frame = {.from = WEB6, .to = WORLD6, .dport = 80, .cut_bytes = 1},
		 CHQ_DROP_TRUNCATED},
		{"header cut", AT(LAN),
		 .frame = {.from = WEB6, .to = WORLD6, .dport = 80, .vlans = {9}, .cut_bytes = 25},
		 CHQ_DROP_TRUNCATED},
		{"mapped source", AT(LAN), TCP("::ffff:10.10.0.5", WORLD6, 80), CHQ_DROP_MAPPED},
		{"mapped target", AT(LAN), TCP(WEB6, "::ffff:198.51.100.1", 80), CHQ_DROP_MAPPED},
		{"no next header", AT(LAN), .frame = {.from = DB6, .to = WORLD6, .protocol = 59},
		 CHQ_PASS_NO_POLICY, IS(NEW)},
	};

	WALK_EACH(state, steps);
}

#define EXT(...)                               \
	.frame = {.from = WEB6,                \
		  .to = WORLD6,                \
		  .dport = 80,                 \
		  .extensions = {__VA_ARGS__}, \
		  .n_extensions =              \
			  sizeof((struct extension[]){__VA_ARGS__}) / sizeof(struct extension)}

static void test_extensions(void **state)
{
	static const struct step steps[] = {
		{"hop by hop", AT(LAN), EXT({IPPROTO_HOPOPTS}), CHQ_PASS_ALLOWED, IS(NEW)},
		{"destination options", AT(LAN), EXT({IPPROTO_DSTOPTS, 16}), CHQ_PASS_ALLOWED,
		 IS(NEW)},
		{"authentication", AT(LAN), EXT({IPPROTO_AH, 16}), CHQ_PASS_ALLOWED, IS(NEW)},
		{"routing that is done", AT(LAN), EXT({IPPROTO_ROUTING, 16, 2, 0}),
		 CHQ_PASS_ALLOWED, IS(NEW)},
		{"all in their order", AT(LAN),
		 EXT({IPPROTO_HOPOPTS}, {IPPROTO_DSTOPTS}, {IPPROTO_ROUTING, 0, 2}, {IPPROTO_AH, 4},
		     {IPPROTO_DSTOPTS}),
		 CHQ_PASS_ALLOWED, IS(NEW)},
		{"routing type 0", AT(LAN), EXT({IPPROTO_ROUTING, 16, 0, 0}),
		 CHQ_DROP_SOURCE_ROUTE},
		{"routing with a stop to make", AT(LAN), EXT({IPPROTO_ROUTING, 16, 4, 1}),
		 CHQ_DROP_SOURCE_ROUTE},
		{"hop by hop not first", AT(LAN), EXT({IPPROTO_DSTOPTS}, {IPPROTO_HOPOPTS}),
		 CHQ_DROP_EXTENSION},
		{"two fragment headers", AT(LAN),
		 .frame = {.from = WEB6,
			   .to = WORLD6,
			   .dport = 80,
			   .atomic = true,
			   .extensions = {{IPPROTO_FRAGMENT}},
			   .n_extensions = 1},
		 CHQ_DROP_EXTENSION},
		{"nine headers", AT(LAN),
		 EXT({IPPROTO_DSTOPTS}, {IPPROTO_DSTOPTS}, {IPPROTO_DSTOPTS}, {IPPROTO_DSTOPTS},
		     {IPPROTO_DSTOPTS}, {IPPROTO_DSTOPTS}, {IPPROTO_DSTOPTS}, {IPPROTO_DSTOPTS},
		     {IPPROTO_DSTOPTS}),
		 CHQ_DROP_EXTENSION},
		{"a header past the end", AT(LAN), EXT({IPPROTO_DSTOPTS, 0, 0, 0, 200}),
		 CHQ_DROP_TRUNCATED},
		{"a jumbogram's zero length", AT(LAN),
		 .frame = {.from = WEB6,
			   .to = WORLD6,
			   .dport = 80,
			   .extensions = {{IPPROTO_HOPOPTS}},
			   .n_extensions = 1,
			   .pokes = {{5, 0}}},
		 CHQ_DROP_IPV6_HEADER},
	};

	WALK_EACH(state, steps);
}

static void test_transport_header(void **state)
{
	static const struct step steps[] = {
		{"tcp header cut short", AT(LAN),
		 .frame = {.from = WEB, .to = WORLD, .dport = 80, .pokes = {{3, 30}}},
		 CHQ_DROP_TRUNCATED},
		{"udp header cut short", AT(LAN),
		 .frame = {.from = WEB,
			   .to = WORLD,
			   .protocol = IPPROTO_UDP,
			   .dport = 53,
			   .pokes = {{3, 27}}},
		 CHQ_DROP_TRUNCATED},
		{"icmp header cut short", AT(LAN),
		 .frame = {.from = WEB,
			   .to = WORLD,
			   .protocol = IPPROTO_ICMP,
			   .type = 8,
			   .pokes = {{3, 24}}},
		 CHQ_DROP_TRUNCATED},
		{"tcp offset 4", AT(LAN),
		 .frame = {.from = WEB, .to = WORLD, .dport = 80, .pokes = {{32, 0x40}}},
		 CHQ_DROP_L4_HEADER},
		{"tcp options past the end", AT(LAN),
		 .frame = {.from = WEB, .to = WORLD, .dport = 80, .pokes = {{32, 0x60}}},
		 CHQ_DROP_L4_HEADER},
		{"tcp options past the end, ipv6", AT(LAN),
		 .frame = {.from = WEB6, .to = WORLD6, .dport = 80, .pokes = {{52, 0x60}}},
		 CHQ_DROP_L4_HEADER},
		{"udp length 7", AT(LAN),
		 .frame = {.from = WEB,
			   .to = WORLD,
			   .protocol = IPPROTO_UDP,
			   .dport = 53,
			   .pokes = {{25, 7}}},
		 CHQ_DROP_L4_HEADER},
		{"udp length past the end", AT(LAN),
		 .frame = {.from = WEB,
			   .to = WORLD,
			   .protocol = IPPROTO_UDP,
			   .dport = 53,
			   .pokes = {{25, 9}}},
		 CHQ_DROP_L4_HEADER},
		{"udp length past the end, ipv6", AT(LAN),
		 .frame = {.from = WEB6,
			   .to = WORLD6,
			   .protocol = IPPROTO_UDP,
			   .dport = 53,
			   .pokes = {{45, 9}}},
		 CHQ_DROP_L4_HEADER},
		{"icmpv6 in ipv4", AT(LAN),
		 .frame = {.from = WEB, .to = WORLD, .protocol = IPPROTO_ICMPV6, .type = 128},
		 CHQ_DROP_L4_HEADER},
		{"icmp in ipv6", AT(LAN),
		 .frame = {.from = WEB6, .to = WORLD6, .protocol = IPPROTO_ICMP, .type = 8},
		 CHQ_DROP_L4_HEADER},
	};

	WALK_EACH(state, steps);
}

#define FLAGS(flags_) .frame = {.from = DB, .to = WORLD, .dport = 80, .flags = (flags_)}

static void test_tcp_flags(void **state)
{
	static const struct step steps[] = {
		{"syn and fin", AT(LAN), FLAGS(S | F), CHQ_DROP_TCP_FLAGS},
		{"syn and rst", AT(LAN), FLAGS(S | R), CHQ_DROP_TCP_FLAGS},
		{"fin alone", AT(LAN), FLAGS(F), CHQ_DROP_TCP_FLAGS},
		{"fin and rst", AT(LAN), FLAGS(F | R | A), CHQ_DROP_TCP_FLAGS},
		{"push alone", AT(LAN), FLAGS(P), CHQ_DROP_TCP_FLAGS},
		{"none at all", AT(LAN),
		 .frame = {.from = DB, .to = WORLD, .dport = 80, .pokes = {{33, 0}}},
		 CHQ_DROP_TCP_FLAGS},
		{"syn and fin, ipv6", AT(LAN),
		 .frame = {.from = DB6, .to = WORLD6, .dport = 80, .flags = S | F},
		 CHQ_DROP_TCP_FLAGS},
		{"syn and ecn bits", AT(LAN), FLAGS(S | 0xc0), CHQ_PASS_NO_POLICY, IS(NEW)},
	};

	WALK_EACH(state, steps);
}

static void test_protocols(void **state)
{
	static const struct step steps[] = {
		{"gre from who may", AT(LAN),
		 .frame = {.from = DB, .to = WORLD, .protocol = IPPROTO_GRE, .payload_bytes = 20},
		 CHQ_PASS_NO_POLICY, IS(NEW)},
		{"gre from who may not", AT(LAN),
		 .frame = {.from = WEB, .to = WORLD, .protocol = IPPROTO_GRE, .payload_bytes = 20},
		 CHQ_DROP_NO_RULE},
		{"esp", AT(LAN),
		 .frame = {.from = WEB, .to = WORLD, .protocol = IPPROTO_ESP, .payload_bytes = 20},
		 CHQ_DROP_NO_RULE},
		{"sctp", AT(LAN),
		 .frame = {.from = DB,
			   .to = WORLD,
			   .protocol = IPPROTO_SCTP,
			   .sport = 5,
			   .dport = 6},
		 CHQ_PASS_NO_POLICY, IS(NEW)},
		{"sctp that no rule allows", AT(LAN),
		 .frame = {.from = WEB, .to = WORLD, .protocol = IPPROTO_SCTP, .dport = 80},
		 CHQ_DROP_NO_RULE},
		{"an unknown protocol", AT(LAN),
		 .frame = {.from = DB, .to = WORLD, .protocol = 253}, CHQ_PASS_NO_POLICY, IS(NEW)},
		{"ospf, a rule of the host's", AT(WAN),
		 .frame = {.from = "192.0.2.9",
			   .to = "224.0.0.5",
			   .protocol = 89,
			   .hops = 1,
			   .payload_bytes = 44,
			   .multicast = true},
		 CHQ_PASS_ALLOWED, IS(NEW)},
		{"vrrp, no rule of the host's", AT(WAN),
		 .frame = {.from = "192.0.2.9",
			   .to = "224.0.0.18",
			   .protocol = 112,
			   .hops = 255,
			   .payload_bytes = 20,
			   .multicast = true},
		 CHQ_DROP_NO_RULE},
		{"ospf, ipv6", AT(WAN),
		 .frame = {.from = "fe80::9",
			   .to = "ff02::5",
			   .protocol = 89,
			   .hops = 1,
			   .payload_bytes = 36,
			   .multicast = true},
		 CHQ_PASS_ALLOWED, IS(NEW)},
		{"vrrp leaves", OUT(WAN, HERE),
		 .frame = {.from = OWN_WAN,
			   .to = "224.0.0.18",
			   .protocol = 112,
			   .hops = 255,
			   .payload_bytes = 20},
		 CHQ_PASS_NO_POLICY, IS(NEW)},
	};

	WALK_EACH(state, steps);
}

#define ND(type_, from_, to_, hops_)          \
	.frame = {.from = (from_),            \
		  .to = (to_),                \
		  .protocol = IPPROTO_ICMPV6, \
		  .type = (type_),            \
		  .hops = (hops_),            \
		  .payload_bytes = 16}

static void test_neighbour_discovery(void **state)
{
	static const struct step steps[] = {
		{"solicitation", AT(LAN), ND(135, "fe80::5", "ff02::1:ff00:1", 255),
		 CHQ_PASS_NEIGHBOUR, NO_EVENT},
		{"solicitation of duplicates", AT(LAN), ND(135, "::", "ff02::1:ff00:1", 255),
		 CHQ_PASS_NEIGHBOUR, NO_EVENT},
		{"solicitation of the gateway's address", AT(LAN), ND(135, WEB6, OWN6, 255),
		 CHQ_PASS_NEIGHBOUR, NO_EVENT},
		{"advertisement", AT(WAN), ND(136, "fe80::5", OWN_LL, 255), CHQ_PASS_NEIGHBOUR,
		 NO_EVENT},
		{"solicitation through a router", AT(LAN),
		 ND(135, "fe80::5", "ff02::1:ff00:1", 254), CHQ_DROP_ND_FORGED},
		{"advertisement through a router", AT(WAN), ND(136, WORLD6, OWN6, 64),
		 CHQ_DROP_ND_FORGED},
		{"solicitation that would be forwarded", AT(LAN), ND(135, WEB6, WORLD6, 255),
		 CHQ_DROP_ND_FORGED},
		{"a code that is none", AT(LAN),
		 .frame = {.from = "fe80::5",
			   .to = "ff02::1",
			   .protocol = IPPROTO_ICMPV6,
			   .type = 135,
			   .code = 1,
			   .hops = 255},
		 CHQ_DROP_ND_FORGED},
		{"a fragmented one", AT(LAN),
		 .frame = {.from = "fe80::5",
			   .to = "ff02::1",
			   .protocol = IPPROTO_ICMPV6,
			   .type = 135,
			   .hops = 255,
			   .more = true,
			   .payload_bytes = 16},
		 CHQ_DROP_ND_FORGED},
		{"router solicitation", AT(LAN), ND(133, "fe80::5", "ff02::2", 255), CHQ_PASS_LINK,
		 NO_EVENT},
		{"router advertisement inside", AT(LAN), ND(134, "fe80::9", "ff02::1", 255),
		 CHQ_PASS_LINK, NO_EVENT},
		{"router advertisement outside", AT(WAN), ND(134, "fe80::9", "ff02::1", 255),
		 CHQ_DROP_RA_OUTSIDE},
		{"redirect inside", AT(LAN), ND(137, "fe80::9", OWN_LL, 255), CHQ_PASS_LINK,
		 NO_EVENT},
		{"redirect outside", AT(WAN), ND(137, "fe80::9", OWN_LL, 255), CHQ_DROP_RA_OUTSIDE},
		{"the gateway's own", OUT(WAN, HERE), ND(134, OWN_LL, "ff02::1", 255),
		 CHQ_PASS_LINK, NO_EVENT},
		{"the gateway's own solicitation", OUT(WAN, HERE),
		 ND(135, OWN_LL, "ff02::1:ff00:9", 255), CHQ_PASS_NEIGHBOUR, NO_EVENT},
	};

	WALK_EACH(state, steps);
}

#define UDP(from_, sport_, to_, dport_)    \
	.frame = {.from = (from_),         \
		  .to = (to_),             \
		  .protocol = IPPROTO_UDP, \
		  .sport = (sport_),       \
		  .dport = (dport_)}

static void test_housekeeping(void **state)
{
	static const struct step steps[] = {
		{"dhcp discover", AT(LAN), UDP("0.0.0.0", 68, "255.255.255.255", 67), CHQ_PASS_LINK,
		 NO_EVENT},
		{"dhcp offer", OUT(LAN, HERE), UDP(OWN, 67, "255.255.255.255", 68), CHQ_PASS_LINK,
		 NO_EVENT},
		{"dhcp to one address is judged", AT(WAN), UDP("192.0.2.9", 67, OWN_WAN, 68),
		 CHQ_DROP_NO_RULE},
		{"dhcpv6 solicit", AT(LAN), UDP("fe80::5", 546, "ff02::1:2", 547), CHQ_PASS_LINK,
		 NO_EVENT},
		{"dhcpv6 reply", AT(WAN), UDP("fe80::9", 547, OWN_LL, 546), CHQ_PASS_LINK,
		 NO_EVENT},
		{"dhcpv6 from afar", AT(WAN), UDP(WORLD6, 547, OWN6, 546), CHQ_DROP_NO_RULE},
		{"igmp report", AT(LAN),
		 .frame = {.from = WEB,
			   .to = "224.0.0.22",
			   .protocol = IPPROTO_IGMP,
			   .hops = 1,
			   .payload_bytes = 16},
		 CHQ_PASS_LINK, NO_EVENT},
		{"igmp with a hop to go", AT(LAN),
		 .frame = {.from = WEB,
			   .to = "239.1.1.1",
			   .protocol = IPPROTO_IGMP,
			   .hops = 2,
			   .payload_bytes = 16},
		 CHQ_DROP_MULTICAST},
		{"mld report", AT(LAN),
		 .frame = {.from = "fe80::5",
			   .to = "ff02::16",
			   .protocol = IPPROTO_ICMPV6,
			   .type = 143,
			   .hops = 1,
			   .extensions = {{IPPROTO_HOPOPTS}},
			   .n_extensions = 1},
		 CHQ_PASS_LINK, NO_EVENT},
		{"mld from afar", AT(LAN),
		 .frame = {.from = WEB6,
			   .to = "ff02::16",
			   .protocol = IPPROTO_ICMPV6,
			   .type = 143,
			   .hops = 1},
		 CHQ_DROP_NO_RULE},
		{"mdns, as to the host", AT(LAN), UDP(DB, 5353, "224.0.0.251", 5353),
		 CHQ_DROP_NO_RULE},
		{"mdns, ipv6", AT(LAN), UDP("fe80::6", 5353, "ff02::fb", 5353), CHQ_DROP_NO_RULE},
		{"broadcast, as to the host", AT(LAN), UDP(DB, 138, "255.255.255.255", 138),
		 CHQ_DROP_NO_RULE},
		{"routable multicast", AT(LAN), UDP(DB, 5004, "239.1.2.3", 5004),
		 CHQ_DROP_MULTICAST},
		{"routable multicast, ipv6", AT(LAN), UDP(DB6, 5004, "ff05::3", 5004),
		 CHQ_DROP_MULTICAST},
		{"the gateway's own multicast", OUT(LAN, HERE), UDP(OWN, 5004, "239.1.2.3", 5004),
		 CHQ_PASS_NO_POLICY, IS(NEW)},
		{"directed broadcast", AT(LAN),
		 .frame = {.from = DB,
			   .to = "198.51.100.255",
			   .protocol = IPPROTO_UDP,
			   .dport = 9,
			   .broadcast = true},
		 CHQ_DROP_MULTICAST},
		{"one address by broadcast, ours", AT(LAN),
		 .frame = {.from = DB, .to = OWN, .dport = 22, .broadcast = true},
		 CHQ_PASS_MANAGEMENT, IS(NEW)},
	};

	WALK_EACH(state, steps);
}

/* The live generation says nothing of the gateway's own entry: what would be judged by it drops. */
static void test_multicast_without_own_entry(void **state)
{
	static const struct step steps[] = {
		{"ospf", AT(WAN),
		 .frame = {.from = "192.0.2.9",
			   .to = "224.0.0.5",
			   .protocol = 89,
			   .hops = 1,
			   .payload_bytes = 44},
		 CHQ_DROP_MULTICAST},
		{"mdns, ipv6", AT(LAN), UDP("fe80::6", 5353, "ff02::fb", 5353), CHQ_DROP_MULTICAST},
	};

	gateway_host_delete(*state, "::");
	WALK(state, steps);
}

static void test_link_local(void **state)
{
	static const struct step steps[] = {
		{"to be forwarded", AT(LAN), TCP("169.254.1.1", WORLD, 80), CHQ_DROP_LINK_LOCAL},
		{"forwarded to one", AT(LAN), TCP(DB, "169.254.169.254", 80), CHQ_DROP_LINK_LOCAL},
		{"to the gateway", AT(LAN), TCP("169.254.1.1", OWN, 22), CHQ_PASS_MANAGEMENT,
		 IS(NEW)},
		{"to be forwarded, ipv6", AT(LAN), TCP("fe80::5", WORLD6, 80), CHQ_DROP_LINK_LOCAL},
		{"to another on the link", AT(LAN), TCP("fe80::5", "fe80::6", 80),
		 CHQ_DROP_LINK_LOCAL},
		{"to the gateway, ipv6", AT(LAN), TCP("fe80::5", OWN_LL, 22), CHQ_PASS_MANAGEMENT,
		 IS(NEW)},
		{"the gateway's own", OUT(WAN, HERE), TCP(OWN_LL, "fe80::9", 179),
		 CHQ_PASS_NO_POLICY, IS(NEW)},
	};

	WALK_EACH(state, steps);
}

static void test_martians(void **state)
{
	static const struct step steps[] = {
		{"from loopback", AT(WAN), TCP("127.0.0.1", DB, 80), CHQ_DROP_MARTIAN},
		{"to loopback", AT(WAN), TCP(WORLD, "127.0.0.1", 80), CHQ_DROP_MARTIAN},
		{"from multicast", AT(WAN), TCP("224.0.0.1", DB, 80), CHQ_DROP_MARTIAN},
		{"from broadcast", AT(WAN), TCP("255.255.255.255", DB, 80), CHQ_DROP_MARTIAN},
		{"from this network", AT(WAN), TCP("0.0.0.5", DB, 80), CHQ_DROP_MARTIAN},
		{"to nowhere", AT(WAN), TCP(WORLD, "0.0.0.0", 80), CHQ_DROP_MARTIAN},
		{"from class e", AT(WAN), TCP("240.0.0.1", DB, 80), CHQ_DROP_MARTIAN},
		{"to class e", AT(LAN), TCP(DB, "240.0.0.1", 80), CHQ_DROP_MARTIAN},
		{"to itself", AT(LAN), TCP(DB, DB, 80), CHQ_DROP_MARTIAN},
		{"from loopback, ipv6", AT(WAN), TCP("::1", DB6, 80), CHQ_DROP_MARTIAN},
		{"to loopback, ipv6", AT(WAN), TCP(WORLD6, "::1", 80), CHQ_DROP_MARTIAN},
		{"from multicast, ipv6", AT(WAN), TCP("ff02::1", DB6, 80), CHQ_DROP_MARTIAN},
		{"from nowhere, ipv6", AT(WAN), TCP("::", DB6, 80), CHQ_DROP_MARTIAN},
		{"to one interface, ipv6", AT(WAN), TCP(WORLD6, "ff01::1", 80), CHQ_DROP_MARTIAN},
		{"to itself, ipv6", AT(LAN), TCP(DB6, DB6, 80), CHQ_DROP_MARTIAN},
	};

	WALK_EACH(state, steps);
}

#define FRAG(offset, more_, bytes)            \
	.frame = {.from = WEB,                \
		  .to = WORLD,                \
		  .protocol = IPPROTO_UDP,    \
		  .sport = 9,                 \
		  .dport = 53,                \
		  .datagram = 77,             \
		  .fragment_bytes = (offset), \
		  .more = (more_),            \
		  .payload_bytes = (bytes)}
#define FRAG6(offset, more_, bytes)           \
	.frame = {.from = WEB6,               \
		  .to = WORLD6,               \
		  .protocol = IPPROTO_UDP,    \
		  .sport = 9,                 \
		  .dport = 53,                \
		  .datagram = 77,             \
		  .fragment_bytes = (offset), \
		  .more = (more_),            \
		  .payload_bytes = (bytes)}

static void test_fragments(void **state)
{
	static const struct step steps[] = {
		{"later before the first", AT(LAN), FRAG(1480, true, 1000),
		 CHQ_DROP_FRAGMENT_MISSING},
		{"first", AT(LAN), FRAG(0, true, 1472), CHQ_PASS_ALLOWED, IS(NEW)},
		{"later", AT(LAN), FRAG(1480, true, 1000), CHQ_PASS_KNOWN, NO_EVENT},
		{"last", AT(LAN), FRAG(2480, false, 10), CHQ_PASS_KNOWN, NO_EVENT},
		{"last, a minute later", AT(LAN), FRAG(2480, false, 10), CHQ_DROP_FRAGMENT_MISSING,
		 .older_ticks = 400},
		{"first, ipv6", AT(LAN), FRAG6(0, true, 1432), CHQ_PASS_ALLOWED, IS(NEW),
		 .fresh = true},
		{"later, ipv6", AT(LAN), FRAG6(1440, true, 1000), CHQ_PASS_KNOWN, NO_EVENT},
		{"last, ipv6", AT(LAN), FRAG6(2440, false, 8), CHQ_PASS_KNOWN, NO_EVENT},
		{"later of another datagram, ipv6", AT(LAN),
		 .frame = {.from = WEB6,
			   .to = WORLD6,
			   .protocol = IPPROTO_UDP,
			   .datagram = 78,
			   .fragment_bytes = 1440,
			   .payload_bytes = 8},
		 CHQ_DROP_FRAGMENT_MISSING},
		{"denied first", AT(LAN),
		 .frame = {.from = WEB,
			   .to = WORLD,
			   .protocol = IPPROTO_UDP,
			   .dport = 81,
			   .datagram = 9,
			   .more = true,
			   .payload_bytes = 1000},
		 CHQ_DROP_DENIED, .fresh = true},
		{"later of a denied one", AT(LAN),
		 .frame = {.from = WEB,
			   .to = WORLD,
			   .protocol = IPPROTO_UDP,
			   .datagram = 9,
			   .fragment_bytes = 1008,
			   .payload_bytes = 8},
		 CHQ_DROP_FRAGMENT_MISSING},
		{"fragmented ping", AT(LAN),
		 .frame = {.from = WEB,
			   .to = WORLD,
			   .protocol = IPPROTO_ICMP,
			   .type = 8,
			   .id = 5,
			   .datagram = 10,
			   .more = true,
			   .payload_bytes = 1000},
		 CHQ_PASS_ALLOWED, IS(NEW)},
		{"its rest", AT(LAN),
		 .frame = {.from = WEB,
			   .to = WORLD,
			   .protocol = IPPROTO_ICMP,
			   .datagram = 10,
			   .fragment_bytes = 1008,
			   .payload_bytes = 8},
		 CHQ_PASS_KNOWN, NO_EVENT},
		{"an atomic fragment is none", AT(LAN),
		 .frame = {.from = WEB6, .to = WORLD6, .dport = 80, .atomic = true},
		 CHQ_PASS_ALLOWED, IS(NEW)},
		{"fragmented gre", AT(LAN),
		 .frame = {.from = DB,
			   .to = WORLD,
			   .protocol = IPPROTO_GRE,
			   .datagram = 11,
			   .more = true,
			   .payload_bytes = 1000},
		 CHQ_PASS_NO_POLICY, IS(NEW)},
		{"its rest", AT(LAN),
		 .frame = {.from = DB,
			   .to = WORLD,
			   .protocol = IPPROTO_GRE,
			   .datagram = 11,
			   .fragment_bytes = 1000,
			   .payload_bytes = 8},
		 CHQ_PASS_KNOWN, NO_EVENT},
	};

	WALK(state, steps);
}

static void test_forged_fragments(void **state)
{
	static const struct step steps[] = {
		{"tiny first, tcp", AT(LAN),
		 .frame = {.from = WEB, .to = WORLD, .dport = 80, .more = true, .pokes = {{3, 36}}},
		 CHQ_DROP_FRAGMENT_TINY},
		{"first without its options, tcp", AT(LAN),
		 .frame = {.from = WEB,
			   .to = WORLD,
			   .dport = 80,
			   .more = true,
			   .pokes = {{32, 0x60}}},
		 CHQ_DROP_FRAGMENT_TINY},
		{"tiny first, udp, ipv6", AT(LAN),
		 .frame = {.from = WEB6,
			   .to = WORLD6,
			   .protocol = IPPROTO_UDP,
			   .dport = 53,
			   .more = true,
			   .pokes = {{5, 15}}},
		 CHQ_DROP_FRAGMENT_TINY},
		{"tcp at offset 1", AT(LAN),
		 .frame = {.from = WEB, .to = WORLD, .fragment_bytes = 8, .payload_bytes = 20},
		 CHQ_DROP_FRAGMENT_OVERLAP},
		{"tcp at offset 2", AT(LAN),
		 .frame = {.from = WEB,
			   .to = WORLD,
			   .fragment_bytes = 16,
			   .more = true,
			   .payload_bytes = 20},
		 CHQ_DROP_FRAGMENT_OVERLAP},
		{"sctp at offset 1", AT(LAN),
		 .frame = {.from = WEB,
			   .to = WORLD,
			   .protocol = IPPROTO_SCTP,
			   .fragment_bytes = 8,
			   .payload_bytes = 20},
		 CHQ_DROP_FRAGMENT_OVERLAP},
		{"tcp at offset 1, ipv6", AT(LAN),
		 .frame = {.from = WEB6, .to = WORLD6, .fragment_bytes = 8, .payload_bytes = 20},
		 CHQ_DROP_FRAGMENT_OVERLAP},
	};

	WALK_EACH(state, steps);
}

/* Addresses whose bytes stand where the test run's kernel looks for an ethertype. */
#define L3_WORLD  "8.0.1.1"
#define L3_WORLD6 "2001:db8:86dd::1"

static void test_without_ethernet(void **state)
{
	static const struct step steps[] = {
		{"arrives", AT(WAN),
		 .frame = {.from = L3_WORLD, .to = WEB, .dport = 443, .no_ethernet = true},
		 CHQ_PASS_ALLOWED, IS(NEW)},
		{"arrives, ipv6", AT(WAN),
		 .frame = {.from = L3_WORLD6, .to = WEB6, .dport = 443, .no_ethernet = true},
		 CHQ_PASS_ALLOWED, IS(NEW)},
		{"arrives with options", AT(WAN),
		 .frame = {.from = L3_WORLD,
			   .to = WEB,
			   .dport = 443,
			   .options = {1},
			   .options_bytes = 4,
			   .no_ethernet = true},
		 CHQ_PASS_ALLOWED, IS(NEW)},
		{"arrives, denied", AT(WAN),
		 .frame = {.from = L3_WORLD, .to = WEB, .dport = 80, .no_ethernet = true},
		 CHQ_DROP_NO_RULE},
		{"leaves, unjudged", OUT(WAN, ODD),
		 .frame = {.from = L3_WORLD, .to = WEB, .dport = 443, .no_ethernet = true},
		 CHQ_PASS_ALLOWED, IS(NEW)},
		{"leaves, judged", OUT(LAN, WAN),
		 .frame = {.from = L3_WORLD, .to = WEB, .dport = 443, .no_ethernet = true},
		 CHQ_PASS_JUDGED, NO_EVENT},
		{"neither 4 nor 6", AT(WAN),
		 .frame = {.from = "9.9.1.1", .to = WEB, .dport = 443, .no_ethernet = true},
		 CHQ_DROP_ETHERTYPE},
	};

	WALK_EACH(state, steps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_ethertypes, gateway_setup),
		cmocka_unit_test_setup(test_listed_ethertype, gateway_setup),
		cmocka_unit_test_setup(test_not_ready, gateway_setup),
		cmocka_unit_test_setup(test_tags, gateway_setup),
		cmocka_unit_test_setup(test_ipv4_header, gateway_setup),
		cmocka_unit_test_setup(test_ipv6_header, gateway_setup),
		cmocka_unit_test_setup(test_extensions, gateway_setup),
		cmocka_unit_test_setup(test_transport_header, gateway_setup),
		cmocka_unit_test_setup(test_tcp_flags, gateway_setup),
		cmocka_unit_test_setup(test_protocols, gateway_setup),
		cmocka_unit_test_setup(test_neighbour_discovery, gateway_setup),
		cmocka_unit_test_setup(test_housekeeping, gateway_setup),
		cmocka_unit_test_setup(test_multicast_without_own_entry, gateway_setup),
		cmocka_unit_test_setup(test_link_local, gateway_setup),
		cmocka_unit_test_setup(test_martians, gateway_setup),
		cmocka_unit_test_setup(test_fragments, gateway_setup),
		cmocka_unit_test_setup(test_forged_fragments, gateway_setup),
		cmocka_unit_test_setup(test_without_ethernet, gateway_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
