/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "worker.h"

#include "ecn.h"

#define TURN_BYTES    (128 * 1024)
#define RECEIVE_LEAST 2

/* A handshake message goes to the control thread once it shows that it knows our public key. */
static void take_handshake(struct worker *worker, const struct arrival *arrival,
			   const uint8_t *message, uint32_t bytes, int type)
{
	struct device *device = worker->device;

	if (type != MESSAGE_COOKIE && !cookie_mac1_right(&device->checker, message, bytes)) {
		count_drop(device, DROP_FORGED);
		return;
	}
	if (!ring_put(&device->handshakes, &arrival->from, message, bytes)) {
		count_drop(device, DROP_BUSY);
		return;
	}
	device_wake(device);
}

static void take_data(struct worker *worker, uint32_t arrival, uint8_t *message, uint32_t bytes)
{
	const struct message_data *data = (const struct message_data *)message;
	const struct index_entry *entry =
		index_find(&worker->device->indices, get_le32(data->receiver));
	struct session *session = entry ? entry->session : NULL;

	if (!session || !session_opens(session, worker->now_ns)) {
		count_drop(worker->device, DROP_NO_SESSION);
		return;
	}
	worker->openings[worker->job_count] = (struct opening){session, arrival, bytes};
	worker->jobs[worker->job_count++] = (struct aead_job){
		.key = session->receive_key,
		.text = message + sizeof(*data),
		.length = bytes - DATA_OVERHEAD_BYTES,
		.counter = get_le64(data->counter),
	};
}

/* ---- what one sender sent together ---- */

/* The packet's own length; what is behind it is padding. 0 where it is none. */
static uint32_t inner_length(const uint8_t *packet, uint32_t room)
{
	uint32_t length = 0, least = 20;

	if (room < 20)
		return 0;
	if (packet[0] >> 4 == 4) {
		length = get_be16(packet + 2);
		least = (packet[0] & 15u) * 4;
		if (least < 20)
			return 0;
	} else if (packet[0] >> 4 == 6 && room >= 40) {
		length = get_be16(packet + 4) + 40u;
		least = 40;
	}
	return length >= least && length <= room ? length : 0;
}

static bool may_come_from(struct worker *worker, const struct peer *peer, const uint8_t *packet)
{
	if (packet[0] >> 4 == 4)
		return worker_find(worker, packet + 12, 4) == peer;
	return worker_find(worker, packet + 8, 16) == peer;
}

/* Where its ends do not listen they find this packet missing. */
static bool slows_down(struct worker *worker, uint8_t *packet)
{
	if (!worker->slow_down)
		return false;
	worker->slow_down = false;
	if (ecn_tell_congestion(packet))
		return false;
	count_drop(worker->device, DROP_LATE);
	return true;
}

/* True where there was a packet, even if it may not pass; a keepalive has none. */
static bool deliver(struct worker *worker, struct peer *peer, uint8_t *packet, uint32_t room,
		    uint8_t tos)
{
	uint32_t length;

	if (!room)
		return false;
	length = inner_length(packet, room);
	if (!length) {
		count_drop(worker->device, DROP_MALFORMED);
		return true;
	}
	if (!may_come_from(worker, peer, packet)) {
		count_drop(worker->device, DROP_NOT_ALLOWED);
		atomic_fetch_add_explicit(&peer->not_allowed, 1, memory_order_relaxed);
		return true;
	}
	/* What happened outside is told inside (RFC 6040). */
	if ((tos & 3) == 3)
		ecn_tell_congestion(packet);
	if (slows_down(worker, packet))
		return true;
	merge_add(&worker->merge, packet, length);
	return true;
}

/* Marks what is a replay as not good. */
static void check_replay(struct worker *worker, uint32_t from, uint32_t to)
{
	struct session *session = worker->openings[from].session;

	pthread_spin_lock(&session->lock);
	for (uint32_t i = from; i < to; i++) {
		struct aead_job *job = &worker->jobs[i];

		if (!job->good) {
			count_drop(worker->device, DROP_FORGED);
		} else if (!replay_is_new(&session->replay, job->counter)) {
			count_drop(worker->device, DROP_REPLAYED);
			job->good = false;
		}
	}
	pthread_spin_unlock(&session->lock);
}

static uint32_t timers_after(struct worker *worker, struct peer *peer, struct session *session,
			     bool data)
{
	uint32_t notices = 0;

	if (timers_any_received(&peer->timers, worker->now_ns))
		notices |= NOTICE_TIMERS;
	if (data && timers_data_received(&peer->timers, worker->now_ns))
		notices |= NOTICE_TIMERS;
	if (session == peer->slots.next)
		notices |= NOTICE_CONFIRMED;
	if (session == peer->slots.current && !peer->last_minute &&
	    session_wants_rekey_receiving(session, worker->now_ns))
		notices |= NOTICE_HANDSHAKE;
	return notices;
}

/* Messages of one session that came in one datagram: what is per sender is done once. */
static void finish_run(struct worker *worker, uint32_t from, uint32_t to)
{
	struct session *session = worker->openings[from].session;
	const struct arrival *arrival = &worker->arrivals[worker->openings[from].arrival];
	struct peer *peer = session->peer;
	bool data = false, any = false;
	uint64_t bytes = 0;
	uint32_t notices;

	check_replay(worker, from, to);
	for (uint32_t i = from; i < to; i++) {
		const struct aead_job *job = &worker->jobs[i];

		if (!job->good)
			continue;
		/* Before it is delivered: the answer is for this session. */
		if (!any && session == peer->slots.next)
			atomic_store_explicit(&session->heard, true, memory_order_relaxed);
		any = true;
		bytes += worker->openings[i].bytes;
		data |= deliver(worker, peer, job->text, job->length, arrival->tos);
	}
	if (!any)
		return;
	peer_set_endpoint(peer, &arrival->from);
	atomic_fetch_add_explicit(&peer->received_bytes, bytes, memory_order_relaxed);
	notices = timers_after(worker, peer, session, data);
	if (notices)
		device_notice(worker->device, peer, notices);
}

static bool same_run(const struct opening *a, const struct opening *b)
{
	return a->session == b->session && a->arrival == b->arrival;
}

static void finish_runs(struct worker *worker, uint32_t from, uint32_t to)
{
	while (from < to) {
		uint32_t end = from + 1;

		while (end < to && same_run(&worker->openings[from], &worker->openings[end]))
			end++;
		finish_run(worker, from, end);
		from = end;
	}
}

/* Opens all that has been gathered and passes it on. */
static void finish(struct worker *worker)
{
	uint32_t from = 0;

	while (from < worker->job_count) {
		uint32_t to = from, bytes = 0;

		while (to < worker->job_count && bytes < AEAD_BURST_BYTES)
			bytes += worker->jobs[to++].length;
		aead_open(&worker->aead, worker->jobs + from, to - from);
		finish_runs(worker, from, to);
		from = to;
	}
	worker->job_count = 0;
	merge_flush(&worker->merge);
}

static void take_message(struct worker *worker, uint32_t arrival, uint8_t *message, uint32_t bytes)
{
	int type = message_type(message, bytes);

	if (!type) {
		count_drop(worker->device, DROP_MALFORMED);
		return;
	}
	if (type != MESSAGE_DATA) {
		take_handshake(worker, &worker->arrivals[arrival], message, bytes, type);
		return;
	}
	if (worker->job_count == RECEIVE_JOBS)
		finish(worker);
	take_data(worker, arrival, message, bytes);
}

static void take_datagram(struct worker *worker, uint32_t i)
{
	struct arrival *arrival = &worker->arrivals[i];
	uint32_t bytes = worker->received[i].msg_len, at = 0, each;

	moderation_count(&worker->moderation, 1, bytes);
	if (!socket_arrival(arrival, &worker->received[i].msg_hdr)) {
		count_drop(worker->device, DROP_MALFORMED);
		return;
	}
	arrival->from.local_epoch =
		atomic_load_explicit(&worker->device->epoch, memory_order_relaxed);
	each = arrival->segment_bytes ?: bytes;
	while (at < bytes) {
		uint32_t part = min_size(each, bytes - at);

		take_message(worker, i, worker->receive_memory + (size_t)i * RECEIVE_BYTES + at,
			     part);
		at += part;
	}
}

static void prepare(struct worker *worker)
{
	for (int i = 0; i < RECEIVE_MESSAGES; i++) {
		worker->receive_parts[i] = (struct iovec){
			worker->receive_memory + (size_t)i * RECEIVE_BYTES, RECEIVE_BYTES};
		worker->received[i].msg_hdr = (struct msghdr){
			.msg_name = &worker->receive_names[i],
			.msg_namelen = sizeof(worker->receive_names[i]),
			.msg_iov = &worker->receive_parts[i],
			.msg_iovlen = 1,
			.msg_control = worker->receive_control[i],
			.msg_controllen = sizeof(worker->receive_control[i]),
		};
	}
}

/*
 * How many datagrams a turn takes, if they are as long as the last: what comes behind long ones,
 * from here or from the TUN, would wait for all of them.
 */
static int next_messages(const struct worker *worker, int got)
{
	uint64_t bytes = 1, fit;

	for (int i = 0; i < got; i++)
		bytes += worker->received[i].msg_len;
	fit = got > 0 ? TURN_BYTES * (uint64_t)got / bytes : RECEIVE_MESSAGES;
	return fit < RECEIVE_LEAST ? RECEIVE_LEAST : (int)min_size(fit, RECEIVE_MESSAGES);
}

void receive_batch(struct worker *worker, int fd, struct backlog *backlog)
{
	int most = worker->receive_most ?: RECEIVE_MESSAGES, got;

	prepare(worker);
	got = recvmmsg(fd, worker->received, most, MSG_DONTWAIT, NULL);
	worker->receive_most = next_messages(worker, got);
	worker->left |= got == most;
	if (got < most)
		backlog_is_empty(backlog);
	else if (backlog_stands(backlog, worker->now_ns))
		worker->slow_down = true;
	for (int i = 0; i < got; i++)
		take_datagram(worker, i);
	finish(worker);
}
