/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_UAPI_H
#define TUNNEL_UAPI_H

#include "device.h"
#include "text.h"

/*
 * The configuration language of userspace WireGuard, as wg(8) speaks it: lines of
 * key=value, an empty line at the end, several requests on one connection.
 */
#define UAPI_LINE_MAX 512

/* Where one connection is in what it says. */
struct uapi {
	struct device *device;
	enum { UAPI_IDLE, UAPI_GET, UAPI_SET } request;
	int err;	   /* the first of this request */
	struct peer *peer; /* whose block it is */
	bool peer_skipped; /* a block that is to change nothing */
	bool peer_is_new;
	bool keepalive_began;
	bool remove;
};

void uapi_init(struct uapi *uapi, struct device *device);

/* One line without its newline; what is to be answered is added to `answer`. */
void uapi_line(struct uapi *uapi, char *line, struct text *answer);

/* Another connection removes a peer that this one is at. */
void uapi_forget(struct uapi *uapi, const struct peer *peer);

/* "1.2.3.4:5", "[2001:db8::1]:5", "[fe80::1%3]:5". */
int uapi_parse_endpoint(const char *text, struct endpoint *ret);

/* "10.0.0.0/8"; without a length it is a host. */
int uapi_parse_prefix(const char *text, uint8_t address[16], uint8_t *bytes, uint8_t *bits);

#endif
