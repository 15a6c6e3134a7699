/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "session.h"

bool replay_is_new(struct replay *replay, uint64_t counter)
{
	uint64_t block = counter / 64, mask = 1ULL << counter % 64, *word;

	if (counter >= REJECT_AFTER_MESSAGES)
		return false;
	if (counter > replay->greatest) {
		uint64_t last = replay->greatest / 64, steps = block - last;

		if (steps > ARRAY_SIZE(replay->bits))
			steps = ARRAY_SIZE(replay->bits);
		for (uint64_t i = 1; i <= steps; i++)
			replay->bits[(last + i) % ARRAY_SIZE(replay->bits)] = 0;
		replay->greatest = counter;
	} else if (replay->greatest - counter > REPLAY_WINDOW) {
		return false;
	}
	word = &replay->bits[block % ARRAY_SIZE(replay->bits)];
	if (*word & mask)
		return false;
	*word |= mask;
	return true;
}

void session_init(struct session *session)
{
	memset(session, 0, sizeof(*session));
	pthread_spin_init(&session->lock, PTHREAD_PROCESS_PRIVATE);
}

bool session_take_counters(struct session *session, uint32_t count, uint64_t now_ns, uint64_t *ret)
{
	uint64_t first;

	if (atomic_load_explicit(&session->send_dead, memory_order_relaxed) ||
	    now_ns >= session->born_ns + REJECT_AFTER_NS)
		return false;
	/* Looked at before adding, so that the counter cannot run over its end. */
	if (atomic_load_explicit(&session->send_counter, memory_order_relaxed) >=
	    REJECT_AFTER_MESSAGES - count)
		return false;
	first = atomic_fetch_add_explicit(&session->send_counter, count, memory_order_relaxed);
	if (first >= REJECT_AFTER_MESSAGES - count)
		return false;
	*ret = first;
	return true;
}

bool session_opens(const struct session *session, uint64_t now_ns)
{
	return now_ns < session->born_ns + REJECT_AFTER_NS;
}

bool session_wants_rekey_sending(struct session *session, uint64_t now_ns)
{
	if (atomic_load_explicit(&session->send_counter, memory_order_relaxed) >
	    REKEY_AFTER_MESSAGES)
		return true;
	return session->initiator && now_ns >= session->born_ns + REKEY_AFTER_NS;
}

bool session_wants_rekey_receiving(const struct session *session, uint64_t now_ns)
{
	return session->initiator && now_ns >= session->born_ns + REKEY_RECEIVING_NS;
}

void slots_add(struct session_slots *slots, struct session *fresh, struct session *out[2])
{
	out[0] = slots->previous;
	out[1] = NULL;
	if (!fresh->initiator) {
		/* The one that we send with stays until the other side has shown the new key. */
		out[1] = slots->next;
		slots->previous = NULL;
		slots->next = fresh;
		return;
	}
	if (slots->next) {
		out[1] = slots->current;
		slots->previous = slots->next;
		slots->next = NULL;
	} else {
		slots->previous = slots->current;
	}
	slots->current = fresh;
}

struct session *slots_sending(const struct session_slots *slots)
{
	/* Without a current one packets wait, and those before them go first. */
	if (slots->current && slots->next &&
	    atomic_load_explicit(&slots->next->heard, memory_order_relaxed))
		return slots->next;
	return slots->current;
}

struct session *slots_confirm(struct session_slots *slots)
{
	struct session *out = slots->previous;

	slots->previous = slots->current;
	slots->current = slots->next;
	slots->next = NULL;
	return out;
}
