/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_TUN_H
#define TUNNEL_TUN_H

#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define TUN_DEFAULT_MTU 1420

/*
 * A worker has several queues, so that a flow that fills one of them is waited for only by those
 * that share it.
 */
#define TUN_WORKERS_MAX 16
#define TUN_QUEUES_EACH 4
#define TUN_QUEUES_MAX	(TUN_WORKERS_MAX * TUN_QUEUES_EACH)

/* The inner side: the queues' descriptors, worker by worker, and what the kernel agreed to. */
struct tun {
	char name[IFNAMSIZ];
	int ifindex;
	bool header;	   /* packets come and go with a virtio_net_hdr */
	bool udp_segments; /* the kernel takes and gives UDP in segments */
	atomic_bool gone;  /* a worker has found that there is no device any more */
	int workers;	   /* as many as there are queues for */
	int each;	   /* queues a worker */
	int count;	   /* workers * each */
	int fds[TUN_QUEUES_MAX];
};

/*
 * Makes NAME, or takes it over where it is persistent: for so many workers, or for one where the
 * device was made with a single queue. -EBUSY: somebody has it.
 */
int tun_open(struct tun *ret, const char *name, int workers);

/*
 * A TUN that somebody else has opened for us. Its other queues are opened too where it may have
 * several and is in our network namespace. `fd` is taken over on success.
 */
int tun_adopt(struct tun *ret, int fd, int workers);
void tun_close(struct tun *tun);

/* Throws away what waits in its queues. The workers stand still. */
void tun_drain(const struct tun *tun);

#endif
