/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

#include "frame.h"
#include "util/addr.h"

#define PAYLOAD_BYTES 16

struct sctp_init {
	uint16_t source_be, target_be;
	uint32_t tag_be, checksum;
	uint8_t chunk[20]; /* INIT */
};

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
	if (aim < CHQ_TARGET_OTHER)
		return IPPROTO_ICMPV6;
	return aim - CHQ_TARGET_OTHER;
}

/* Returns the transport header's length. */
static size_t put_transport(uint8_t *at, uint8_t protocol, uint32_t aim, uint16_t source_port)
{
	struct tcphdr tcp = {.source = htons(source_port), .dest = htons(aim), .doff = 5, .syn = 1};
	struct udphdr udp = {.source = htons(source_port),
			     .dest = htons(aim),
			     .len = htons(sizeof(udp) + PAYLOAD_BYTES)};
	struct sctp_init sctp = {.source_be = htons(source_port),
				 .target_be = htons(aim),
				 .chunk = {[0] = 1, [3] = 20}};
	uint8_t icmp[8] = {[0] = aim -
				 (protocol == IPPROTO_ICMP ? CHQ_TARGET_ICMP : CHQ_TARGET_ICMPV6),
			   [4] = source_port >> 8,
			   [5] = source_port};
	const void *header = icmp;
	size_t bytes = sizeof(icmp);

	if (protocol == IPPROTO_TCP) {
		header = &tcp;
		bytes = sizeof(tcp);
	} else if (protocol == IPPROTO_UDP) {
		header = &udp;
		bytes = sizeof(udp);
	} else if (protocol == IPPROTO_SCTP) {
		header = &sctp;
		bytes = sizeof(sctp);
	}
	memcpy(at, header, bytes);
	return bytes;
}

static uint16_t checksum(const void *data, size_t bytes)
{
	const uint16_t *words = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < bytes / 2; i++)
		sum += words[i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static void put_ipv4(uint8_t *at, const struct chq_addr *source, const struct chq_addr *target,
		     uint8_t protocol, size_t payload)
{
	struct iphdr ip = {.version = 4,
			   .ihl = 5,
			   .ttl = 64,
			   .protocol = protocol,
			   .tot_len = htons(sizeof(ip) + payload),
			   .saddr = source->word_be[3],
			   .daddr = target->word_be[3]};

	ip.check = checksum(&ip, sizeof(ip));
	memcpy(at, &ip, sizeof(ip));
}

static void put_ipv6(uint8_t *at, const struct chq_addr *source, const struct chq_addr *target,
		     uint8_t protocol, size_t payload)
{
	struct ip6_hdr ip = {};

	ip.ip6_flow = htonl(6u << 28);
	ip.ip6_plen = htons(payload);
	ip.ip6_nxt = protocol;
	ip.ip6_hlim = 64;
	memcpy(&ip.ip6_src, source, sizeof(ip.ip6_src));
	memcpy(&ip.ip6_dst, target, sizeof(ip.ip6_dst));
	memcpy(at, &ip, sizeof(ip));
}

size_t frame_make(uint8_t frame[FRAME_BYTES], const struct chq_addr *source,
		  const struct chq_addr *target, uint32_t aim, uint16_t source_port)
{
	bool ipv4 = addr_is_ipv4(source);
	struct ethhdr ethernet = {.h_dest = {2, 0, 0, 0, 0, 1},
				  .h_source = {2, 0, 0, 0, 0, 2},
				  .h_proto = htons(ipv4 ? ETH_P_IP : ETH_P_IPV6)};
	size_t header = ipv4 ? sizeof(struct iphdr) : sizeof(struct ip6_hdr);
	uint8_t protocol = protocol_of(aim), *ip = frame + sizeof(ethernet);
	size_t payload;

	memset(frame, 0, FRAME_BYTES);
	memcpy(frame, &ethernet, sizeof(ethernet));
	payload = put_transport(ip + header, protocol, aim, source_port) + PAYLOAD_BYTES;
	if (ipv4)
		put_ipv4(ip, source, target, protocol, payload);
	else
		put_ipv6(ip, source, target, protocol, payload);
	return sizeof(ethernet) + header + payload;
}
