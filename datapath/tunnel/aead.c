/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "aead.h"

#include <errno.h>
#include <time.h>

#include "bytes.h"

const struct aead_kind *const aead_kinds[] = {
#ifdef HAVE_IPSECMB
	&aead_ipsecmb,
#endif
	&aead_openssl,
	&aead_sodium,
	NULL,
};

const struct aead_kind *aead_find(const char *name)
{
	for (size_t i = 0; aead_kinds[i]; i++)
		if (!strcmp(aead_kinds[i]->name, name))
			return aead_kinds[i];
	return NULL;
}

int aead_make(struct aead *ret, const struct aead_kind *kind)
{
	void *state = kind->make();

	if (!state)
		return -EOPNOTSUPP;
	*ret = (struct aead){kind, state};
	return 0;
}

void aead_drop(struct aead *aead)
{
	if (aead->kind)
		aead->kind->drop(aead->state);
	*aead = (struct aead){};
}

/* ---- is it right? ---- */

#define CHECK_BURST 8
#define CHECK_BYTES 1536

struct check {
	uint8_t key[KEY_BYTES];
	uint8_t text[CHECK_BURST][CHECK_BYTES + TAG_BYTES];
	uint8_t wanted[CHECK_BURST][CHECK_BYTES + TAG_BYTES];
	struct aead_job jobs[CHECK_BURST];
};

/* Lengths differ within a burst, as they do on the wire. */
static void check_fill(struct check *check, uint32_t length)
{
	for (size_t i = 0; i < CHECK_BURST; i++) {
		uint32_t bytes = (length + 5 * i) % CHECK_BYTES;
		uint64_t counter = (uint64_t)length << 33 | i;

		for (uint32_t at = 0; at < bytes; at++)
			check->text[i][at] = (uint8_t)(at * 7 + i + length);
		crypt_seal(check->wanted[i], check->key, counter,
			   (struct piece){check->text[i], bytes}, (struct piece){});
		check->jobs[i] = (struct aead_job){.key = check->key,
						   .text = check->text[i],
						   .length = bytes,
						   .counter = counter};
	}
}

static bool check_seal(struct check *check, struct aead *aead)
{
	aead_seal(aead, check->jobs, CHECK_BURST);
	for (size_t i = 0; i < CHECK_BURST; i++)
		if (memcmp(check->text[i], check->wanted[i], check->jobs[i].length + TAG_BYTES))
			return false;
	return true;
}

/* One message of the burst is forged; it, and only it, must be found. */
static bool check_open(struct check *check, struct aead *aead, uint32_t length)
{
	size_t forged = length % CHECK_BURST;

	check->text[forged][check->jobs[forged].length] ^= 1u << length % 8;
	aead_open(aead, check->jobs, CHECK_BURST);
	for (size_t i = 0; i < CHECK_BURST; i++) {
		const struct aead_job *job = &check->jobs[i];

		if (job->good == (i == forged))
			return false;
		for (uint32_t at = 0; job->good && at < job->length; at++)
			if (job->text[at] != (uint8_t)(at * 7 + i + length))
				return false;
	}
	return true;
}

int aead_check(const struct aead_kind *kind)
{
	cleanup_free struct check *check = calloc(1, sizeof(*check));
	struct aead aead = {};
	int err;

	if (!check)
		return -ENOMEM;
	err = aead_make(&aead, kind);
	for (size_t i = 0; i < KEY_BYTES; i++)
		check->key[i] = 0x80 + i;
	for (uint32_t length = 0; length < CHECK_BYTES && !err; length += length < 96 ? 1 : 17) {
		check_fill(check, length);
		if (!check_seal(check, &aead) || !check_open(check, &aead, length))
			err = -EIO;
	}
	aead_drop(&aead);
	return err;
}

/* ---- how fast is it? ---- */

static uint64_t thread_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

#define TIME_BURST 32
#define TIME_TRIES 12

uint64_t aead_time_ns(const struct aead_kind *kind, uint32_t length)
{
	cleanup_free uint8_t *text = calloc(TIME_BURST, length + TAG_BYTES);
	struct aead_job jobs[TIME_BURST] = {};
	static const uint8_t key[KEY_BYTES] = {1};
	uint64_t best_ns = UINT64_MAX;
	struct aead aead = {};

	if (!text || aead_make(&aead, kind))
		return 0;
	for (int try = 0; try < TIME_TRIES; try++) {
		uint64_t start_ns = thread_ns(), took_ns;

		for (size_t i = 0; i < TIME_BURST; i++)
			jobs[i] = (struct aead_job){.key = key,
						    .text = text + i * (length + TAG_BYTES),
						    .length = length,
						    .counter = try * TIME_BURST + i};
		aead_seal(&aead, jobs, TIME_BURST);
		took_ns = thread_ns() - start_ns;
		if (took_ns < best_ns)
			best_ns = took_ns;
	}
	aead_drop(&aead);
	return best_ns / TIME_BURST;
}

/* Full-size messages decide: they are where the time goes. */
const struct aead_kind *aead_fastest(void)
{
	const struct aead_kind *best = &aead_sodium;
	uint64_t best_ns = UINT64_MAX;

	for (size_t i = 0; aead_kinds[i]; i++) {
		uint64_t took_ns;

		if (aead_check(aead_kinds[i]))
			continue;
		took_ns = aead_time_ns(aead_kinds[i], 1424);
		if (took_ns && took_ns < best_ns) {
			best = aead_kinds[i];
			best_ns = took_ns;
		}
	}
	return best;
}
