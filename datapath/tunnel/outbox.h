/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_OUTBOX_H
#define TUNNEL_OUTBOX_H

#include <sys/uio.h>

#include "aead.h"
#include "peer.h"
#include "socket.h"

/*
 * Messages on their way out: packets are written where they will be sealed, sealed
 * together, and sent in trains: messages of equal size for one peer, which the kernel
 * takes in one piece (UDP_SEGMENT). One thread's own; a fixed size.
 */
#define OUTBOX_BYTES	(192 * 1024)
#define OUTBOX_MESSAGES 256
#define OUTBOX_TRAINS	64
#define TRAIN_MESSAGES	64    /* what older kernels take */
#define TRAIN_BYTES	65400 /* with its headers a frame below 64 KiB, or the kernel cuts it early */

struct train {
	struct peer *peer;
	struct endpoint to;
	struct iovec parts[TRAIN_MESSAGES];
	uint32_t part_count;
	uint32_t count;
	uint32_t bytes;
	uint32_t each_bytes; /* all but the last have this size */
	struct outer outer;
	bool closed; /* a shorter message has come: it was the last */
};

struct outbox {
	struct sockets *sockets;
	const _Atomic uint32_t *epoch; /* of the routes */
	struct aead *aead;
	uint8_t *memory;
	size_t used;
	uint32_t job_count, train_count;
	uint32_t sealed_count; /* of the jobs */
	size_t sealed;	       /* of the bytes used */
	struct aead_job jobs[OUTBOX_MESSAGES];
	struct train trains[OUTBOX_TRAINS];
	struct mmsghdr messages[OUTBOX_TRAINS];
	char control[OUTBOX_TRAINS][SOCKET_CONTROL_BYTES] __attribute__((aligned(8)));
	uint64_t lost; /* messages that the kernel did not take */
};

int outbox_init(struct outbox *outbox, struct sockets *sockets, const _Atomic uint32_t *epoch,
		struct aead *aead);
void outbox_drop(struct outbox *outbox);

/*
 * How many messages of `bytes`, sealed, `peer` takes until its last train is full; of the next
 * train where that one is full or goes elsewhere. At least 1.
 */
uint32_t outbox_until_full(const struct outbox *outbox, const struct peer *peer, uint32_t bytes,
			   struct outer outer);
/* How many of them make a full one. */
uint32_t outbox_train(uint32_t bytes);

/* Where the packet of the next message goes, `room` bytes of it; what is there already may be sent
 * first. */
uint8_t *outbox_text(struct outbox *outbox, uint32_t room);

/* The packet of `length` bytes, padded already, is written: seal it with this counter. */
void outbox_add(struct outbox *outbox, struct peer *peer, const struct session *session,
		uint64_t counter, uint32_t length, struct outer outer);

/* Seals and sends everything. */
void outbox_flush(struct outbox *outbox);

/* One message that is sealed already. */
int outbox_send_one(struct sockets *sockets, struct endpoint *to, uint32_t epoch,
		    struct outer outer, const void *message, size_t length);

#endif
