/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef GUARD_QUEUE_H
#define GUARD_QUEUE_H

#include <jansson.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

/* Events on their way out: bounded; when it is full the oldest goes, and is counted. */
#define QUEUE_MOST 4096

struct queue {
	pthread_mutex_t lock;
	json_t *events[QUEUE_MOST];
	size_t first, n;
	uint64_t lost;
	int wake; /* an eventfd that is readable when there is something */
};

int queue_open(struct queue *queue);

/* Takes over the event; NULL counts as lost. */
void queue_put(struct queue *queue, json_t *event);

/* The one who takes is to look about, whether or not there is anything to take. */
void queue_wake(struct queue *queue);

/* The oldest, or NULL; the caller's. */
json_t *queue_take(struct queue *queue);

/* Puts back what could not be sent, as the oldest. */
void queue_return(struct queue *queue, json_t *event);

/* How many were lost since it was opened. */
uint64_t queue_lost(struct queue *queue);

#endif
