/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "moderation.h"

static void stop(struct moderation *moderation)
{
	moderation->state = MODERATION_OFF;
	moderation->kept = 0;
}

static void judge_trial(struct moderation *moderation, uint64_t now_ns, uint64_t rate)
{
	if (rate >= MODERATION_SURELY_S || rate >= moderation->before - moderation->before / 5) {
		moderation->state = MODERATION_ON;
		moderation->wait_ns = 0;
		return;
	}
	stop(moderation);
	moderation->wait_ns =
		moderation->wait_ns ? moderation->wait_ns * 2 : MODERATION_WAIT_LEAST_NS;
	if (moderation->wait_ns > MODERATION_WAIT_MOST_NS)
		moderation->wait_ns = MODERATION_WAIT_MOST_NS;
	moderation->try_ns = now_ns + moderation->wait_ns;
}

static void end_window(struct moderation *moderation, uint64_t now_ns, uint64_t elapsed_ns)
{
	uint64_t rate = moderation->packets * NS_PER_S / elapsed_ns;
	bool worth = rate >= MODERATION_PACKETS_S &&
		     moderation->bytes < moderation->packets * MODERATION_SHORT_BYTES;

	switch (moderation->state) {
	case MODERATION_OFF:
		if (worth && now_ns >= moderation->try_ns) {
			moderation->before = rate;
			moderation->state = MODERATION_TRIED;
		}
		break;
	case MODERATION_TRIED:
		judge_trial(moderation, now_ns, rate);
		break;
	case MODERATION_ON:
		moderation->kept += rate < MODERATION_SURELY_S;
		if (!worth || moderation->kept == MODERATION_KEPT)
			stop(moderation);
		break;
	}
}

bool moderation_pauses(struct moderation *moderation, uint64_t now_ns, bool left)
{
	uint64_t elapsed_ns = now_ns - moderation->since_ns;

	if (elapsed_ns >= MODERATION_WINDOW_NS) {
		end_window(moderation, now_ns, elapsed_ns);
		moderation->since_ns = now_ns;
		moderation->packets = moderation->bytes = 0;
	}
	return moderation->state != MODERATION_OFF && !left;
}
