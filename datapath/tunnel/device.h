/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_DEVICE_H
#define TUNNEL_DEVICE_H

#include <pthread.h>
#include <stdatomic.h>

#include "aead.h"
#include "index.h"
#include "limiter.h"
#include "outbox.h"
#include "peer.h"
#include "ring.h"
#include "route.h"
#include "tun.h"
#include "vault.h"

struct worker;

enum drop_reason {
	DROP_MALFORMED,	 /* no message, no packet */
	DROP_NO_SESSION, /* for an index that we do not know */
	DROP_FORGED,	 /* not authentic */
	DROP_REPLAYED,
	DROP_NOT_ALLOWED, /* from a peer that may not use this address */
	DROP_NO_PEER,	  /* nobody has the destination */
	DROP_BUSY,	  /* more handshakes than we can look at */
	DROP_LOST,	  /* the kernel did not take it */
	DROP_LOOPED,	  /* in a tunnel in a tunnel in a tunnel... */
	DROP_LATE,	  /* so that its sender slows down */
	DROP_REASONS
};

#define drop_names                                                                                 \
	{                                                                                          \
		"malformed", "no_session", "forged", "replayed", "not_allowed", "no_peer", "busy", \
			"lost", "looped", "late"                                                   \
	}

/* What is never the same twice. A test gives its own, and then all of it is. */
struct sources {
	uint64_t (*boot_ns)(void); /* CLOCK_BOOTTIME: a suspended machine grows older too */
	void (*wall)(struct timespec *ret);
	void (*random)(void *ret, size_t bytes);
	uint32_t (*index)(void);
};

extern const struct sources system_sources;

/*
 * Everything of one tunnel. The control thread is the only one that changes it, and only
 * while it holds the workers still (device_halt); workers read it while they carry a
 * batch. What both change is atomic or has a lock of its own.
 */
struct device {
	const struct sources *sources;
	struct noise_self self;
	struct cookie_checker checker;
	struct limiter limiter;
	struct allowed allowed;
	struct index_table indices;
	struct peer *peers; /* uthash, by public key, in the order of adding */
	struct timer_heap heap;
	_Atomic size_t staged_bytes; /* of packets that wait for a session */
	struct vault peer_vault, session_vault;

	struct tun tun;
	_Atomic uint32_t mtu;
	atomic_bool abroad; /* the device is in another namespace than our sockets */
	struct route route; /* the control thread's */
	bool up;
	uint16_t port;
	uint32_t fwmark;
	_Atomic uint32_t epoch;	     /* grows when routes or addresses change; never 0 */
	_Atomic uint32_t generation; /* grows when allowed addresses change: caches of them end */

	struct worker *workers;
	int worker_count;
	struct sockets sockets[TUN_WORKERS_MAX];
	struct aead aead;			 /* the control thread's */
	struct outbox outbox;			 /* likewise */
	uint8_t last_timestamp[TIMESTAMP_BYTES]; /* sent in an initiation: the next is greater */
	uint64_t loaded_ns;			 /* when the queue of handshakes was last long */

	pthread_mutex_t gate;
	atomic_bool halting;
	int halted; /* how deep the control thread is in device_halt */

	/* What workers tell the control thread; `wake` is an eventfd. */
	int wake;
	pthread_mutex_t noticed_lock;
	struct peer *noticed;
	struct ring handshakes;
	atomic_bool stopping;
	int stop; /* an eventfd: what wakes workers to see it */

	/* Told before a peer is freed. */
	void (*peer_gone)(void *data, const struct peer *peer);
	void *peer_gone_data;

	_Atomic uint64_t dropped[DROP_REASONS];
};

static inline uint64_t device_now(const struct device *device)
{
	return device->sources->boot_ns();
}

static inline void count_drop(struct device *device, enum drop_reason reason)
{
	atomic_fetch_add_explicit(&device->dropped[reason], 1, memory_order_relaxed);
}

int device_init(struct device *device, const struct tun *tun, const struct aead_kind *kind,
		const struct sources *sources);
void device_drop(struct device *device);

/* Between these two no worker reads anything; they may be nested. */
void device_halt(struct device *device);
void device_resume(struct device *device);

/* A worker's side of it. */
void device_enter(struct device *device, pthread_mutex_t *own);
void device_leave(pthread_mutex_t *own);

/* From any thread: the control thread shall look at this. */
void device_notice(struct device *device, struct peer *peer, uint32_t what);
void device_wake(struct device *device);

/* ---- configuration, by the control thread ---- */

struct peer *device_find(struct device *device, const uint8_t public[KEY_BYTES]);
int device_add_peer(struct device *device, const uint8_t public[KEY_BYTES], struct peer **ret);
void device_remove_peer(struct device *device, struct peer *peer);
void device_remove_all(struct device *device);
void device_set_private_key(struct device *device, const uint8_t secret[KEY_BYTES]);
void device_set_preshared(struct device *device, struct peer *peer, const uint8_t key[KEY_BYTES]);
int device_set_port(struct device *device, uint16_t port);
int device_set_fwmark(struct device *device, uint32_t fwmark);
int device_allow(struct device *device, struct peer *peer, const uint8_t *address, uint8_t bytes,
		 uint8_t bits);
void device_disallow(struct device *device, struct peer *peer, const uint8_t *address,
		     uint8_t bytes, uint8_t bits);
void device_disallow_all(struct device *device, struct peer *peer);

/* The link went up or down. */
int device_up(struct device *device);
void device_down(struct device *device);

/* A peer's sessions and handshake end here; keys are wiped. */
void device_forget_sessions(struct device *device, struct peer *peer);
void device_free_session(struct device *device, struct session *session);

#endif
