/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "guard/queue.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

int queue_open(struct queue *queue)
{
	*queue = (struct queue){.lock = PTHREAD_MUTEX_INITIALIZER};
	queue->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return queue->wake < 0 ? -errno : 0;
}

/* The lock is held. */
static void drop_oldest(struct queue *queue)
{
	json_decref(queue->events[queue->first]);
	queue->first = (queue->first + 1) % QUEUE_MOST;
	queue->n--;
	queue->lost++;
}

void queue_wake(struct queue *queue)
{
	const uint64_t one = 1;
	ssize_t written = write(queue->wake, &one, sizeof(one));

	(void)written;
}

void queue_put(struct queue *queue, json_t *event)
{
	pthread_mutex_lock(&queue->lock);
	if (!event) {
		queue->lost++;
	} else {
		if (queue->n == QUEUE_MOST)
			drop_oldest(queue);
		queue->events[(queue->first + queue->n++) % QUEUE_MOST] = event;
	}
	pthread_mutex_unlock(&queue->lock);
	queue_wake(queue);
}

json_t *queue_take(struct queue *queue)
{
	json_t *event = NULL;

	pthread_mutex_lock(&queue->lock);
	if (queue->n) {
		event = queue->events[queue->first];
		queue->first = (queue->first + 1) % QUEUE_MOST;
		queue->n--;
	}
	pthread_mutex_unlock(&queue->lock);
	return event;
}

void queue_return(struct queue *queue, json_t *event)
{
	pthread_mutex_lock(&queue->lock);
	if (queue->n == QUEUE_MOST) {
		json_decref(event);
		queue->lost++;
	} else {
		queue->first = (queue->first + QUEUE_MOST - 1) % QUEUE_MOST;
		queue->events[queue->first] = event;
		queue->n++;
	}
	pthread_mutex_unlock(&queue->lock);
}

uint64_t queue_lost(struct queue *queue)
{
	uint64_t lost;

	pthread_mutex_lock(&queue->lock);
	lost = queue->lost;
	pthread_mutex_unlock(&queue->lock);
	return lost;
}
