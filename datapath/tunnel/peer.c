/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "peer.h"

struct peer *peer_new(struct vault *vault, const uint8_t public[KEY_BYTES],
		      _Atomic size_t *staged_total)
{
	struct peer *peer = vault_take(vault);

	if (!peer)
		return NULL;
	memcpy(peer->noise.public, public, KEY_BYTES);
	cookie_keys_set(&peer->jar.keys, public);
	allowed_list_init(&peer->allowed);
	pthread_spin_init(&peer->lock, PTHREAD_PROCESS_PRIVATE);
	peer->staged_last = &peer->staged_first;
	peer->staged_total = staged_total;
	return peer;
}

void staged_free(struct staged *staged)
{
	while (staged) {
		struct staged *next = staged->next;

		atomic_fetch_sub(staged->total, sizeof(*staged) + staged->length);
		free(staged);
		staged = next;
	}
}

void peer_free(struct vault *vault, struct peer *peer)
{
	staged_free(peer->staged_first);
	pthread_spin_destroy(&peer->lock);
	vault_give(vault, peer);
}

/* Not the data path: only what comes before there is a session is kept, and little of it. */
void peer_stage(struct peer *peer, const uint8_t *packet, uint32_t length, struct outer outer)
{
	size_t bytes = sizeof(struct staged) + length;
	struct staged *staged, *oldest = NULL;

	/* A few threads may pass at once, each with one packet more. */
	if (atomic_load(peer->staged_total) + bytes > STAGED_BYTES_MAX)
		return;
	staged = malloc(bytes);
	if (!staged)
		return;
	atomic_fetch_add(peer->staged_total, bytes);
	staged->next = NULL;
	staged->total = peer->staged_total;
	staged->length = length;
	staged->outer = outer;
	memcpy(staged->packet, packet, length);

	pthread_spin_lock(&peer->lock);
	*peer->staged_last = staged;
	peer->staged_last = &staged->next;
	if (++peer->staged_count > STAGED_MAX) {
		oldest = peer->staged_first;
		peer->staged_first = oldest->next;
		oldest->next = NULL;
		peer->staged_count--;
	}
	pthread_spin_unlock(&peer->lock);
	staged_free(oldest);
}

struct staged *peer_take_staged(struct peer *peer, uint32_t *count)
{
	struct staged *first;

	pthread_spin_lock(&peer->lock);
	first = peer->staged_first;
	if (count)
		*count = peer->staged_count;
	peer->staged_first = NULL;
	peer->staged_last = &peer->staged_first;
	peer->staged_count = 0;
	pthread_spin_unlock(&peer->lock);
	return first;
}

void peer_stage_again(struct peer *peer, struct staged *staged, uint32_t count)
{
	struct staged **last = &staged;

	while (*last)
		last = &(*last)->next;
	pthread_spin_lock(&peer->lock);
	if (count + peer->staged_count <= STAGED_MAX) {
		*last = peer->staged_first;
		if (!peer->staged_first)
			peer->staged_last = last;
		peer->staged_first = give(staged);
		peer->staged_count += count;
	}
	pthread_spin_unlock(&peer->lock);
	staged_free(staged);
}

struct endpoint peer_endpoint(struct peer *peer)
{
	struct endpoint endpoint;

	pthread_spin_lock(&peer->lock);
	endpoint = peer->endpoint;
	pthread_spin_unlock(&peer->lock);
	return endpoint;
}

void peer_set_endpoint(struct peer *peer, const struct endpoint *endpoint)
{
	pthread_spin_lock(&peer->lock);
	if (!endpoint_same(&peer->endpoint, endpoint))
		peer->endpoint = *endpoint;
	pthread_spin_unlock(&peer->lock);
}

void peer_forget_source(struct peer *peer)
{
	pthread_spin_lock(&peer->lock);
	peer->endpoint.local_epoch = 0;
	pthread_spin_unlock(&peer->lock);
}
