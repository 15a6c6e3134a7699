/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_TUN_H
#define TUNNEL_TUN_H

#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define TUN_DEFAULT_MTU 1420

/* The inner side: one descriptor a worker, and what the kernel agreed to. */
struct tun {
	char name[IFNAMSIZ];
	int ifindex;
	bool header;	   /* packets come and go with a virtio_net_hdr */
	bool udp_segments; /* the kernel takes and gives UDP in segments */
	atomic_bool gone;  /* a worker has found that there is no device any more */
	int count;
	int fds[16];
};

#define TUN_QUEUES_MAX ((int)(sizeof(((struct tun *)0)->fds) / sizeof(int)))

/* Makes NAME, or takes it over where it is persistent. `queues` is what one would like. */
int tun_open(struct tun *ret, const char *name, int queues);

/* A TUN that somebody else has opened for us. */
int tun_adopt(struct tun *ret, int fd);
void tun_close(struct tun *tun);

#endif
