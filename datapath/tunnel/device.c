/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "device.h"

#include <errno.h>
#include <sys/eventfd.h>

#include "handshake.h"
#include "worker.h"

static uint64_t boot_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void wall(struct timespec *ret)
{
	clock_gettime(CLOCK_REALTIME, ret);
}

static uint32_t random_index(void)
{
	uint32_t number;

	crypt_random(&number, sizeof(number));
	return number;
}

const struct sources system_sources = {boot_ns, wall, crypt_random, random_index};

/* ---- life ---- */

static int make_workers(struct device *device)
{
	int err = 0;

	device->workers = calloc(device->tun.workers, sizeof(*device->workers));
	if (!device->workers)
		return -ENOMEM;
	for (int i = 0; i < device->tun.workers && !err; i++) {
		err = worker_init(&device->workers[i], device, i);
		device->worker_count++;
	}
	return err;
}

int device_init(struct device *device, const struct tun *tun, const struct aead_kind *kind,
		const struct sources *sources)
{
	int err;

	memset(device, 0, sizeof(*device));
	device->sources = sources;
	device->tun = *tun;
	device->mtu = TUN_DEFAULT_MTU;
	device->epoch = device->generation = 1;
	for (int i = 0; i < TUN_WORKERS_MAX; i++)
		device->sockets[i] = (struct sockets){-1, -1};
	crypt_random(device->limiter.key, sizeof(device->limiter.key));
	vault_init(&device->peer_vault, sizeof(struct peer));
	vault_init(&device->session_vault, sizeof(struct session));
	pthread_mutex_init(&device->gate, NULL);
	pthread_mutex_init(&device->noticed_lock, NULL);
	ring_init(&device->handshakes);
	device->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	device->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (device->wake < 0 || device->stop < 0)
		return -errno;
	err = aead_make(&device->aead, kind);
	return err
	    ?: route_init(&device->route)
	    ?: index_init(&device->indices, sources->index)
	    ?: outbox_init(&device->outbox, &device->sockets[0], &device->epoch, &device->aead)
	    ?: make_workers(device);
}

static void stop_workers(struct device *device)
{
	uint64_t one = 1;

	atomic_store(&device->stopping, true);
	if (write(device->stop, &one, sizeof(one)) < 0)
		return;
	for (int i = 0; i < device->worker_count; i++)
		if (device->workers[i].thread)
			pthread_join(device->workers[i].thread, NULL);
}

void device_drop(struct device *device)
{
	stop_workers(device);
	device_remove_all(device);
	for (int i = 0; i < device->worker_count; i++)
		worker_drop(&device->workers[i]);
	free(device->workers);
	device->worker_count = 0;
	sockets_close(device->sockets, device->tun.workers);
	tun_close(&device->tun);
	route_drop(&device->route);
	outbox_drop(&device->outbox);
	aead_drop(&device->aead);
	index_drop(&device->indices);
	heap_drop(&device->heap);
	if (device->wake > 0)
		close(device->wake);
	if (device->stop > 0)
		close(device->stop);
	crypt_wipe(&device->self, sizeof(device->self));
	crypt_wipe(&device->checker, sizeof(device->checker));
}

/* ---- who may run ---- */

/* The gate stops workers that would take their lock again at once, so nobody starves. */
void device_halt(struct device *device)
{
	if (device->halted++)
		return;
	pthread_mutex_lock(&device->gate);
	atomic_store(&device->halting, true);
	for (int i = 0; i < device->worker_count; i++)
		pthread_mutex_lock(&device->workers[i].lock);
}

void device_resume(struct device *device)
{
	if (--device->halted)
		return;
	for (int i = 0; i < device->worker_count; i++)
		pthread_mutex_unlock(&device->workers[i].lock);
	atomic_store(&device->halting, false);
	pthread_mutex_unlock(&device->gate);
}

void device_enter(struct device *device, pthread_mutex_t *own)
{
	if (atomic_load(&device->halting)) {
		pthread_mutex_lock(&device->gate);
		pthread_mutex_unlock(&device->gate);
	}
	pthread_mutex_lock(own);
}

void device_leave(pthread_mutex_t *own)
{
	pthread_mutex_unlock(own);
}

void device_wake(struct device *device)
{
	uint64_t one = 1;

	/* It can fail only when it is full, and then the reader is awake already. */
	if (write(device->wake, &one, sizeof(one)) < 0)
		return;
}

void device_notice(struct device *device, struct peer *peer, uint32_t what)
{
	if (atomic_fetch_or(&peer->notices, what))
		return;
	pthread_mutex_lock(&device->noticed_lock);
	peer->noticed_next = device->noticed;
	device->noticed = peer;
	pthread_mutex_unlock(&device->noticed_lock);
	device_wake(device);
}

/* Called while the workers stand still. */
static void forget_notices(struct device *device, struct peer *peer)
{
	pthread_mutex_lock(&device->noticed_lock);
	for (struct peer **at = &device->noticed; *at; at = &(*at)->noticed_next) {
		if (*at != peer)
			continue;
		*at = peer->noticed_next;
		break;
	}
	atomic_store(&peer->notices, 0);
	pthread_mutex_unlock(&device->noticed_lock);
}

/* ---- sessions ---- */

void device_free_session(struct device *device, struct session *session)
{
	if (!session)
		return;
	index_remove(&device->indices, session->local_index);
	pthread_spin_destroy(&session->lock);
	vault_give(&device->session_vault, session);
}

void device_forget_sessions(struct device *device, struct peer *peer)
{
	device_halt(device);
	if (peer->has_handshake_index)
		index_remove(&device->indices, peer->noise.local_index);
	peer->has_handshake_index = false;
	device_free_session(device, give(peer->slots.previous));
	device_free_session(device, give(peer->slots.current));
	device_free_session(device, give(peer->slots.next));
	noise_forget(&peer->noise);
	device_resume(device);
}

/* ---- peers ---- */

struct peer *device_find(struct device *device, const uint8_t public[KEY_BYTES])
{
	struct peer *peer = NULL;

	HASH_FIND(by_key, device->peers, public, KEY_BYTES, peer);
	return peer;
}

/* As the kernel: one more than this is refused. */
#define PEERS_MAX (1u << 20)

int device_add_peer(struct device *device, const uint8_t public[KEY_BYTES], struct peer **ret)
{
	struct peer *peer;
	int err;

	if (HASH_CNT(by_key, device->peers) >= PEERS_MAX)
		return -E2BIG;
	err = heap_reserve(&device->heap, HASH_CNT(by_key, device->peers) + 1);
	if (err)
		return err;
	peer = peer_new(&device->peer_vault, public, &device->staged_bytes);
	if (!peer)
		return -ENOMEM;
	HASH_ADD(by_key, device->peers, noise.public, KEY_BYTES, peer);
	*ret = peer;
	return 0;
}

void device_remove_peer(struct device *device, struct peer *peer)
{
	if (device->peer_gone)
		device->peer_gone(device->peer_gone_data, peer);
	device_halt(device);
	atomic_fetch_add(&device->generation, 1);
	allowed_remove_all(&device->allowed, &peer->allowed);
	device_forget_sessions(device, peer);
	forget_notices(device, peer);
	heap_remove(&device->heap, &peer->timers);
	HASH_DELETE(by_key, device->peers, peer);
	peer_free(&device->peer_vault, peer);
	device_resume(device);
}

void device_remove_all(struct device *device)
{
	struct peer *peer, *next;

	HASH_ITER (by_key, device->peers, peer, next)
		device_remove_peer(device, peer);
}

/* A peer that is now ourselves goes; the others' sessions may not be used to send any more. */
void device_set_private_key(struct device *device, const uint8_t secret[KEY_BYTES])
{
	uint8_t clamped[KEY_BYTES];
	struct peer *peer, *next;

	memcpy(clamped, secret, sizeof(clamped));
	if (!crypt_is_zero(clamped, sizeof(clamped)))
		crypt_clamp(clamped);
	if (crypt_same(clamped, device->self.secret, KEY_BYTES))
		return;
	device_halt(device);
	noise_set_self(&device->self, clamped);
	cookie_keys_set(&device->checker.keys, device->self.public);
	peer = device->self.has_key ? device_find(device, device->self.public) : NULL;
	if (peer)
		device_remove_peer(device, peer);
	HASH_ITER (by_key, device->peers, peer, next) {
		if (peer->has_handshake_index)
			index_remove(&device->indices, peer->noise.local_index);
		peer->has_handshake_index = false;
		noise_forget(&peer->noise);
		/* The next handshake need not wait: it is another one's. */
		peer->initiated_ns = 0;
		if (peer->slots.current)
			peer->slots.current->send_dead = true;
		if (peer->slots.next)
			peer->slots.next->send_dead = true;
	}
	device_resume(device);
	crypt_wipe(clamped, sizeof(clamped));
}

void device_set_preshared(struct device *device, struct peer *peer, const uint8_t key[KEY_BYTES])
{
	(void)device;
	memcpy(peer->noise.preshared, key, KEY_BYTES);
}

int device_allow(struct device *device, struct peer *peer, const uint8_t *address, uint8_t bytes,
		 uint8_t bits)
{
	int err;

	device_halt(device);
	atomic_fetch_add(&device->generation, 1);
	err = allowed_add(&device->allowed, address, bytes, bits, peer, &peer->allowed);
	device_resume(device);
	return err;
}

void device_disallow(struct device *device, struct peer *peer, const uint8_t *address,
		     uint8_t bytes, uint8_t bits)
{
	device_halt(device);
	atomic_fetch_add(&device->generation, 1);
	allowed_remove(&device->allowed, address, bytes, bits, peer);
	device_resume(device);
}

void device_disallow_all(struct device *device, struct peer *peer)
{
	device_halt(device);
	atomic_fetch_add(&device->generation, 1);
	allowed_remove_all(&device->allowed, &peer->allowed);
	device_resume(device);
}

/* ---- the outside ---- */

static int open_sockets(struct device *device)
{
	struct socket_options options = {device->port, device->fwmark, device->tun.workers > 1};
	int err = sockets_open(device->sockets, &options, device->tun.workers);

	if (err)
		return err;
	device->port = options.port;
	atomic_fetch_add(&device->epoch, 1);
	for (int i = 0; i < device->worker_count; i++)
		worker_watch_sockets(&device->workers[i]);
	return 0;
}

/* Where the new port cannot be had, the old one stays. */
int device_set_port(struct device *device, uint16_t port)
{
	uint16_t before = device->port;
	int err = 0;

	if (port == before && port)
		return 0;
	device_halt(device);
	device->port = port;
	if (device->up) {
		sockets_close(device->sockets, device->tun.workers);
		err = open_sockets(device);
		if (err) {
			device->port = before;
			open_sockets(device);
		}
	}
	device_resume(device);
	return err;
}

int device_set_fwmark(struct device *device, uint32_t fwmark)
{
	int err = 0;

	device_halt(device);
	for (int i = 0; i < device->tun.workers && !err; i++)
		err = sockets_set_fwmark(&device->sockets[i], fwmark);
	if (!err)
		device->fwmark = fwmark;
	atomic_fetch_add(&device->epoch, 1);
	device_resume(device);
	return err;
}

int device_up(struct device *device)
{
	int err = 0;

	if (device->up)
		return 0;
	device_halt(device);
	err = open_sockets(device);
	device->up = !err;
	device_resume(device);
	if (!err)
		handshake_device_up(device);
	return err;
}

/* As the kernel's: nothing is sent or heard, and what comes after begins anew. */
void device_down(struct device *device)
{
	struct peer *peer, *next;

	if (!device->up)
		return;
	device_halt(device);
	device->up = false;
	tun_drain(&device->tun);
	for (int i = 0; i < device->worker_count; i++)
		device->workers[i].rest.any = false;
	sockets_close(device->sockets, device->tun.workers);
	ring_clear(&device->handshakes);
	HASH_ITER (by_key, device->peers, peer, next) {
		timers_stop(&peer->timers);
		heap_place(&device->heap, &peer->timers);
		device_forget_sessions(device, peer);
		staged_free(peer_take_staged(peer, NULL));
		peer->initiated_ns = 0;
	}
	device_resume(device);
}
