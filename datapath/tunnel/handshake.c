/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "handshake.h"

#include <errno.h>

#include "worker.h"

/* AF41, as the kernel marks its handshakes. */
static const struct outer handshake_outer = {.tos = 0x88};

#define LOADED_AT     (RING_SIZE / 8)
#define LOADED_FOR_NS NS_PER_S
#define WORK_NS	      NS_PER_MS

static uint32_t jitter_ms(const struct device *device)
{
	uint32_t number;

	device->sources->random(&number, sizeof(number));
	return number % JITTER_MS;
}

static void look_again(struct device *device, struct peer *peer, bool earlier)
{
	if (earlier)
		heap_place(&device->heap, &peer->timers);
}

static int send_to_peer(struct device *device, struct peer *peer, const void *message,
			size_t length)
{
	struct endpoint to = peer_endpoint(peer);
	bool had_source = to.local_epoch;
	int err;

	if (!device->up)
		return -ENETDOWN;
	err = outbox_send_one(&device->sockets[0], &to, device->epoch, handshake_outer, message,
			      length);
	if (had_source && !to.local_epoch)
		peer_forget_source(peer);
	if (!err)
		atomic_fetch_add(&peer->sent_bytes, length);
	return err;
}

/* ---- beginning one ---- */

/* Greater than the last, also where the clock was set back or runs coarsely. */
static void fresh_timestamp(struct device *device, uint8_t *ret)
{
	struct timespec now;

	device->sources->wall(&now);
	noise_timestamp(ret, now.tv_sec, now.tv_nsec);
	if (memcmp(ret, device->last_timestamp, TIMESTAMP_BYTES) <= 0) {
		memcpy(ret, device->last_timestamp, TIMESTAMP_BYTES);
		for (int i = 8; i >= 0 && !++ret[i]; i--)
			;
	}
	memcpy(device->last_timestamp, ret, TIMESTAMP_BYTES);
}

static int make_initiation(struct device *device, struct peer *peer, struct message_initiation *ret)
{
	uint8_t ephemeral[KEY_BYTES], timestamp[TIMESTAMP_BYTES];
	uint32_t number;
	int err;

	device_halt(device);
	err = index_reserve(&device->indices, 1);
	if (!err) {
		if (peer->has_handshake_index)
			index_remove(&device->indices, peer->noise.local_index);
		peer->has_handshake_index = false;
		number = index_fresh(&device->indices);
		device->sources->random(ephemeral, sizeof(ephemeral));
		crypt_clamp(ephemeral);
		fresh_timestamp(device, timestamp);
		err = noise_initiate(&peer->noise, &device->self, ephemeral, number, timestamp,
				     ret);
		crypt_wipe(ephemeral, sizeof(ephemeral));
	}
	if (!err) {
		index_add(&device->indices, number, peer, NULL);
		peer->has_handshake_index = true;
	}
	device_resume(device);
	return err;
}

void handshake_initiate(struct device *device, struct peer *peer, bool retry)
{
	struct message_initiation message;
	uint64_t now_ns = device_now(device);
	bool earlier;

	if (!retry)
		peer->retries = 0;
	if (!device->up || (peer->initiated_ns && now_ns < peer->initiated_ns + REKEY_TIMEOUT_NS))
		return;
	peer->initiated_ns = now_ns;
	if (make_initiation(device, peer, &message))
		return;
	cookie_add_macs(&peer->jar, (uint8_t *)&message, sizeof(message), now_ns);
	earlier = timers_any_sent(&peer->timers, now_ns);
	send_to_peer(device, peer, &message, sizeof(message));
	earlier |= timers_initiation_sent(&peer->timers, now_ns, jitter_ms(device));
	look_again(device, peer, earlier);
}

/* ---- sending ---- */

static void send_staged_with(struct device *device, struct peer *peer, struct staged *staged,
			     struct session *session, uint64_t counter, uint64_t now_ns)
{
	uint64_t bytes = 0;
	bool data = false, earlier;

	for (struct staged *one = staged; one; one = one->next) {
		uint32_t padding = packet_padding(device, &device->route, one->packet, one->length);
		uint8_t *text = outbox_text(&device->outbox, one->length + padding);

		memcpy(text, one->packet, one->length);
		memset(text + one->length, 0, padding);
		outbox_add(&device->outbox, peer, session, counter++, one->length + padding,
			   one->outer);
		bytes += one->length + padding + DATA_OVERHEAD_BYTES;
		data |= one->length;
	}
	outbox_flush(&device->outbox);
	atomic_fetch_add(&peer->sent_bytes, bytes);
	earlier = timers_any_sent(&peer->timers, now_ns);
	if (data)
		earlier |= timers_data_sent(&peer->timers, now_ns, jitter_ms(device));
	look_again(device, peer, earlier);
	staged_free(staged);
}

void handshake_send_staged(struct device *device, struct peer *peer)
{
	struct session *session = slots_sending(&peer->slots);
	uint64_t now_ns = device_now(device), counter;
	struct staged *staged;
	uint32_t count;

	if (!device->up || !peer->staged_first)
		return;
	staged = peer_take_staged(peer, &count);
	if (!session || !session_take_counters(session, count, now_ns, &counter)) {
		peer_stage_again(peer, staged, count);
		handshake_initiate(device, peer, false);
		return;
	}
	send_staged_with(device, peer, staged, session, counter, now_ns);
	if (session_wants_rekey_sending(session, now_ns))
		handshake_initiate(device, peer, false);
}

void handshake_send_keepalive(struct device *device, struct peer *peer)
{
	if (!peer->staged_first)
		peer_stage(peer, (const uint8_t *)"", 0, (struct outer){});
	handshake_send_staged(device, peer);
}

/* ---- finishing one ---- */

/* A free object and a free number; the workers stand still. NULL where there is no memory. */
static struct session *fresh_session(struct device *device)
{
	struct session *session = NULL;

	if (!index_reserve(&device->indices, 1))
		session = vault_take(&device->session_vault);
	if (session)
		session_init(session);
	return session;
}

static void begin_session(struct device *device, struct peer *peer, struct session *session,
			  struct noise_keys *keys, bool initiator)
{
	struct session *out[2];

	memcpy(session->send_key, keys->send, KEY_BYTES);
	memcpy(session->receive_key, keys->receive, KEY_BYTES);
	crypt_wipe(keys, sizeof(*keys));
	session->peer = peer;
	session->born_ns = device_now(device);
	session->local_index = peer->noise.local_index;
	session->remote_index = peer->noise.remote_index;
	session->initiator = initiator;
	index_add(&device->indices, session->local_index, peer, session);
	slots_add(&peer->slots, session, out);
	device_free_session(device, out[0]);
	device_free_session(device, out[1]);
	look_again(device, peer, timers_session_derived(&peer->timers, session->born_ns));
}

static void handshake_complete(struct device *device, struct peer *peer)
{
	timers_handshake_complete(&peer->timers);
	peer->retries = 0;
	peer->last_minute = false;
	device->sources->wall(&peer->handshake_at);
}

static void heard_from(struct device *device, struct peer *peer, const struct handshake *in,
		       uint64_t now_ns)
{
	peer_set_endpoint(peer, &in->from);
	atomic_fetch_add(&peer->received_bytes, in->length);
	look_again(device, peer, timers_any_received(&peer->timers, now_ns));
}

static int respond(struct device *device, struct peer *peer, struct message_response *ret)
{
	uint8_t ephemeral[KEY_BYTES];
	struct session *session;
	struct noise_keys keys;
	int err = -ENOMEM;

	device_halt(device);
	session = fresh_session(device);
	if (session) {
		if (peer->has_handshake_index)
			index_remove(&device->indices, peer->noise.local_index);
		peer->has_handshake_index = false;
		device->sources->random(ephemeral, sizeof(ephemeral));
		crypt_clamp(ephemeral);
		err = noise_respond(&peer->noise, ephemeral, index_fresh(&device->indices), ret,
				    &keys);
		crypt_wipe(ephemeral, sizeof(ephemeral));
		if (err)
			vault_give(&device->session_vault, session);
		else
			begin_session(device, peer, session, &keys, false);
	}
	device_resume(device);
	return err;
}

static void take_initiation(struct device *device, const struct handshake *in, uint64_t now_ns)
{
	const struct message_initiation *message = (const void *)in->bytes;
	struct message_response response;
	struct noise_opened opened;
	struct peer *peer;
	int err;

	if (noise_open_initiation(&device->self, message, &opened))
		return;
	peer = device_find(device, opened.their_static);
	err = peer ? noise_accept_initiation(&peer->noise, &device->self, &opened, message, now_ns)
		   : -ENOENT;
	crypt_wipe(&opened, sizeof(opened));
	if (err)
		return;
	heard_from(device, peer, in, now_ns);
	peer->initiated_ns = now_ns;
	if (respond(device, peer, &response))
		return;
	cookie_add_macs(&peer->jar, (uint8_t *)&response, sizeof(response), now_ns);
	look_again(device, peer, timers_any_sent(&peer->timers, now_ns));
	send_to_peer(device, peer, &response, sizeof(response));
}

static int accept_response(struct device *device, struct peer *peer, const struct handshake *in,
			   uint64_t now_ns)
{
	const struct message_response *message = (const void *)in->bytes;
	struct session *session;
	struct noise_keys keys;
	int err = -ENOMEM;

	device_halt(device);
	session = fresh_session(device);
	if (session) {
		err = noise_accept_response(&peer->noise, &device->self, message, &keys);
		if (err) {
			vault_give(&device->session_vault, session);
		} else {
			peer->has_handshake_index = false;
			begin_session(device, peer, session, &keys, true);
		}
	}
	/* What waited goes before what the workers will read next. */
	if (!err) {
		heard_from(device, peer, in, now_ns);
		handshake_complete(device, peer);
		handshake_send_keepalive(device, peer);
	}
	device_resume(device);
	return err;
}

static void take_response(struct device *device, const struct handshake *in, uint64_t now_ns)
{
	const struct message_response *message = (const void *)in->bytes;
	struct index_entry *entry = index_find(&device->indices, get_le32(message->receiver));

	if (entry && !entry->session)
		accept_response(device, entry->peer, in, now_ns);
}

static void take_cookie(struct device *device, const struct handshake *in, uint64_t now_ns)
{
	const struct message_cookie *message = (const void *)in->bytes;
	struct index_entry *entry = index_find(&device->indices, get_le32(message->receiver));

	if (entry)
		cookie_take(&entry->peer->jar, message, now_ns);
}

/* ---- under load ---- */

static void send_cookie(struct device *device, struct handshake *in,
			const struct cookie_source *source)
{
	uint8_t nonce[XNONCE_BYTES];
	struct message_cookie reply;

	device->sources->random(nonce, sizeof(nonce));
	cookie_reply(&device->checker, get_le32(in->bytes + 4), in->bytes, in->length, source,
		     nonce, &reply);
	outbox_send_one(&device->sockets[0], &in->from, device->epoch, handshake_outer, &reply,
			sizeof(reply));
}

/* Workers read the checker too, but never its cookie secret. */
static void refresh_secret(struct device *device, uint64_t now_ns)
{
	uint8_t secret[KEY_BYTES];

	if (!cookie_secret_old(&device->checker, now_ns))
		return;
	device->sources->random(secret, sizeof(secret));
	cookie_set_secret(&device->checker, secret, now_ns);
	crypt_wipe(secret, sizeof(secret));
}

/* Who asks for work shows first that it is where it says it is, and does not ask too often. */
static bool admitted(struct device *device, struct handshake *in, uint64_t now_ns)
{
	struct cookie_source source;

	endpoint_source(&in->from, &source);
	if (cookie_mac2_right(&device->checker, in->bytes, in->length, &source, now_ns))
		return limiter_allows(&device->limiter, source.bytes, source.length - 2, now_ns);
	refresh_secret(device, now_ns);
	send_cookie(device, in, &source);
	return false;
}

static void take(struct device *device, struct handshake *in, uint64_t now_ns, bool loaded)
{
	int type = in->bytes[0];

	if (type == MESSAGE_COOKIE) {
		take_cookie(device, in, now_ns);
		return;
	}
	if (loaded && !admitted(device, in, now_ns))
		return;
	if (type == MESSAGE_INITIATION)
		take_initiation(device, in, now_ns);
	else
		take_response(device, in, now_ns);
}

bool handshake_work(struct device *device)
{
	uint64_t start_ns = device_now(device), now_ns = start_ns;
	uint32_t left = 0;
	struct handshake in;

	while (now_ns < start_ns + WORK_NS && ring_take(&device->handshakes, &in, &left)) {
		if (left >= LOADED_AT)
			device->loaded_ns = now_ns;
		take(device, &in, now_ns,
		     device->loaded_ns && now_ns < device->loaded_ns + LOADED_FOR_NS);
		now_ns = device_now(device);
	}
	return left;
}

/* ---- what is due ---- */

static void retransmit(struct device *device, struct peer *peer, uint64_t now_ns)
{
	if (peer->retries > RETRIES_MAX) {
		timers_give_up(&peer->timers);
		staged_free(peer_take_staged(peer, NULL));
		if (!peer->timers.due_ns[TIMER_FORGET])
			timers_session_derived(&peer->timers, now_ns);
		return;
	}
	peer->retries++;
	peer_forget_source(peer);
	/* The timer counts from our own clock, so the gap may be seen as a hair too short. */
	peer->initiated_ns = 0;
	handshake_initiate(device, peer, true);
}

static void act(struct device *device, struct peer *peer, uint32_t fired, uint64_t now_ns)
{
	if (fired & 1u << TIMER_RETRANSMIT)
		retransmit(device, peer, now_ns);
	if (fired & (1u << TIMER_KEEPALIVE | 1u << TIMER_PERSISTENT))
		handshake_send_keepalive(device, peer);
	if (fired & 1u << TIMER_HANDSHAKE) {
		peer_forget_source(peer);
		handshake_initiate(device, peer, false);
	}
	if (fired & 1u << TIMER_FORGET)
		device_forget_sessions(device, peer);
}

uint64_t handshake_timers(struct device *device, uint64_t now_ns)
{
	struct timers *first;

	while ((first = heap_first(&device->heap))) {
		struct peer *peer = container_of(first, struct peer, timers);

		if (first->look_ns > now_ns)
			return first->look_ns;
		act(device, peer, timers_take_due(first, now_ns), now_ns);
		heap_place(&device->heap, first);
	}
	return 0;
}

/* ---- what workers ask for ---- */

static void confirm(struct device *device, struct peer *peer)
{
	device_halt(device);
	if (peer->slots.next && peer->slots.next->heard) {
		device_free_session(device, slots_confirm(&peer->slots));
		handshake_complete(device, peer);
		handshake_send_staged(device, peer);
	}
	device_resume(device);
}

static void answer(struct device *device, struct peer *peer, uint32_t what)
{
	const struct session *current = peer->slots.current;

	if (what & NOTICE_CONFIRMED)
		confirm(device, peer);
	if (what & NOTICE_HANDSHAKE) {
		if (current && session_wants_rekey_receiving(current, device_now(device)))
			peer->last_minute = true;
		handshake_initiate(device, peer, false);
	}
	heap_place(&device->heap, &peer->timers);
}

void handshake_notices(struct device *device)
{
	struct peer *peer;

	for (;;) {
		uint32_t what = 0;

		pthread_mutex_lock(&device->noticed_lock);
		peer = device->noticed;
		if (peer) {
			device->noticed = peer->noticed_next;
			what = atomic_exchange(&peer->notices, 0);
		}
		pthread_mutex_unlock(&device->noticed_lock);
		if (!peer)
			return;
		answer(device, peer, what);
	}
}

/* ---- the link, and configuration ---- */

void handshake_peer_ready(struct device *device, struct peer *peer, bool keepalive)
{
	if (!device->up)
		return;
	if (keepalive)
		handshake_send_keepalive(device, peer);
	else
		handshake_send_staged(device, peer);
}

void handshake_device_up(struct device *device)
{
	struct peer *peer, *next;

	HASH_ITER (by_key, device->peers, peer, next)
		handshake_peer_ready(device, peer, peer->timers.persistent_s);
}
