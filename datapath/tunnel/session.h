/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_SESSION_H
#define TUNNEL_SESSION_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"
#include "crypto.h"

/*
 * One pair of keys: counters, replay window, age. Made and freed by the control
 * thread while the workers stand still; used by all of them.
 */
#define REKEY_AFTER_MESSAGES  (1ULL << 60)
#define REJECT_AFTER_MESSAGES (UINT64_MAX - (1ULL << 13))
#define REKEY_AFTER_NS	      (120 * NS_PER_S)
#define REKEY_RECEIVING_NS    (165 * NS_PER_S)
#define REJECT_AFTER_NS	      (180 * NS_PER_S)

/* A ring of bits (RFC 6479): one word of it is always being cleared. */
#define REPLAY_BITS   8192
#define REPLAY_WINDOW (REPLAY_BITS - 64)

struct replay {
	uint64_t greatest;
	uint64_t bits[REPLAY_BITS / 64];
};

/* True the first time that a counter is seen. Ask only after the message proved authentic. */
bool replay_is_new(struct replay *replay, uint64_t counter);

struct session {
	uint8_t send_key[KEY_BYTES];
	uint8_t receive_key[KEY_BYTES];
	struct peer *peer;
	uint64_t born_ns;
	uint32_t local_index;
	uint32_t remote_index;
	bool initiator;
	atomic_bool send_dead; /* our own key has changed */
	atomic_bool heard;     /* something authentic has come under it */
	_Atomic uint64_t send_counter;
	pthread_spinlock_t lock; /* of replay */
	struct replay replay;
};

void session_init(struct session *session);

/* Takes `count` counters in a row. False at the end of the session's life. */
bool session_take_counters(struct session *session, uint32_t count, uint64_t now_ns, uint64_t *ret);

/* May it still open messages? */
bool session_opens(const struct session *session, uint64_t now_ns);

/* Is it old enough, or used enough, that whoever began it begins another? */
bool session_wants_rekey_sending(struct session *session, uint64_t now_ns);
bool session_wants_rekey_receiving(const struct session *session, uint64_t now_ns);

/* A peer's three: `next` has not yet been proven by a message of the other side. */
struct session_slots {
	struct session *previous, *current, *next;
};

/* Puts a fresh one in its slot and gives back what fell out: at most two, NULL for none. */
void slots_add(struct session_slots *slots, struct session *fresh, struct session *out[2]);

/*
 * The one to send with. Once the other side has used `next` that is it, also before the control
 * thread has moved it: whoever began it may have forgotten all others, and the packet that proved
 * it is answered at once. NULL: none.
 */
struct session *slots_sending(const struct session_slots *slots);

/* The other side has used `next`: it becomes current. Gives back what fell out, or NULL. */
struct session *slots_confirm(struct session_slots *slots);

#endif
