/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_LINK_H
#define TUNNEL_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tun.h"

/*
 * Where our device is and how it is. It may be moved to another network namespace, and renamed
 * there, while our UDP sockets stay where we began: so it is asked for by name and namespace
 * (rtnetlink(7), IFLA_TARGET_NETNSID), never by what it once was. One thread's own.
 */
struct link {
	int ask_fd;
	int news_fd;   /* links, addresses and routes of our own namespace */
	int abroad_fd; /* links of all others; silent until the device is in one */
	ino_t home;    /* our own namespace */
	int32_t nsid;  /* the device's, as ours calls it; LINK_HOME */
};

#define LINK_HOME (-1)

struct link_state {
	uint32_t mtu;
	bool up;
};

/* Some process has a queue of the TUN of this name, which then has a carrier. */
bool link_is_held(const char *name);

/*
 * No queueing discipline before the TUN of this name: it takes every packet at once or drops it, so
 * one would only cost. Where there can be none the kernel's default stays.
 */
void link_without_queue(const char *name);

/* While we still have all privileges. */
int link_open(struct link *ret);
void link_close(struct link *link);

/* Finds the device of `tun`, whose name and index may have changed. -ENODEV where it is gone. */
int link_find(struct link *link, struct tun *tun, struct link_state *ret);

#endif
