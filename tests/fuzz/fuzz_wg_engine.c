/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A whole engine with a session, and whatever arrives: datagrams of any kind, its own spoiled, and
 * packets that its peer has sealed but that are no packets. Afterwards it still carries.
 */
#include <stdlib.h>

#include "../tunnel/world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What only a vault points to looks lost, because a vault is no memory that is searched. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

static void begin(void)
{
	if (crypt_start() || !world_alone())
		abort();
	world_make();
	world_say(A);
	if (world.heard[B] != 1)
		abort();
}

/* As the peer would, if it meant harm. */
static void seal(struct seen *seen, const uint8_t *packet, size_t length)
{
	struct session *session = world.ends[A].peer->slots.current;
	uint64_t counter;

	if (!session_take_counters(session, 1, world.clock_ns, &counter))
		abort();
	put_le32(seen->bytes, MESSAGE_DATA);
	put_le32(seen->bytes + 4, session->remote_index);
	put_le64(seen->bytes + 8, counter);
	crypt_seal(seen->bytes + 16, session->send_key, counter, (struct piece){packet, length},
		   (struct piece){});
	seen->length = length + DATA_OVERHEAD_BYTES;
}

static void spoil(struct seen *seen, const uint8_t *data, size_t length)
{
	*seen = world.seen[data[0] % world.seen_count];
	for (size_t i = 1; i + 1 < length; i += 2)
		seen->bytes[data[i] % seen->length] ^= data[i + 1];
}

static void arrive(int kind, const uint8_t *data, size_t length)
{
	struct seen seen = {.from = A, .length = length};

	switch (kind % 4) {
	case 0:
		memcpy(seen.bytes, data, length);
		break;
	case 1:
		spoil(&seen, data, length);
		break;
	case 2:
		seal(&seen, data, length);
		break;
	case 3:
		world_say_bytes(A, data, length);
		return;
	}
	world_pass(&seen);
}

/* A session for each input, so that none depends on another. */
static void begin_anew(void)
{
	world.now = &world.ends[A];
	world.seen_count = 0;
	if (world.ends[A].peer->slots.current)
		return;
	world.clock_ns += 6 * NS_PER_S;
	world_run();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int before, count = 0;

	if (!world.clock_ns)
		begin();
	begin_anew();
	world_say(A);
	while (size > 2 && count++ < 64) {
		size_t length = data[1] % 200 + 1;

		if (length > size - 2)
			length = size - 2;
		arrive(data[0], data + 2, length);
		data += 2 + length;
		size -= 2 + length;
	}
	world_run();
	before = world.heard[B];
	world_say(A);
	/* A handshake of our own that came again may have to be told twice. */
	for (int i = 0; i < 90 && world.heard[B] == before; i++)
		world_wait(NS_PER_S);
	if (world.heard[B] == before)
		abort();
	return 0;
}
