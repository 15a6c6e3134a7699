/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "noise.h"

#include <errno.h>

#include "bytes.h"

static const char construction[] = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
static const char identifier[] = "WireGuard v1 zx2c4 Jason@zx2c4.com";

#define piece_of(array)	 ((struct piece){(array), sizeof(array)})
#define text_of(literal) ((struct piece){(literal), sizeof(literal) - 1})

/* The transcript so far and the key that comes of it. */
struct symmetric {
	uint8_t hash[HASH_BYTES];
	uint8_t chain[HASH_BYTES];
	uint8_t key[KEY_BYTES];
};

static void mix_hash(struct symmetric *sym, struct piece data)
{
	crypt_hash(sym->hash, piece_of(sym->hash), data);
}

/* C = KDF1(C, data). */
static void mix_chain(struct symmetric *sym, struct piece data)
{
	crypt_kdf(sym->chain, 1, sym->chain, sizeof(sym->chain), data);
}

/* (C, key) = KDF2(C, data). */
static void mix_key(struct symmetric *sym, struct piece data)
{
	uint8_t both[2 * HASH_BYTES];

	crypt_kdf(both, 2, sym->chain, sizeof(sym->chain), data);
	memcpy(sym->chain, both, HASH_BYTES);
	memcpy(sym->key, both + HASH_BYTES, KEY_BYTES);
	crypt_wipe(both, sizeof(both));
}

static int mix_dh(struct symmetric *sym, const uint8_t *secret, const uint8_t *public)
{
	uint8_t shared[KEY_BYTES];
	int err = crypt_dh(shared, secret, public);

	if (!err)
		mix_key(sym, piece_of(shared));
	crypt_wipe(shared, sizeof(shared));
	return err;
}

/* (C, tau, key) = KDF3(C, preshared); tau goes into the transcript. */
static void mix_preshared(struct symmetric *sym, const uint8_t *preshared)
{
	uint8_t three[3 * HASH_BYTES];

	crypt_kdf(three, 3, sym->chain, sizeof(sym->chain), (struct piece){preshared, KEY_BYTES});
	memcpy(sym->chain, three, HASH_BYTES);
	mix_hash(sym, (struct piece){three + HASH_BYTES, HASH_BYTES});
	memcpy(sym->key, three + 2 * HASH_BYTES, KEY_BYTES);
	crypt_wipe(three, sizeof(three));
}

static void seal_into(struct symmetric *sym, uint8_t *ret, struct piece text)
{
	crypt_seal(ret, sym->key, 0, text, piece_of(sym->hash));
	mix_hash(sym, (struct piece){ret, text.length + TAG_BYTES});
}

static int open_from(struct symmetric *sym, uint8_t *ret, struct piece sealed)
{
	int err = crypt_open(ret, sym->key, 0, sealed, piece_of(sym->hash));

	if (!err)
		mix_hash(sym, sealed);
	return err;
}

/* Both sides begin with the responder's public key. */
static void begin(struct symmetric *sym, const uint8_t *responder_public)
{
	crypt_hash(sym->chain, text_of(construction), (struct piece){});
	crypt_hash(sym->hash, piece_of(sym->chain), text_of(identifier));
	mix_hash(sym, (struct piece){responder_public, KEY_BYTES});
}

static void mix_ephemeral(struct symmetric *sym, const uint8_t *public)
{
	mix_chain(sym, (struct piece){public, KEY_BYTES});
	mix_hash(sym, (struct piece){public, KEY_BYTES});
}

/* A low-order public key gives an all-zero secret: such a peer is kept, but never spoken to. */
static int shared_secret(struct noise_peer *peer, const struct noise_self *self)
{
	if (!self->has_key)
		return -ENOKEY;
	if (!peer->shared_known) {
		if (crypt_dh(peer->shared, self->secret, peer->public))
			crypt_wipe(peer->shared, sizeof(peer->shared));
		peer->shared_known = true;
	}
	return crypt_is_zero(peer->shared, sizeof(peer->shared)) ? -EKEYREJECTED : 0;
}

static void keep(struct noise_peer *peer, const struct symmetric *sym, enum noise_state state)
{
	memcpy(peer->hash, sym->hash, HASH_BYTES);
	memcpy(peer->chain, sym->chain, HASH_BYTES);
	peer->state = state;
}

static void end(struct noise_peer *peer)
{
	peer->state = NOISE_NOTHING;
	crypt_wipe(peer->hash, sizeof(peer->hash));
	crypt_wipe(peer->chain, sizeof(peer->chain));
	crypt_wipe(peer->ephemeral, sizeof(peer->ephemeral));
	crypt_wipe(peer->their_ephemeral, sizeof(peer->their_ephemeral));
}

void noise_set_self(struct noise_self *self, const uint8_t secret[KEY_BYTES])
{
	self->has_key = !crypt_is_zero(secret, KEY_BYTES);
	if (!self->has_key) {
		crypt_wipe(self, sizeof(*self));
		return;
	}
	memmove(self->secret, secret, KEY_BYTES);
	crypt_clamp(self->secret);
	crypt_public(self->public, self->secret);
}

void noise_forget(struct noise_peer *peer)
{
	end(peer);
	crypt_wipe(peer->shared, sizeof(peer->shared));
	peer->shared_known = false;
}

int noise_initiate(struct noise_peer *peer, const struct noise_self *self,
		   const uint8_t ephemeral[KEY_BYTES], uint32_t index,
		   const uint8_t timestamp[TIMESTAMP_BYTES], struct message_initiation *ret)
{
	struct symmetric sym;
	int err = shared_secret(peer, self);

	if (err)
		return err;
	*ret = (struct message_initiation){.type = {MESSAGE_INITIATION}};
	put_le32(ret->sender, index);
	crypt_public(ret->ephemeral, ephemeral);

	begin(&sym, peer->public);
	mix_ephemeral(&sym, ret->ephemeral);
	err = mix_dh(&sym, ephemeral, peer->public);
	if (!err) {
		seal_into(&sym, ret->sealed_static, piece_of(self->public));
		mix_key(&sym, piece_of(peer->shared));
		seal_into(&sym, ret->sealed_timestamp, (struct piece){timestamp, TIMESTAMP_BYTES});
		memcpy(peer->ephemeral, ephemeral, KEY_BYTES);
		peer->local_index = index;
		keep(peer, &sym, NOISE_INITIATION_SENT);
	}
	crypt_wipe(&sym, sizeof(sym));
	return err;
}

int noise_open_initiation(const struct noise_self *self, const struct message_initiation *message,
			  struct noise_opened *ret)
{
	struct symmetric sym;
	uint8_t their_static[KEY_BYTES];
	int err;

	if (!self->has_key)
		return -ENOKEY;
	begin(&sym, self->public);
	mix_ephemeral(&sym, message->ephemeral);
	err = mix_dh(&sym, self->secret, message->ephemeral)
		      ?: open_from(&sym, their_static, piece_of(message->sealed_static));
	if (!err) {
		memcpy(ret->hash, sym.hash, HASH_BYTES);
		memcpy(ret->chain, sym.chain, HASH_BYTES);
		memcpy(ret->their_static, their_static, KEY_BYTES);
	}
	crypt_wipe(&sym, sizeof(sym));
	return err;
}

/* A replayed initiation must not cost the session that is alive. */
static int check_freshness(const struct noise_peer *peer, const uint8_t *timestamp, uint64_t now_ns)
{
	if (memcmp(timestamp, peer->greatest_timestamp, TIMESTAMP_BYTES) <= 0)
		return -EALREADY;
	if (peer->accepted_ns && now_ns < peer->accepted_ns + INITIATION_GAP_NS)
		return -EAGAIN;
	return 0;
}

int noise_accept_initiation(struct noise_peer *peer, const struct noise_self *self,
			    const struct noise_opened *opened,
			    const struct message_initiation *message, uint64_t now_ns)
{
	uint8_t timestamp[TIMESTAMP_BYTES];
	struct symmetric sym;
	int err = shared_secret(peer, self);

	if (err)
		return err;
	memcpy(sym.hash, opened->hash, HASH_BYTES);
	memcpy(sym.chain, opened->chain, HASH_BYTES);
	mix_key(&sym, piece_of(peer->shared));
	err = open_from(&sym, timestamp, piece_of(message->sealed_timestamp))
		      ?: check_freshness(peer, timestamp, now_ns);
	if (!err) {
		memcpy(peer->greatest_timestamp, timestamp, TIMESTAMP_BYTES);
		memcpy(peer->their_ephemeral, message->ephemeral, KEY_BYTES);
		peer->remote_index = get_le32(message->sender);
		peer->accepted_ns = now_ns ?: 1;
		keep(peer, &sym, NOISE_INITIATION_SEEN);
	}
	crypt_wipe(&sym, sizeof(sym));
	return err;
}

/* (T1, T2) = KDF2(C, ""): the initiator sends with the first. */
static void derive(const struct symmetric *sym, bool initiator, struct noise_keys *ret)
{
	uint8_t both[2 * KEY_BYTES];

	crypt_kdf(both, 2, sym->chain, sizeof(sym->chain), (struct piece){});
	memcpy(ret->send, both + (initiator ? 0 : KEY_BYTES), KEY_BYTES);
	memcpy(ret->receive, both + (initiator ? KEY_BYTES : 0), KEY_BYTES);
	crypt_wipe(both, sizeof(both));
}

static void resume(const struct noise_peer *peer, struct symmetric *ret)
{
	memcpy(ret->hash, peer->hash, HASH_BYTES);
	memcpy(ret->chain, peer->chain, HASH_BYTES);
}

int noise_respond(struct noise_peer *peer, const uint8_t ephemeral[KEY_BYTES], uint32_t index,
		  struct message_response *ret, struct noise_keys *keys)
{
	struct symmetric sym;
	int err;

	if (peer->state != NOISE_INITIATION_SEEN)
		return -EPROTO;
	*ret = (struct message_response){.type = {MESSAGE_RESPONSE}};
	put_le32(ret->sender, index);
	put_le32(ret->receiver, peer->remote_index);
	crypt_public(ret->ephemeral, ephemeral);

	resume(peer, &sym);
	mix_ephemeral(&sym, ret->ephemeral);
	err = mix_dh(&sym, ephemeral, peer->their_ephemeral)
		      ?: mix_dh(&sym, ephemeral, peer->public);
	if (!err) {
		mix_preshared(&sym, peer->preshared);
		seal_into(&sym, ret->sealed_nothing, (struct piece){});
		derive(&sym, false, keys);
		peer->local_index = index;
		end(peer);
	}
	crypt_wipe(&sym, sizeof(sym));
	return err;
}

int noise_accept_response(struct noise_peer *peer, const struct noise_self *self,
			  const struct message_response *message, struct noise_keys *keys)
{
	struct symmetric sym;
	uint8_t nothing[1];
	int err;

	if (peer->state != NOISE_INITIATION_SENT ||
	    get_le32(message->receiver) != peer->local_index)
		return -EPROTO;
	if (!self->has_key)
		return -ENOKEY;
	resume(peer, &sym);
	mix_ephemeral(&sym, message->ephemeral);
	err = mix_dh(&sym, peer->ephemeral, message->ephemeral)
		      ?: mix_dh(&sym, self->secret, message->ephemeral);
	if (!err) {
		mix_preshared(&sym, peer->preshared);
		err = open_from(&sym, nothing, piece_of(message->sealed_nothing));
	}
	if (!err) {
		derive(&sym, true, keys);
		peer->remote_index = get_le32(message->sender);
		end(peer);
	}
	crypt_wipe(&sym, sizeof(sym));
	return err;
}

void noise_timestamp(uint8_t ret[TIMESTAMP_BYTES], uint64_t unix_s, uint32_t ns)
{
	put_be32(ret, (uint32_t)((0x400000000000000aULL + unix_s) >> 32));
	put_be32(ret + 4, (uint32_t)(0x400000000000000aULL + unix_s));
	put_be32(ret + 8, ns & ~0xffffffu);
}
