/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include <arpa/inet.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "../../datapath/tunnel/bytes.h"
#include "../../datapath/tunnel/cookie.h"

/*
 * Initiations from somebody who knows the public key and nothing else: mac1 is right, the
 * rest is noise. Says how many left in a second.
 *
 *	flood ADDRESS PORT PUBLIC-KEY RATE SECONDS
 */
#define BATCH 64

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void forge(struct cookie_jar *jar, struct message_initiation *message)
{
	crypt_random(message, sizeof(*message));
	put_le32(message->type, MESSAGE_INITIATION);
	cookie_add_macs(jar, (uint8_t *)message, sizeof(*message), 1);
}

int main(int argc, char **argv)
{
	static struct message_initiation messages[BATCH];
	struct sockaddr_in to = {.sin_family = AF_INET};
	struct cookie_jar jar = {};
	struct mmsghdr headers[BATCH] = {};
	struct iovec parts[BATCH];
	uint8_t public[KEY_BYTES];
	double begin, rate, seconds, sent = 0;
	size_t length;
	int fd;

	if (argc != 6 || crypt_start() || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1 ||
	    sodium_base642bin(public, sizeof(public), argv[3], strlen(argv[3]), NULL, &length, NULL,
			      sodium_base64_VARIANT_ORIGINAL))
		return 2;
	to.sin_port = htons((unsigned short)atoi(argv[2]));
	rate = atof(argv[4]), seconds = atof(argv[5]);
	cookie_keys_set(&jar.keys, public);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return 1;
	for (int i = 0; i < BATCH; i++) {
		forge(&jar, &messages[i]);
		parts[i] = (struct iovec){&messages[i], sizeof(messages[i])};
		headers[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
	}
	begin = now_s();
	while (now_s() - begin < seconds) {
		if (sent < (now_s() - begin) * rate) {
			int part = sendmmsg(fd, headers, BATCH, 0);

			sent += part > 0 ? part : 0;
		} else {
			nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
		}
	}
	printf("%.0f\n", sent / seconds);
	return 0;
}
