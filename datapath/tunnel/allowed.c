/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "allowed.h"

#include <errno.h>

#include "bytes.h"

static struct allowed_node **root_of(struct allowed *allowed, uint8_t bytes)
{
	return bytes == 4 ? &allowed->root4 : &allowed->root6;
}

static int bit_at(const uint8_t *key, uint8_t place)
{
	return key[place / 8] >> (7 - place % 8) & 1;
}

/* How many leading bits two keys share, at most `limit`. */
static uint8_t common_bits(const uint8_t *a, const uint8_t *b, uint8_t limit)
{
	uint8_t bits = 0;

	while (bits < limit && a[bits / 8] == b[bits / 8])
		bits += 8;
	if (bits < limit)
		bits += __builtin_clz((uint32_t)(a[bits / 8] ^ b[bits / 8]) << 24);
	return bits < limit ? bits : limit;
}

static bool covers(const struct allowed_node *node, const uint8_t *key)
{
	return common_bits(node->key, key, node->bits) == node->bits;
}

static struct allowed_node *make_node(const uint8_t *key, uint8_t bytes, uint8_t bits)
{
	struct allowed_node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->bits = bits;
	node->bytes = bytes;
	memcpy(node->key, key, bytes);
	for (int i = 0; i < bytes; i++) {
		int kept = bits - 8 * i;

		if (kept < 8)
			node->key[i] &= kept <= 0 ? 0 : (uint8_t)(0xff << (8 - kept));
	}
	return node;
}

static void hang(struct allowed_node **place, struct allowed_node *node,
		 struct allowed_node *parent)
{
	*place = node;
	node->parent = parent;
}

static void adopt(struct allowed_node *parent, struct allowed_node *child)
{
	hang(&parent->child[bit_at(child->key, parent->bits)], child, parent);
}

/* The place for a prefix: where it is, or where it would hang. */
static struct allowed_node **seek(struct allowed_node **place, const uint8_t *key, uint8_t bits,
				  struct allowed_node **parent)
{
	*parent = NULL;
	while (*place && (*place)->bits < bits && covers(*place, key)) {
		*parent = *place;
		place = &(*place)->child[bit_at(key, (*place)->bits)];
	}
	return place;
}

static bool is_exactly(const struct allowed_node *node, const uint8_t *key, uint8_t bits)
{
	return node && node->bits == bits && covers(node, key);
}

/* Puts `node` above what hangs in `place`, with a fork where the two part. */
static int insert_above(struct allowed_node **place, struct allowed_node *parent,
			struct allowed_node *node)
{
	struct allowed_node *below = *place, *fork;
	uint8_t shared = common_bits(below->key, node->key,
				     below->bits < node->bits ? below->bits : node->bits);

	if (shared == node->bits) {
		hang(place, node, parent);
		adopt(node, below);
		return 0;
	}
	fork = make_node(node->key, node->bytes, shared);
	if (!fork)
		return -ENOMEM;
	hang(place, fork, parent);
	adopt(fork, below);
	adopt(fork, node);
	return 0;
}

static void leave_list(struct allowed_node *node)
{
	node->link.last->next = node->link.next;
	node->link.next->last = node->link.last;
}

static void give_to(struct allowed_node *node, void *peer, struct allowed_list *list)
{
	if (node->peer)
		leave_list(node);
	node->peer = peer;
	node->link.next = &list->ring;
	node->link.last = list->ring.last;
	list->ring.last->next = &node->link;
	list->ring.last = &node->link;
}

int allowed_add(struct allowed *allowed, const uint8_t *address, uint8_t bytes, uint8_t bits,
		void *peer, struct allowed_list *list)
{
	struct allowed_node *parent, *node, **place;
	int err = 0;

	if ((bytes != 4 && bytes != 16) || bits > bytes * 8)
		return -EINVAL;
	place = seek(root_of(allowed, bytes), address, bits, &parent);
	if (is_exactly(*place, address, bits)) {
		if ((*place)->peer != peer)
			give_to(*place, peer, list);
		return 0;
	}
	node = make_node(address, bytes, bits);
	if (!node)
		return -ENOMEM;
	if (*place)
		err = insert_above(place, parent, node);
	else
		hang(place, node, parent);
	if (err)
		free(node);
	else
		give_to(node, peer, list);
	return err;
}

/* A node without a peer stays only where the path forks; its parent may then be needless too. */
static void prune(struct allowed *allowed, struct allowed_node *node)
{
	while (node && !node->peer && !(node->child[0] && node->child[1])) {
		struct allowed_node *below = node->child[0] ?: node->child[1],
				    *parent = node->parent;
		struct allowed_node **place = root_of(allowed, node->bytes);

		if (parent)
			place = &parent->child[bit_at(node->key, parent->bits)];
		*place = below;
		if (below)
			below->parent = parent;
		free(node);
		node = parent;
	}
}

static void remove_node(struct allowed *allowed, struct allowed_node *node)
{
	leave_list(node);
	node->peer = NULL;
	prune(allowed, node);
}

void allowed_remove(struct allowed *allowed, const uint8_t *address, uint8_t bytes, uint8_t bits,
		    void *peer)
{
	struct allowed_node *parent, **place;

	if ((bytes != 4 && bytes != 16) || bits > bytes * 8)
		return;
	place = seek(root_of(allowed, bytes), address, bits, &parent);
	if (is_exactly(*place, address, bits) && (*place)->peer && (*place)->peer == peer)
		remove_node(allowed, *place);
}

void allowed_remove_all(struct allowed *allowed, struct allowed_list *list)
{
	struct allowed_node *node;

	while ((node = allowed_next(list, NULL)))
		remove_node(allowed, node);
}

void *allowed_find4(const struct allowed *allowed, const uint8_t *address)
{
	const struct allowed_node *node = allowed->root4;
	uint32_t wanted = get_be32(address);
	void *peer = NULL;

	while (node) {
		uint32_t differs = wanted ^ get_be32(node->key);

		if (node->bits && differs >> (32 - node->bits))
			break;
		if (node->peer)
			peer = node->peer;
		if (node->bits == 32)
			break;
		node = node->child[wanted >> (31 - node->bits) & 1];
	}
	return peer;
}

void *allowed_find6(const struct allowed *allowed, const uint8_t *address)
{
	const struct allowed_node *node = allowed->root6;
	void *peer = NULL;

	while (node && covers(node, address)) {
		if (node->peer)
			peer = node->peer;
		if (node->bits == 128)
			break;
		node = node->child[bit_at(address, node->bits)];
	}
	return peer;
}
