/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "aead.h"

#include <openssl/evp.h>

#include "bytes.h"

/* libcrypto: vector code for many CPUs, arm64 among them. */

static void drop(void *state)
{
	EVP_CIPHER_CTX_free(state);
}

static void *make(void)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	if (ctx && EVP_CipherInit_ex(ctx, EVP_chacha20_poly1305(), NULL, NULL, NULL, 1) == 1)
		return ctx;
	EVP_CIPHER_CTX_free(ctx);
	return NULL;
}

/* Setting the key costs 40 ns and more, so a run of messages under one key sets it once. */
static int begin(EVP_CIPHER_CTX *ctx, const struct aead_job *job, const uint8_t *last_key,
		 int encrypt)
{
	uint8_t nonce[12] = {};

	put_le64(nonce + 4, job->counter);
	return EVP_CipherInit_ex(ctx, NULL, NULL, job->key == last_key ? NULL : job->key, nonce,
				 encrypt);
}

static void seal(void *state, struct aead_job *jobs, size_t count)
{
	const uint8_t *last_key = NULL;
	int done;

	for (size_t i = 0; i < count; i++) {
		struct aead_job *job = &jobs[i];

		begin(state, job, last_key, 1);
		EVP_CipherUpdate(state, job->text, &done, job->text, (int)job->length);
		EVP_CipherFinal_ex(state, job->text + job->length, &done);
		EVP_CIPHER_CTX_ctrl(state, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES,
				    job->text + job->length);
		last_key = job->key;
	}
}

static void open_all(void *state, struct aead_job *jobs, size_t count)
{
	const uint8_t *last_key = NULL;
	int done;

	for (size_t i = 0; i < count; i++) {
		struct aead_job *job = &jobs[i];
		uint8_t *tag = job->text + job->length;

		job->good =
			begin(state, job, last_key, 0) == 1 &&
			EVP_CIPHER_CTX_ctrl(state, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) == 1 &&
			EVP_CipherUpdate(state, job->text, &done, job->text, (int)job->length) ==
				1 &&
			EVP_CipherFinal_ex(state, tag, &done) == 1;
		last_key = job->key;
	}
}

const struct aead_kind aead_openssl = {"openssl", make, drop, seal, open_all};
