/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "guard/limit.h"

#include <string.h>
#include <xxhash.h>

#define SLOTS 1024

static struct {
	uint64_t key, last_ms;
} slots[SLOTS];

bool limit_passes(const struct tracing_action *action, pid_t pid, const char *path, uint64_t now_ms)
{
	const struct {
		uint64_t action, scope;
	} rule = {(uintptr_t)action, action->scope == TRACING_SCOPE_GLOBAL ? 0 : (uint64_t)pid};
	uint64_t key = XXH3_64bits_withSeed(path, strlen(path), XXH3_64bits(&rule, sizeof(rule)));

	if (slots[key % SLOTS].key == key &&
	    now_ms < slots[key % SLOTS].last_ms + action->rate_limit_ms)
		return false;
	slots[key % SLOTS].key = key;
	slots[key % SLOTS].last_ms = now_ms;
	return true;
}
