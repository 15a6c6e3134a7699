/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_TEXT_H
#define TUNNEL_TEXT_H

#include <stddef.h>

/* A growing text that may hold keys: not in core dumps, locked where possible, wiped when given
 * back. */
struct text {
	char *at;
	size_t used, room;
	int err; /* -ENOMEM once it could not grow */
};

void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_free(struct text *text);

#endif
