/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_AEAD_H
#define TUNNEL_AEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto.h"

/*
 * ChaCha20-Poly1305 for transport messages: many at once and in place, because
 * that is where the multi-buffer library gains. Several libraries stand behind it;
 * which is fastest depends on the CPU, so they are timed at start.
 */
struct aead_job {
	const uint8_t *key; /* KEY_BYTES, alive until the call returns */
	uint8_t *text;	    /* in place; TAG_BYTES of tag follow the text */
	uint32_t length;    /* of the text, without the tag */
	bool good;	    /* aead_open: authentic */
	uint64_t counter;
};

#define AEAD_BURST 128

/* Callers come with so much at a time: what a core's nearest cache still has of the step before,
 * and keeps for the next. */
#define AEAD_BURST_BYTES (20 * 1024)

struct aead_kind {
	const char *name;
	/* NULL where this machine cannot use it. */
	void *(*make)(void);
	void (*drop)(void *state);
	void (*seal)(void *state, struct aead_job *jobs, size_t count);
	void (*open)(void *state, struct aead_job *jobs, size_t count);
};

extern const struct aead_kind aead_sodium, aead_openssl, aead_ipsecmb;

/* Every kind that was built in, ended by NULL. */
extern const struct aead_kind *const aead_kinds[];

/* One thread's own: nothing in it is shared. */
struct aead {
	const struct aead_kind *kind;
	void *state;
};

const struct aead_kind *aead_find(const char *name);

int aead_make(struct aead *ret, const struct aead_kind *kind);
void aead_drop(struct aead *aead);

/* -EIO where it gives other bytes than libsodium at any length that matters. */
int aead_check(const struct aead_kind *kind);

/* Nanoseconds for one message of `length` bytes sealed in bursts; 0 where it cannot be used. */
uint64_t aead_time_ns(const struct aead_kind *kind, uint32_t length);

/* The fastest that is right. Never NULL: libsodium works everywhere. */
const struct aead_kind *aead_fastest(void);

static inline void aead_seal(struct aead *aead, struct aead_job *jobs, size_t count)
{
	if (count)
		aead->kind->seal(aead->state, jobs, count);
}

static inline void aead_open(struct aead *aead, struct aead_job *jobs, size_t count)
{
	if (count)
		aead->kind->open(aead->state, jobs, count);
}

#endif
