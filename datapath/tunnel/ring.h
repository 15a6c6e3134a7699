/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_RING_H
#define TUNNEL_RING_H

#include <pthread.h>

#include "message.h"
#include "socket.h"

/* Handshake messages on their way from the workers to the control thread: bounded, newest refused.
 */
#define RING_SIZE 1024

struct handshake {
	struct endpoint from;
	uint8_t length;
	uint8_t bytes[sizeof(struct message_initiation)];
};

struct ring {
	pthread_mutex_t lock;
	uint32_t head, count;
	struct handshake slots[RING_SIZE];
};

void ring_init(struct ring *ring);
bool ring_put(struct ring *ring, const struct endpoint *from, const uint8_t *bytes, uint8_t length);

/* Takes the oldest; *left is how many remain. */
bool ring_take(struct ring *ring, struct handshake *ret, uint32_t *left);
void ring_clear(struct ring *ring);

#endif
