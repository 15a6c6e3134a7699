/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "limiter.h"

#include <sodium.h>

#include "bytes.h"

#define COST_NS	  (50 * NS_PER_MS)
#define BUCKET_NS (5 * COST_NS)
#define IDLE_NS	  NS_PER_S

/* The two families do not meet: no host sends from ::/32. */
static uint64_t source_of(const uint8_t *address, int bytes)
{
	uint64_t high = get_be32(address);

	return bytes == 4 ? high : high << 32 | get_be32(address + 4);
}

static struct limiter_slot *slot_for(struct limiter *limiter, uint64_t source, uint64_t now_ns)
{
	struct limiter_slot *row, *free_slot = NULL;
	uint64_t hash;

	crypto_shorthash((uint8_t *)&hash, (const uint8_t *)&source, sizeof(source), limiter->key);
	row = limiter->slots[hash % LIMITER_ROWS];
	for (int i = 0; i < LIMITER_WAYS; i++) {
		if (row[i].seen_ns && row[i].source == source)
			return &row[i];
		if (!row[i].seen_ns || now_ns - row[i].seen_ns > IDLE_NS)
			free_slot = &row[i];
	}
	if (free_slot)
		*free_slot = (struct limiter_slot){source, now_ns, BUCKET_NS};
	return free_slot;
}

bool limiter_allows(struct limiter *limiter, const uint8_t *address, int bytes, uint64_t now_ns)
{
	struct limiter_slot *slot = slot_for(limiter, source_of(address, bytes), now_ns);

	if (!slot)
		return false;
	slot->tokens_ns += now_ns - slot->seen_ns;
	if (slot->tokens_ns > BUCKET_NS)
		slot->tokens_ns = BUCKET_NS;
	slot->seen_ns = now_ns;
	if (slot->tokens_ns < COST_NS)
		return false;
	slot->tokens_ns -= COST_NS;
	return true;
}
