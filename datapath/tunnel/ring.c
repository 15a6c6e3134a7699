/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "ring.h"

#include "bytes.h"

void ring_init(struct ring *ring)
{
	pthread_mutex_init(&ring->lock, NULL);
	ring->head = ring->count = 0;
}

bool ring_put(struct ring *ring, const struct endpoint *from, const uint8_t *bytes, uint8_t length)
{
	bool room;

	pthread_mutex_lock(&ring->lock);
	room = ring->count < RING_SIZE;
	if (room) {
		struct handshake *slot = &ring->slots[(ring->head + ring->count++) % RING_SIZE];

		slot->from = *from;
		slot->length = length;
		memcpy(slot->bytes, bytes, length);
	}
	pthread_mutex_unlock(&ring->lock);
	return room;
}

bool ring_take(struct ring *ring, struct handshake *ret, uint32_t *left)
{
	bool some;

	pthread_mutex_lock(&ring->lock);
	some = ring->count;
	if (some) {
		*ret = ring->slots[ring->head++ % RING_SIZE];
		ring->count--;
	}
	*left = ring->count;
	pthread_mutex_unlock(&ring->lock);
	return some;
}

void ring_clear(struct ring *ring)
{
	pthread_mutex_lock(&ring->lock);
	ring->count = 0;
	pthread_mutex_unlock(&ring->lock);
}
