/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef DAEMON_DOCUMENTS_H
#define DAEMON_DOCUMENTS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A file as the documents in it, by name, with the bytes that each takes up:
 * enough to put one in the place of another. What they mean is read elsewhere.
 */
struct document {
	char *api_version, *kind, *namespace, *name; /* namespace "" where the kind has none */
	size_t start, end;			     /* bytes of the file */
	unsigned line;				     /* of its first, from 1 */
};

struct documents {
	struct document *list;
	size_t count;
};

#define DOCUMENTS_REFUSAL_BYTES 256

/* How many bytes an editor's byte order mark takes up at the start: belongs to no document. */
size_t documents_mark(const char *text, size_t bytes);

/* -EINVAL: not YAML, or a document without kind or name; `refusal` says where and what. */
int documents_split(const char *text, size_t bytes, struct documents *ret,
		    char refusal[DOCUMENTS_REFUSAL_BYTES]);
void documents_free(struct documents *documents);

bool document_is(const struct document *document, const char *kind, const char *namespace,
		 const char *name);

/* Kinds that live in a namespace have "default" when none is given, the others none. */
const char *namespace_of_kind(const char *kind, const char *given);

/*
 * The text with `document` replaced by `instead` (NULL: taken out), or with
 * `instead` appended where `document` is NULL. The caller frees it; NULL: no memory.
 */
char *documents_edit(const char *text, size_t bytes, const struct document *document,
		     const char *instead, size_t instead_bytes, size_t *ret_bytes);

#endif
