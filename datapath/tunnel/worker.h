/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_WORKER_H
#define TUNNEL_WORKER_H

#include "backlog.h"
#include "device.h"
#include "merge.h"
#include "moderation.h"
#include "polling.h"
#include "route.h"
#include "split.h"

/*
 * One thread for some queues of the TUN and one pair of sockets: what it takes
 * in it carries to the end, both ways. All its memory is here.
 */
#define RECEIVE_MESSAGES 8
#define RECEIVE_BYTES	 65536
#define RECEIVE_JOBS	 512

/* One transport message between opening and delivery. */
struct opening {
	struct session *session;
	uint32_t arrival; /* which datagram it came in */
	uint32_t bytes;	  /* of the message */
};

/* What a turn has left of a long packet, so that its own last train was full. */
struct rest {
	struct super super; /* in from_tun */
	uint32_t first;	    /* of its packets that is still here */
	uint32_t queue;	    /* that it came from */
	bool any;
};

struct worker {
	struct device *device;
	pthread_mutex_t lock; /* held while a batch is carried */
	pthread_t thread;
	int number;
	int epoll;
	const int *queues; /* of the TUN; device->tun.each */
	struct backlog backlogs[TUN_QUEUES_EACH];
	struct backlog heard4, heard6; /* of the sockets */
	struct moderation moderation;
	struct polling polling;
	bool left;	/* a turn ended before its source was empty */
	bool slow_down; /* the next packet that is delivered says so to its sender */
	uint32_t jitter_state;
	uint64_t now_ns;

	struct aead aead;
	struct route route;
	struct outbox outbox;
	uint8_t *from_tun; /* header room, then 64 KiB */
	struct rest rest;

	/* The last destination's peer: most packets follow one like them. */
	uint32_t cache_generation;
	uint8_t cache_bytes;
	uint8_t cache_address[16];
	struct peer *cache_peer;
	uint64_t unreachable_ns, unreachable_tokens;

	int receive_most; /* datagrams of the next turn */
	struct mmsghdr received[RECEIVE_MESSAGES];
	struct iovec receive_parts[RECEIVE_MESSAGES];
	struct sockaddr_in6 receive_names[RECEIVE_MESSAGES];
	char receive_control[RECEIVE_MESSAGES][256] __attribute__((aligned(8)));
	uint8_t *receive_memory;
	struct arrival arrivals[RECEIVE_MESSAGES];
	struct aead_job jobs[RECEIVE_JOBS];
	struct opening openings[RECEIVE_JOBS];
	uint32_t job_count;
	struct merge merge;
};

int worker_init(struct worker *worker, struct device *device, int number);
void worker_drop(struct worker *worker);
int worker_start(struct worker *worker);

/*
 * Threads that the caller starts between `true` and `false` have the CPU soon after they ask for
 * it: packets wait for them, and queues are short. Needs CAP_SYS_NICE for all of it; does what it
 * may. Where somebody has given this process a priority, that stays.
 */
void workers_hurry(bool on);

/* The sockets have changed; the control thread calls it while the worker stands still. */
void worker_watch_sockets(struct worker *worker);

/* transmit.c: the rest that there may be, then at most a batch from a queue of the TUN. */
void transmit_batch(struct worker *worker, uint32_t queue);
/* receive.c: likewise from a socket. */
void receive_batch(struct worker *worker, int fd, struct backlog *backlog);

/* The device is no more: no more is read from this queue, and the control thread is told. */
void worker_lost_device(struct worker *worker, int fd);

uint32_t worker_jitter_ms(struct worker *worker);
struct peer *worker_find(struct worker *worker, const uint8_t *address, uint8_t bytes);

/* icmp.c: says to the sender of `packet` that nobody is there. */
void icmp_unreachable(struct worker *worker, const uint8_t *packet, uint32_t length);

/* Bytes of zero after a packet, so that its length says less. */
static inline uint32_t padding_for(uint32_t length, uint32_t mtu)
{
	uint32_t last = mtu && length > mtu ? length % mtu : length, padded = (last + 15) & ~15u;

	if (mtu && padded > mtu)
		padded = mtu;
	return padded - last;
}

/* The same for this packet, within what its inner route takes. `route` is the caller's own. */
uint32_t packet_padding(const struct device *device, struct route *route, const uint8_t *packet,
			uint32_t length);

#endif
