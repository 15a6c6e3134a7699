/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The kernel room against the kernel: load, attach, install, flip, take over, let go.
 * Each test has a network namespace and a bpf file system of its own, which end with it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <net/if.h>
#include <netinet/in.h>
#include <linux/tcp.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "kernel/datapath.h"
#include "kernel/filter.h"
#include "kernel/forwarding.h"
#include "kernel/link.h"
#include "kernel/watch.h"
#include "util/addr.h"
#include "util/cleanup.h"

#define PINS "/sys/fs/bpf/chasqui"

static void run(const char *command)
{
	if (system(command))
		fail_msg("%s", command);
}

/* A gateway with two wires: lan0 and wan0, their far ends in a namespace each. */
static int enter_world(void **state)
{
	(void)state;
	assert_int_equal(0, unshare(CLONE_NEWNET | CLONE_NEWNS));
	assert_int_equal(0, mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	assert_int_equal(0, mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL));
	assert_int_equal(0, mount("none", "/run", "tmpfs", 0, NULL));
	run("ip link set lo up");
	run("ip link add lan0 type veth peer name lan1 && ip link set lan0 up && ip link set lan1 up");
	run("ip link add wan0 type veth peer name wan1 && ip link set wan0 up && ip link set wan1 up");
	return 0;
}

static int leave_world(void **state)
{
	(void)state;
	umount2("/run", MNT_DETACH);
	umount2("/sys/fs/bpf", MNT_DETACH);
	return 0;
}

static struct datapath *open_with(uint32_t flows)
{
	struct datapath_options options = {.pin_directory = PINS,
					   .limits = {.conntrack = flows, .unproven = 1024}};
	struct datapath *datapath = NULL;

	if (datapath_open(&options, &datapath))
		fail_msg("%s", datapath_refusal(NULL));
	return datapath;
}

static const struct port_row lan = {"lan0", {.port = 1, .role = CHQ_INSIDE}};
static const struct port_row wan = {"wan0", {.port = 2, .role = CHQ_OUTSIDE}};

/* A policy as small as one can be: the world, nothing else. */
static struct generation *small_generation(uint32_t identity)
{
	static struct chq_portblock blocks[CHQ_BLOCKS];
	static struct prefix_row prefixes[2];
	static struct port_row ports[2];
	static struct generation generation;

	ports[0] = lan;
	ports[1] = wan;
	prefix_parse("::/0", &prefixes[0].key);
	prefix_parse("0.0.0.0/0", &prefixes[1].key);
	for (int i = 0; i < 2; i++) {
		prefixes[i].value = (struct chq_entry){.identity = identity};
		prefixes[i].value.ingress.otherwise.reason = CHQ_PASS_NO_POLICY;
		prefixes[i].value.egress.otherwise.reason = CHQ_PASS_NO_POLICY;
	}
	generation = (struct generation){.prefixes = prefixes,
					 .n_prefixes = 2,
					 .blocks = blocks,
					 .ports = ports,
					 .n_ports = 2,
					 .own = {.identity = CHQ_ID_HOST, .kind = CHQ_KIND_OWN}};
	for (int i = 0; i < CHQ_TIMEOUT_MAX; i++)
		generation.timeout_ticks[i] = 1000;
	return &generation;
}

static void install(struct datapath *datapath, const struct generation *generation, uint32_t number)
{
	if (datapath_install(datapath, generation, number))
		fail_msg("%s", datapath_refusal(datapath));
}

static void attach(struct datapath *datapath, const struct port_row *port)
{
	if (datapath_attach(datapath, if_nametoindex(port->name), port))
		fail_msg("%s", datapath_refusal(datapath));
}

static int pin(const char *name)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), PINS "/%s", name);
	fd = bpf_obj_get(path);
	if (fd < 0)
		fail_msg("no pin %s", path);
	return fd;
}

/* What a table of the live slot says. */
static int look_up(const char *outer, const void *key, void *value)
{
	cleanup_close int cell_fd = pin("chq_cell");
	cleanup_close int outer_fd = pin(outer);
	cleanup_close int inner_fd = -1;
	struct chq_cell cell;
	uint32_t zero = 0, slot, id;

	assert_int_equal(0, bpf_map_lookup_elem(cell_fd, &zero, &cell));
	slot = CHQ_LIVE_SLOT(cell.live);
	assert_int_equal(0, bpf_map_lookup_elem(outer_fd, &slot, &id));
	inner_fd = bpf_map_get_fd_by_id(id);
	return bpf_map_lookup_elem(inner_fd, key, value);
}

static int pinned_value(const char *map, const void *key, void *value)
{
	cleanup_close int fd = pin(map);

	return bpf_map_lookup_elem(fd, key, value);
}

static chq_identity live_world(void)
{
	struct chq_entry entry;
	struct chq_prefix key;

	prefix_parse("192.0.2.1", &key);
	assert_int_equal(0, look_up("chq_prefixes", &key, &entry));
	return entry.identity;
}

static struct chq_link link_of(const char *name)
{
	cleanup_close int fd = pin("chq_link");
	uint32_t ifindex = if_nametoindex(name);
	struct chq_link link;

	assert_int_equal(0, bpf_map_lookup_elem(fd, &ifindex, &link));
	return link;
}

static struct filter filter_of(const char *name, enum chq_direction direction)
{
	cleanup(netlink_close_p) struct netlink *nl = NULL;
	struct filter filter;

	assert_int_equal(0, netlink_open(&nl));
	assert_int_equal(0, filter_get(nl, if_nametoindex(name), direction, &filter));
	return filter;
}

static void a_generation_becomes_live(void **state)
{
	struct datapath *datapath = open_with(4096);

	(void)state;
	assert_int_equal(0, datapath_live(datapath));
	attach(datapath, &lan);
	attach(datapath, &wan);
	install(datapath, small_generation(9), 5);
	assert_int_equal(5, datapath_live(datapath));
	assert_int_equal(9, live_world());
	install(datapath, small_generation(77), 6);
	assert_int_equal(6, datapath_live(datapath));
	assert_int_equal(77, live_world());
	install(datapath, small_generation(77), 7);
	assert_int_equal(77, live_world());
	assert_int_equal(-EINVAL, datapath_install(datapath, small_generation(8), 7));
	assert_int_equal(77, live_world());
	datapath_close(datapath);
}

static void a_port_is_attached_and_let_go(void **state)
{
	struct datapath *datapath = open_with(4096);
	const struct attachment *seen;

	(void)state;
	install(datapath, small_generation(9), 1);
	attach(datapath, &lan);
	assert_true(filter_of("lan0", CHQ_INGRESS).present);
	assert_true(filter_of("lan0", CHQ_EGRESS).present);
	assert_int_equal(1, link_of("lan0").live);
	assert_int_equal(CHQ_INSIDE, link_of("lan0").role);
	assert_int_equal(1, datapath_attachments(datapath, &seen));
	assert_true(seen[0].checkpoint && seen[0].present && !seen[0].l3);
	assert_int_equal(0, datapath_detach(datapath, if_nametoindex("lan0")));
	assert_false(filter_of("lan0", CHQ_INGRESS).present);
	assert_int_equal(0, link_of("lan0").live);
	run("! tc qdisc show dev lan0 | grep -q clsact");
	datapath_close(datapath);
}

static void a_lost_filter_is_put_back(void **state)
{
	struct datapath *datapath = open_with(4096);

	(void)state;
	install(datapath, small_generation(9), 1);
	attach(datapath, &lan);
	assert_int_equal(0, datapath_check_attached(datapath));
	run("tc filter del dev lan0 egress");
	assert_int_equal(1, datapath_check_attached(datapath));
	assert_true(filter_of("lan0", CHQ_EGRESS).present);
	run("tc qdisc del dev lan0 clsact");
	assert_int_equal(1, datapath_check_attached(datapath));
	assert_true(filter_of("lan0", CHQ_INGRESS).present);
	run("ip link del lan0");
	assert_int_equal(0, datapath_check_attached(datapath));
	datapath_close(datapath);
}

static void members_are_refused_by_name(void **state)
{
	struct datapath *datapath = open_with(4096);
	const struct port_row br0 = {"br0", {.port = 3, .role = CHQ_INSIDE}};

	(void)state;
	run("ip link add br0 type bridge && ip link set lan0 master br0 && ip link set br0 up");
	assert_int_equal(-EINVAL, datapath_attach(datapath, if_nametoindex("lan0"), &lan));
	assert_non_null(strstr(datapath_refusal(datapath),
			       "lan0 is a member of bridge br0: make br0 the port"));
	attach(datapath, &br0);
	assert_int_equal(-ENODEV, datapath_attach(datapath, 4000, &lan));
	datapath_close(datapath);
}

static void a_port_and_its_vlan_device_are_one(void **state)
{
	const struct port_row vlan = {"lan0.20", {.port = 4, .role = CHQ_INSIDE}};
	struct datapath *datapath;

	(void)state;
	if (system("ip link add link lan0 name lan0.20 type vlan id 20 2>/dev/null"))
		skip(); /* no VLAN devices in this kernel */
	datapath = open_with(4096);
	attach(datapath, &lan);
	assert_int_equal(1, link_of("lan0.20").live);
	assert_int_equal(1, link_of("lan0.20").port);
	assert_int_equal(-EINVAL, datapath_attach(datapath, if_nametoindex("lan0.20"), &vlan));
	assert_non_null(strstr(datapath_refusal(datapath), "lan0 is a port already"));
	assert_int_equal(0, datapath_detach(datapath, if_nametoindex("lan0")));
	assert_int_equal(0, link_of("lan0.20").live);
	attach(datapath, &vlan);
	datapath_close(datapath);
}

static void a_second_daemon_is_refused(void **state)
{
	struct datapath *datapath = open_with(4096), *second;
	struct datapath_options options = {.pin_directory = PINS};
	char mine[32];

	(void)state;
	snprintf(mine, sizeof(mine), "process %d", getpid());
	assert_int_equal(-EBUSY, datapath_open(&options, &second));
	assert_non_null(strstr(datapath_refusal(NULL), mine));
	assert_int_equal(-EBUSY, datapath_detach_all(PINS));
	datapath_close(datapath);
}

static void another_namespace_is_refused(void **state)
{
	struct datapath *datapath = open_with(4096), *second;
	struct datapath_options options = {.pin_directory = PINS};

	(void)state;
	datapath_close(datapath);
	assert_int_equal(0, unshare(CLONE_NEWNET));
	assert_int_equal(-EXDEV, datapath_open(&options, &second));
	assert_int_equal(-EXDEV, datapath_detach_all(PINS));
}

static struct chq_flow4 flow_key(uint16_t port)
{
	return (struct chq_flow4){.addr = {1, 2}, .port_be = {port, 80}, .protocol = 6};
}

static void put_flows(uint16_t count)
{
	cleanup_close int fd = pin("chq_flow4");

	for (uint16_t i = 0; i < count; i++) {
		struct chq_flow4 key = flow_key(i);
		struct chq_flow flow = {.state = CHQ_FLOW_ESTABLISHED, .answer_seq = i};

		assert_int_equal(0, bpf_map_update_elem(fd, &key, &flow, BPF_ANY));
	}
}

static void check_flows(uint16_t count)
{
	cleanup_close int fd = pin("chq_flow4");

	for (uint16_t i = 0; i < count; i++) {
		struct chq_flow4 key = flow_key(i);
		struct chq_flow flow;

		if (bpf_map_lookup_elem(fd, &key, &flow))
			fail_msg("flow %u was lost", i);
		assert_int_equal(i, flow.answer_seq);
	}
}

static uint32_t map_id(const char *name)
{
	cleanup_close int fd = pin(name);
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);

	assert_int_equal(0, bpf_obj_get_info_by_fd(fd, &info, &size));
	return info.id;
}

static bool is_lan0(const void *data, const char *name)
{
	(void)data;
	return strcmp(name, "lan0") == 0;
}

/* Names that come and go use the numbers up; those that nobody wants are given out again. */
static void port_numbers_come_back(void **state)
{
	struct datapath *datapath = open_with(4096);
	char name[16];

	(void)state;
	assert_int_equal(1, datapath_port_number(datapath, "lan0"));
	for (unsigned i = 2; i < CHQ_PORT_MAX; i++) {
		snprintf(name, sizeof(name), "tap%u", i);
		assert_int_equal(i, datapath_port_number(datapath, name));
	}
	assert_int_equal(0, datapath_port_number(datapath, "one-more"));
	datapath_ports_forget(datapath, is_lan0, NULL);
	assert_int_equal(2, datapath_port_number(datapath, "one-more"));
	assert_int_equal(1, datapath_port_number(datapath, "lan0"));
	assert_int_equal(3, datapath_port_number(datapath, "tap9"));
	datapath_close(datapath);
}

static void a_start_takes_over(void **state)
{
	struct datapath *datapath = open_with(4096);
	uint32_t cell, flows, program;

	(void)state;
	assert_int_equal(3, datapath_port_number(datapath, "lan0") +
				    datapath_port_number(datapath, "wan0"));
	attach(datapath, &lan);
	install(datapath, small_generation(9), 41);
	put_flows(500);
	cell = map_id("chq_cell");
	flows = map_id("chq_flow4");
	program = filter_of("lan0", CHQ_INGRESS).program_id;
	datapath_close(datapath);
	assert_int_equal(program, filter_of("lan0", CHQ_INGRESS).program_id);

	datapath = open_with(4096);
	assert_int_equal(41, datapath_live(datapath));
	assert_int_equal(41, datapath_highest(datapath));
	assert_int_equal(cell, map_id("chq_cell"));
	assert_int_equal(flows, map_id("chq_flow4"));
	assert_int_equal(1, link_of("lan0").live);
	assert_true(filter_of("lan0", CHQ_INGRESS).present);
	assert_int_not_equal(program, filter_of("lan0", CHQ_INGRESS).program_id);
	assert_int_equal(1, datapath_port_number(datapath, "lan0"));
	check_flows(500);
	attach(datapath, &lan);
	install(datapath, small_generation(12), 42);
	assert_int_equal(12, live_world());
	datapath_close(datapath);

	datapath = open_with(8192);
	assert_int_equal(42, datapath_live(datapath));
	assert_int_equal(cell, map_id("chq_cell"));
	assert_int_not_equal(flows, map_id("chq_flow4"));
	check_flows(500);
	install(datapath, small_generation(13), 43);
	assert_int_equal(13, live_world());
	datapath_close(datapath);
}

static void nothing_is_left_behind(void **state)
{
	struct datapath *datapath = open_with(4096);

	(void)state;
	attach(datapath, &lan);
	attach(datapath, &wan);
	install(datapath, small_generation(9), 1);
	datapath_close(datapath);
	assert_int_equal(0, datapath_detach_all(PINS));
	assert_int_not_equal(0, access(PINS, F_OK));
	assert_false(filter_of("lan0", CHQ_INGRESS).present);
	assert_false(filter_of("wan0", CHQ_EGRESS).present);
	run("! tc qdisc show | grep -q clsact");
	assert_int_equal(0, datapath_detach_all(PINS));
}

static void own_addresses_are_brought_to_date(void **state)
{
	struct datapath *datapath = open_with(4096);
	struct generation *generation = small_generation(9);
	struct host_row told = {.value = generation->own};
	struct chq_entry entry;
	struct chq_addr now[2];

	(void)state;
	addr_parse("10.0.0.1", &now[0]);
	addr_parse("fd00::1", &now[1]);
	addr_parse("10.9.9.9", &told.key);
	generation->hosts = &told;
	generation->n_hosts = 1;
	assert_int_equal(0, datapath_own_addresses(datapath, now, 2));
	install(datapath, generation, 1);
	assert_int_equal(0, look_up("chq_hosts", &now[0], &entry));
	assert_int_equal(CHQ_KIND_OWN, entry.kind);
	assert_int_equal(0, look_up("chq_hosts", &now[1], &entry));
	assert_int_not_equal(0, look_up("chq_hosts", &told.key, &entry));
	assert_int_equal(0, datapath_own_addresses(datapath, now, 1));
	assert_int_not_equal(0, look_up("chq_hosts", &now[1], &entry));
	install(datapath, generation, 2);
	assert_int_equal(0, look_up("chq_hosts", &now[0], &entry));
	assert_int_not_equal(0, look_up("chq_hosts", &now[1], &entry));
	datapath_close(datapath);
}

/* What the checkpoint knows of the tunnel is there for the next daemon, too. */
static void the_tunnel_is_told_and_stays(void **state)
{
	static const struct tunnel_state told = {
		.ifindex = 7, .listen_port = 51820, .up = true, .any_peer = true};
	struct datapath *datapath = open_with(4096);
	struct generation *generation = small_generation(9);
	struct encrypt_row row = {.value = {.tunnel_peer = 1}};
	struct chq_addr peers[2];
	struct tunnel_state found;
	struct chq_cell cell;
	uint32_t there;

	(void)state;
	addr_parse("192.0.2.10", &peers[0]);
	addr_parse("2001:db8::10", &peers[1]);
	prefix_parse("10.20.0.0/16", &row.key);
	generation->encrypt = &row;
	generation->n_encrypt = 1;
	generation->secures = CHQ_SECURES_PEERS;
	install(datapath, generation, 1);
	datapath_tunnel_set(datapath, &told);
	assert_int_equal(0, datapath_outer_addresses(datapath, peers, 2));
	datapath_close(datapath);
	datapath = open_with(4096);
	found = datapath_tunnel(datapath);
	assert_int_equal(told.ifindex, found.ifindex);
	assert_int_equal(told.listen_port, found.listen_port);
	assert_true(found.up && found.any_peer);
	assert_int_equal(1, datapath_live(datapath));
	assert_int_equal(0, pinned_value("chq_cell", &(uint32_t){0}, &cell));
	assert_int_equal(CHQ_SECURES_PEERS, CHQ_LIVE_SECURES(cell.live));
	assert_int_equal(0, pinned_value("chq_outer", &peers[0], &there));
	assert_int_equal(0, pinned_value("chq_outer", &peers[1], &there));
	assert_int_equal(0, datapath_outer_addresses(datapath, &peers[1], 1));
	assert_int_not_equal(0, pinned_value("chq_outer", &peers[0], &there));
	assert_int_equal(0, pinned_value("chq_outer", &peers[1], &there));
	datapath_close(datapath);
}

static void news_are_heard(void **state)
{
	struct chq_addr *list = NULL, wanted;
	struct watch *watch = NULL;
	size_t count = 0, found = 0;

	(void)state;
	assert_int_equal(0, watch_open(&watch));
	assert_int_equal(0, watch_read(watch));
	run("ip addr add 10.1.2.3/24 dev lan0");
	assert_true(watch_read(watch) & WATCH_ADDRESSES);
	assert_int_equal(0, watch_addresses(&list, &count));
	addr_parse("10.1.2.3", &wanted);
	for (size_t i = 0; i < count; i++)
		found += memcmp(&list[i], &wanted, sizeof(wanted)) == 0;
	assert_int_equal(1, found);
	free(list);
	run("ip link add more0 type veth peer name more1");
	assert_true(watch_read(watch) & WATCH_LINKS);
	run("tc qdisc add dev more0 clsact");
	assert_true(watch_read(watch) & WATCH_FILTERS);
	watch_close(watch);
}

/* TCX: place in front of the filters; kernels before 6.6 have none. */
static enum bpf_attach_type in_front(enum chq_direction direction)
{
	return (enum bpf_attach_type)(direction == CHQ_INGRESS ? 46 : 47);
}

/* Programs that stand there; -1: no such place. */
static int count_in_front(const char *name, enum chq_direction direction)
{
	uint32_t ids[64], count = 64;

	return bpf_prog_query((int)if_nametoindex(name), in_front(direction), 0, NULL, ids, &count)
		       ? -1
		       : (int)count;
}

static bool seen_in_front(struct datapath *datapath)
{
	const struct attachment *seen;

	assert_int_equal(1, datapath_attachments(datapath, &seen));
	return seen[0].tcx;
}

static void programs_stand_in_front_of_their_filters(void **state)
{
	struct datapath *datapath = open_with(4096);
	int some = count_in_front("lan0", CHQ_INGRESS) < 0 ? -1 : 1;

	(void)state;
	install(datapath, small_generation(9), 1);
	attach(datapath, &lan);
	assert_int_equal(some, count_in_front("lan0", CHQ_INGRESS));
	assert_int_equal(some, count_in_front("lan0", CHQ_EGRESS));
	assert_int_equal(some > 0, seen_in_front(datapath));
	assert_true(filter_of("lan0", CHQ_INGRESS).present);
	datapath_close(datapath);
	assert_int_not_equal(1, count_in_front("lan0", CHQ_INGRESS));
	assert_true(filter_of("lan0", CHQ_INGRESS).present);

	/* A successor takes the place again. */
	datapath = open_with(4096);
	assert_int_equal(0, datapath_attach(datapath, if_nametoindex("lan0"), &lan));
	assert_int_equal(some, count_in_front("lan0", CHQ_EGRESS));
	assert_int_equal(0, datapath_detach(datapath, if_nametoindex("lan0")));
	assert_int_not_equal(1, count_in_front("lan0", CHQ_EGRESS));
	attach(datapath, &lan);
	run("ip link del lan0");
	datapath_check_attached(datapath);
	datapath_close(datapath);
}

static void nobody_is_passed_over_in_front(void **state)
{
	struct datapath *datapath = open_with(4096);
	int some = count_in_front("lan0", CHQ_INGRESS) < 0 ? -1 : 1, other;

	(void)state;
	install(datapath, small_generation(9), 1);
	attach(datapath, &lan);
	run("tc filter add dev lan0 ingress prio 1 bpf da object-pinned " PINS "/prog/out_l3");
	datapath_check_attached(datapath);
	assert_int_not_equal(1, count_in_front("lan0", CHQ_INGRESS));
	assert_int_equal(some, count_in_front("lan0", CHQ_EGRESS));
	assert_false(seen_in_front(datapath));
	run("tc filter del dev lan0 ingress prio 1");
	datapath_check_attached(datapath);
	assert_int_equal(some, count_in_front("lan0", CHQ_INGRESS));

	if (some > 0) {
		other = bpf_link_create(pin("prog/out_l3"), (int)if_nametoindex("lan0"),
					in_front(CHQ_EGRESS), NULL);
		assert_true(other >= 0);
		datapath_check_attached(datapath);
		assert_int_equal(1, count_in_front("lan0", CHQ_EGRESS)); /* the other */
		assert_false(seen_in_front(datapath));
		close(other);
		datapath_check_attached(datapath);
		assert_true(seen_in_front(datapath));
	}
	datapath_close(datapath);
}

static void a_hand_can_attach(void **state)
{
	struct datapath *datapath = open_with(4096);

	(void)state;
	install(datapath, small_generation(9), 1);
	run("tc qdisc add dev lan0 clsact");
	run("tc filter add dev lan0 ingress bpf da object-pinned " PINS "/prog/in");
	run("tc filter add dev lan0 egress bpf da object-pinned " PINS "/prog/out");
	run("ip link set dev lan0 xdp pinned " PINS "/prog/gate");
	attach(datapath, &lan);
	run("test $(tc filter show dev lan0 ingress | grep -c handle) = 1");
	datapath_close(datapath);
}

static void forwarding_is_a_switch(void **state)
{
	bool v4, v6;

	(void)state;
	assert_int_equal(0, forwarding_set(true));
	assert_int_equal(0, forwarding_get(&v4, &v6));
	assert_true(v4 && v6);
	assert_int_equal(0, forwarding_set(false));
	assert_int_equal(0, forwarding_get(&v4, &v6));
	assert_false(v4 || v6);
}

static uint32_t xdp_of(const char *name)
{
	cleanup(netlink_close_p) struct netlink *nl = NULL;
	cleanup(links_free) struct links links = {};

	assert_int_equal(0, netlink_open(&nl));
	assert_int_equal(0, links_read(nl, &links));
	assert_non_null(links_named(&links, name));
	return links_named(&links, name)->xdp_id;
}

static struct generation *with_deny(const char *const *texts, size_t count)
{
	static struct chq_prefix deny[8];
	struct generation *generation = small_generation(9);

	for (size_t i = 0; i < count; i++)
		assert_int_equal(0, prefix_parse(texts[i], &deny[i]));
	qsort(deny, count, sizeof(*deny), prefix_compare);
	generation->deny = deny;
	generation->n_deny = count;
	return generation;
}

static enum chq_deny_cell deny_cell(const char *text)
{
	struct chq_addr addr;
	uint64_t word;
	uint32_t cell, at;

	addr_parse(text, &addr);
	cell = (uint32_t)addr.byte[12] << 16 | addr.byte[13] << 8 | addr.byte[14];
	at = cell / 32;
	assert_int_equal(0, look_up("chq_deny4", &at, &word));
	return word >> cell % 32 * 2 & 3;
}

static enum { NO_GATE = GATE_OFF } gate_of(struct datapath *datapath)
{
	const struct attachment *seen;

	assert_int_equal(1, datapath_attachments(datapath, &seen));
	if (*seen->note)
		print_message("# %s: %s\n", seen->name, seen->note);
	return (int)seen->gate;
}

static void the_gate_stands_while_there_is_a_list(void **state)
{
	static const char *const texts[] = {"203.0.113.0/24", "198.51.100.7", "10.64.0.0/10",
					    "2001:db8::/32"};
	struct datapath *datapath = open_with(4096);
	struct chq_prefix key;
	uint8_t value;

	(void)state;
	install(datapath, small_generation(9), 1);
	attach(datapath, &wan);
	assert_int_equal(GATE_OFF, gate_of(datapath));
	install(datapath, with_deny(texts, 4), 2);
	assert_int_not_equal(GATE_OFF, gate_of(datapath));
	run("ip -d link show wan0 | grep -q xdp");
	assert_int_equal(CHQ_DENY_ALL, deny_cell("203.0.113.9"));
	assert_int_equal(CHQ_DENY_NONE, deny_cell("203.0.114.9"));
	assert_int_equal(CHQ_DENY_LOOK, deny_cell("198.51.100.200"));
	assert_int_equal(CHQ_DENY_ALL, deny_cell("10.127.255.255"));
	assert_int_equal(CHQ_DENY_NONE, deny_cell("10.128.0.0"));
	prefix_parse("198.51.100.7", &key);
	assert_int_equal(0, look_up("chq_deny", &key, &value));
	prefix_parse("2001:db8::5", &key);
	assert_int_equal(0, look_up("chq_deny", &key, &value));
	datapath_close(datapath);
	datapath = open_with(4096);
	attach(datapath, &wan);
	assert_int_not_equal(GATE_OFF, gate_of(datapath));
	install(datapath, small_generation(9), 3);
	assert_int_equal(GATE_OFF, gate_of(datapath));
	run("! ip -d link show wan0 | grep -q xdp");
	datapath_close(datapath);
}

static void a_foreign_xdp_program_stays(void **state)
{
	static const char *const texts[] = {"203.0.113.0/24"};
	struct datapath *datapath = open_with(4096);
	const struct attachment *seen;
	struct bpf_insn pass[] = {{.code = 0xb7, .dst_reg = 0, .imm = 2}, {.code = 0x95}};
	cleanup_close int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "someone", "GPL", pass, 2, NULL);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(0, bpf_xdp_attach(if_nametoindex("wan0"), fd, 0, NULL));
	install(datapath, with_deny(texts, 1), 1);
	attach(datapath, &wan);
	datapath_attachments(datapath, &seen);
	assert_int_equal(GATE_OFF, seen->gate);
	assert_non_null(strstr(seen->note, "XDP program someone"));
	run("ip -d link show wan0 | grep -q 'name someone'");
	datapath_close(datapath);
	assert_int_equal(0, datapath_detach_all(PINS));
	run("ip -d link show wan0 | grep -q 'name someone'");
}

struct seen_flows {
	size_t count, expired;
	struct flow_row last;
};

static int see_flow(void *data, const struct flow_row *row)
{
	struct seen_flows *seen = data;

	seen->count++;
	seen->expired += !row->expires_ms;
	seen->last = *row;
	return 0;
}

static struct seen_flows see_flows(struct datapath *datapath)
{
	struct seen_flows seen = {};

	assert_int_equal(0, datapath_flows(datapath, see_flow, &seen));
	return seen;
}

static void put_flow6(const char *table, uint8_t flags, uint32_t seen_tick)
{
	struct chq_flow6 key = {.port_be = {htons(40000), htons(53)}, .protocol = 17};
	struct chq_flow flow = {
		.flags = flags, .seen_tick = seen_tick, .state = CHQ_FLOW_ESTABLISHED};
	cleanup_close int fd = pin(table);

	addr_parse("2001:db8::1", &key.addr[0]);
	addr_parse("2001:db8::2", &key.addr[1]);
	assert_int_equal(0, bpf_map_update_elem(fd, &key, &flow, BPF_ANY));
}

static bool is_udp(void *data, const struct flow_row *row)
{
	(void)data;
	return row->protocol == 17;
}

static uint32_t now_tick(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (now.tv_sec * 1000000000ULL + now.tv_nsec) >> CHQ_TICK_SHIFT;
}

static void flows_are_listed_and_forgotten(void **state)
{
	struct datapath *datapath = open_with(65536);
	struct seen_flows seen;
	size_t deleted = 0;

	(void)state;
	install(datapath, small_generation(9), 1);
	put_flow6("chq_flow6", CHQ_FLOW_OPENER_1, now_tick() - 100);
	seen = see_flows(datapath);
	assert_int_equal(1, seen.count);
	assert_int_equal(53, seen.last.opener_port);
	assert_int_equal(40000, seen.last.other_port);
	assert_true(seen.last.proven);
	assert_in_range(seen.last.idle_ms, 13400 - 200, 13400 + 400);
	assert_in_range(seen.last.expires_ms, 120000, 121000);
	put_flow6("chq_new6", 0, now_tick() - 5000);
	put_flows(20000);
	seen = see_flows(datapath);
	assert_int_equal(20002, seen.count);
	assert_int_equal(0, datapath_flush(datapath, is_udp, NULL, &deleted));
	assert_int_equal(2, deleted);
	assert_int_equal(20000, see_flows(datapath).count);
	assert_int_equal(0, datapath_flush(datapath, NULL, NULL, &deleted));
	assert_int_equal(20000, deleted);
	assert_int_equal(0, see_flows(datapath).count);
	datapath_close(datapath);
}

/* Flows of the first half were seen just now, of the second never: those go. */
static void expired_flows_are_swept(void **state)
{
	struct datapath *datapath = open_with(65536);
	cleanup_close int fd = pin("chq_flow4");
	size_t deleted = 0;

	(void)state;
	install(datapath, small_generation(9), 1);
	for (uint16_t i = 0; i < 10000; i++) {
		struct chq_flow4 key = flow_key(i);
		struct chq_flow flow = {.state = CHQ_FLOW_ESTABLISHED,
					.seen_tick = now_tick() - (i < 5000 ? 0 : 2000)};

		assert_int_equal(0, bpf_map_update_elem(fd, &key, &flow, BPF_ANY));
	}
	assert_int_equal(5000, see_flows(datapath).expired);
	for (int i = 0; i < 20; i++)
		deleted += datapath_sweep(datapath);
	assert_int_equal(5000, deleted);
	assert_int_equal(5000, see_flows(datapath).count);
	assert_int_equal(0, see_flows(datapath).expired);
	datapath_close(datapath);
}

static void a_table_says_how_full_it_is(void **state)
{
	struct datapath *datapath = open_with(65536);
	struct table_usage *list = NULL;
	size_t count, found = 0;

	(void)state;
	install(datapath, small_generation(9), 1);
	put_flows(777);
	assert_int_equal(0, datapath_usage(datapath, &list, &count));
	for (size_t i = 0; i < count; i++) {
		if (strcmp(list[i].name, "chq_flow4") == 0) {
			assert_int_equal(777, list[i].entries);
			assert_int_equal(65536, list[i].most);
			assert_true(list[i].memory_bytes >= 65536 * 72);
			found++;
		}
		if (strcmp(list[i].name, "chq_prefixes") == 0) {
			assert_int_equal(2, list[i].entries);
			found++;
		}
	}
	assert_int_equal(2, found);
	free(list);
	datapath_close(datapath);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static void a_large_generation_is_quick(void **state)
{
	const size_t hosts = 100000, pairs = 100000;
	struct generation *generation = small_generation(9);
	struct datapath *datapath = open_with(65536);
	double begun, first, same, changed;

	(void)state;
	generation->hosts = calloc(hosts, sizeof(*generation->hosts));
	generation->pairs = calloc(pairs, sizeof(*generation->pairs));
	generation->n_hosts = hosts;
	generation->n_pairs = pairs;
	for (uint32_t i = 0; i < hosts; i++) {
		generation->hosts[i].key.word_be[3] = htonl(i);
		generation->hosts[i].value.identity = i;
	}
	for (uint32_t i = 0; i < pairs; i++)
		generation->pairs[i].key = (struct chq_pair){.subject = i / 100, .peer = i % 100};
	begun = seconds();
	install(datapath, generation, 1);
	first = seconds();
	install(datapath, generation, 2);
	same = seconds();
	generation->hosts[hosts - 1].value.identity = 7;
	install(datapath, generation, 3);
	changed = seconds();
	print_message(
		"# 100,000 hosts and pairs: %.0f ms, the same again %.0f ms, one host other %.0f ms\n",
		(first - begun) * 1e3, (same - first) * 1e3, (changed - same) * 1e3);
	/* Emulators and busy machines are slow; what it takes on a quiet one is measured elsewhere.
	 */
	assert_true(first - begun < 20);
	datapath_close(datapath);
	free(generation->hosts);
	free(generation->pairs);
}

static void twice_the_same_row_is_refused(void **state)
{
	struct datapath *datapath = open_with(4096);
	struct generation *generation = small_generation(9);
	struct host_row twice[2] = {};

	(void)state;
	install(datapath, generation, 1);
	generation = small_generation(10);
	generation->hosts = twice;
	generation->n_hosts = 2;
	assert_int_equal(-EEXIST, datapath_install(datapath, generation, 2));
	assert_non_null(strstr(datapath_refusal(datapath), "chq_hosts"));
	assert_int_equal(1, datapath_live(datapath));
	assert_int_equal(9, live_world());
	datapath_close(datapath);
}

/* What a child does in a namespace of its own, at the far end of a wire. */
static pid_t far_end(const char *wire, const char *addr, const char *gateway, void (*act)(int out),
		     int out)
{
	char command[256];
	int told[2];
	pid_t child;

	assert_int_equal(0, pipe(told));
	child = fork();
	if (child == 0) {
		char go;

		if (unshare(CLONE_NEWNET) || read(told[0], &go, 1) != 1)
			_exit(1);
		snprintf(
			command, sizeof(command),
			"ip addr add %s/24 dev %s && ip link set %s up && ip route add default via %s",
			addr, wire, wire, gateway);
		if (system(command))
			_exit(1);
		act(out);
		_exit(0);
	}
	snprintf(
		command, sizeof(command),
		"for i in $(seq 50); do ip link set %s netns %d 2>/dev/null && "
		"test $(readlink /proc/%d/ns/net) != $(readlink /proc/self/ns/net) && exit 0; sleep 0.05; done; exit 1",
		wire, child, child);
	usleep(100000);
	run(command);
	assert_int_equal(1, write(told[1], "x", 1));
	close(told[0]);
	close(told[1]);
	return child;
}

static void echo(int out)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(7)};
	int listener = socket(AF_INET, SOCK_STREAM, 0), peer, on = 1;
	char text[64];
	ssize_t length;

	(void)out;
	if (bind(listener, (struct sockaddr *)&here, sizeof(here)) || listen(listener, 1))
		return;
	peer = accept(listener, NULL, NULL);
	setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	while ((length = read(peer, text, sizeof(text))) > 0) {
		if (write(peer, text, length) != length)
			return;
	}
}

struct conversation {
	uint32_t questions, lost;
};

/* Sent again, and not because a busy machine was late to answer. */
static uint32_t lost_packets(int fd)
{
	struct tcp_info info = {};
	socklen_t size = sizeof(info);

	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size);
	return info.tcpi_total_retrans - info.tcpi_dsack_dups;
}

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

/* One question after the other, until SIGTERM; a lost packet shows as a retransmission. */
static void converse(int out)
{
	struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(7)};
	struct conversation result = {};
	int fd = -1, on = 1;
	uint32_t before;
	char text[8];

	signal(SIGTERM, stop);
	inet_pton(AF_INET, "10.0.2.2", &there.sin_addr);
	for (int i = 0; i < 50; i++) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(fd, (struct sockaddr *)&there, sizeof(there)) == 0)
			break;
		close(fd);
		usleep(50000);
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	before = lost_packets(fd);
	while (!stopped && write(fd, "question", 8) == 8 && recv(fd, text, 8, MSG_WAITALL) == 8)
		result.questions++;
	result.lost = lost_packets(fd) - before;
	if (write(out, &result, sizeof(result)) < 0)
		return;
}

static uint64_t drops(struct datapath *datapath)
{
	struct chq_counter counter;
	uint64_t sum = 0;

	for (int reason = CHQ_DROP_NOT_READY; reason < CHQ_REASON_MAX; reason++) {
		for (int port = 0; port < 4; port++) {
			for (int direction = 0; direction < 2; direction++) {
				assert_int_equal(0, datapath_counter(datapath, port, direction,
								     reason, &counter));
				if (counter.packets)
					print_message("# port %d %s: %lu dropped for reason %d\n",
						      port, direction ? "out" : "in",
						      (unsigned long)counter.packets, reason);
				sum += counter.packets;
			}
		}
	}
	return sum;
}

static void no_packet_is_lost_in_a_takeover(void **state)
{
	static const uint32_t sizes[] = {4096, 8192, 8192, 16384, 4096};
	struct conversation result = {};
	struct datapath *datapath;
	pid_t left, right;
	int told[2];

	(void)state;
	run("ip addr add 10.0.1.1/24 dev lan0 && ip addr add 10.0.2.1/24 dev wan0");
	assert_int_equal(0, forwarding_set(false));
	assert_int_equal(0, pipe(told));
	/* Before the directory is locked: a child would hold the lock, too. */
	right = far_end("wan1", "10.0.2.2", "10.0.2.1", echo, -1);
	left = far_end("lan1", "10.0.1.2", "10.0.1.1", converse, told[1]);
	datapath = open_with(4096);
	install(datapath, small_generation(9), 1);
	attach(datapath, &lan);
	attach(datapath, &wan);
	assert_int_equal(0, forwarding_set(true));
	usleep(800000);
	for (uint32_t i = 0; i < 5; i++) {
		datapath_close(datapath);
		datapath = open_with(sizes[i]);
		attach(datapath, &lan);
		attach(datapath, &wan);
		usleep(150000);
		install(datapath, small_generation(9 + i), 2 + i);
		usleep(150000);
	}
	kill(left, SIGTERM);
	assert_int_equal(sizeof(result), read(told[0], &result, sizeof(result)));
	waitpid(left, NULL, 0);
	waitpid(right, NULL, 0);
	print_message("# %u questions answered, %u packets lost\n", result.questions, result.lost);
	assert_true(result.questions > 1000);
	assert_int_equal(0, drops(datapath));
	assert_int_equal(0, result.lost);
	assert_true(see_flows(datapath).count > 0);
	datapath_close(datapath);
}

/* As if the pins had been left by another release. */
static void change_layout(void)
{
	cleanup_close int fd = pin("chq_meta");
	struct chq_meta meta;
	uint32_t zero = 0;

	assert_int_equal(0, bpf_map_lookup_elem(fd, &zero, &meta));
	meta.layout++;
	assert_int_equal(0, bpf_map_update_elem(fd, &zero, &meta, BPF_ANY));
}

static void another_layout_is_followed(void **state)
{
	struct datapath *datapath = open_with(4096);
	uint32_t cell, program;

	(void)state;
	assert_int_equal(1, datapath_port_number(datapath, "lan0"));
	attach(datapath, &lan);
	install(datapath, small_generation(9), 41);
	put_flows(500);
	datapath_close(datapath);
	change_layout();
	cell = map_id("chq_cell");
	program = filter_of("lan0", CHQ_INGRESS).program_id;

	datapath = open_with(4096);
	assert_int_equal(0, datapath_live(datapath));
	assert_int_equal(41, datapath_highest(datapath));
	assert_int_not_equal(cell, map_id("chq_cell"));
	attach(datapath, &lan);
	/* Until there is something to judge by, the old programs go on. */
	assert_int_equal(program, filter_of("lan0", CHQ_INGRESS).program_id);
	assert_int_equal(1, datapath_port_number(datapath, "lan0"));
	install(datapath, small_generation(10), 42);
	assert_int_not_equal(program, filter_of("lan0", CHQ_INGRESS).program_id);
	check_flows(500);
	assert_int_equal(10, live_world());
	datapath_close(datapath);
}

static void what_cannot_be_is_said(void **state)
{
	struct datapath_options options = {.pin_directory = PINS,
					   .limits = {.conntrack = 4000000000u}};
	struct datapath *datapath = NULL;

	(void)state;
	assert_true(datapath_open(&options, &datapath) < 0);
	print_message("# %s\n", datapath_refusal(NULL));
	assert_non_null(strstr(datapath_refusal(NULL), "lower limits.conntrack"));
	options = (struct datapath_options){.pin_directory = "/run/elsewhere"};
	assert_int_equal(-EINVAL, datapath_open(&options, &datapath));
	assert_non_null(strstr(datapath_refusal(NULL), "mount -t bpf"));
	options = (struct datapath_options){.pin_directory = PINS, .object_directory = "/run"};
	assert_int_equal(-ENOENT, datapath_open(&options, &datapath));
	assert_non_null(strstr(datapath_refusal(NULL), "/run/tc.bpf.o"));
}

static void what_guards_is_not_taken_off_in_anger(void **state)
{
	struct datapath *datapath = open_with(4096);
	const struct attachment *seen;

	(void)state;
	install(datapath, small_generation(9), 1);
	run("tc qdisc add dev lan0 ingress");
	assert_int_equal(-EEXIST, datapath_attach(datapath, if_nametoindex("lan0"), &lan));
	assert_non_null(strstr(datapath_refusal(datapath), "replace it with clsact"));
	run("tc qdisc del dev lan0 ingress");
	attach(datapath, &lan);
	run("ip link add br0 type bridge && ip link set lan0 master br0");
	assert_int_equal(-EINVAL, datapath_attach(datapath, if_nametoindex("lan0"), &lan));
	assert_true(filter_of("lan0", CHQ_INGRESS).present);
	assert_int_equal(1, datapath_attachments(datapath, &seen));
	assert_non_null(strstr(seen->note, "make br0 the port"));
	datapath_close(datapath);
}

static void an_object_of_ones_own_is_loaded(void **state)
{
	struct datapath_options options = {.pin_directory = PINS,
					   .object_directory = getenv("BUILD"),
					   .limits = {.conntrack = 4096}};
	struct datapath *datapath = NULL;

	(void)state;
	if (!options.object_directory)
		skip();
	if (datapath_open(&options, &datapath))
		fail_msg("%s", datapath_refusal(NULL));
	datapath_close(datapath);
}

static void the_gate_takes_large_packets(void **state)
{
	static const char *const texts[] = {"203.0.113.0/24"};
	struct datapath *datapath = open_with(4096);
	uint32_t program;
	int standing;

	(void)state;
	run("ip link set wan0 mtu 9000 && ip link set wan1 mtu 9000");
	install(datapath, with_deny(texts, 1), 1);
	attach(datapath, &wan);
	standing = gate_of(datapath);
	assert_true(standing == GATE_NATIVE || standing == GATE_SHARED);
	program = xdp_of("wan0");
	datapath_close(datapath);
	datapath = open_with(4096);
	attach(datapath, &wan);
	assert_int_equal(standing, gate_of(datapath));
	/* Alone it is replaced; what the dispatcher calls reads the same maps and stays. */
	assert_true((program == xdp_of("wan0")) == (standing == GATE_SHARED));
	assert_int_equal(0, datapath_check_attached(datapath));
	run("ip link set dev wan0 xdp off");
	assert_int_equal(1, datapath_check_attached(datapath));
	assert_int_equal(standing, gate_of(datapath));
	datapath_close(datapath);
	assert_int_equal(0, datapath_detach_all(PINS));
	assert_int_equal(0, xdp_of("wan0"));
}

static void a_foreign_filter_stays(void **state)
{
	struct bpf_insn ok[] = {{.code = 0xb7, .dst_reg = 0, .imm = 0}, {.code = 0x95}};
	cleanup_close int fd =
		bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "someone", "GPL", ok, 2, NULL);
	cleanup(netlink_close_p) struct netlink *nl = NULL;
	struct datapath *datapath = open_with(4096);
	unsigned lan0 = if_nametoindex("lan0");
	bool made;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(0, netlink_open(&nl));
	assert_int_equal(0, clsact_make(nl, lan0, &made));
	assert_true(made);
	assert_int_equal(0, filter_set(nl, lan0, CHQ_INGRESS, fd, "someone's"));
	install(datapath, small_generation(9), 1);
	assert_int_equal(-EBUSY, datapath_attach(datapath, lan0, &lan));
	assert_non_null(strstr(datapath_refusal(datapath), "someone's"));
	assert_string_equal("someone's", filter_of("lan0", CHQ_INGRESS).name);
	assert_false(filter_of("lan0", CHQ_EGRESS).present);
	assert_int_equal(0, link_of("lan0").live);
	datapath_close(datapath);
	assert_int_equal(0, datapath_detach_all(PINS));
	assert_string_equal("someone's", filter_of("lan0", CHQ_INGRESS).name);
}

#define WORLD(test) cmocka_unit_test_setup_teardown(test, enter_world, leave_world)

/* One argument: which tests, as a pattern of the shell's. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		WORLD(a_generation_becomes_live),
		WORLD(a_port_is_attached_and_let_go),
		WORLD(a_lost_filter_is_put_back),
		WORLD(programs_stand_in_front_of_their_filters),
		WORLD(nobody_is_passed_over_in_front),
		WORLD(members_are_refused_by_name),
		WORLD(a_port_and_its_vlan_device_are_one),
		WORLD(a_second_daemon_is_refused),
		WORLD(another_namespace_is_refused),
		WORLD(port_numbers_come_back),
		WORLD(a_start_takes_over),
		WORLD(nothing_is_left_behind),
		WORLD(own_addresses_are_brought_to_date),
		WORLD(the_tunnel_is_told_and_stays),
		WORLD(news_are_heard),
		WORLD(a_hand_can_attach),
		WORLD(forwarding_is_a_switch),
		WORLD(the_gate_stands_while_there_is_a_list),
		WORLD(a_foreign_xdp_program_stays),
		WORLD(flows_are_listed_and_forgotten),
		WORLD(expired_flows_are_swept),
		WORLD(a_table_says_how_full_it_is),
		WORLD(a_large_generation_is_quick),
		WORLD(twice_the_same_row_is_refused),
		WORLD(no_packet_is_lost_in_a_takeover),
		WORLD(another_layout_is_followed),
		WORLD(what_cannot_be_is_said),
		WORLD(what_guards_is_not_taken_off_in_anger),
		WORLD(an_object_of_ones_own_is_loaded),
		WORLD(the_gate_takes_large_packets),
		WORLD(a_foreign_filter_stays),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
