/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_ALLOWED_H
#define TUNNEL_ALLOWED_H

#include <stddef.h>
#include <stdint.h>

/*
 * Address -> peer, longest prefix first: where a packet goes, and whether it may
 * come from there. A path-compressed binary trie for each family; nothing recurses.
 */
struct allowed_link {
	struct allowed_link *next, *last;
};

struct allowed_node {
	struct allowed_link link; /* first: the same peer's, in the order of adding */
	struct allowed_node *child[2];
	struct allowed_node *parent;
	void *peer; /* NULL: only a fork in the path */
	uint8_t bits;
	uint8_t bytes;	 /* 4 or 16 */
	uint8_t key[16]; /* host bits are zero */
};

/* A peer's own: a ring through its nodes and this. */
struct allowed_list {
	struct allowed_link ring;
};

static inline void allowed_list_init(struct allowed_list *list)
{
	list->ring.next = list->ring.last = &list->ring;
}

/* The one after `node`, the first where it is NULL; NULL after the last. */
static inline struct allowed_node *allowed_next(struct allowed_list *list,
						struct allowed_node *node)
{
	struct allowed_link *next = node ? node->link.next : list->ring.next;

	return next == &list->ring ? NULL : (struct allowed_node *)next;
}

struct allowed {
	struct allowed_node *root4, *root6;
};

/* `bytes` is 4 or 16. `list` is the peer's own; an entry of another peer is taken over. */
int allowed_add(struct allowed *allowed, const uint8_t *address, uint8_t bytes, uint8_t bits,
		void *peer, struct allowed_list *list);

/* Where the entry is another peer's, or there is none, nothing happens. */
void allowed_remove(struct allowed *allowed, const uint8_t *address, uint8_t bytes, uint8_t bits,
		    void *peer);
void allowed_remove_all(struct allowed *allowed, struct allowed_list *list);

void *allowed_find4(const struct allowed *allowed, const uint8_t *address);
void *allowed_find6(const struct allowed *allowed, const uint8_t *address);

#endif
