/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "kernel/trace.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kernel/inside.h"
#include "util/addr.h"
#include "util/cleanup.h"

#define PAYLOAD_BYTES 32

/* Where the constant lies in the object's read-only data; -1: not there. */
static int constant_offset(const struct bpf_object *object)
{
	const struct btf *btf = bpf_object__btf(object);
	int section = btf ? btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC) : -1;
	const struct btf_type *type;

	if (section < 0)
		return -1;
	type = btf__type_by_id(btf, section);
	for (int i = 0; i < btf_vlen(type); i++) {
		const struct btf_var_secinfo *info = btf_var_secinfos(type) + i;
		const char *name =
			btf__name_by_offset(btf, btf__type_by_id(btf, info->type)->name_off);

		if (strcmp(name, "chq_dry_run") == 0)
			return info->offset;
	}
	return -1;
}

static int set_constant(struct bpf_object *object, struct bpf_map *map)
{
	int offset = constant_offset(object);
	size_t bytes;
	const void *initial = bpf_map__initial_value(map, &bytes);
	cleanup_free char *changed = initial ? malloc(bytes) : NULL;

	if (!changed || offset < 0 || (size_t)offset >= bytes)
		return -ENOENT;
	memcpy(changed, initial, bytes);
	changed[offset] = 1;
	return bpf_map__set_initial_value(map, changed, bytes);
}

/* The live maps, but for what a dry run writes: that is its own. */
static int share_maps(struct datapath *datapath, struct bpf_object *object)
{
	int err = -ENOENT, fd;
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		const char *name = bpf_map__name(map);

		if (strstr(name, ".rodata")) {
			err = set_constant(object, map);
			if (err)
				return err;
			continue;
		}
		fd = map_fd(datapath, name);
		if (bpf_map__is_internal(map) || fd < 0 || strcmp(name, "chq_trace") == 0 ||
		    strcmp(name, "chq_scratch") == 0)
			continue;
		if (bpf_map__reuse_fd(map, fd))
			return -errno;
	}
	return err;
}

static int load(struct datapath *datapath)
{
	struct bpf_object *object = NULL;
	int err = checkpoint_object(datapath, &object);

	if (err)
		return err;
	err = share_maps(datapath, object);
	if (!err)
		err = bpf_object__load(object);
	if (err) {
		bpf_object__close(object);
		return refuse(&datapath->refusal, err, "cannot load the checkpoint for a dry run");
	}
	datapath->dry = object;
	return 0;
}

static uint16_t checksum(const void *bytes, size_t count)
{
	const uint8_t *at = bytes;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < count; i += 2)
		sum += at[i] << 8 | at[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons(~sum);
}

static uint8_t protocol_of(uint32_t aim)
{
	if (aim < CHQ_TARGET_UDP)
		return IPPROTO_TCP;
	if (aim < CHQ_TARGET_SCTP)
		return IPPROTO_UDP;
	if (aim < CHQ_TARGET_ICMP)
		return IPPROTO_SCTP;
	if (aim < CHQ_TARGET_ICMPV6)
		return IPPROTO_ICMP;
	return aim < CHQ_TARGET_OTHER ? IPPROTO_ICMPV6 : aim - CHQ_TARGET_OTHER;
}

static size_t write_transport(const struct trace_packet *packet, uint8_t *ret)
{
	struct tcphdr tcp = {.source = htons(packet->sport),
			     .dest = htons(packet->aim & 0xffff),
			     .doff = sizeof(tcp) / 4,
			     .syn = 1,
			     .window = htons(65535)};
	struct udphdr udp = {
		.source = tcp.source, .dest = tcp.dest, .len = htons(sizeof(udp) + PAYLOAD_BYTES)};
	struct icmphdr icmp = {.un.echo.id = tcp.source};
	uint8_t protocol = protocol_of(packet->aim);

	switch (protocol) {
	case IPPROTO_TCP:
		memcpy(ret, &tcp, sizeof(tcp));
		return sizeof(tcp);
	case IPPROTO_UDP:
		memcpy(ret, &udp, sizeof(udp));
		return sizeof(udp) + PAYLOAD_BYTES;
	case IPPROTO_SCTP: /* both ports lie where UDP has them; then the tag and the checksum */
		memcpy(ret, &udp, 4);
		return 12 + PAYLOAD_BYTES;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		icmp.type = packet->aim -
			    (protocol == IPPROTO_ICMP ? CHQ_TARGET_ICMP : CHQ_TARGET_ICMPV6);
		memcpy(ret, &icmp, sizeof(icmp));
		return sizeof(icmp) + PAYLOAD_BYTES;
	default:
		return PAYLOAD_BYTES;
	}
}

static size_t write_network(const struct trace_packet *packet, size_t payload, uint8_t *ret)
{
	struct iphdr ipv4 = {.version = 4,
			     .ihl = 5,
			     .tot_len = htons(sizeof(ipv4) + payload),
			     .ttl = 64,
			     .protocol = protocol_of(packet->aim),
			     .saddr = packet->source.word_be[3],
			     .daddr = packet->target.word_be[3]};
	struct ip6_hdr ipv6 = {};

	if (addr_is_ipv4(&packet->source)) {
		ipv4.check = checksum(&ipv4, sizeof(ipv4));
		memcpy(ret, &ipv4, sizeof(ipv4));
		return sizeof(ipv4);
	}
	ipv6.ip6_flow = htonl(6u << 28);
	ipv6.ip6_plen = htons(payload);
	ipv6.ip6_nxt = protocol_of(packet->aim);
	ipv6.ip6_hlim = 64;
	memcpy(&ipv6.ip6_src, &packet->source, sizeof(ipv6.ip6_src));
	memcpy(&ipv6.ip6_dst, &packet->target, sizeof(ipv6.ip6_dst));
	memcpy(ret, &ipv6, sizeof(ipv6));
	return sizeof(ipv6);
}

/* Aimed at the interface, or the stack would take it for somebody else's. */
static void write_ethernet(const struct trace_packet *packet, uint8_t *ret)
{
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint16_t type = htons(addr_is_ipv4(&packet->source) ? ETHERTYPE_IP : ETHERTYPE_IPV6);
	struct ifreq request = {};

	if (fd >= 0 && if_indextoname(packet->ifindex, request.ifr_name) &&
	    ioctl(fd, SIOCGIFHWADDR, &request) == 0)
		memcpy(ret, request.ifr_hwaddr.sa_data, ETH_ALEN);
	ret[ETH_ALEN] = 2; /* a sender of local administration */
	memcpy(ret + 2 * ETH_ALEN, &type, sizeof(type));
}

static size_t build(const struct trace_packet *packet, uint8_t *ret)
{
	size_t network =
		addr_is_ipv4(&packet->source) ? sizeof(struct iphdr) : sizeof(struct ip6_hdr);
	size_t transport = write_transport(packet, ret + ETH_HLEN + network);

	write_network(packet, transport, ret + ETH_HLEN);
	write_ethernet(packet, ret);
	return ETH_HLEN + network + transport;
}

static int run(struct datapath *datapath, const struct trace_packet *packet)
{
	const struct bpf_program *program = bpf_object__find_program_by_name(
		datapath->dry, program_names[packet->own ? PROGRAM_OUT : PROGRAM_IN].in_object);
	struct __sk_buff skb = {.ifindex = packet->ifindex,
				.ingress_ifindex = packet->own ? 0 : packet->ifindex};
	uint8_t bytes[256] = {}, out[256];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = bytes, .data_out = out,
		    .data_size_out = sizeof(out), .ctx_in = &skb, .ctx_size_in = sizeof(skb));

	if (!program)
		return -ENOENT;
	opts.data_size_in = build(packet, bytes);
	return bpf_prog_test_run_opts(bpf_program__fd(program), &opts);
}

int datapath_trace(struct datapath *datapath, const struct trace_packet *packet,
		   struct chq_trace *ret)
{
	struct chq_trace empty = {};
	uint32_t zero = 0;
	int err = datapath->dry ? 0 : load(datapath), fd;

	if (err)
		return err;
	fd = bpf_object__find_map_fd_by_name(datapath->dry, "chq_trace");
	err = bpf_map_update_elem(fd, &zero, &empty, BPF_ANY);
	if (!err)
		err = run(datapath, packet);
	if (!err)
		err = bpf_map_lookup_elem(fd, &zero, ret);
	return err ? refuse(&datapath->refusal, err, "the kernel does not run the packet") : 0;
}
