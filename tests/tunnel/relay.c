/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/*
 * A bad wire: passes datagrams between whoever speaks to PORT and ADDRESS:TO, and loses,
 * doubles, spoils, or holds back so many in a hundred.
 *
 *	relay PORT ADDRESS TO LOSS DOUBLE SPOIL REORDER DELAY_MS
 */
enum { LOSS, DOUBLE, SPOIL, REORDER, DELAY, KNOBS };

#define HELD_MAX   4096
#define BYTES_MAX  2048
#define REORDER_MS 15

struct held {
	double due_ms;
	int out; /* which of the two sockets it leaves by */
	ssize_t bytes;
	unsigned char data[BYTES_MAX];
};

static struct held held[HELD_MAX];
static int held_count;
static int knobs[KNOBS];
static struct sockaddr_in speaker, target;

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int happens(int knob)
{
	return random() % 100 < knobs[knob];
}

static void hold(int out, const unsigned char *data, ssize_t bytes)
{
	struct held *slot;

	if (held_count == HELD_MAX)
		return;
	slot = &held[held_count++];
	slot->due_ms = now_ms() + knobs[DELAY] + (happens(REORDER) ? REORDER_MS : 0);
	slot->out = out;
	slot->bytes = bytes;
	memcpy(slot->data, data, bytes);
	if (happens(SPOIL))
		slot->data[random() % bytes] ^= 1 << random() % 8;
}

static void take(const int *sockets, int from)
{
	unsigned char data[BYTES_MAX];
	struct sockaddr_in sender;
	socklen_t length = sizeof(sender);
	ssize_t bytes;

	while ((bytes = recvfrom(sockets[from], data, sizeof(data), MSG_DONTWAIT,
				 (struct sockaddr *)&sender, &length)) > 0) {
		if (from == 0)
			speaker = sender;
		if (happens(LOSS))
			continue;
		hold(!from, data, bytes);
		if (happens(DOUBLE))
			hold(!from, data, bytes);
	}
}

/* In the order of coming, but for those that are held back. */
static void pass(const int *sockets)
{
	double now = now_ms();
	int kept = 0;

	for (int i = 0; i < held_count; i++) {
		const struct sockaddr_in *to = held[i].out ? &target : &speaker;

		if (held[i].due_ms > now)
			held[kept++] = held[i];
		else if (to->sin_port)
			sendto(sockets[held[i].out], held[i].data, held[i].bytes, 0,
			       (const struct sockaddr *)to, sizeof(*to));
	}
	held_count = kept;
}

int main(int argc, char **argv)
{
	struct sockaddr_in here = {.sin_family = AF_INET};
	int sockets[2];

	if (argc != 4 + KNOBS)
		return 2;
	here.sin_port = htons((unsigned short)atoi(argv[1]));
	target = (struct sockaddr_in){.sin_family = AF_INET,
				      .sin_port = htons((unsigned short)atoi(argv[3]))};
	if (inet_pton(AF_INET, argv[2], &target.sin_addr) != 1)
		return 2;
	for (int i = 0; i < KNOBS; i++)
		knobs[i] = atoi(argv[4 + i]);
	srandom(1);
	sockets[0] = socket(AF_INET, SOCK_DGRAM, 0);
	sockets[1] = socket(AF_INET, SOCK_DGRAM, 0);
	if (bind(sockets[0], (struct sockaddr *)&here, sizeof(here))) {
		perror("bind");
		return 1;
	}
	for (;;) {
		struct pollfd polls[2] = {{sockets[0], POLLIN, 0}, {sockets[1], POLLIN, 0}};

		poll(polls, 2, held_count ? 1 : 100);
		take(sockets, 0);
		take(sockets, 1);
		pass(sockets);
	}
}
