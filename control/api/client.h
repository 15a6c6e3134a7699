/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef API_CLIENT_H
#define API_CLIENT_H

#include <stddef.h>

/* The other end of server.h: one call, one answer. */
struct api_call {
	const char *socket_path;
	const char *method; /* GET or POST */
	const char *path;
	const char *body; /* NULL: none */
	size_t body_bytes;
};

struct api_answer {
	long status; /* of HTTP */
	char *body;  /* ends with a 0; the caller frees it */
	size_t body_bytes;
};

#define API_REFUSAL_BYTES 256

/*
 * 0 when there was an answer, whatever it says. Else -errno, and `refusal` says
 * in a sentence why there was none.
 */
int api_ask(const struct api_call *call, struct api_answer *ret, char refusal[API_REFUSAL_BYTES]);

/*
 * The same for a stream: `each` gets every line as it comes, and stops it by
 * returning non-zero. `ret` is filled when the answer is not a stream (status not 200).
 */
int api_listen(const struct api_call *call, int (*each)(void *data, const char *line), void *data,
	       struct api_answer *ret, char refusal[API_REFUSAL_BYTES]);

#endif
