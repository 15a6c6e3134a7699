/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_PEER_H
#define TUNNEL_PEER_H

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <uthash.h>

#include "allowed.h"
#include "cookie.h"
#include "noise.h"
#include "session.h"
#include "socket.h"
#include "timers.h"
#include "vault.h"

/* What a worker asks the control thread to do for a peer. */
#define NOTICE_TIMERS	 1u /* look at its deadlines */
#define NOTICE_HANDSHAKE 2u /* begin one, if none is under way */
#define NOTICE_CONFIRMED 4u /* its `next` session has been used */

/* A packet that waits for a session. */
struct staged {
	struct staged *next;
	_Atomic size_t *total;
	uint32_t length;
	struct outer outer;
	uint8_t packet[];
};

#define STAGED_MAX	 128
#define STAGED_BYTES_MAX (16u << 20) /* of all peers together */

/*
 * One peer. The control thread changes it while the workers stand still, but for what is
 * atomic or under `lock`, which workers change too.
 */
struct peer {
	struct noise_peer noise;
	struct cookie_jar jar;
	struct session_slots slots;
	struct timers timers;
	struct allowed_list allowed;
	UT_hash_handle by_key;

	pthread_spinlock_t lock; /* of endpoint and the staged */
	struct endpoint endpoint;
	struct staged *staged_first, **staged_last;
	uint32_t staged_count;
	_Atomic size_t *staged_total; /* bytes that wait for any peer; the device's */

	_Atomic uint64_t received_bytes, sent_bytes;
	_Atomic uint64_t not_allowed; /* packets from it with a source that it may not use */
	_Atomic uint32_t notices;
	struct peer *noticed_next;

	struct timespec handshake_at;  /* wall clock, for people */
	_Atomic uint64_t initiated_ns; /* the last initiation sent; 0 = never */
	uint32_t retries;
	bool has_handshake_index;
	atomic_bool
		last_minute; /* a handshake began because the session grew old while receiving */
};

struct peer *peer_new(struct vault *vault, const uint8_t public[KEY_BYTES],
		      _Atomic size_t *staged_total);
/* All else of it must be out of the device's tables. */
void peer_free(struct vault *vault, struct peer *peer);

/* Keeps a packet until there is a session; the oldest of too many goes, and this one where all
 * peers together keep too much. */
void peer_stage(struct peer *peer, const uint8_t *packet, uint32_t length, struct outer outer);

/* All that is kept, the oldest first; *count (or NULL): how many. */
struct staged *peer_take_staged(struct peer *peer, uint32_t *count);

/* What was taken goes before what has come since, as far as there is room. */
void peer_stage_again(struct peer *peer, struct staged *staged, uint32_t count);
void staged_free(struct staged *staged);

struct endpoint peer_endpoint(struct peer *peer);
void peer_set_endpoint(struct peer *peer, const struct endpoint *endpoint);

/* The local address does not work any more: the kernel chooses until the peer is heard again. */
void peer_forget_source(struct peer *peer);

#endif
