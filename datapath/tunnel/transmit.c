/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "worker.h"

#include <errno.h>
#include <netinet/in.h>

#include "ecn.h"
#include "message.h"

/*
 * A turn takes what two long packets of TCP have, or so many short ones: enough for trains, and for
 * the AEAD to be fast. Whoever comes with a single packet meanwhile waits for the turns before it.
 */
#define BATCH_MESSAGES 128
#define BATCH_BYTES    120000

/*
 * Each tunnel in a tunnel takes so much from the outer time to live, so that packets come to rest
 * where two tunnels have been made each other's way; they would grow, be cut and multiply.
 */
#define NESTED_TTL 8
#define USUAL_TTL  64

/* RFC 6040: the outer header shows congestion capability, never an inner "experienced". */
static uint8_t outer_tos(const uint8_t *packet)
{
	uint8_t ecn = packet[0] >> 4 == 4 ? packet[1] & 3 : packet[1] >> 4 & 3;

	return ecn == 3 ? 2 : ecn;
}

/* Where UDP begins in a packet, also in the first of its fragments; 0 where it does not. */
static uint32_t udp_at(const uint8_t *packet, uint32_t length)
{
	if (packet[0] >> 4 == 4)
		return packet[9] == IPPROTO_UDP && !(get_be16(packet + 6) & 0x1fff)
			       ? (packet[0] & 15u) * 4
			       : 0;
	if (packet[6] == IPPROTO_UDP)
		return 40;
	return packet[6] == IPPROTO_FRAGMENT && length >= 48 && packet[40] == IPPROTO_UDP &&
			       !(get_be16(packet + 42) & ~7u)
		       ? 48
		       : 0;
}

/* False where the packet has gone through too many tunnels. */
static bool outer_of(const uint8_t *packet, uint32_t length, struct outer *ret)
{
	uint8_t ttl = packet[0] >> 4 == 4 ? packet[8] : packet[7];
	uint32_t at = udp_at(packet, length);

	*ret = (struct outer){.tos = outer_tos(packet)};
	if (!at || length < at + 8 + DATA_OVERHEAD_BYTES ||
	    get_le32(packet + at + 8) != MESSAGE_DATA)
		return true;
	ret->ttl = (ttl < USUAL_TTL ? ttl : USUAL_TTL) - NESTED_TTL;
	return ttl > NESTED_TTL;
}

static struct peer *peer_of(struct worker *worker, const uint8_t *packet)
{
	if (packet[0] >> 4 == 4)
		return worker_find(worker, packet + 16, 4);
	return worker_find(worker, packet + 24, 16);
}

static void stage_all(struct peer *peer, const struct super *super, uint32_t first,
		      struct outer outer)
{
	uint8_t packet[UINT16_MAX + 1];

	for (uint32_t i = first; i < super->count; i++) {
		super_write(super, i, packet);
		peer_stage(peer, packet, super_length(super, i), outer);
	}
}

/*
 * A packet near the device's MTU is padded to its route's, if that is smaller. Where the device is
 * in another namespace its routes cannot be asked, so such a packet stays as it is.
 */
uint32_t packet_padding(const struct device *device, struct route *route, const uint8_t *packet,
			uint32_t length)
{
	uint32_t mtu = device->mtu, of_route = 0;
	bool is4;

	if (length >= mtu || ((length + 15) & ~15u) <= mtu)
		return padding_for(length, mtu);
	if (device->abroad)
		return 0;
	is4 = packet[0] >> 4 == 4;
	of_route = route_mtu(route, packet + (is4 ? 16 : 24), is4 ? 4 : 16, device->epoch);
	if (of_route && of_route < mtu)
		mtu = of_route < length ? length : of_route;
	return padding_for(length, mtu);
}

static uint32_t seal_one(struct worker *worker, struct peer *peer, struct session *session,
			 const struct super *super, uint32_t i, uint64_t counter,
			 struct outer outer)
{
	uint32_t length = super_length(super, i);
	uint32_t padding = packet_padding(worker->device, &worker->route, super->packet, length);
	uint8_t *text = outbox_text(&worker->outbox, length + padding);

	super_write(super, i, text);
	memset(text + length, 0, padding);
	outbox_add(&worker->outbox, peer, session, counter, length + padding, outer);
	return length + padding + DATA_OVERHEAD_BYTES;
}

static void after_sending(struct worker *worker, struct peer *peer, struct session *session,
			  uint64_t bytes)
{
	uint32_t notices = 0;

	atomic_fetch_add_explicit(&peer->sent_bytes, bytes, memory_order_relaxed);
	if (timers_any_sent(&peer->timers, worker->now_ns))
		notices |= NOTICE_TIMERS;
	if (timers_data_sent(&peer->timers, worker->now_ns, worker_jitter_ms(worker)))
		notices |= NOTICE_TIMERS;
	if (session_wants_rekey_sending(session, worker->now_ns) &&
	    worker->now_ns >= peer->initiated_ns + REKEY_TIMEOUT_NS)
		notices |= NOTICE_HANDSHAKE;
	if (notices)
		device_notice(worker->device, peer, notices);
}

static void ask_for_handshake(struct worker *worker, struct peer *peer)
{
	bool begun = peer->initiated_ns && worker->now_ns < peer->initiated_ns + REKEY_TIMEOUT_NS;

	if (worker->device->up && !begun)
		device_notice(worker->device, peer, NOTICE_HANDSHAKE);
}

static bool batch_is_full(const struct outbox *outbox, uint32_t messages, uint32_t bytes)
{
	return outbox->job_count + messages >= BATCH_MESSAGES ||
	       outbox->used + bytes >= BATCH_BYTES;
}

/*
 * How many of its packets this turn sends: where a batch ends within them it ends with a full
 * train. Each train costs both machines the same, however short it is.
 */
static uint32_t share(const struct worker *worker, const struct peer *peer,
		      const struct super *super, uint32_t first, struct outer outer)
{
	uint32_t left = super->count - first, count;
	uint32_t length = super_length(super, first);
	uint32_t bytes = length + padding_for(length, worker->device->mtu) + DATA_OVERHEAD_BYTES;

	if (left == 1)
		return 1;
	count = outbox_until_full(&worker->outbox, peer, bytes, outer);
	while (count < left && !batch_is_full(&worker->outbox, count, count * bytes))
		count += outbox_train(bytes);
	return min_size(count, left);
}

/* Its packets from the `first` on; how many of them. */
static uint32_t send_super(struct worker *worker, struct peer *peer, const struct super *super,
			   uint32_t first, struct outer outer)
{
	struct session *session = slots_sending(&peer->slots);
	uint32_t count = share(worker, peer, super, first, outer);
	uint64_t counter, bytes = 0;

	if (!session || !session_take_counters(session, count, worker->now_ns, &counter)) {
		stage_all(peer, super, first, outer);
		ask_for_handshake(worker, peer);
		return super->count - first;
	}
	for (uint32_t i = 0; i < count; i++)
		bytes += seal_one(worker, peer, session, super, first + i, counter + i, outer);
	after_sending(worker, peer, session, bytes);
	return count;
}

/* Where its ends know ECN they are told, else they find one packet missing. How many that are, of
 * its first. */
static uint32_t slow_down(struct worker *worker, uint8_t *packet)
{
	if (ecn_tell_congestion(packet))
		return 0;
	count_drop(worker->device, DROP_LATE);
	return 1;
}

/* From its packet `first` on; what stays for the next turn is the rest. */
static void carry(struct worker *worker, uint32_t queue, const struct super *super, uint32_t first)
{
	struct peer *peer = peer_of(worker, super->packet);
	struct outer outer;

	worker->rest.any = false;
	/* Read without the lock: it only decides what the sender is told. */
	if (!peer || !peer->endpoint.to.any.sa_family) {
		count_drop(worker->device, DROP_NO_PEER);
		if (worker->device->up)
			icmp_unreachable(worker, super->packet, super->length);
		return;
	}
	if (!outer_of(super->packet, super->length, &outer)) {
		count_drop(worker->device, DROP_LOOPED);
		return;
	}
	if (!first && backlog_stands(&worker->backlogs[queue], worker->now_ns))
		first = slow_down(worker, super->packet);
	if (first < super->count)
		first += send_super(worker, peer, super, first, outer);
	if (first < super->count)
		worker->rest = (struct rest){*super, first, queue, true};
}

static void take(struct worker *worker, uint32_t queue, const struct virtio_net_hdr *header,
		 uint8_t *packet, uint32_t length)
{
	struct super super;

	if (super_open(&super, header, packet, length))
		count_drop(worker->device, DROP_MALFORMED);
	else
		carry(worker, queue, &super, 0);
}

/* A packet that is here before the news that the link is up waits as if for a handshake. */
void transmit_batch(struct worker *worker, uint32_t queue)
{
	struct device *device = worker->device;
	size_t header_bytes = device->tun.header ? sizeof(struct virtio_net_hdr) : 0;
	struct virtio_net_hdr header = {};
	int fd = worker->queues[queue];
	bool left = true;

	if (worker->rest.any)
		carry(worker, worker->rest.queue, &worker->rest.super, worker->rest.first);
	for (uint32_t reads = 0; reads < BATCH_MESSAGES && !worker->rest.any; reads++) {
		ssize_t got = read(fd, worker->from_tun, header_bytes + UINT16_MAX);

		if (got <= (ssize_t)header_bytes) {
			backlog_is_empty(&worker->backlogs[queue]);
			if (got < 0 && errno == EBADFD)
				worker_lost_device(worker, fd);
			left = false;
			break;
		}
		moderation_count(&worker->moderation, 1, (uint64_t)got);
		memcpy(&header, worker->from_tun, header_bytes);
		take(worker, queue, &header, worker->from_tun + header_bytes, got - header_bytes);
		if (batch_is_full(&worker->outbox, 0, 0))
			break;
	}
	worker->left |= left;
	outbox_flush(&worker->outbox);
}
