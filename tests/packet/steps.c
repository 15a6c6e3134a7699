/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "steps.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#define X(name, action, text) #name,
static const char *const reason_names[] = {CHQ_REASONS(X)};
#undef X
#define X(name, action, text) CHQ_##action,
static const enum chq_action reason_actions[] = {CHQ_REASONS(X)};
#undef X

static unsigned packets; /* sent by this process, for the last line */

/* One for all tests: its namespace and programs cost half a second. */
static struct gateway *shared;

static void say_count(void)
{
	fprintf(stderr, "# %u packets\n", packets);
	gateway_free(shared);
}

int gateway_setup(void **state)
{
	int err;

	if (!shared) {
		err = gateway_new(0, &shared);
		if (err == -EPERM || err == -EACCES) {
			fprintf(stderr, "1..0 # SKIP bpf() or namespaces are refused here: %s\n",
				strerror(-err));
			exit(0);
		}
		if (err)
			return err;
		atexit(say_count);
	}
	gateway_reset(shared);
	*state = shared;
	return 0;
}

int gateway_teardown(void **state)
{
	*state = NULL;
	return 0;
}

static int action_wanted(const struct step *step)
{
	bool passes = reason_actions[step->want] == CHQ_PASS;

	if (step->how.gate)
		return passes ? XDP_PASS : XDP_DROP;
	if (step->answered)
		return TC_ACT_REDIRECT;
	return passes ? TC_ACT_OK : TC_ACT_SHOT;
}

static const char *reason_seen(const struct outcome *seen)
{
	for (int reason = 0; reason < CHQ_REASON_MAX; reason++)
		if (seen->counted[reason])
			return reason_names[reason];
	return "nothing";
}

static void check_counters(const struct step *step, const struct outcome *seen)
{
	uint64_t packets = step->how.segments ? step->how.segments : 1;

	if (step->how.gate && reason_actions[step->want] == CHQ_PASS)
		packets = 0;
	if (seen->counted[step->want] != packets)
		fail_msg("%s: counted %s, not %s", step->name, reason_seen(seen),
			 reason_names[step->want]);
	for (int reason = 0; reason < CHQ_REASON_LIMIT; reason++)
		if (reason != (int)step->want && seen->counted[reason])
			fail_msg("%s: counted twice, also %s", step->name, reason_names[reason]);
}

static void check_event(const struct step *step, const struct outcome *seen)
{
	bool drop = reason_actions[step->want] == CHQ_DROP;
	int kind = step->event == ANY_EVENT && drop ? IS(DROP) : step->event;
	enum chq_reason reason = step->reason ? step->reason : step->want;

	if (kind == NO_EVENT && seen->n_events)
		fail_msg("%s: tells of itself", step->name);
	if (kind <= 0)
		return;
	if (seen->n_events != 1 || seen->event.kind != kind - 1)
		fail_msg("%s: %u events, the last of kind %d, not one of %d", step->name,
			 seen->n_events, seen->event.kind, kind - 1);
	if (seen->event.reason != reason)
		fail_msg("%s: its event says %s, not %s", step->name,
			 reason_names[seen->event.reason], reason_names[reason]);
	if (seen->event.ifindex != step->how.at)
		fail_msg("%s: its event says interface %u", step->name, seen->event.ifindex);
}

static void prepare_tunnel(struct gateway *gateway, const struct step *step)
{
	struct chq_tunnel tunnel = {.ifindex = TUN, .listen_port_be = htons(OUTER_PORT)};

	if (step->secures) {
		gateway_secures(gateway, step->secures);
		gateway_flip(gateway, 1, false);
	}
	if (step->strict_all)
		gateway_strict_all(gateway);
	tunnel.up = step->tunnel_up;
	if (step->tunnel_down || step->tunnel_up)
		gateway_tunnel(gateway, &tunnel);
}

static void take_step(struct gateway *gateway, const struct step *step)
{
	struct outcome seen;

	if (step->fresh)
		gateway_reset(gateway);
	if (step->older_ticks)
		gateway_age(gateway, step->older_ticks);
	if (step->flip)
		gateway_flip(gateway, step->flip, false);
	if (step->flip_close)
		gateway_flip(gateway, step->flip_close, true);
	prepare_tunnel(gateway, step);
	gateway_send(gateway, &step->how, &step->frame, &seen);
	packets++;
	if (seen.action != action_wanted(step))
		fail_msg("%s: action %d (%s), wanted %d (%s)", step->name, seen.action,
			 reason_seen(&seen), action_wanted(step), reason_names[step->want]);
	check_counters(step, &seen);
	check_event(step, &seen);
}

void walk(struct gateway *gateway, const struct step *steps, size_t count)
{
	for (size_t i = 0; i < count; i++)
		take_step(gateway, &steps[i]);
}

void walk_each(struct gateway *gateway, const struct step *steps, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		gateway_reset(gateway);
		take_step(gateway, &steps[i]);
	}
}
