/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */

/*
 * bench-packet [ROUNDS [PACKETS [WORDS]]]: nanoseconds a packet costs the programs,
 * under BPF_PROG_TEST_RUN with events on and a reader at the ring; with WORDS only the
 * cases that have them in their name. JSON lines on standard output, a table on
 * standard error. The loop's own cost is in every number, and is
 * what the `empty` cases say; what it costs to make packets differ is taken off.
 */

#include <arpa/inet.h>
#include <assert.h>
#include <glob.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench-packet.h"
#include "bench-packet.skel.h"
#include "../packet/gateway.h"

#define ROUNDS_MAX   100
#define FLOWS_SPREAD 65536
#define FLOWS_MANY   100000
#define UNPROVEN     131072
#define MANY	     100000
#define MANY_FIRST   0x0a400000u /* 10.64.0.0 */
#define WORLD_FIRST  0xc6120000u /* 198.18.0.0 */

struct bench {
	struct gateway *gateway;
	struct bench_packet *helper;
	struct ring_buffer *ring;
	pthread_t reader;
	volatile bool stop;
	unsigned rounds, packets;
	unsigned identities;
	const char *words;
	unsigned made_tc, made_xdp; /* ns to make packets differ */
};

/* One line of the result. */
struct bench_case {
	const char *name;
	const char *program;
	const struct bench_plan *plan; /* NULL = the same packet each time */
	struct frame frame;
	struct sending how;
	int want; /* what the program returns */
	unsigned flows;
	bool clears; /* before: nothing is known of any flow */
};

static int by_size(const void *a, const void *b)
{
	return *(const unsigned *)a < *(const unsigned *)b ? -1 : 1;
}

static void *drain(void *data)
{
	struct bench *bench = data;

	while (!bench->stop)
		ring_buffer__poll(bench->ring, 20);
	return NULL;
}

static int ignore(void *data, void *event, size_t bytes)
{
	(void)data;
	(void)event;
	(void)bytes;
	return 0;
}

/* Runs a program on one packet `packets` times; ns each, as the kernel has measured them. */
static unsigned run(struct bench *bench, int program, const struct bench_case *what, bool xdp)
{
	struct __sk_buff skb = {.ifindex = what->how.at,
				.ingress_ifindex =
					what->how.leaves ? what->how.from : what->how.at};
	struct xdp_md md = {.ingress_ifindex = what->how.at};
	uint8_t bytes[256];
	size_t count = frame_bytes(&what->frame, bytes, sizeof(bytes));
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = bytes, .data_size_in = count,
		    .ctx_in = &skb, .ctx_size_in = sizeof(skb), .repeat = bench->packets);
	int err;

	md.data_end = count;
	if (xdp) {
		opts.ctx_in = &md;
		opts.ctx_size_in = sizeof(md);
	}
	err = bpf_prog_test_run_opts(program, &opts);
	if (err || (int)opts.retval != what->want) {
		fprintf(stderr, "bench-packet: %s: %s, returned %d, wanted %d\n", what->name,
			err ? strerror(-err) : "ran", (int)opts.retval, what->want);
		exit(1);
	}
	return opts.duration;
}

static void plan_set(struct bench *bench, const struct bench_plan *plan)
{
	uint32_t zero = 0;
	struct bench_plan next = *plan;
	static uint32_t never_again;

	if (!plan->packets) {
		next.next = never_again;
		never_again += bench->packets;
	}
	assert(!bpf_map_update_elem(bpf_map__fd(bench->helper->maps.plan), &zero, &next, BPF_ANY));
}

/* The helper's program that makes packets differ, before the one that is timed. */
static int behind_vary(struct bench *bench, int program, bool xdp)
{
	struct bpf_map *timed = xdp ? bench->helper->maps.timed_xdp : bench->helper->maps.timed_tc;
	struct bpf_program *vary =
		xdp ? bench->helper->progs.vary_xdp : bench->helper->progs.vary_tc;
	uint32_t zero = 0;

	assert(!bpf_map_update_elem(bpf_map__fd(timed), &zero, &program, BPF_ANY));
	return bpf_program__fd(vary);
}

static int program_of(struct bench *bench, const char *name)
{
	struct bpf_program *program = bpf_object__find_program_by_name(bench->helper->obj, name);

	return program ? bpf_program__fd(program) : gateway_program(bench->gateway, name);
}

static void tell(struct bench *bench, const struct bench_case *what, unsigned *ns)
{
	unsigned median, least;

	qsort(ns, bench->rounds, sizeof(*ns), by_size);
	median = ns[bench->rounds / 2];
	least = ns[0];
	printf("{\"case\":\"%s\",\"identities\":%u,\"flows\":%u,\"ns_median\":%u,\"ns_min\":%u,\"rounds\":%u,\"packets\":%u}\n",
	       what->name, bench->identities, what->flows, median, least, bench->rounds,
	       bench->packets);
	fflush(stdout);
	fprintf(stderr, "%-44s %10u %8u %8u %8u\n", what->name, bench->identities, what->flows,
		median, least);
}

static unsigned measure_program(struct bench *bench, const struct bench_case *what, int program,
				unsigned off)
{
	unsigned ns[ROUNDS_MAX];

	if (!strstr(what->name, bench->words) && strncmp(what->name, "empty", 5))
		return 0;
	if (what->clears)
		gateway_forget(bench->gateway);
	for (unsigned round = 0; round < bench->rounds; round++) {
		if (what->plan)
			plan_set(bench, what->plan);
		ns[round] = run(bench, program, what, what->how.gate);
		ns[round] -= ns[round] < off ? ns[round] : off;
	}
	tell(bench, what, ns);
	return ns[bench->rounds / 2];
}

static unsigned measure(struct bench *bench, const struct bench_case *what)
{
	int program = program_of(bench, what->program);
	unsigned off = 0;

	if (what->plan) {
		program = behind_vary(bench, program, what->how.gate);
		off = what->how.gate ? bench->made_xdp : bench->made_tc;
	}
	return measure_program(bench, what, program, off);
}

/* Flows as if they had been running: what the checkpoint itself would have written. */
static void know_flows(struct bench *bench, const struct bench_plan *plan, uint16_t dport,
		       uint32_t ifindex, uint32_t tick)
{
	int map = gateway_map(bench->gateway, "chq_flow4");

	for (uint32_t n = 0; n < plan->packets; n++) {
		struct bench_tuple tuple;
		struct chq_flow4 key = {.protocol = IPPROTO_TCP};
		struct chq_flow flow = {.verdict = CHQ_FLOW_VERDICT(1, 0, CHQ_PASS_ALLOWED),
					.seen_tick = tick,
					.state = CHQ_FLOW_ESTABLISHED};
		int end;

		bench_tuple_of(plan, n, &tuple);
		end = tuple.source > tuple.target;
		key.addr[end] = htonl(tuple.source);
		key.addr[!end] = htonl(tuple.target);
		key.port_be[end] = htons(tuple.sport);
		key.port_be[!end] = htons(dport);
		flow.flags = end ? CHQ_FLOW_OPENER_1 : 0;
		flow.arrival[end].ifindex = ifindex;
		flow.arrival[!end].vlan[0] = CHQ_VLAN_UNKNOWN;
		flow.port[end] = 1;
		assert(!bpf_map_update_elem(map, &key, &flow, BPF_ANY));
	}
}

static uint32_t tick_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return ((uint64_t)now.tv_sec * 1000000000 + now.tv_nsec) >> CHQ_TICK_SHIFT;
}

#define TCP_TO(port, bits)                                                                \
	{                                                                                 \
		.from = WEB, .to = WORLD, .sport = 1024, .dport = (port), .flags = (bits) \
	}

static void measure_floor(struct bench *bench, const struct bench_plan *plan)
{
	struct bench_case what = {"empty TC program", "empty_tc", .frame = TCP_TO(80, A),
				  .how = {.at = LAN}, .want = 0,  .flows = 1};
	struct bench_case xdp = {"empty XDP program",
				 "empty_xdp",
				 .frame = TCP_TO(80, A),
				 .how = {.at = LAN, .gate = true},
				 .want = 2,
				 .flows = 1};
	unsigned floor = measure(bench, &what), floor_xdp = measure(bench, &xdp);

	what.name = "empty TC program, packets made to differ";
	xdp.name = "empty XDP program, packets made to differ";
	what.plan = xdp.plan = plan;
	bench->made_tc = measure(bench, &what) - floor;
	bench->made_xdp = measure(bench, &xdp) - floor_xdp;
}

/* The plan's packet 0, as a frame. */
static void hot_frame(const struct bench_plan *plan, struct frame *frame, char *from, char *to)
{
	struct bench_tuple tuple;
	uint32_t source_be, target_be;

	bench_tuple_of(plan, 0, &tuple);
	source_be = htonl(tuple.source);
	target_be = htonl(tuple.target);
	frame->sport = tuple.sport;
	frame->from = inet_ntop(AF_INET, &source_be, from, INET_ADDRSTRLEN);
	frame->to = inet_ntop(AF_INET, &target_be, to, INET_ADDRSTRLEN);
}

static void measure_known(struct bench *bench, const struct bench_plan *plan)
{
	struct bench_plan many = *plan;
	struct bench_case hot = {"checkpoint known flow hot", "chq_in", .frame = TCP_TO(80, A),
				 .how = {.at = LAN}, .flows = 1};
	struct bench_case spread = {
		"checkpoint known flow spread", "chq_in", plan, TCP_TO(80, A), {.at = LAN},
		.flows = FLOWS_SPREAD};
	struct bench_plan one = *plan;
	char from[INET_ADDRSTRLEN], to[INET_ADDRSTRLEN];

	one.packets = 1;
	know_flows(bench, &one, 80, LAN, tick_now());
	hot_frame(&one, &hot.frame, from, to);
	measure(bench, &hot);
	know_flows(bench, plan, 80, LAN, tick_now());
	measure(bench, &spread);
	many.packets = FLOWS_MANY;
	know_flows(bench, &many, 80, LAN, tick_now());
	many.random = 1;
	spread.plan = &many;
	spread.name = "checkpoint known flow, 100,000 at random";
	spread.flows = FLOWS_MANY;
	measure(bench, &spread);
}

static void measure_out(struct bench *bench)
{
	struct bench_plan own = {.packets = FLOWS_SPREAD,
				 .sources = 1,
				 .source_first = 0xc0000201,
				 .targets = 65536,
				 .target_first = WORLD_FIRST,
				 .vary_port = 1};
	struct bench_case known = {"checkpoint out, own known flow spread",
				   "chq_out",
				   &own,
				   TCP_TO(80, A),
				   {.at = WAN, .leaves = true},
				   .flows = FLOWS_SPREAD};
	struct bench_case inside = {"checkpoint out, forwarded to inside", "chq_out",
				    .frame = TCP_TO(80, A),
				    .how = {.at = LAN, .leaves = true, .from = WAN}, .flows = 1};
	struct bench_case outside = {"checkpoint out, forwarded to outside", "chq_out",
				     .frame = TCP_TO(80, A),
				     .how = {.at = WAN, .leaves = true, .from = LAN}, .flows = 1};

	know_flows(bench, &own, 80, HERE, tick_now());
	measure(bench, &known);
	measure(bench, &inside);
	measure(bench, &outside);
}

static void measure_ipv6(struct bench *bench)
{
	struct bench_case hot = {"checkpoint known flow hot, IPv6", "chq_in",
				 .frame = {.from = DB6,
					   .to = WORLD6,
					   .protocol = IPPROTO_UDP,
					   .sport = 5,
					   .dport = 6},
				 .how = {.at = LAN}, .flows = 1};
	struct frame reply = {
		.from = WORLD6, .to = DB6, .protocol = IPPROTO_UDP, .sport = 6, .dport = 5};
	struct sending back = {.at = WAN};
	struct outcome seen;

	gateway_run(bench->gateway, &hot.how, &hot.frame, &seen);
	gateway_run(bench->gateway, &back, &reply, &seen);
	measure(bench, &hot);
}

static void measure_new(struct bench *bench, const struct bench_plan *plan)
{
	struct bench_plan fresh = *plan;
	struct bench_case allowed = {"checkpoint new flow", "chq_in",	 &fresh,
				     TCP_TO(80, S),	    {.at = LAN}, .clears = true};
	struct bench_case denied = {"checkpoint denied flow, first packet",
				    "chq_in",
				    &fresh,
				    TCP_TO(81, S),
				    {.at = LAN},
				    .want = 2,
				    .clears = true};

	fresh.packets = 0;
	allowed.flows = denied.flows = bench->packets;
	measure(bench, &allowed);
	measure(bench, &denied);
}

static void measure_denied(struct bench *bench, const struct bench_plan *plan)
{
	struct bench_case hot = {"checkpoint denied flow hot", "chq_in",  .frame = TCP_TO(81, S),
				 .how = {.at = LAN},	       .want = 2, .flows = 1};
	struct bench_case spread = {"checkpoint denied flow spread",
				    "chq_in",
				    plan,
				    TCP_TO(81, S),
				    {.at = LAN},
				    .want = 2,
				    .flows = FLOWS_SPREAD};
	char from[INET_ADDRSTRLEN], to[INET_ADDRSTRLEN];

	hot_frame(plan, &hot.frame, from, to);
	gateway_forget(bench->gateway);
	measure(bench, &hot);
	measure(bench, &spread);
}

static void measure_gate(struct bench *bench)
{
	struct bench_plan listed = {.packets = FLOWS_SPREAD,
				    .sources = 65536,
				    .source_first = 0xcb000000,
				    .targets = 1,
				    .target_first = 0x0a0a0006};
	struct bench_plan others = listed;
	struct bench_case drop = {"gate drop hot",
				  "chq_gate",
				  .frame = {.from = "203.0.0.1", .to = DB, .dport = 80},
				  .how = {.at = WAN, .gate = true},
				  .want = 1,
				  .flows = 1};
	struct bench_case pass = {"gate pass hot",
				  "chq_gate",
				  .frame = {.from = "198.51.100.1", .to = DB, .dport = 80},
				  .how = {.at = WAN, .gate = true},
				  .want = 2,
				  .flows = 1};

	others.source_first = 0xc6330000;
	gateway_deny(bench->gateway, "203.0.0.0/16");
	measure(bench, &drop);
	measure(bench, &pass);
	drop.name = "gate drop spread";
	pass.name = "gate pass spread";
	drop.plan = &listed;
	pass.plan = &others;
	drop.flows = pass.flows = FLOWS_SPREAD;
	measure(bench, &drop);
	measure(bench, &pass);
}

/* Debian's xdp-filter: its program that lets pass but for addresses, with one of them. */
static struct bpf_object *xdp_filter_load(const char *path, uint32_t source)
{
	int cpus = libbpf_num_possible_cpus();
	uint32_t source_be = htonl(source);
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	uint64_t flags[cpus];
	struct bpf_map *map;

	if (!object)
		return NULL;
	bpf_object__for_each_map(map, object) bpf_map__set_pin_path(map, NULL);
	if (bpf_object__load(object)) {
		bpf_object__close(object);
		return NULL;
	}
	for (int cpu = 0; cpu < cpus; cpu++)
		flags[cpu] = 0x3f; /* as source and target, whatever the protocol */
	assert(!bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "filter_ipv4"),
				    &source_be, flags, BPF_ANY));
	return object;
}

static void measure_xdp_filter(struct bench *bench)
{
	struct bench_case drop = {"xdp-filter drop hot",
				  NULL,
				  .frame = {.from = "203.0.0.1", .to = DB, .dport = 80},
				  .how = {.at = WAN, .gate = true},
				  .want = 1,
				  .flows = 1};
	struct bpf_object *object;
	glob_t found;

	if (glob("/usr/lib/*/bpf/xdpfilt_alw_ip.o", 0, NULL, &found)) {
		fprintf(stderr,
			"xdp-filter is not installed (package xdp-tools): no line for it\n");
		return;
	}
	object = xdp_filter_load(found.gl_pathv[0], 0xcb000001);
	globfree(&found);
	if (!object) {
		fprintf(stderr, "xdp-filter does not load here: no line for it\n");
		return;
	}
	measure_program(bench, &drop, bpf_program__fd(bpf_object__next_program(object, NULL)), 0);
	bpf_object__close(object);
}

static void measure_policy(struct bench *bench, const struct bench_plan *plan)
{
	measure_known(bench, plan);
	measure_denied(bench, plan);
	measure_new(bench, plan);
}

/* Only what is wrong: xdp-filter's object has sections that libbpf remarks upon. */
static int say_warnings(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, args) : 0;
}

static int bench_open(struct bench *bench)
{
	int err;

	libbpf_set_print(say_warnings);
	err = gateway_new(UNPROVEN, &bench->gateway);
	if (err)
		return err;
	bench->helper = bench_packet__open_and_load();
	bench->ring =
		ring_buffer__new(gateway_map(bench->gateway, "chq_events"), ignore, NULL, NULL);
	if (!bench->helper || !bench->ring)
		return -1;
	gateway_reset(bench->gateway);
	return pthread_create(&bench->reader, NULL, drain, bench);
}

static void bench_close(struct bench *bench)
{
	bench->stop = true;
	pthread_join(bench->reader, NULL);
	ring_buffer__free(bench->ring);
	bench_packet__destroy(bench->helper);
	gateway_free(bench->gateway);
}

int main(int argc, char **argv)
{
	struct bench bench = {.rounds = argc > 1 ? atoi(argv[1]) : 20,
			      .packets = argc > 2 ? atoi(argv[2]) : 1000000,
			      .words = argc > 3 ? argv[3] : "",
			      .identities = 10};
	struct bench_plan few = {.packets = FLOWS_SPREAD,
				 .sources = 1,
				 .source_first = 0x0a0a0005,
				 .targets = 65536,
				 .target_first = WORLD_FIRST,
				 .vary_port = 1};
	struct bench_plan many = {.packets = FLOWS_SPREAD,
				  .sources = MANY / 2,
				  .source_first = MANY_FIRST,
				  .targets = MANY / 2,
				  .target_first = MANY_FIRST + MANY / 2,
				  .vary_port = 1};

	if (bench.rounds < 1 || bench.rounds > ROUNDS_MAX || bench_open(&bench)) {
		fprintf(stderr, "bench-packet: 1 to %d rounds, and root\n", ROUNDS_MAX);
		return 1;
	}
	fprintf(stderr, "%-44s %10s %8s %8s %8s\n", "ns a packet", "identities", "flows", "median",
		"min");
	measure_floor(&bench, &few);
	measure_policy(&bench, &few);
	measure_ipv6(&bench);
	measure_out(&bench);
	measure_gate(&bench);
	measure_xdp_filter(&bench);
	bench.identities = MANY;
	gateway_crowd(bench.gateway, MANY_FIRST, MANY);
	measure_policy(&bench, &many);
	bench_close(&bench);
	return 0;
}
