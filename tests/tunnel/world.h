/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TESTS_TUNNEL_WORLD_H
#define TESTS_TUNNEL_WORLD_H

#include "../../datapath/tunnel/handshake.h"
#include "../../datapath/tunnel/worker.h"

/*
 * Two whole engines in one thread: clock, random numbers and indices are the test's, and so is the
 * wire between them, which remembers every message. Only sockets are the kernel's, in a network
 * namespace of the test's own.
 */
#define SEEN_MAX 4096

struct seen {
	int from; /* which end sent it */
	int type;
	uint8_t tos;
	uint64_t at_ns;
	size_t length;
	uint8_t bytes[256];
};

struct end {
	struct device device;
	struct peer *peer;
	int tun;  /* the far side of its TUN */
	int wire; /* where the other end believes this one to be */
	uint32_t next_index;
	const char *next_random[4]; /* of 32 bytes or 24, in hexadecimal; then whatever comes */
	int random_count;
};

struct world {
	struct end ends[2];
	struct end *now; /* whose turn it is */
	uint64_t clock_ns;
	struct timespec wall;
	bool cut[2]; /* what this end sends is lost */
	struct seen seen[SEEN_MAX];
	int seen_count;
	int heard[2]; /* packets out of its TUN */
	size_t heard_bytes;
	uint8_t heard_last[2048];
};

extern struct world world;

enum { A, B };

/* Two ends that know each other by the keys of the known answers; `endpoint_of` B is known to A. */
void world_make(void);
void world_drop(void);

/* Lets both do what is to be done now, until nothing moves. */
void world_run(void);

/* Time goes on in steps that no timer here is finer than. */
void world_wait(uint64_t ns);

/* A packet of 10.9.0.`from` to 10.9.0.`1 - from`, or this very one. */
void world_say(int from);
void world_say_bytes(int from, const uint8_t *packet, size_t length);

/* What passes the wire again, or for the first time if it was cut. */
void world_pass(const struct seen *seen);

/* The same from an address that is nobody's. */
void world_pass_from_elsewhere(const struct seen *seen);

/* How many messages of this type have left this end. */
int world_count(int from, int type);

/* The nth of them, from 0. */
const struct seen *world_seen(int from, int type, int n);

/* False where no namespace of our own can be had. */
bool world_alone(void);

#endif
