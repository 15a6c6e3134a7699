/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "gateway.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tc.skel.h"
#include "xdp.skel.h"

/* Classes and rule sets of the hand-made generation. */
enum { WORLD_CLASS = 1, WEB_CLASS, DB_CLASS, OWN_CLASS, PEER_CLASS, WATCHED_CLASS };
enum { WEB_EGRESS = 1, WEB_INGRESS, OWN_INGRESS, WATCHED_EGRESS };

/* Port classes: each aim that a rule names has one. */
enum { OTHER_PORT, HTTP, DENIED_PORT, REFUSED_PORT, DNS, PING, HTTPS, SSH, OSPF };

enum { ORIGIN_HTTP = 7, ORIGIN_DENIED = 8, ORIGIN_REFUSED = 9, ORIGIN_DEFAULT = 10 };

struct gateway {
	struct chq_tc *tc;
	struct chq_xdp *xdp;
	struct ring_buffer *ring;
	struct chq_cell *cell;
	struct chq_config *config;
	struct chq_tunnel *tunnel;
	uint8_t secures;
	struct outcome *outcome; /* where the ring's reader puts what it reads */
	int cpus;
};

static void *map_memory(struct bpf_map *map, size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	assert(at != MAP_FAILED);
	return at;
}

static int on_event(void *data, void *event, size_t bytes)
{
	struct gateway *gw = data;

	assert(bytes == sizeof(struct chq_event));
	if (gw->outcome) {
		gw->outcome->event = *(struct chq_event *)event;
		gw->outcome->n_events++;
	}
	return 0;
}

static void map_ipv4(struct chq_addr *ret, uint32_t addr_be)
{
	memset(ret, 0, sizeof(*ret));
	ret->byte[10] = ret->byte[11] = 0xff;
	ret->word_be[3] = addr_be;
}

/* An address as the maps keep it, and how many of the 16 bytes' bits the text's first ones are. */
static unsigned addr_read(const char *text, struct chq_addr *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (strchr(text, ':')) {
		assert(inet_pton(AF_INET6, text, ret->byte) == 1);
		return 0;
	}
	ret->byte[10] = ret->byte[11] = 0xff;
	assert(inet_pton(AF_INET, text, ret->byte + 12) == 1);
	return 96;
}

static void prefix_read(const char *text, struct chq_prefix *ret)
{
	char addr[64];
	const char *slash = strchr(text, '/');

	snprintf(addr, sizeof(addr), "%.*s", (int)(slash - text), text);
	ret->length_bits = addr_read(addr, &ret->addr) + atoi(slash + 1);
}

/* A table of one generation, as maps.h has its template. */
struct shape {
	enum bpf_map_type type;
	uint32_t key_bytes, value_bytes, entries, flags;
};

static const struct shape hosts_shape = {BPF_MAP_TYPE_HASH, sizeof(struct chq_addr),
					 sizeof(struct chq_entry), 64, 0};
static const struct shape prefixes_shape = {BPF_MAP_TYPE_LPM_TRIE, sizeof(struct chq_prefix),
					    sizeof(struct chq_entry), 64, BPF_F_NO_PREALLOC};
static const struct shape pairs_shape = {BPF_MAP_TYPE_HASH, sizeof(struct chq_pair),
					 sizeof(struct chq_ruleset), 64, 0};
static const struct shape rules_shape = {BPF_MAP_TYPE_HASH, sizeof(struct chq_rule),
					 sizeof(struct chq_decision), 64, 0};
static const struct shape portcls_shape = {BPF_MAP_TYPE_ARRAY, sizeof(uint32_t),
					   sizeof(struct chq_portblock), CHQ_BLOCKS, 0};
static const struct shape ports_shape = {BPF_MAP_TYPE_HASH, sizeof(uint32_t),
					 sizeof(struct chq_port), CHQ_PORT_MAX, 0};
static const struct shape deny_shape = {BPF_MAP_TYPE_LPM_TRIE, sizeof(struct chq_prefix),
					sizeof(uint8_t), 64, BPF_F_NO_PREALLOC};
static const struct shape deny4_shape = {BPF_MAP_TYPE_ARRAY, sizeof(uint32_t), sizeof(uint64_t),
					 CHQ_DENY_WORDS, BPF_F_MMAPABLE};

static const struct shape encrypt_shape = {BPF_MAP_TYPE_LPM_TRIE, sizeof(struct chq_prefix),
					   sizeof(struct chq_encrypt), 64, BPF_F_NO_PREALLOC};

/* A fresh one, put into the slot. */
static int inner_new(struct bpf_map *outer, uint32_t slot, const struct shape *shape)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = shape->flags);
	int fd = bpf_map_create(shape->type, NULL, shape->key_bytes, shape->value_bytes,
				shape->entries, &opts);

	assert(fd >= 0);
	assert(!bpf_map_update_elem(bpf_map__fd(outer), &slot, &fd, BPF_ANY));
	return fd;
}

static void put(int fd, const void *key, const void *value)
{
	assert(!bpf_map_update_elem(fd, key, value, BPF_ANY));
}

static bool is_no_policy(uint8_t reason)
{
	return reason == CHQ_PASS_NO_POLICY;
}

static struct chq_ruleset otherwise(uint32_t rule_set, uint8_t reason, uint8_t flags)
{
	return (struct chq_ruleset){
		.rule_set = rule_set,
		.otherwise = {.reason = reason,
			      .flags = flags,
			      .origin = is_no_policy(reason) ? 0 : ORIGIN_DEFAULT},
	};
}

static struct chq_entry entry(chq_identity identity, uint32_t class, uint8_t kind)
{
	struct chq_ruleset open = otherwise(0, CHQ_PASS_NO_POLICY, 0);

	return (struct chq_entry){.identity = identity,
				  .subject = class,
				  .peer = class,
				  .kind = kind,
				  .ingress = open,
				  .egress = open};
}

static void put_host(int fd, const char *addr, struct chq_entry value)
{
	struct chq_addr key;

	addr_read(addr, &key);
	put(fd, &key, &value);
}

static void put_prefix(int fd, const char *prefix, struct chq_entry value)
{
	struct chq_prefix key;

	prefix_read(prefix, &key);
	put(fd, &key, &value);
}

static void fill_addresses(int hosts, int prefixes, bool closed)
{
	struct chq_entry web = entry(256, WEB_CLASS, CHQ_KIND_ENDPOINT);
	struct chq_entry db = entry(257, DB_CLASS, CHQ_KIND_ENDPOINT);
	struct chq_entry own = entry(CHQ_ID_HOST, OWN_CLASS, CHQ_KIND_OWN);
	struct chq_entry watched = entry(259, WATCHED_CLASS, CHQ_KIND_ENDPOINT);
	struct chq_entry pinned = entry(258, DB_CLASS, CHQ_KIND_ENDPOINT);

	web.egress = otherwise(closed ? 0 : WEB_EGRESS, CHQ_DROP_NO_RULE, 0);
	web.ingress = otherwise(WEB_INGRESS, CHQ_DROP_NO_RULE, 0);
	own.ingress = otherwise(OWN_INGRESS, CHQ_DROP_NO_RULE, 0);
	watched.egress = otherwise(WATCHED_EGRESS, CHQ_DROP_NO_RULE, CHQ_DECISION_AUDIT);
	pinned.guard_port = 2;

	put_host(hosts, WEB, web);
	put_host(hosts, WEB6, web);
	put_host(hosts, DB, db);
	put_host(hosts, DB6, db);
	put_host(hosts, STRICT, db);
	put_host(hosts, STRICT6, db);
	put_host(hosts, PINNED, pinned);
	put_host(hosts, WATCHED, watched);
	put_host(hosts, OWN, own);
	put_host(hosts, OWN_WAN, own);
	put_host(hosts, OWN6, own);
	put_host(hosts, OWN_LL, own);
	put_host(hosts, "::", own);
	put_prefix(prefixes, "10.99.0.0/16", entry(CHQ_ID_REMOTE_NODE, PEER_CLASS, CHQ_KIND_PEER));
	put_prefix(prefixes, "fd99::/16", entry(CHQ_ID_REMOTE_NODE, PEER_CLASS, CHQ_KIND_PEER));
	put_prefix(prefixes, "0.0.0.0/0", entry(CHQ_ID_WORLD_IPV4, WORLD_CLASS, CHQ_KIND_WORLD));
	put_prefix(prefixes, "::/0", entry(CHQ_ID_WORLD_IPV6, WORLD_CLASS, CHQ_KIND_WORLD));
}

static void put_class(int fd, uint32_t aim, uint16_t class)
{
	uint32_t index = aim / CHQ_BLOCK_TARGETS;
	struct chq_portblock block;

	assert(!bpf_map_lookup_elem(fd, &index, &block));
	block.port_class[aim % CHQ_BLOCK_TARGETS] = class;
	put(fd, &index, &block);
}

static void fill_classes(int fd)
{
	put_class(fd, CHQ_TARGET_TCP + 80, HTTP);
	put_class(fd, CHQ_TARGET_TCP + 81, DENIED_PORT);
	put_class(fd, CHQ_TARGET_UDP + 81, DENIED_PORT);
	put_class(fd, CHQ_TARGET_TCP + 82, REFUSED_PORT);
	put_class(fd, CHQ_TARGET_UDP + 82, REFUSED_PORT);
	put_class(fd, CHQ_TARGET_UDP + 53, DNS);
	put_class(fd, CHQ_TARGET_ICMP + 8, PING);
	put_class(fd, CHQ_TARGET_ICMPV6 + 128, PING);
	put_class(fd, CHQ_TARGET_TCP + 443, HTTPS);
	put_class(fd, CHQ_TARGET_TCP + 22, SSH);
	put_class(fd, CHQ_TARGET_OTHER + 89, OSPF);
}

static void put_rule(int fd, uint32_t rule_set, uint32_t class, struct chq_decision decision)
{
	put(fd, &(struct chq_rule){rule_set, class}, &decision);
}

static void fill_egress(int fd, uint32_t rule_set, uint8_t flags)
{
	struct chq_decision allowed = {.origin = ORIGIN_HTTP, .reason = CHQ_PASS_ALLOWED};

	put_rule(fd, rule_set, HTTP, allowed);
	put_rule(fd, rule_set, DNS, allowed);
	put_rule(fd, rule_set, PING, allowed);
	put_rule(fd, rule_set, DENIED_PORT,
		 (struct chq_decision){ORIGIN_DENIED, CHQ_DROP_DENIED, flags});
	put_rule(fd, rule_set, REFUSED_PORT,
		 (struct chq_decision){ORIGIN_REFUSED, CHQ_DROP_DENIED,
				       flags | CHQ_DECISION_REJECT});
}

static void fill_policies(int pairs, int rules)
{
	struct chq_decision allowed = {.origin = ORIGIN_HTTP, .reason = CHQ_PASS_ALLOWED};
	struct chq_decision managed = {.reason = CHQ_PASS_MANAGEMENT};
	struct chq_pair db_to_web = {
		.subject = WEB_CLASS, .peer = DB_CLASS, .direction = CHQ_INGRESS};
	struct chq_ruleset all = otherwise(0, CHQ_PASS_ALLOWED, 0);

	fill_egress(rules, WEB_EGRESS, 0);
	fill_egress(rules, WATCHED_EGRESS, CHQ_DECISION_AUDIT);
	put_rule(rules, WEB_INGRESS, HTTPS, allowed);
	put_rule(rules, OWN_INGRESS, SSH, managed);
	put_rule(rules, OWN_INGRESS, OSPF, allowed);
	put(pairs, &db_to_web, &all);
}

static void put_port(int fd, uint32_t ifindex, uint16_t number, uint8_t role, uint8_t flags)
{
	put(fd, &ifindex, &(struct chq_port){.port = number, .role = role, .flags = flags});
}

static void put_encrypt(int fd, const char *prefix, uint32_t peer, bool strict)
{
	struct chq_encrypt value = {.tunnel_peer = peer, .strict = strict};
	struct chq_prefix key;

	prefix_read(prefix, &key);
	put(fd, &key, &value);
}

static void fill_encrypt(int fd)
{
	put_encrypt(fd, "10.99.0.0/16", 1, false);
	put_encrypt(fd, "fd99::/16", 1, false);
	put_encrypt(fd, "10.99.77.0/24", 1, true);
	put_encrypt(fd, "10.77.0.0/16", 0, true);
	put_encrypt(fd, "10.77.9.0/24", 0, false);
	put_encrypt(fd, "fd77::/16", 0, true);
	put_encrypt(fd, "192.0.2.1/32", 0, true);
}

static void fill_slot(struct gateway *gw, uint32_t slot, bool closed)
{
	int hosts = inner_new(gw->tc->maps.chq_hosts, slot, &hosts_shape);
	int prefixes = inner_new(gw->tc->maps.chq_prefixes, slot, &prefixes_shape);
	int pairs = inner_new(gw->tc->maps.chq_pairs, slot, &pairs_shape);
	int rules = inner_new(gw->tc->maps.chq_rules, slot, &rules_shape);
	int classes = inner_new(gw->tc->maps.chq_portcls, slot, &portcls_shape);
	int ports = inner_new(gw->tc->maps.chq_ports, slot, &ports_shape);
	int encrypt = inner_new(gw->tc->maps.chq_encrypt, slot, &encrypt_shape);

	fill_encrypt(encrypt);
	close(encrypt);
	fill_addresses(hosts, prefixes, closed);
	fill_classes(classes);
	fill_policies(pairs, rules);
	put_port(ports, LAN, 1, CHQ_INSIDE, 0);
	put_port(ports, LAN2, 2, CHQ_INSIDE, CHQ_PORT_REJECT);
	put_port(ports, WAN, 3, CHQ_OUTSIDE, 0);
	put_port(ports, TUN, 4, CHQ_TUNNEL, 0);
	put_port(ports, LAX, 5, CHQ_INSIDE, CHQ_PORT_ANY_SRC);
	close(inner_new(gw->tc->maps.chq_deny, slot, &deny_shape));
	close(inner_new(gw->tc->maps.chq_deny4, slot, &deny4_shape));
	close(hosts);
	close(prefixes);
	close(pairs);
	close(rules);
	close(classes);
	close(ports);
}

void gateway_flip(struct gateway *gw, uint32_t number, bool closed)
{
	uint32_t slot = number % CHQ_SLOTS;

	fill_slot(gw, slot, closed);
	__atomic_store_n(&gw->cell->live, CHQ_LIVE_WITH(CHQ_LIVE(number, slot), gw->secures),
			 __ATOMIC_RELEASE);
}

void gateway_secures(struct gateway *gw, uint8_t secures)
{
	gw->secures = secures;
}

/* One of the crowd: class 100 + i, its own rule set, a pair with who is 7919 further on. */
static void crowd_add(const int *fds, uint32_t first, uint32_t count, uint32_t i)
{
	struct chq_decision allowed = {.origin = ORIGIN_HTTP, .reason = CHQ_PASS_ALLOWED};
	struct chq_entry one = entry(1000 + i, 100 + i, CHQ_KIND_ENDPOINT);
	struct chq_pair pair = {
		.subject = 100 + i, .peer = 100 + (i + 7919) % count, .direction = CHQ_EGRESS};
	struct chq_ruleset rules = otherwise(100 + i, CHQ_DROP_NO_RULE, 0);
	struct chq_prefix prefix = {.length_bits = 124};
	struct chq_addr addr;

	map_ipv4(&addr, htonl(first + i));
	one.egress = rules;
	one.ingress = otherwise(100 + i, CHQ_PASS_ALLOWED, 0);
	put(fds[0], &addr, &one);
	map_ipv4(&prefix.addr, htonl(0x0b000000 + i * 16));
	put(fds[1], &prefix, &one);
	put(fds[2], &pair, &rules);
	put_rule(fds[3], 100 + i, HTTP, allowed);
}

void gateway_crowd(struct gateway *gw, uint32_t first, uint32_t count)
{
	uint32_t slot = CHQ_LIVE_SLOT(gw->cell->live);
	struct shape hosts = hosts_shape, prefixes = prefixes_shape, pairs = pairs_shape,
		     rules = rules_shape;
	int fds[4];

	hosts.entries = prefixes.entries = pairs.entries = count + 64;
	rules.entries = count + 64;
	fds[0] = inner_new(gw->tc->maps.chq_hosts, slot, &hosts);
	fds[1] = inner_new(gw->tc->maps.chq_prefixes, slot, &prefixes);
	fds[2] = inner_new(gw->tc->maps.chq_pairs, slot, &pairs);
	fds[3] = inner_new(gw->tc->maps.chq_rules, slot, &rules);
	fill_addresses(fds[0], fds[1], false);
	fill_policies(fds[2], fds[3]);
	for (uint32_t i = 0; i < count; i++)
		crowd_add(fds, first, count, i);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
}

void gateway_unready(struct gateway *gw)
{
	__atomic_store_n(&gw->cell->live, 0, __ATOMIC_RELEASE);
}

static uint32_t tick_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return ((uint64_t)now.tv_sec * 1000000000 + now.tv_nsec) >> CHQ_TICK_SHIFT;
}

static void own_filter_add(struct chq_config *config, const char *addr)
{
	struct chq_addr key;
	uint32_t bit;

	addr_read(addr, &key);
	bit = CHQ_OWN_BIT(key.word_be[0] ^ key.word_be[1] ^ key.word_be[2] ^ key.word_be[3]);
	config->own_filter[bit / 64] |= 1ull << bit % 64;
}

static void config_default(struct chq_config *config)
{
	*config = (struct chq_config){
		.timeout_ticks = {[CHQ_TIMEOUT_TCP_SYN] = 200,
				  [CHQ_TIMEOUT_TCP_ESTABLISHED] = 5000,
				  [CHQ_TIMEOUT_TCP_CLOSING] = 80,
				  [CHQ_TIMEOUT_UDP_NEW] = 220,
				  [CHQ_TIMEOUT_UDP] = 900,
				  [CHQ_TIMEOUT_ICMP] = 220,
				  [CHQ_TIMEOUT_OTHER] = 4000,
				  [CHQ_TIMEOUT_DENIED] = 40,
				  [CHQ_TIMEOUT_FRAGMENT] = 220},
		.event_budget = 1000,
		.reject_budget = 100,
		.oneway_budget = 100,
		.pickup_until_tick = tick_now() - 1,
	};
	own_filter_add(config, OWN);
	own_filter_add(config, OWN_WAN);
	own_filter_add(config, OWN6);
	own_filter_add(config, OWN_LL);
}

static void clear(struct bpf_map *map)
{
	enum { BATCH = 4096 };
	static uint8_t keys[BATCH * sizeof(struct chq_flow6)],
		values[BATCH * sizeof(struct chq_flow)];
	uint32_t batch, count;
	int err;

	do {
		count = BATCH;
		err = bpf_map_lookup_and_delete_batch(bpf_map__fd(map), NULL, &batch, keys, values,
						      &count, NULL);
	} while (!err && count);
}

static void clear_budgets(struct gateway *gw)
{
	uint32_t most = bpf_map__max_entries(gw->tc->maps.chq_budget);
	uint64_t none[gw->cpus];

	memset(none, 0, sizeof(none));
	for (uint32_t i = 0; i < most; i++)
		put(bpf_map__fd(gw->tc->maps.chq_budget), &i, none);
}

static void link_defaults(struct gateway *gw)
{
	gateway_link(gw, LAN, &(struct chq_link){.port = 1, .live = 1, .role = CHQ_INSIDE});
	gateway_link(gw, LAN2, &(struct chq_link){.port = 2, .live = 1, .role = CHQ_INSIDE});
	gateway_link(gw, WAN, &(struct chq_link){.port = 3, .live = 1, .role = CHQ_OUTSIDE});
	gateway_link(gw, TUN, &(struct chq_link){.port = 4, .live = 1, .role = CHQ_TUNNEL});
	gateway_link(gw, ODD, &(struct chq_link){0});
	gateway_link(gw, LAX, &(struct chq_link){.port = 5, .live = 1, .role = CHQ_INSIDE});
}

void gateway_forget(struct gateway *gw)
{
	clear(gw->tc->maps.chq_flow4);
	clear(gw->tc->maps.chq_flow6);
	clear(gw->tc->maps.chq_new4);
	clear(gw->tc->maps.chq_new6);
	clear(gw->tc->maps.chq_frags);
}

void gateway_tunnel(struct gateway *gw, const struct chq_tunnel *tunnel)
{
	*gw->tunnel = *tunnel;
}

static void tunnel_default(struct gateway *gw)
{
	int fd = bpf_map__fd(gw->tc->maps.chq_outer);
	struct chq_addr outer;

	gw->secures = 0;
	gateway_tunnel(gw, &(struct chq_tunnel){
				   .ifindex = TUN, .listen_port_be = htons(OUTER_PORT), .up = 1});
	addr_read(OUTER, &outer);
	put(fd, &outer, &(uint32_t){1});
	addr_read(OUTER6, &outer);
	put(fd, &outer, &(uint32_t){1});
}

void gateway_reset(struct gateway *gw)
{
	tunnel_default(gw);
	gateway_forget(gw);
	clear_budgets(gw);
	config_default(gw->config);
	link_defaults(gw);
	gateway_flip(gw, 1, false);
	ring_buffer__consume(gw->ring);
}

/* In a network namespace of our own, so that interface numbers are what the tests say. */
static int make_interfaces(void)
{
	if (unshare(CLONE_NEWNET))
		return -errno;
	return system("ip link set lo up && ip link add name x2 index 2 type veth peer name x3 index 3 &&"
		      "ip link add name x4 index 4 type veth peer name x5 index 5 &&"
		      "ip link add name x6 index 6 type veth peer name x7 index 7 &&"
		      "for i in 2 3 4 5 6 7; do ip link set x$i up; done")
		       ? -EIO
		       : 0;
}

static int share_maps(struct gateway *gw)
{
	struct bpf_map *map, *ours;

	bpf_object__for_each_map(map, gw->xdp->obj)
	{
		if (bpf_map__is_internal(map))
			continue;
		ours = bpf_object__find_map_by_name(gw->tc->obj, bpf_map__name(map));
		if (!ours || bpf_map__reuse_fd(map, bpf_map__fd(ours)))
			return -EINVAL;
	}
	return 0;
}

int gateway_new(unsigned unproven, struct gateway **ret)
{
	struct gateway *gw = calloc(1, sizeof(*gw));
	int err = make_interfaces();

	if (err) {
		free(gw);
		return err;
	}
	gw->cpus = libbpf_num_possible_cpus();
	gw->tc = chq_tc__open();
	gw->xdp = chq_xdp__open();
	if (gw->tc && unproven)
		bpf_map__set_max_entries(gw->tc->maps.chq_new4, unproven);
	if (!gw->tc || !gw->xdp || chq_tc__load(gw->tc) || share_maps(gw) ||
	    chq_xdp__load(gw->xdp)) {
		err = errno ? -errno : -EINVAL;
		gateway_free(gw);
		return err;
	}
	gw->cell = map_memory(gw->tc->maps.chq_cell, sizeof(*gw->cell));
	gw->config = map_memory(gw->tc->maps.chq_config, sizeof(*gw->config));
	gw->tunnel = map_memory(gw->tc->maps.chq_tunnel, sizeof(*gw->tunnel));
	gw->ring = ring_buffer__new(bpf_map__fd(gw->tc->maps.chq_events), on_event, gw, NULL);
	assert(gw->ring);
	*ret = gw;
	return 0;
}

void gateway_free(struct gateway *gw)
{
	if (!gw)
		return;
	ring_buffer__free(gw->ring);
	if (gw->cell)
		munmap(gw->cell, sizeof(*gw->cell));
	if (gw->config)
		munmap(gw->config, sizeof(*gw->config));
	chq_tc__destroy(gw->tc);
	chq_xdp__destroy(gw->xdp);
	free(gw);
}

static void age_flows(struct bpf_map *map, uint32_t ticks)
{
	uint8_t key[64], next[64], *last = NULL;
	struct chq_flow flow;

	while (!bpf_map_get_next_key(bpf_map__fd(map), last, next)) {
		memcpy(key, next, sizeof(key));
		last = key;
		if (bpf_map_lookup_elem(bpf_map__fd(map), key, &flow))
			continue;
		flow.seen_tick -= ticks;
		flow.opened_tick -= ticks;
		put(bpf_map__fd(map), key, &flow);
	}
}

static void age_fragments(struct bpf_map *map, uint32_t ticks)
{
	struct chq_fragment key, next, *last = NULL;
	struct chq_fragment_ports ports;

	while (!bpf_map_get_next_key(bpf_map__fd(map), last, &next)) {
		key = next;
		last = &key;
		if (bpf_map_lookup_elem(bpf_map__fd(map), &key, &ports))
			continue;
		ports.seen_tick -= ticks;
		put(bpf_map__fd(map), &key, &ports);
	}
}

void gateway_age(struct gateway *gw, uint32_t ticks)
{
	age_flows(gw->tc->maps.chq_flow4, ticks);
	age_flows(gw->tc->maps.chq_flow6, ticks);
	age_flows(gw->tc->maps.chq_new4, ticks);
	age_flows(gw->tc->maps.chq_new6, ticks);
	age_fragments(gw->tc->maps.chq_frags, ticks);
}

struct chq_config *gateway_config(struct gateway *gw)
{
	return gw->config;
}

void gateway_link(struct gateway *gw, uint32_t ifindex, const struct chq_link *link)
{
	put(bpf_map__fd(gw->tc->maps.chq_link), &ifindex, link);
}

bool gateway_translates(struct gateway *gw, uint32_t ifindex)
{
	struct chq_link link = {};

	assert(!bpf_map_lookup_elem(bpf_map__fd(gw->tc->maps.chq_link), &ifindex, &link));
	return link.translates;
}

static int inner_fd(struct bpf_map *outer, uint32_t slot)
{
	uint32_t id;

	assert(!bpf_map_lookup_elem(bpf_map__fd(outer), &slot, &id));
	return bpf_map_get_fd_by_id(id);
}

void gateway_host_delete(struct gateway *gw, const char *text)
{
	int hosts = inner_fd(gw->tc->maps.chq_hosts, CHQ_LIVE_SLOT(gw->cell->live));
	struct chq_addr addr;

	addr_read(text, &addr);
	assert(!bpf_map_delete_elem(hosts, &addr));
	close(hosts);
}

/* As the daemon does: a /24 or shorter is cells, what is longer is looked up. */
static void deny_cells(int cells, const struct chq_prefix *prefix)
{
	uint32_t addr = ntohl(prefix->addr.word_be[3]), bits = prefix->length_bits - 96;
	uint32_t first = addr >> 8, last = bits >= 24 ? first : first + (1u << (24 - bits)) - 1;
	uint64_t kind = bits > 24 ? CHQ_DENY_LOOK : CHQ_DENY_ALL, word;

	for (uint32_t cell = first; cell <= last; cell++) {
		uint32_t index = cell / 32;

		assert(!bpf_map_lookup_elem(cells, &index, &word));
		word |= kind << (cell % 32 * 2);
		put(cells, &index, &word);
	}
}

void gateway_deny(struct gateway *gw, const char *text)
{
	uint32_t slot = CHQ_LIVE_SLOT(gw->cell->live);
	int table = inner_fd(gw->tc->maps.chq_deny, slot);
	int cells = inner_fd(gw->tc->maps.chq_deny4, slot);
	struct chq_prefix prefix;

	prefix_read(text, &prefix);
	if (!strchr(text, ':'))
		deny_cells(cells, &prefix);
	if (strchr(text, ':') || prefix.length_bits > 120)
		put(table, &prefix, &(uint8_t){1});
	close(table);
	close(cells);
}

void gateway_strict_all(struct gateway *gw)
{
	int fd = inner_fd(gw->tc->maps.chq_encrypt, CHQ_LIVE_SLOT(gw->cell->live));

	put_encrypt(fd, "0.0.0.0/0", 0, true);
	put_encrypt(fd, "::/0", 0, true);
	close(fd);
}

static unsigned count_keys(struct bpf_map *map)
{
	uint8_t key[64], *last = NULL;
	unsigned count = 0;

	for (; !bpf_map_get_next_key(bpf_map__fd(map), last, key); last = key)
		count++;
	return count;
}

unsigned gateway_flows(struct gateway *gw, bool proven)
{
	return proven ? count_keys(gw->tc->maps.chq_flow4) + count_keys(gw->tc->maps.chq_flow6)
		      : count_keys(gw->tc->maps.chq_new4) + count_keys(gw->tc->maps.chq_new6);
}

bool gateway_flow(struct gateway *gw, bool proven, bool ipv6, struct chq_flow *ret)
{
	struct bpf_map *map = proven ? (ipv6 ? gw->tc->maps.chq_flow6 : gw->tc->maps.chq_flow4)
				     : (ipv6 ? gw->tc->maps.chq_new6 : gw->tc->maps.chq_new4);
	uint8_t key[64];

	return !bpf_map_get_next_key(bpf_map__fd(map), NULL, key) &&
	       !bpf_map_lookup_elem(bpf_map__fd(map), key, ret);
}

static uint16_t port_at(uint32_t ifindex)
{
	return ifindex == LAX ? 5 : ifindex >= LAN && ifindex <= TUN ? ifindex - 1 : 0;
}

static void read_counters(struct gateway *gw, const struct sending *how, uint64_t *ret)
{
	struct chq_counter values[gw->cpus];

	for (uint32_t reason = 0; reason < CHQ_REASON_LIMIT; reason++) {
		uint32_t index = CHQ_COUNTER(port_at(how->at), how->leaves, reason);

		assert(!bpf_map_lookup_elem(bpf_map__fd(gw->tc->maps.chq_counters), &index,
					    values));
		ret[reason] = 0;
		for (int cpu = 0; cpu < gw->cpus; cpu++)
			ret[reason] += values[cpu].packets;
	}
}

uint64_t gateway_lost(struct gateway *gw, enum chq_reason reason)
{
	uint32_t index = reason;
	uint64_t values[gw->cpus], sum = 0;

	assert(!bpf_map_lookup_elem(bpf_map__fd(gw->tc->maps.chq_lost), &index, values));
	for (int cpu = 0; cpu < gw->cpus; cpu++)
		sum += values[cpu];
	return sum;
}

int gateway_map(struct gateway *gw, const char *name)
{
	return bpf_object__find_map_fd_by_name(gw->tc->obj, name);
}

int gateway_program(struct gateway *gw, const char *name)
{
	struct bpf_program *program = bpf_object__find_program_by_name(gw->tc->obj, name);

	if (!program)
		program = bpf_object__find_program_by_name(gw->xdp->obj, name);
	return program ? bpf_program__fd(program) : -1;
}

static const char *program_name(const struct sending *how, const struct frame *frame)
{
	if (how->gate)
		return "chq_gate";
	if (how->leaves)
		return frame->no_ethernet ? "chq_out_l3" : "chq_out";
	return frame->no_ethernet ? "chq_in_l3" : "chq_in";
}

void gateway_run(struct gateway *gw, const struct sending *how, const struct frame *frame,
		 struct outcome *ret)
{
	struct __sk_buff skb = {.ifindex = how->at,
				.ingress_ifindex = how->leaves ? how->from : how->at,
				.gso_segs = how->segments};
	struct xdp_md xdp = {.ingress_ifindex = how->at};
	uint8_t bytes[2048];
	size_t count = frame_bytes(frame, bytes, sizeof(bytes));
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = bytes, .data_size_in = count,
		    .data_out = ret->bytes, .data_size_out = sizeof(ret->bytes), .ctx_in = &skb,
		    .ctx_size_in = sizeof(skb));
	int err;

	xdp.data_end = count;
	if (how->gate) {
		opts.ctx_in = &xdp;
		opts.ctx_size_in = sizeof(xdp);
	}
	err = bpf_prog_test_run_opts(gateway_program(gw, program_name(how, frame)), &opts);
	if (err)
		fprintf(stderr, "# the kernel refuses to run it: %s\n", strerror(-err));
	ret->action = err ? err : (int)opts.retval;
	ret->n_bytes = opts.data_size_out;
}

void gateway_send(struct gateway *gw, const struct sending *how, const struct frame *frame,
		  struct outcome *ret)
{
	uint64_t before[CHQ_REASON_LIMIT];

	memset(ret, 0, sizeof(*ret));
	ring_buffer__consume(gw->ring);
	read_counters(gw, how, before);
	gw->outcome = ret;
	gateway_run(gw, how, frame, ret);
	ring_buffer__consume(gw->ring);
	gw->outcome = NULL;
	read_counters(gw, how, ret->counted);
	for (int reason = 0; reason < CHQ_REASON_LIMIT; reason++)
		ret->counted[reason] -= before[reason];
}
