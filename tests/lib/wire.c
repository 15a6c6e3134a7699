// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause

/*
 * wire keep IFNAME FILE: every frame that goes in or out there, until SIGTERM; says "ready" when it
 * listens, and at the end how many frames it kept and how many it lost.
 * wire count FILE HEX...: how many of the kept frames hold any of these bytes, one after the other.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>

enum { FRAME_MOST = 256 << 10, BUFFER_BYTES = 64 << 20, NEEDLES = 16, NEEDLE_MOST = 64 };

static volatile sig_atomic_t ended;

static void on_end(int signal)
{
	(void)signal;
	ended = 1;
}

static int fail(const char *what)
{
	fprintf(stderr, "wire: %s: %s\n", what, strerror(errno));
	return 1;
}

static int listen_at(const char *name)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_ALL),
				 .sll_ifindex = (int)if_nametoindex(name)};
	struct timeval moment = {.tv_usec = 100000};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), bytes = BUFFER_BYTES;

	if (fd < 0 || !at.sll_ifindex)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof(moment));
	return bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ? -1 : fd;
}

static int keep(const char *name, const char *path)
{
	static uint8_t frame[FRAME_MOST];
	struct sigaction action = {.sa_handler = on_end};
	int fd = listen_at(name);
	FILE *file = fopen(path, "w");
	struct tpacket_stats lost = {};
	socklen_t size = sizeof(lost);
	unsigned long kept = 0;

	if (fd < 0 || !file)
		return fail(fd < 0 ? name : path);
	sigaction(SIGTERM, &action, NULL);
	puts("ready");
	fflush(stdout);
	while (!ended) {
		ssize_t got = recv(fd, frame, sizeof(frame), 0);
		uint32_t length = got > 0 ? (uint32_t)got : 0;

		if (!length) /* nothing came, or the link is down for a while */
			continue;
		kept++;
		fwrite(&length, sizeof(length), 1, file);
		fwrite(frame, 1, length, file);
	}
	getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &lost, &size);
	if (fclose(file))
		return fail(path);
	printf("kept %lu lost %u\n", kept, lost.tp_drops);
	return 0;
}

struct needle {
	uint8_t bytes[NEEDLE_MOST];
	size_t count;
};

static bool needle_read(const char *hex, struct needle *ret)
{
	unsigned byte;

	for (ret->count = 0; hex[0] && hex[1] && ret->count < NEEDLE_MOST; hex += 2) {
		if (sscanf(hex, "%2x", &byte) != 1)
			return false;
		ret->bytes[ret->count++] = byte;
	}
	return ret->count && !*hex;
}

static bool holds(const uint8_t *frame, size_t length, const struct needle *needles, int count)
{
	for (int i = 0; i < count; i++)
		if (memmem(frame, length, needles[i].bytes, needles[i].count))
			return true;
	return false;
}

static int count(const char *path, char **hex, int needles_given)
{
	static uint8_t frame[FRAME_MOST];
	struct needle needles[NEEDLES];
	FILE *file = fopen(path, "r");
	unsigned long found = 0;
	uint32_t length;

	if (!file)
		return fail(path);
	for (int i = 0; i < needles_given; i++) {
		if (i >= NEEDLES || !needle_read(hex[i], &needles[i])) {
			fprintf(stderr, "wire: %s: no bytes in hexadecimal\n", hex[i]);
			return 2;
		}
	}
	while (fread(&length, sizeof(length), 1, file) == 1 && length <= FRAME_MOST &&
	       fread(frame, 1, length, file) == length)
		found += holds(frame, length, needles, needles_given);
	fclose(file);
	printf("%lu\n", found);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "keep") == 0)
		return keep(argv[2], argv[3]);
	if (argc >= 4 && strcmp(argv[1], "count") == 0)
		return count(argv[2], argv + 3, argc - 3);
	fprintf(stderr, "usage: wire keep IFNAME FILE | wire count FILE HEX...\n");
	return 2;
}
