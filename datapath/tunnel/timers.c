/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "timers.h"

#include <errno.h>

static uint64_t due(const struct timers *timers, enum timer timer)
{
	return atomic_load(&timers->due_ns[timer]);
}

static void disarm(struct timers *timers, enum timer timer)
{
	if (due(timers, timer))
		atomic_store_explicit(&timers->due_ns[timer], 0, memory_order_relaxed);
}

bool timers_arm(struct timers *timers, enum timer timer, uint64_t due_ns)
{
	uint64_t look_ns;

	/* First write, then look: heap_place does it the other way round, so one of us sees the
	 * other. */
	atomic_store(&timers->due_ns[timer], due_ns);
	look_ns = atomic_load(&timers->look_ns);
	return !look_ns || due_ns < look_ns;
}

bool timers_data_sent(struct timers *timers, uint64_t now_ns, uint32_t jitter_ms)
{
	if (due(timers, TIMER_HANDSHAKE))
		return false;
	return timers_arm(timers, TIMER_HANDSHAKE,
			  now_ns + KEEPALIVE_TIMEOUT_NS + REKEY_TIMEOUT_NS + jitter_ms * NS_PER_MS);
}

bool timers_data_received(struct timers *timers, uint64_t now_ns)
{
	if (!due(timers, TIMER_KEEPALIVE))
		return timers_arm(timers, TIMER_KEEPALIVE, now_ns + KEEPALIVE_TIMEOUT_NS);
	if (!atomic_load_explicit(&timers->another_keepalive, memory_order_relaxed))
		atomic_store_explicit(&timers->another_keepalive, true, memory_order_relaxed);
	return false;
}

/* Whatever is authentic, either way, is a sign of life that the peer may wait for. */
static bool put_off_persistent(struct timers *timers, uint64_t now_ns)
{
	uint64_t seconds = atomic_load_explicit(&timers->persistent_s, memory_order_relaxed);

	return seconds && timers_arm(timers, TIMER_PERSISTENT, now_ns + seconds * NS_PER_S);
}

bool timers_any_sent(struct timers *timers, uint64_t now_ns)
{
	disarm(timers, TIMER_KEEPALIVE);
	return put_off_persistent(timers, now_ns);
}

bool timers_any_received(struct timers *timers, uint64_t now_ns)
{
	disarm(timers, TIMER_HANDSHAKE);
	return put_off_persistent(timers, now_ns);
}

bool timers_initiation_sent(struct timers *timers, uint64_t now_ns, uint32_t jitter_ms)
{
	return timers_arm(timers, TIMER_RETRANSMIT,
			  now_ns + REKEY_TIMEOUT_NS + jitter_ms * NS_PER_MS);
}

bool timers_session_derived(struct timers *timers, uint64_t now_ns)
{
	return timers_arm(timers, TIMER_FORGET, now_ns + FORGET_NS);
}

void timers_handshake_complete(struct timers *timers)
{
	disarm(timers, TIMER_RETRANSMIT);
}

void timers_give_up(struct timers *timers)
{
	disarm(timers, TIMER_KEEPALIVE);
	atomic_store_explicit(&timers->another_keepalive, false, memory_order_relaxed);
}

bool timers_set_persistent(struct timers *timers, uint32_t seconds, uint64_t now_ns)
{
	atomic_store_explicit(&timers->persistent_s, seconds, memory_order_relaxed);
	disarm(timers, TIMER_PERSISTENT);
	return put_off_persistent(timers, now_ns);
}

void timers_stop(struct timers *timers)
{
	for (int i = 0; i < TIMER_COUNT; i++)
		disarm(timers, i);
	atomic_store_explicit(&timers->another_keepalive, false, memory_order_relaxed);
}

uint32_t timers_take_due(struct timers *timers, uint64_t now_ns)
{
	uint32_t fired = 0;

	for (int i = 0; i < TIMER_COUNT; i++) {
		uint64_t due_ns = due(timers, i);

		/* A worker may have moved it in between: then it is not due any more. */
		if (due_ns && due_ns <= now_ns &&
		    atomic_compare_exchange_strong(&timers->due_ns[i], &due_ns, 0))
			fired |= 1u << i;
	}
	if (fired & 1u << TIMER_KEEPALIVE && atomic_exchange(&timers->another_keepalive, false))
		timers_arm(timers, TIMER_KEEPALIVE, now_ns + KEEPALIVE_TIMEOUT_NS);
	return fired;
}

uint64_t timers_next(const struct timers *timers)
{
	uint64_t first = 0;

	for (int i = 0; i < TIMER_COUNT; i++) {
		uint64_t due_ns = due(timers, i);

		if (due_ns && (!first || due_ns < first))
			first = due_ns;
	}
	return first;
}

/* ---- the heap ---- */

int heap_reserve(struct timer_heap *heap, size_t count)
{
	size_t room = heap->room ?: 64;
	struct timers **at;

	while (room < count + 1)
		room *= 2;
	if (room == heap->room)
		return 0;
	at = reallocarray(heap->at, room, sizeof(struct timers *));
	if (!at)
		return -ENOMEM;
	heap->at = at;
	heap->room = room;
	return 0;
}

static uint64_t key_of(const struct timer_heap *heap, size_t place)
{
	return atomic_load_explicit(&heap->at[place]->look_ns, memory_order_relaxed);
}

static void put(struct timer_heap *heap, size_t place, struct timers *timers)
{
	heap->at[place] = timers;
	timers->place = place;
}

static void swap(struct timer_heap *heap, size_t a, size_t b)
{
	struct timers *was = heap->at[a];

	put(heap, a, heap->at[b]);
	put(heap, b, was);
}

static void sift(struct timer_heap *heap, size_t place)
{
	while (place > 1 && key_of(heap, place) < key_of(heap, place / 2)) {
		swap(heap, place, place / 2);
		place /= 2;
	}
	for (;;) {
		size_t least = 2 * place;

		if (least > heap->count)
			return;
		if (least < heap->count && key_of(heap, least + 1) < key_of(heap, least))
			least++;
		if (key_of(heap, place) <= key_of(heap, least))
			return;
		swap(heap, place, least);
		place = least;
	}
}

void heap_remove(struct timer_heap *heap, struct timers *timers)
{
	size_t place = timers->place;

	if (!place)
		return;
	timers->place = 0;
	atomic_store_explicit(&timers->look_ns, 0, memory_order_relaxed);
	if (place != heap->count) {
		put(heap, place, heap->at[heap->count]);
		heap->count--;
		sift(heap, place);
	} else {
		heap->count--;
	}
}

void heap_place(struct timer_heap *heap, struct timers *timers)
{
	uint64_t look_ns;

	atomic_store(&timers->look_ns, 0);
	look_ns = timers_next(timers);
	if (!look_ns) {
		heap_remove(heap, timers);
		return;
	}
	atomic_store_explicit(&timers->look_ns, look_ns, memory_order_relaxed);
	if (!timers->place)
		put(heap, ++heap->count, timers);
	sift(heap, timers->place);
}

struct timers *heap_first(const struct timer_heap *heap)
{
	return heap->count ? heap->at[1] : NULL;
}

void heap_drop(struct timer_heap *heap)
{
	free(heap->at);
	*heap = (struct timer_heap){};
}
