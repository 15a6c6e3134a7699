/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "polling.h"

void polling_worked(struct polling *polling, uint64_t from_ns, uint64_t to_ns)
{
	uint64_t elapsed_ns = to_ns - polling->since_ns;

	polling->busy_ns += to_ns - from_ns;
	if (elapsed_ns < POLLING_WINDOW_NS)
		return;
	polling->busy = polling->busy_ns > elapsed_ns / 2;
	polling->since_ns = to_ns;
	polling->busy_ns = 0;
}

bool polling_is_worth(const struct polling *polling, uint64_t now_ns)
{
	return polling->busy && now_ns >= polling->rest_until_ns;
}

static void begin_rest(struct polling *polling, uint64_t now_ns)
{
	bool again = now_ns < polling->rest_until_ns + POLLING_REST_MOST_NS;

	polling->rest_ns = again && polling->rest_ns ? polling->rest_ns * 2 : POLLING_REST_LEAST_NS;
	if (polling->rest_ns > POLLING_REST_MOST_NS)
		polling->rest_ns = POLLING_REST_MOST_NS;
	polling->rest_until_ns = now_ns + polling->rest_ns;
	polling->taken_points = 0;
}

void polling_looked(struct polling *polling, uint64_t from_ns, uint64_t to_ns)
{
	if (to_ns - from_ns >= POLLING_THROTTLED_NS)
		polling->taken_points = POLLING_TAKEN_MOST;
	else if (to_ns - from_ns >= POLLING_TAKEN_NS)
		polling->taken_points += POLLING_TAKEN_POINTS;
	else if (polling->taken_points)
		polling->taken_points--;
	if (polling->taken_points >= POLLING_TAKEN_MOST)
		begin_rest(polling, to_ns);
}
