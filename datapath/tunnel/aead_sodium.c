/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "aead.h"

#include "bytes.h"

/* libsodium: portable, and what the others are held against. */

static char nothing;

static void *make(void)
{
	return &nothing;
}

static void drop(void *state)
{
	(void)state;
}

static void seal(void *state, struct aead_job *jobs, size_t count)
{
	(void)state;
	for (size_t i = 0; i < count; i++)
		crypt_seal(jobs[i].text, jobs[i].key, jobs[i].counter,
			   (struct piece){jobs[i].text, jobs[i].length}, (struct piece){});
}

static void open_all(void *state, struct aead_job *jobs, size_t count)
{
	(void)state;
	for (size_t i = 0; i < count; i++)
		jobs[i].good = !crypt_open(jobs[i].text, jobs[i].key, jobs[i].counter,
					   (struct piece){jobs[i].text, jobs[i].length + TAG_BYTES},
					   (struct piece){});
}

const struct aead_kind aead_sodium = {"sodium", make, drop, seal, open_all};
