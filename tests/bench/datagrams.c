/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The highest rate of UDP datagrams that arrive with less than 1 % loss, from one network namespace
 * to another: a sender that keeps its pace with sendmmsg, a receiver whose socket has room for all.
 *
 *   datagrams [-s|-p] FROM TO ADDRESS BYTES [RATE]   one line of JSON on stdout; FROM and TO are
 * files of namespaces
 *
 * Sent are BYTES of payload, each by itself, or with -s in trains that the kernel cuts
 * (UDP_SEGMENT), as programs with much to send do. With -p both ends are plain, as most programs
 * are: one send and one recv for each, sockets as large as the system makes them, and what is due
 * is sent each millisecond. The rate grows by halves until it is too much,
 * then the gap is halved to 2 %; a rate counts as too much when two tries lose 1 % of it or the
 * sender itself cannot keep it; the result must hold once more for three seconds. With RATE it is
 * tried once, and the loss is told.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S      1000000000ull
#define PORT	      5300
#define BURST	      64
#define TRAIN	      64 /* what older kernels take */
#define TRAIN_BYTES   65000
#define STEP_NS	      250000 /* how often the sender wakes to send what is due */
#define PLAIN_STEP_NS 1000000
#define BUFFER_BYTES  (64 << 20)
#define TRY_S	      1
#define LAST_TRY_S    3
#define FIRST_RATE    10000.0
#define MOST_RATE     5e6
#define MOST_LOSS     0.01
#define CLOSE_ENOUGH  1.02

struct path {
	size_t bytes;
	uint64_t train; /* datagrams given to the kernel in one piece */
	unsigned burst; /* messages in one call */
	uint64_t step_ns;
	int sender, receiver;
	_Atomic uint64_t arrived;
};

struct outcome {
	double loss; /* 0 to 1 */
	bool kept;   /* the sender has kept the pace */
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void sleep_until(uint64_t ns)
{
	struct timespec then = {.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL) == EINTR)
		;
}

static void fail(const char *what)
{
	fprintf(stderr, "datagrams: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* A socket stays in the namespace where it was made. `bytes` 0: a buffer as it is. */
static int socket_in(const char *namespace, int buffer_option, int bytes)
{
	int fd = open(namespace, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET))
		fail(namespace);
	close(fd);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || (bytes && setsockopt(fd, SOL_SOCKET, buffer_option, &bytes, sizeof(bytes))))
		fail("socket");
	return fd;
}

static void *receive(void *data)
{
	static uint8_t memory[BURST][2048];
	struct path *path = data;
	struct mmsghdr messages[BURST];
	struct iovec parts[BURST];

	memset(messages, 0, sizeof(messages));
	for (int i = 0; i < BURST; i++) {
		parts[i] = (struct iovec){memory[i], sizeof(memory[i])};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
	}
	for (;;) {
		int got = recvmmsg(path->receiver, messages, path->burst, MSG_WAITFORONE, NULL);

		if (got > 0)
			atomic_fetch_add(&path->arrived, got);
	}
	return NULL;
}

/* Messages for `count` datagrams or as many of them as fit; returns how many messages. */
static unsigned load(const struct path *path, struct mmsghdr *messages, struct iovec *parts,
		     uint64_t count)
{
	static uint8_t payload[UINT16_MAX];
	unsigned used = 0;

	for (; count && used < path->burst; used++) {
		uint64_t some = count < path->train ? count : path->train;

		parts[used] = (struct iovec){payload, some * path->bytes};
		messages[used] =
			(struct mmsghdr){.msg_hdr = {.msg_iov = &parts[used], .msg_iovlen = 1}};
		count -= some;
	}
	return used;
}

/* What the socket does not take is lost, as it would be for anyone. */
static void send_some(const struct path *path, uint64_t count)
{
	struct mmsghdr messages[BURST];
	struct iovec parts[BURST];

	while (count) {
		unsigned some = load(path, messages, parts, count);
		int sent = sendmmsg(path->sender, messages, some, 0);

		for (int i = 0; i < (sent > 0 ? sent : 1); i++)
			count -= parts[i].iov_len / path->bytes;
	}
}

/* Waits until nothing more comes. */
static void settle(struct path *path)
{
	uint64_t before, now = atomic_load(&path->arrived);

	do {
		before = now;
		sleep_until(now_ns() + NS_PER_S / 10);
		now = atomic_load(&path->arrived);
	} while (now != before);
}

static struct outcome try_rate(struct path *path, double rate, unsigned seconds)
{
	uint64_t begin, until, elapsed = 0, sent = 0, arrived;

	settle(path);
	atomic_store(&path->arrived, 0);
	begin = now_ns();
	until = seconds * NS_PER_S;
	while (elapsed < until) {
		uint64_t due;

		sleep_until(begin + elapsed + path->step_ns);
		elapsed = now_ns() - begin;
		due = (uint64_t)(rate * (double)elapsed / NS_PER_S);
		send_some(path, due - sent);
		sent = due;
	}
	elapsed = now_ns() - begin;
	settle(path);
	arrived = atomic_load(&path->arrived);
	return (struct outcome){
		.loss = sent > arrived ? (double)(sent - arrived) / (double)sent : 0,
		.kept = elapsed < until + until / 50,
	};
}

static bool carries(struct path *path, double rate, unsigned seconds)
{
	for (int tries = 0; tries < 2; tries++) {
		struct outcome outcome = try_rate(path, rate, seconds);

		if (outcome.kept && outcome.loss < MOST_LOSS)
			return true;
	}
	return false;
}

static double search(struct path *path)
{
	double low = 0, high = FIRST_RATE;

	while (high < MOST_RATE && carries(path, high, TRY_S)) {
		low = high;
		high *= 1.5;
	}
	while (low && high / low > CLOSE_ENOUGH) {
		double middle = (low + high) / 2;

		if (carries(path, middle, TRY_S))
			low = middle;
		else
			high = middle;
	}
	while (low >= 1000 && !carries(path, low, LAST_TRY_S))
		low *= 0.97;
	return low;
}

static int usage(void)
{
	fprintf(stderr, "usage: datagrams [-s|-p] FROM TO ADDRESS BYTES [RATE]\n");
	return 2;
}

static void open_path(struct path *path, const char *from, const char *to_file,
		      const struct sockaddr_in *to)
{
	int segment = (int)path->bytes, buffer = path->burst > 1 ? BUFFER_BYTES : 0;

	path->receiver = socket_in(to_file, SO_RCVBUFFORCE, buffer);
	if (bind(path->receiver, (const struct sockaddr *)to, sizeof(*to)))
		fail("bind");
	path->sender = socket_in(from, SO_SNDBUFFORCE, buffer);
	if (connect(path->sender, (const struct sockaddr *)to, sizeof(*to)))
		fail("connect");
	if (path->train > 1 &&
	    setsockopt(path->sender, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)))
		fail("UDP_SEGMENT");
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	bool trains = argc > 1 && !strcmp(argv[1], "-s");
	bool plain = argc > 1 && !strcmp(argv[1], "-p");
	struct path path = {
		.train = 1,
		.burst = plain ? 1 : BURST,
		.step_ns = plain ? PLAIN_STEP_NS : STEP_NS,
	};
	pthread_t thread;

	argc -= trains || plain;
	argv += trains || plain;
	if (argc < 5 || argc > 6 || !inet_aton(argv[3], &to.sin_addr) || atoi(argv[4]) < 1 ||
	    atoi(argv[4]) > 2048)
		return usage();
	path.bytes = (size_t)atoi(argv[4]);
	if (trains)
		path.train = TRAIN_BYTES / path.bytes < TRAIN ? TRAIN_BYTES / path.bytes : TRAIN;
	open_path(&path, argv[1], argv[2], &to);
	if (pthread_create(&thread, NULL, receive, &path))
		fail("thread");
	if (argc == 6) {
		struct outcome outcome = try_rate(&path, atof(argv[5]), LAST_TRY_S);

		printf("{\"loss_percent\": %.2f, \"kept\": %s}\n", outcome.loss * 100,
		       outcome.kept ? "true" : "false");
	} else {
		printf("{\"datagrams_s\": %.0f}\n", search(&path));
	}
	return 0;
}
