/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef POLICY_YAML_H
#define POLICY_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/source.h"

/* What some editors put before a text in UTF-8; no part of it. */
#define UTF8_MARK "\xef\xbb\xbf"

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

/*
 * One value of a document, with its place. Children are a linked list; a child of
 * a mapping is the key (always a scalar), and `value` is what it stands for.
 */
struct node {
	enum node_kind kind;
	bool plain; /* a scalar without quotes */
	struct place at;
	const char *text; /* NODE_SCALAR */
	size_t length_bytes;
	struct node *first; /* NODE_LIST, NODE_MAP */
	size_t count;
	struct node *next;
	struct node *value; /* of a key */
};

struct reader;

/*
 * Reads the documents of one file and hands each to `read`, with nodes that live
 * until it returns. Problems (syntax, aliases, tags, keys given twice) are noted.
 * After one in a document's syntax the rest of the file is not read.
 */
void yaml_read(struct reader *rd, unsigned file, const char *text, size_t length_bytes,
	       void (*read)(struct reader *rd, const struct node *document));

/* null, ~ or nothing at all, without quotes: as if the field were not there. */
bool node_is_null(const struct node *node);

/* The value of a key, or NULL. */
const struct node *node_field(const struct node *map, const char *key);

#endif
