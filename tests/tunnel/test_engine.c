/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "world.h"

#include <netinet/in.h>
#include <sys/uio.h>

#include "../../datapath/tunnel/checksum.h"
#include "kat.h"
#include "tunnel_test.h"

/* Whole engines under a clock of the test's own: what they say, when, and when they are silent. */

#define S	  NS_PER_S
#define JITTER_NS (JITTER_MS * NS_PER_MS)

static struct device *device_of(int who)
{
	return &world.ends[who].device;
}

static struct peer *peer_of(int who)
{
	return world.ends[who].peer;
}

static int make(void **state)
{
	(void)state;
	world_make();
	return 0;
}

static int drop(void **state)
{
	(void)state;
	world_drop();
	return 0;
}

static void handshake(void)
{
	world_say(A);
	assert_int_equal(1, world.heard[B]);
	assert_non_null(peer_of(A)->slots.current);
}

/* Nothing of this type in between but what was there. */
#define assert_count(wanted, who, type) assert_int_equal(wanted, world_count(who, type))

#define assert_near(wanted_ns, more_ns, got_ns) \
	assert_in_range(got_ns, wanted_ns, (wanted_ns) + (more_ns))

/* ---- to the byte ---- */

static void the_transcript_goes_through_the_engine(void **state)
{
	const struct kat *kat = &kats[1];
	uint8_t packet[84];

	(void)state;
	unhex(packet, sizeof(packet), kat->inner_packet);
	world.now = &world.ends[A];
	handshake_send_keepalive(device_of(A), peer_of(A));
	world_run();
	assert_hex(kat->msg1_initiation, world_seen(A, MESSAGE_INITIATION, 0)->bytes);
	assert_hex(kat->msg2_response, world_seen(B, MESSAGE_RESPONSE, 0)->bytes);
	assert_hex(kat->data_i2r_ctr0_keepalive, world_seen(A, MESSAGE_DATA, 0)->bytes);
	world_say_bytes(A, packet, sizeof(packet));
	assert_hex(kat->data_i2r_ctr1_84b_padded_to_96, world_seen(A, MESSAGE_DATA, 1)->bytes);
	assert_int_equal(84, world.heard_bytes);
	assert_memory_equal(packet, world.heard_last, 84);
	world_say_bytes(B, packet, sizeof(packet));
	assert_hex(kat->data_r2i_ctr0_84b_padded_to_96, world_seen(B, MESSAGE_DATA, 0)->bytes);
	assert_int_equal(1, world.heard[A]);
}

static void the_cookie_goes_through_the_engine(void **state)
{
	const struct kat *kat = &kats[1];

	(void)state;
	world.ends[B].next_random[0] = kat->cookie_secret_r;
	world.ends[B].next_random[1] = kat->cookie_nonce;
	device_of(B)->loaded_ns = world.clock_ns;
	world_say(A);
	assert_hex(kat->msg1_initiation, world_seen(A, MESSAGE_INITIATION, 0)->bytes);
	assert_hex(kat->msg3_cookie_reply, world_seen(B, MESSAGE_COOKIE, 0)->bytes);
	assert_hex(kat->cookie, peer_of(A)->jar.cookie);
	/* It is not asked again at once, but when it would have been anyway. */
	assert_count(1, A, MESSAGE_INITIATION);
	world_wait(4900 * NS_PER_MS);
	assert_count(1, A, MESSAGE_INITIATION);
	device_of(B)->loaded_ns = world.clock_ns;
	world_wait(S);
	assert_count(2, A, MESSAGE_INITIATION);
	assert_count(1, B, MESSAGE_COOKIE);
	assert_count(1, B, MESSAGE_RESPONSE);
	assert_int_equal(1, world.heard[B]);
}

/* ---- when ---- */

static void an_initiation_is_repeated_for_ninety_seconds(void **state)
{
	(void)state;
	world.cut[A] = true;
	world_say(A);
	world_wait(150 * S);
	assert_count(20, A, MESSAGE_INITIATION);
	for (int i = 1; i < 20; i++)
		assert_near(5 * S, JITTER_NS + 100 * NS_PER_MS,
			    world_seen(A, MESSAGE_INITIATION, i)->at_ns -
				    world_seen(A, MESSAGE_INITIATION, i - 1)->at_ns);
	/* What waited is gone; new data tries again. */
	assert_null(peer_of(A)->staged_first);
	world.cut[A] = false;
	world_say(A);
	assert_count(21, A, MESSAGE_INITIATION);
	assert_int_equal(1, world.heard[B]);
}

static void who_began_rekeys_and_nothing_is_lost(void **state)
{
	(void)state;
	for (int i = 0; i < 400; i++) {
		world_say(A);
		world_say(B);
		world_wait(S);
	}
	assert_int_equal(400, world.heard[A]);
	assert_int_equal(400, world.heard[B]);
	assert_count(4, A, MESSAGE_INITIATION);
	assert_count(0, B, MESSAGE_INITIATION);
	for (int i = 1; i < 4; i++)
		assert_near(120 * S, S,
			    world_seen(A, MESSAGE_INITIATION, i)->at_ns -
				    world_seen(A, MESSAGE_INITIATION, i - 1)->at_ns);
}

static void who_only_hears_rekeys_too(void **state)
{
	(void)state;
	handshake();
	for (int i = 0; i < 175; i++) {
		world_say(B);
		world_wait(S);
	}
	/* Its keepalives are messages, too: the first that is sent after 120 s. */
	assert_count(2, A, MESSAGE_INITIATION);
	assert_near(120 * S, 11 * S,
		    world_seen(A, MESSAGE_INITIATION, 1)->at_ns -
			    world_seen(A, MESSAGE_INITIATION, 0)->at_ns);
	assert_count(0, B, MESSAGE_INITIATION);
	assert_int_equal(175, world.heard[A]);
}

static void after_three_minutes_a_session_is_over(void **state)
{
	const struct seen *late;

	(void)state;
	handshake();
	world.cut[A] = true;
	world_say(A);
	late = world_seen(A, MESSAGE_DATA, world_count(A, MESSAGE_DATA) - 1);
	/* Nobody speaks: nothing rekeys but for the handshake that data without answer asks for. */
	world_wait(181 * S);
	world_pass(late);
	world_run();
	assert_int_equal(1, world.heard[B]);
	world.cut[A] = false;
	world_say(A);
	world_wait(6 * S);
	assert_int_equal(2, world.heard[B]);
}

static void a_late_message_passes_before_that(void **state)
{
	const struct seen *late;

	(void)state;
	handshake();
	world.cut[A] = world.cut[B] = true;
	world_say(A);
	late = world_seen(A, MESSAGE_DATA, world_count(A, MESSAGE_DATA) - 1);
	world_wait(179 * S);
	world.cut[B] = false;
	world_pass(late);
	world_run();
	assert_int_equal(2, world.heard[B]);
	world_pass(late);
	world_run();
	assert_int_equal(2, world.heard[B]);
}

static void one_keepalive_answers_data(void **state)
{
	uint64_t sent_ns;
	int before;

	(void)state;
	handshake();
	before = world_count(B, MESSAGE_DATA);
	world_say(A);
	sent_ns = world.clock_ns;
	world_wait(60 * S);
	assert_count(before + 1, B, MESSAGE_DATA);
	assert_near(10 * S, 100 * NS_PER_MS, world_seen(B, MESSAGE_DATA, before)->at_ns - sent_ns);
	assert_int_equal(32, world_seen(B, MESSAGE_DATA, before)->length);
	/* A keepalive asks for none: no ping-pong. */
	assert_count(1, A, MESSAGE_INITIATION);
	assert_int_equal(0, world.heard[A]);
}

static void silence_after_data_begins_a_handshake(void **state)
{
	uint64_t sent_ns;

	(void)state;
	handshake();
	world_wait(20 * S);
	world.cut[B] = true;
	world_say(A);
	sent_ns = world.clock_ns;
	world_wait(17 * S);
	assert_count(2, A, MESSAGE_INITIATION);
	assert_near(15 * S, JITTER_NS + 100 * NS_PER_MS,
		    world_seen(A, MESSAGE_INITIATION, 1)->at_ns - sent_ns);
}

static void persistent_keepalives_come_as_asked(void **state)
{
	int before;

	(void)state;
	world.now = &world.ends[A];
	timers_set_persistent(&peer_of(A)->timers, 7, world.clock_ns);
	handshake_peer_ready(device_of(A), peer_of(A), true);
	world_run();
	before = world_count(A, MESSAGE_DATA);
	assert_int_equal(1, before);
	world_wait(71 * S);
	assert_in_range(world_count(A, MESSAGE_DATA), before + 9, before + 10);
	assert_count(0, B, MESSAGE_DATA);
	timers_set_persistent(&peer_of(A)->timers, 0, world.clock_ns);
	before = world_count(A, MESSAGE_DATA);
	world_wait(30 * S);
	assert_count(before, A, MESSAGE_DATA);
}

static void keys_are_wiped_after_nine_minutes(void **state)
{
	static const uint8_t none[KEY_BYTES];
	struct session *session;

	(void)state;
	handshake();
	session = peer_of(B)->slots.current;
	world_wait(539 * S);
	assert_non_null(peer_of(B)->slots.current);
	assert_memory_not_equal(none, session->send_key, KEY_BYTES);
	world_wait(2 * S);
	assert_null(peer_of(B)->slots.current);
	assert_null(peer_of(A)->slots.current);
	/* The vault keeps the memory, its first bytes for a list of its own. */
	assert_memory_equal(none, session->send_key + 8, KEY_BYTES - 8);
	assert_memory_equal(none, session->receive_key, KEY_BYTES);
	assert_int_equal(0, device_of(A)->indices.used);
	assert_int_equal(0, device_of(B)->indices.used);
}

/* ---- what changes nothing ---- */

static void replays_change_nothing(void **state)
{
	int answers;

	(void)state;
	handshake();
	world_say(B);
	answers = world.seen_count;
	for (int i = 0; i < answers; i++)
		world_pass(&world.seen[i]);
	world_wait(S);
	assert_int_equal(answers, world.seen_count);
	assert_int_equal(1, world.heard[A]);
	assert_int_equal(1, world.heard[B]);
	assert_int_not_equal(0, device_of(B)->dropped[DROP_REPLAYED]);
}

/* Every bit of every message, one after the other, from there and elsewhere: nothing comes of it.
 */
static void spoiled_messages_change_nothing(void **state)
{
	struct endpoint before, after;
	int count;

	(void)state;
	world_say(A);
	world_say(B);
	count = world.seen_count;
	before = peer_endpoint(peer_of(B));
	for (int i = 0; i < count; i++) {
		for (size_t bit = 0; bit < 8 * world.seen[i].length; bit += 5) {
			struct seen bad = world.seen[i];

			bad.bytes[bit / 8] ^= 1u << bit % 8;
			world_pass(&bad);
			world_pass_from_elsewhere(&bad);
		}
		world_run();
	}
	after = peer_endpoint(peer_of(B));
	assert_int_equal(count, world.seen_count);
	assert_int_equal(1, world.heard[A]);
	assert_int_equal(1, world.heard[B]);
	assert_memory_equal(&before.to, &after.to, sizeof(before.to));
}

/* The greatest counter there is, but nothing behind it. */
static void a_forged_counter_does_not_move_the_window(void **state)
{
	struct seen forged;

	(void)state;
	handshake();
	forged = *world_seen(A, MESSAGE_DATA, 0);
	put_le64(forged.bytes + 8, 1ULL << 62);
	world_pass(&forged);
	world_run();
	assert_int_equal(1, device_of(B)->dropped[DROP_FORGED]);
	world_say(A);
	assert_int_equal(2, world.heard[B]);
}

static void an_address_belongs_to_one_peer(void **state)
{
	static const uint8_t of_a[4] = {10, 9, 0, A}, stranger[KEY_BYTES] = {9, 9};
	struct peer *other;

	(void)state;
	handshake();
	assert_int_equal(0, device_add_peer(device_of(B), stranger, &other));
	assert_int_equal(0, device_allow(device_of(B), other, of_a, 4, 32));
	world_say(A);
	assert_int_equal(1, world.heard[B]);
	assert_int_equal(1, device_of(B)->dropped[DROP_NOT_ALLOWED]);
	device_disallow_all(device_of(B), other);
	world_say(A);
	assert_int_equal(2, world.heard[B]);
}

/* A queue that stands: who listens is told, and of others one packet is missing; on either side. */
static void a_standing_queue_slows_its_senders(void **state)
{
	uint8_t packet[40] = {0x45, 2, 0, 40, [8] = 64, 253, 0, 0, 10, 9, 0, A, 10, 9, 0, B};
	struct worker *sender = &device_of(A)->workers[0], *receiver = &device_of(B)->workers[0];

	(void)state;
	handshake();
	checksum_header4(packet, 20);
	sender->backlogs[0].next_ns = 1;
	world_say_bytes(A, packet, sizeof(packet));
	assert_int_equal(2, world.heard[B]);
	assert_int_equal(3, world.heard_last[1]);
	assert_int_equal(0xffff, checksum_fold(checksum_add(0, world.heard_last, 20)));
	sender->backlogs[0].next_ns = 1;
	world_say(A);
	assert_int_equal(2, world.heard[B]);
	assert_int_equal(1, device_of(A)->dropped[DROP_LATE]);
	/* The queue has been empty since. */
	world_say(A);
	assert_int_equal(3, world.heard[B]);

	receiver->slow_down = true;
	world_say_bytes(A, packet, sizeof(packet));
	assert_int_equal(3, world.heard_last[1]);
	receiver->slow_down = true;
	world_say(A);
	assert_int_equal(4, world.heard[B]);
	assert_int_equal(1, device_of(B)->dropped[DROP_LATE]);
}

/* Inner class and congestion, outer congestion on the way: what is seen outside, and inside then.
 */
static void congestion_is_told(void **state)
{
	static const struct {
		uint8_t inner, outer, on_the_way, arrives;
	} rows[] = {
		{0x00, 0, 0, 0x00}, {0x00, 0, 3, 0x00}, {0xb8, 0, 0, 0xb8}, {0x01, 1, 1, 0x01},
		{0x02, 2, 2, 0x02}, {0x02, 2, 3, 0x03}, {0xb9, 1, 3, 0xbb}, {0x03, 2, 2, 0x03},
	};

	(void)state;
	handshake();
	assert_int_equal(0x88, world_seen(A, MESSAGE_INITIATION, 0)->tos);
	assert_int_equal(0x88, world_seen(B, MESSAGE_RESPONSE, 0)->tos);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t packet[40] = {
			0x45, rows[i].inner, 0, 40, [8] = 64, 253, 0, 0, 10, 9, 0, A, 10, 9, 0, B};
		int tos = rows[i].on_the_way;

		checksum_header4(packet, 20);
		assert_int_equal(
			0, setsockopt(world.ends[A].wire, IPPROTO_IP, IP_TOS, &tos, sizeof(tos)));
		world_say_bytes(A, packet, sizeof(packet));
		assert_int_equal(
			rows[i].outer,
			world_seen(A, MESSAGE_DATA, world_count(A, MESSAGE_DATA) - 1)->tos);
		assert_int_equal(i + 2, world.heard[B]);
		assert_int_equal(rows[i].arrives, world.heard_last[1]);
		assert_int_equal(0xffff, checksum_fold(checksum_add(0, world.heard_last, 20)));
	}
}

/* From another place: authentic messages move the endpoint, a cookie reply does not. */
static void a_peer_roams(void **state)
{
	struct sockaddr_in here = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in *seen_at = &peer_of(B)->endpoint.to.in4;
	int before = world.ends[A].wire, moved = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0),
	    on = 1;
	socklen_t room = sizeof(here);
	struct seen cookie = {.from = A, .type = MESSAGE_COOKIE, .length = 64, .bytes = {3}};

	(void)state;
	handshake();
	assert_int_equal(0, bind(moved, (struct sockaddr *)&here, sizeof(here)));
	getsockname(moved, (struct sockaddr *)&here, &room);
	setsockopt(moved, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on));
	world.ends[A].wire = moved;
	put_le32(cookie.bytes + 4, 0x55667788);
	world_pass(&cookie);
	world_run();
	assert_int_not_equal(here.sin_port, seen_at->sin_port);
	world_say(A);
	assert_int_equal(here.sin_port, seen_at->sin_port);
	world_say(B);
	assert_int_equal(1, world.heard[A]);
	close(before);
}

static void a_clock_set_backwards_locks_nobody_out(void **state)
{
	(void)state;
	handshake();
	world.wall.tv_sec -= 86400;
	world_wait(121 * S);
	world_say(A);
	assert_count(2, A, MESSAGE_INITIATION);
	assert_count(2, B, MESSAGE_RESPONSE);
	world.wall.tv_sec = 0;
	world_wait(121 * S);
	world_say(A);
	assert_count(3, B, MESSAGE_RESPONSE);
	assert_int_equal(3, world.heard[B]);
}

static void both_begin_at_once(void **state)
{
	struct endpoint endpoint = {};
	socklen_t room = sizeof(endpoint.to.in4);

	(void)state;
	getsockname(world.ends[A].wire, &endpoint.to.any, &room);
	peer_set_endpoint(peer_of(B), &endpoint);
	world.cut[A] = world.cut[B] = true;
	world_say(A);
	world_say(B);
	world.cut[A] = world.cut[B] = false;
	world_pass(world_seen(A, MESSAGE_INITIATION, 0));
	world_pass(world_seen(B, MESSAGE_INITIATION, 0));
	world_run();
	/* Each has answered the other's and forgotten its own; whose jitter is less is first, next
	 * time. */
	for (int i = 0; i < 90 && !world.heard[A]; i++)
		world_wait(S);
	assert_int_equal(1, world.heard[A]);
	assert_int_equal(1, world.heard[B]);
	for (int i = 0; i < 20; i++) {
		world_say(A);
		world_say(B);
	}
	assert_int_equal(21, world.heard[A]);
	assert_int_equal(21, world.heard[B]);
}

static void a_new_key_begins_at_once(void **state)
{
	uint8_t secret[KEY_BYTES] = {7};
	struct peer *again;

	(void)state;
	handshake();
	world.now = &world.ends[A];
	device_set_private_key(device_of(A), secret);
	world.now = &world.ends[B];
	assert_int_equal(0, device_add_peer(device_of(B), device_of(A)->self.public, &again));
	assert_int_equal(0, device_allow(device_of(B), again, (uint8_t[4]){}, 4, 0));
	unhex(again->noise.preshared, KEY_BYTES, kats[1].psk);
	world_say(A);
	assert_count(2, A, MESSAGE_INITIATION);
	assert_int_equal(2, world.heard[B]);
}

/* ---- long packets ---- */

#define PART	   100
#define LONG_PARTS 200

/* One of TCP with so much for the engine to cut. */
static void give_long(uint32_t parts)
{
	struct virtio_net_hdr header = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
					.gso_size = htole16(PART),
					.csum_start = htole16(20),
					.csum_offset = htole16(16)};
	uint8_t packet[40 + PART * LONG_PARTS] = {0x45, [6] = 0x40, [8] = 64, IPPROTO_TCP};
	struct iovec parts_of[] = {{&header, sizeof(header)}, {packet, 40 + PART * (size_t)parts}};

	put_be16(packet + 2, 40 + PART * parts);
	memcpy(packet + 12, (const uint8_t[]){10, 9, 0, A, 10, 9, 0, B}, 8);
	packet[32] = 5 << 4;
	packet[33] = 0x10;
	checksum_header4(packet, 20);
	assert_int_equal(sizeof(header) + parts_of[1].iov_len,
			 writev(world.ends[A].tun, parts_of, 2));
}

static struct worker *turn_of_a(void)
{
	struct worker *worker = &device_of(A)->workers[0];

	world.now = &world.ends[A];
	worker->now_ns = world.clock_ns;
	transmit_batch(worker, 0);
	return worker;
}

/* A session, and a TUN that gives long packets. */
static void begin_long(void)
{
	handshake();
	device_of(A)->tun.header = true;
}

/* What a turn has no room for waits where its last train is full, and goes with the next turn. */
static void a_turn_ends_with_a_full_train(void **state)
{
	int before, heard;
	struct worker *worker;

	(void)state;
	begin_long();
	before = world_count(A, MESSAGE_DATA), heard = world.heard[B];
	give_long(1);
	give_long(LONG_PARTS);
	worker = turn_of_a();
	assert_true(worker->rest.any && worker->left);
	assert_int_equal(2 * TRAIN_MESSAGES - 1, worker->rest.first);
	/* Nothing else is there by then. */
	world_run();
	assert_false(worker->rest.any);
	assert_int_equal(heard + 1 + LONG_PARTS, world.heard[B]);
	for (int i = 0; i <= LONG_PARTS; i++)
		assert_int_equal(before + i,
				 get_le64(world_seen(A, MESSAGE_DATA, before + i)->bytes + 8));
}

static void a_rest_without_a_peer_goes_nowhere(void **state)
{
	struct worker *worker;
	uint64_t before;

	(void)state;
	begin_long();
	give_long(LONG_PARTS);
	worker = turn_of_a();
	assert_true(worker->rest.any);
	before = device_of(A)->dropped[DROP_NO_PEER];
	device_remove_peer(device_of(A), peer_of(A));
	turn_of_a();
	assert_false(worker->rest.any);
	assert_int_equal(before + 1, device_of(A)->dropped[DROP_NO_PEER]);
}

static void a_rest_goes_nowhere_when_down(void **state)
{
	struct worker *worker;
	int before;

	(void)state;
	begin_long();
	before = world_count(A, MESSAGE_DATA);
	give_long(LONG_PARTS);
	worker = turn_of_a();
	assert_true(worker->rest.any);
	device_down(device_of(A));
	turn_of_a();
	assert_int_equal(0, peer_of(A)->staged_count);
	assert_int_equal(0, device_up(device_of(A)));
	world_run();
	assert_int_equal(before + 2 * TRAIN_MESSAGES, world_count(A, MESSAGE_DATA));
}

/* However many peers there are, what waits for sessions is bounded for all of them. */
static void what_waits_is_bounded(void **state)
{
	struct device *device = device_of(A);

	(void)state;
	world.cut[A] = true;
	for (int i = 0; i < 2 * STAGED_MAX; i++)
		world_say(A);
	assert_int_equal(STAGED_MAX, peer_of(A)->staged_count);
	assert_int_equal(STAGED_MAX * (sizeof(struct staged) + 40), device->staged_bytes);
	world_wait(120 * S);
	assert_int_equal(0, device->staged_bytes);
	device->staged_bytes += STAGED_BYTES_MAX - sizeof(struct staged) - 40;
	world_say(A);
	world_say(A);
	assert_int_equal(1, peer_of(A)->staged_count);
	assert_int_equal(STAGED_BYTES_MAX, device->staged_bytes);
	device->staged_bytes -= STAGED_BYTES_MAX - sizeof(struct staged) - 40;
	world_say(A);
	assert_int_equal(2, peer_of(A)->staged_count);
}

static void down_is_silent_and_forgets(void **state)
{
	const uint8_t packet[20] = {0x45, [3] = 20, [8] = 64, 253, 0, 0, 10, 9, 0, A, 10, 9, 0, B};
	int before;

	(void)state;
	handshake();
	world.now = &world.ends[A];
	/* Nobody has read this one when the link goes down. */
	assert_int_equal(sizeof(packet), send(world.ends[A].tun, packet, sizeof(packet), 0));
	device_down(device_of(A));
	before = world_count(A, MESSAGE_INITIATION) + world_count(A, MESSAGE_DATA);
	assert_null(peer_of(A)->slots.current);
	world_wait(30 * S);
	assert_int_equal(before, world_count(A, MESSAGE_INITIATION) + world_count(A, MESSAGE_DATA));
	world.now = &world.ends[A];
	assert_int_equal(0, device_up(device_of(A)));
	world_wait(S);
	assert_int_equal(1, world.heard[B]);
	world_say(A);
	assert_int_equal(2, world.heard[B]);
}

/* The link is up before the engine hears of it. */
static void a_packet_before_the_news_is_not_lost(void **state)
{
	(void)state;
	handshake();
	world_wait(S);
	world.now = &world.ends[A];
	device_down(device_of(A));
	world_say(A);
	assert_count(1, A, MESSAGE_INITIATION);
	world.now = &world.ends[A];
	assert_int_equal(0, device_up(device_of(A)));
	world_run();
	assert_int_equal(2, world.heard[B]);
}

#define in_a_world(test) cmocka_unit_test_setup_teardown(test, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_a_world(the_transcript_goes_through_the_engine),
		in_a_world(the_cookie_goes_through_the_engine),
		in_a_world(an_initiation_is_repeated_for_ninety_seconds),
		in_a_world(who_began_rekeys_and_nothing_is_lost),
		in_a_world(who_only_hears_rekeys_too),
		in_a_world(after_three_minutes_a_session_is_over),
		in_a_world(a_late_message_passes_before_that),
		in_a_world(one_keepalive_answers_data),
		in_a_world(silence_after_data_begins_a_handshake),
		in_a_world(persistent_keepalives_come_as_asked),
		in_a_world(keys_are_wiped_after_nine_minutes),
		in_a_world(replays_change_nothing),
		in_a_world(spoiled_messages_change_nothing),
		in_a_world(a_forged_counter_does_not_move_the_window),
		in_a_world(an_address_belongs_to_one_peer),
		in_a_world(a_standing_queue_slows_its_senders),
		in_a_world(congestion_is_told),
		in_a_world(a_peer_roams),
		in_a_world(a_clock_set_backwards_locks_nobody_out),
		in_a_world(both_begin_at_once),
		in_a_world(a_new_key_begins_at_once),
		in_a_world(a_turn_ends_with_a_full_train),
		in_a_world(a_rest_without_a_peer_goes_nowhere),
		in_a_world(a_rest_goes_nowhere_when_down),
		in_a_world(what_waits_is_bounded),
		in_a_world(down_is_silent_and_forgets),
		in_a_world(a_packet_before_the_news_is_not_lost),
	};

	if (crypt_start())
		return 1;
	if (!world_alone()) {
		puts("SKIP no network namespace of our own can be had");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
