/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "world.h"

#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "kat.h"
#include "tunnel_test.h"

struct world world;

#define STEP_NS (100 * NS_PER_MS)

/* The source that the known cookie is bound to. */
static const struct sockaddr_in place_of_a = {
	.sin_family = AF_INET, .sin_port = 0x6cca, .sin_addr.s_addr = 0x010112c6};

/* ---- what is never the same twice ---- */

static uint64_t boot_ns(void)
{
	return world.clock_ns;
}

static void wall(struct timespec *ret)
{
	*ret = world.wall;
}

static void fake_random(void *ret, size_t bytes)
{
	struct end *end = world.now;

	if (bytes >= XNONCE_BYTES && end->random_count < (int)ARRAY_SIZE(end->next_random) &&
	    end->next_random[end->random_count]) {
		assert_int_equal(bytes, unhex(ret, bytes, end->next_random[end->random_count++]));
		return;
	}
	crypt_random(ret, bytes);
}

static uint32_t next_index(void)
{
	return world.now->next_index++;
}

static const struct sources sources = {boot_ns, wall, fake_random, next_index};

/* ---- making it ---- */

bool world_alone(void)
{
	struct ifreq about = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	struct sockaddr_in *address = (struct sockaddr_in *)&about.ifr_addr;
	cleanup_close int fd = -1;

	if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return false;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (ioctl(fd, SIOCSIFFLAGS, &about))
		return false;
	strcpy(about.ifr_name, "lo:1");
	*address = place_of_a;
	address->sin_port = 0;
	return !ioctl(fd, SIOCSIFADDR, &about);
}

static struct sockaddr_in wire_of(const struct end *end)
{
	struct sockaddr_in here = {};
	socklen_t room = sizeof(here);

	assert_int_equal(0, getsockname(end->wire, (struct sockaddr *)&here, &room));
	return here;
}

static void make_end(struct end *end, const char *secret, const struct sockaddr_in *place)
{
	struct tun tun = {.workers = 1, .each = 1, .count = 1};
	uint8_t key[KEY_BYTES];
	int ends[2], on = 1;

	world.now = end;
	assert_int_equal(0, socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends));
	tun.fds[0] = ends[0];
	end->tun = ends[1];
	end->wire = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(0, bind(end->wire, (const struct sockaddr *)place, sizeof(*place)));
	setsockopt(end->wire, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on));
	assert_int_equal(0, device_init(&end->device, &tun, &aead_sodium, &sources));
	unhex(key, sizeof(key), secret);
	device_set_private_key(&end->device, key);
	assert_int_equal(0, device_up(&end->device));
}

static void make_friend(struct end *end, struct end *other, const char *preshared)
{
	const uint8_t any[4] = {};

	world.now = end;
	assert_int_equal(0, device_add_peer(&end->device, other->device.self.public, &end->peer));
	assert_int_equal(0, device_allow(&end->device, end->peer, any, 4, 0));
	unhex(end->peer->noise.preshared, KEY_BYTES, preshared);
}

void world_make(void)
{
	const struct sockaddr_in anywhere = {.sin_family = AF_INET,
					     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct endpoint endpoint = {};
	uint8_t stamp[TIMESTAMP_BYTES];

	memset(&world, 0, sizeof(world));
	world.clock_ns = 1000 * NS_PER_S;
	unhex(stamp, sizeof(stamp), kats[1].timestamp);
	world.wall.tv_sec = get_be32(stamp + 4) - 10; /* TAI is ahead */
	world.wall.tv_nsec = get_be32(stamp + 8);
	make_end(&world.ends[A], kats[1].si, &place_of_a);
	make_end(&world.ends[B], kats[1].sr, &anywhere);
	make_friend(&world.ends[A], &world.ends[B], kats[1].psk);
	make_friend(&world.ends[B], &world.ends[A], kats[1].psk);
	world.ends[A].next_index = 0x11223344;
	world.ends[B].next_index = 0x55667788;
	world.ends[A].next_random[0] = kats[1].ei;
	world.ends[B].next_random[0] = kats[1].er;
	endpoint.to.in4 = wire_of(&world.ends[B]);
	peer_set_endpoint(world.ends[A].peer, &endpoint);
}

void world_drop(void)
{
	for (int i = 0; i < 2; i++) {
		device_drop(&world.ends[i].device);
		close(world.ends[i].tun);
		close(world.ends[i].wire);
	}
}

/* ---- letting it run ---- */

static bool readable(int fd)
{
	struct pollfd ask = {fd, POLLIN, 0};

	return poll(&ask, 1, 0) > 0;
}

static bool turn(struct end *end)
{
	struct device *device = &end->device;
	struct worker *worker = &device->workers[0];
	bool moved = false;

	world.now = end;
	worker->now_ns = world.clock_ns;
	if (device->up && readable(device->sockets[0].fd4)) {
		receive_batch(worker, device->sockets[0].fd4, &worker->heard4);
		moved = true;
	}
	if (worker->rest.any || readable(worker->queues[0])) {
		transmit_batch(worker, 0);
		moved = true;
	}
	handshake_notices(device);
	while (handshake_work(device))
		;
	handshake_timers(device, world.clock_ns);
	return moved;
}

static void pass_by(int wire, const struct seen *seen)
{
	struct end *to = &world.ends[!seen->from];
	struct sockaddr_in there = {.sin_family = AF_INET,
				    .sin_port = htons(to->device.port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	assert_int_equal(seen->length, sendto(wire, seen->bytes, seen->length, 0,
					      (struct sockaddr *)&there, sizeof(there)));
}

void world_pass(const struct seen *seen)
{
	pass_by(world.ends[seen->from].wire, seen);
}

void world_pass_from_elsewhere(const struct seen *seen)
{
	int wire = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(wire >= 0);
	pass_by(wire, seen);
	close(wire);
}

/* What is sent to where `to` is believed to be has come from the other. */
static bool carry(int to)
{
	struct seen *seen = &world.seen[world.seen_count];
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
	struct iovec part = {seen->bytes, sizeof(seen->bytes)};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	ssize_t got = recvmsg(world.ends[to].wire, &message, 0);

	if (got < 0)
		return false;
	assert_non_null(CMSG_FIRSTHDR(&message));
	seen->tos = *CMSG_DATA(CMSG_FIRSTHDR(&message));
	assert_true(world.seen_count < SEEN_MAX - 1);
	world.seen_count++;
	seen->from = !to;
	seen->at_ns = world.clock_ns;
	seen->length = got;
	seen->type = message_type(seen->bytes, got);
	if (!world.cut[!to])
		world_pass(seen);
	return true;
}

static bool hear(int who)
{
	ssize_t got = recv(world.ends[who].tun, world.heard_last, sizeof(world.heard_last), 0);

	if (got < 0)
		return false;
	world.heard[who]++;
	world.heard_bytes = got;
	return true;
}

void world_run(void)
{
	bool moved = true;

	while (moved) {
		moved = turn(&world.ends[A]);
		moved = turn(&world.ends[B]) || moved;
		for (int i = 0; i < 2; i++)
			while (carry(i) || hear(i))
				moved = true;
	}
}

void world_wait(uint64_t ns)
{
	uint64_t end_ns = world.clock_ns + ns;

	while (world.clock_ns < end_ns) {
		uint64_t step_ns = min_size(STEP_NS, end_ns - world.clock_ns);

		world.clock_ns += step_ns;
		world.wall.tv_nsec += (long)step_ns;
		if (world.wall.tv_nsec >= (long)NS_PER_S) {
			world.wall.tv_sec++;
			world.wall.tv_nsec -= (long)NS_PER_S;
		}
		world_run();
	}
}

void world_say_bytes(int from, const uint8_t *packet, size_t length)
{
	assert_int_equal(length, send(world.ends[from].tun, packet, length, 0));
	world_run();
}

void world_say(int from)
{
	uint8_t packet[40] = {0x45, [3] = 40, [8] = 64, 253, 0, 0, 10, 9, 0, 0, 10, 9, 0, 0};

	packet[15] = from;
	packet[19] = !from;
	world_say_bytes(from, packet, sizeof(packet));
}

/* ---- what was seen ---- */

int world_count(int from, int type)
{
	int count = 0;

	for (int i = 0; i < world.seen_count; i++)
		count += world.seen[i].from == from && world.seen[i].type == type;
	return count;
}

const struct seen *world_seen(int from, int type, int n)
{
	for (int i = 0; i < world.seen_count; i++)
		if (world.seen[i].from == from && world.seen[i].type == type && !n--)
			return &world.seen[i];
	fail_msg("no such message");
	return NULL;
}
