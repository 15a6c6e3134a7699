/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifdef HAVE_IPSECMB
#include "aead.h"

#include <intel-ipsec-mb.h>

#include "bytes.h"

/* Intel's multi-buffer library, x86-64 only: twice OpenSSL's speed where there is AVX-512. */

struct burst {
	IMB_MGR *manager;
	uint8_t nonces[AEAD_BURST][16];
	uint8_t tags[AEAD_BURST][TAG_BYTES];
};

static void drop(void *state)
{
	struct burst *burst = state;

	if (burst && burst->manager)
		free_mb_mgr(burst->manager);
	free(burst);
}

/* Below AVX2 the library has no code of its own for this cipher. */
static void *make(void)
{
	struct burst *burst = calloc(1, sizeof(*burst));
	IMB_ARCH arch = IMB_ARCH_NONE;

	if (!burst)
		return NULL;
	burst->manager = alloc_mb_mgr(0);
	if (burst->manager)
		init_mb_mgr_auto(burst->manager, &arch);
	if (burst->manager && (arch == IMB_ARCH_AVX2 || arch == IMB_ARCH_AVX512))
		return burst;
	drop(burst);
	return NULL;
}

static void describe(struct burst *burst, size_t i, IMB_JOB *job, struct aead_job *wanted,
		     bool encrypt)
{
	put_le64(burst->nonces[i] + 4, wanted->counter);
	job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
	job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
	job->cipher_direction = encrypt ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
	job->chain_order = encrypt ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
	job->enc_keys = wanted->key;
	job->dec_keys = wanted->key;
	job->key_len_in_bytes = KEY_BYTES;
	job->src = wanted->text;
	job->dst = wanted->text;
	job->cipher_start_src_offset_in_bytes = 0;
	job->msg_len_to_cipher_in_bytes = wanted->length;
	job->hash_start_src_offset_in_bytes = 0;
	job->msg_len_to_hash_in_bytes = wanted->length;
	job->iv = burst->nonces[i];
	job->iv_len_in_bytes = 12;
	job->auth_tag_output = burst->tags[i];
	job->auth_tag_output_len_in_bytes = TAG_BYTES;
	job->u.CHACHA20_POLY1305.aad = NULL;
	job->u.CHACHA20_POLY1305.aad_len_in_bytes = 0;
	job->user_data = NULL;
}

/* This cipher's jobs are all done when submit returns; flush is for what a future version may hold
 * back. */
static void run(struct burst *burst, struct aead_job *wanted, size_t count, bool encrypt)
{
	IMB_JOB *jobs[AEAD_BURST];
	uint32_t done;

	while (IMB_GET_NEXT_BURST(burst->manager, count, jobs) < count)
		IMB_FLUSH_BURST(burst->manager, AEAD_BURST, jobs);
	for (size_t i = 0; i < count; i++)
		describe(burst, i, jobs[i], &wanted[i], encrypt);
	done = IMB_SUBMIT_BURST_NOCHECK(burst->manager, count, jobs);
	while (done < count) {
		uint32_t more = IMB_FLUSH_BURST(burst->manager, AEAD_BURST, jobs);

		if (!more)
			break;
		done += more;
	}
}

static void seal(void *state, struct aead_job *jobs, size_t count)
{
	struct burst *burst = state;

	for (size_t at = 0; at < count; at += AEAD_BURST) {
		size_t part = min_size(AEAD_BURST, count - at);

		run(burst, jobs + at, part, true);
		for (size_t i = 0; i < part; i++)
			memcpy(jobs[at + i].text + jobs[at + i].length, burst->tags[i], TAG_BYTES);
	}
}

static void open_all(void *state, struct aead_job *jobs, size_t count)
{
	struct burst *burst = state;

	for (size_t at = 0; at < count; at += AEAD_BURST) {
		size_t part = min_size(AEAD_BURST, count - at);

		run(burst, jobs + at, part, false);
		for (size_t i = 0; i < part; i++) {
			struct aead_job *job = &jobs[at + i];

			job->good = crypt_same(burst->tags[i], job->text + job->length, TAG_BYTES);
		}
	}
}

const struct aead_kind aead_ipsecmb = {"ipsec-mb", make, drop, seal, open_all};
#endif
