/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */

/* ICMP errors: only those about a flow that is known and allowed pass, to who sent in it. */

#include <netinet/in.h>

#include "steps.h"

#define ROUTER	"203.0.113.254"
#define ROUTER6 "2001:db8:ff::1"

static const struct frame web_syn = {.from = WEB, .to = WORLD, .sport = 5, .dport = 80};
static const struct frame web_syn6 = {.from = WEB6, .to = WORLD6, .sport = 5, .dport = 80};
static const struct frame web_other = {.from = WEB, .to = WORLD, .sport = 6, .dport = 80};
static const struct frame web_other6 = {.from = WEB6, .to = WORLD6, .sport = 6, .dport = 80};
static const struct frame db_syn = {.from = DB, .to = WORLD, .sport = 5, .dport = 80};
static const struct frame db_udp = {
	.from = DB, .to = WORLD, .protocol = IPPROTO_UDP, .sport = 5, .dport = 33434};
static const struct frame db_ping = {
	.from = DB, .to = WORLD, .protocol = IPPROTO_ICMP, .type = 8, .id = 9};
static const struct frame db_ping6 = {
	.from = DB6, .to = WORLD6, .protocol = IPPROTO_ICMPV6, .type = 128, .id = 9};
static const struct frame db_stamp = {
	.from = DB, .to = WORLD, .protocol = IPPROTO_ICMP, .type = 13, .id = 9};
static const struct frame world_reply = {
	.from = WORLD, .to = DB, .sport = 80, .dport = 5, .flags = S | A};
static const struct frame later = {.from = DB,
				   .to = WORLD,
				   .sport = 5,
				   .dport = 80,
				   .fragment_bytes = 1480,
				   .payload_bytes = 20};
static const struct frame web_denied = {.from = WEB, .to = WORLD, .sport = 5, .dport = 81};
static const struct frame options = {
	.from = DB, .to = WORLD, .sport = 5, .dport = 80, .options = {1}, .options_bytes = 8};
static const struct frame extended = {.from = DB6,
				      .to = WORLD6,
				      .sport = 5,
				      .dport = 80,
				      .extensions = {{IPPROTO_DSTOPTS}},
				      .n_extensions = 1};
static const struct frame db_syn6 = {.from = DB6, .to = WORLD6, .sport = 5, .dport = 80};

#define ERROR(from_, to_, type_, code_, quoted_) \
	.frame = {.from = (from_),               \
		  .to = (to_),                   \
		  .protocol = IPPROTO_ICMP,      \
		  .type = (type_),               \
		  .code = (code_),               \
		  .quoted = &(quoted_)}
#define ERROR6(from_, to_, type_, code_, quoted_) \
	.frame = {.from = (from_),                \
		  .to = (to_),                    \
		  .protocol = IPPROTO_ICMPV6,     \
		  .type = (type_),                \
		  .code = (code_),                \
		  .quoted = &(quoted_)}
#define OPENS(port, of)                                                                       \
	{                                                                                     \
		"it opens", AT(port), .frame = of, CHQ_PASS_NO_POLICY, IS(NEW), .fresh = true \
	}

static void test_related(void **state)
{
	const struct step steps[] = {
		{"web opens", AT(LAN), .frame = web_syn, CHQ_PASS_ALLOWED, IS(NEW)},
		{"unreachable", AT(WAN), ERROR(ROUTER, WEB, 3, 1, web_syn), CHQ_PASS_RELATED,
		 NO_EVENT},
		{"fragmentation needed", AT(WAN), ERROR(ROUTER, WEB, 3, 4, web_syn),
		 CHQ_PASS_RELATED, NO_EVENT},
		{"time exceeded", AT(WAN), ERROR(ROUTER, WEB, 11, 0, web_syn), CHQ_PASS_RELATED,
		 NO_EVENT},
		{"parameter problem", AT(WAN), ERROR(ROUTER, WEB, 12, 0, web_syn), CHQ_PASS_RELATED,
		 NO_EVENT},
		{"of the gateway itself", OUT(LAN, HERE), ERROR(OWN, WEB, 11, 0, web_syn),
		 CHQ_PASS_RELATED, NO_EVENT},
		{"about another flow", AT(WAN), ERROR(ROUTER, WEB, 3, 1, web_other),
		 CHQ_DROP_ICMP_UNRELATED},
		{"about it, to another", AT(WAN), ERROR(ROUTER, DB, 3, 1, web_syn),
		 CHQ_DROP_ICMP_UNRELATED},
		{"from a forged sender", AT(WAN), ERROR(DB, WEB, 3, 1, web_syn),
		 CHQ_DROP_SPOOFED_ENDPOINT},
		{"about what was denied", AT(WAN), ERROR(ROUTER, WEB, 3, 1, web_denied),
		 CHQ_DROP_ICMP_UNRELATED},
		{"quoting nothing", AT(WAN),
		 .frame = {.from = ROUTER, .to = WEB, .protocol = IPPROTO_ICMP, .type = 3},
		 CHQ_DROP_ICMP_UNRELATED},
		{"cut short", AT(WAN),
		 .frame = {.from = ROUTER,
			   .to = WEB,
			   .protocol = IPPROTO_ICMP,
			   .type = 3,
			   .quoted = &web_syn,
			   .pokes = {{3, 55}}},
		 CHQ_DROP_ICMP_UNRELATED},
		{"after a reload", AT(WAN), ERROR(ROUTER, WEB, 3, 1, web_syn), CHQ_PASS_RELATED,
		 NO_EVENT, .flip = 2},
		{"after a reload that closes", AT(WAN), ERROR(ROUTER, WEB, 3, 1, web_syn),
		 CHQ_DROP_ICMP_UNRELATED, .flip_close = 3},
		{"about what is long over", AT(WAN), ERROR(ROUTER, WEB, 3, 1, web_syn),
		 CHQ_DROP_ICMP_UNRELATED, .flip = 4, .older_ticks = 9000},
	};

	WALK(state, steps);
}

static void test_related_ipv6(void **state)
{
	const struct step steps[] = {
		{"web opens", AT(LAN), .frame = web_syn6, CHQ_PASS_ALLOWED, IS(NEW)},
		{"unreachable", AT(WAN), ERROR6(ROUTER6, WEB6, 1, 0, web_syn6), CHQ_PASS_RELATED,
		 NO_EVENT},
		{"packet too big", AT(WAN), ERROR6(ROUTER6, WEB6, 2, 0, web_syn6), CHQ_PASS_RELATED,
		 NO_EVENT},
		{"time exceeded", AT(WAN), ERROR6(ROUTER6, WEB6, 3, 0, web_syn6), CHQ_PASS_RELATED,
		 NO_EVENT},
		{"parameter problem", AT(WAN), ERROR6(ROUTER6, WEB6, 4, 0, web_syn6),
		 CHQ_PASS_RELATED, NO_EVENT},
		{"about another flow", AT(WAN), ERROR6(ROUTER6, WEB6, 2, 0, web_other6),
		 CHQ_DROP_ICMP_UNRELATED},
		{"to another", AT(WAN), ERROR6(ROUTER6, DB6, 2, 0, web_syn6),
		 CHQ_DROP_ICMP_UNRELATED},
		{"after a reload that closes", AT(WAN), ERROR6(ROUTER6, WEB6, 1, 0, web_syn6),
		 CHQ_DROP_ICMP_UNRELATED, .flip_close = 2},
	};

	WALK(state, steps);
}

static void test_quotes(void **state)
{
	const struct step steps[] = {
		OPENS(LAN, db_udp),
		{"traceroute's answer", AT(WAN), ERROR(ROUTER, DB, 3, 3, db_udp), CHQ_PASS_RELATED,
		 NO_EVENT},
		OPENS(LAN, db_ping),
		{"about a ping", AT(WAN), ERROR(ROUTER, DB, 11, 0, db_ping), CHQ_PASS_RELATED,
		 NO_EVENT},
		{"about icmp that makes no flow", AT(WAN), ERROR(ROUTER, DB, 11, 0, db_stamp),
		 CHQ_DROP_ICMP_UNRELATED},
		OPENS(LAN, db_ping6),
		{"about a ping, ipv6", AT(WAN), ERROR6(ROUTER6, DB6, 3, 0, db_ping6),
		 CHQ_PASS_RELATED, NO_EVENT},
		OPENS(LAN, db_syn),
		{"quoting options", AT(WAN), ERROR(ROUTER, DB, 3, 4, options), CHQ_PASS_RELATED,
		 NO_EVENT},
		{"quoting a later fragment", AT(WAN), ERROR(ROUTER, DB, 11, 1, later),
		 CHQ_DROP_ICMP_UNRELATED},
		{"about a reply that nobody sent", AT(LAN), ERROR(DB, WORLD, 3, 3, world_reply),
		 CHQ_DROP_ICMP_UNRELATED},
		{"the reply", AT(WAN), .frame = world_reply, CHQ_PASS_KNOWN, NO_EVENT},
		{"about the reply", AT(LAN), ERROR(DB, WORLD, 3, 3, world_reply), CHQ_PASS_RELATED,
		 NO_EVENT},
		OPENS(LAN, db_syn6),
		{"quoting an extension", AT(WAN), ERROR6(ROUTER6, DB6, 2, 0, extended),
		 CHQ_PASS_RELATED, NO_EVENT},
	};

	WALK(state, steps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_related, gateway_setup),
		cmocka_unit_test_setup(test_related_ipv6, gateway_setup),
		cmocka_unit_test_setup(test_quotes, gateway_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
