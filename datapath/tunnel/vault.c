/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "vault.h"

#include <sys/mman.h>

#include "bytes.h"
#include "crypto.h"

#define CHUNK_BYTES 65536
#define LINE_BYTES  64

void vault_init(struct vault *vault, size_t object_bytes)
{
	*vault = (struct vault){.object_bytes =
					(object_bytes + LINE_BYTES - 1) & ~(LINE_BYTES - 1UL)};
}

static void push(struct vault *vault, void *object)
{
	*(void **)object = vault->free_list;
	vault->free_list = object;
}

static void grow(struct vault *vault)
{
	size_t bytes = vault->object_bytes > CHUNK_BYTES ? vault->object_bytes : CHUNK_BYTES;
	char *chunk = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (chunk == MAP_FAILED)
		return;
	if (mlock(chunk, bytes))
		vault->unlocked = true;
	madvise(chunk, bytes, MADV_DONTDUMP);
	for (size_t at = 0; at + vault->object_bytes <= bytes; at += vault->object_bytes)
		push(vault, chunk + at);
}

void *vault_take(struct vault *vault)
{
	void *object;

	if (!vault->free_list)
		grow(vault);
	object = vault->free_list;
	if (!object)
		return NULL;
	vault->free_list = *(void **)object;
	memset(object, 0, vault->object_bytes);
	return object;
}

void vault_give(struct vault *vault, void *object)
{
	if (!object)
		return;
	crypt_wipe(object, vault->object_bytes);
	push(vault, object);
}
