/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef ENFORCER_GUARD_CLIENT_H
#define ENFORCER_GUARD_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "enforcer/hook_event.h"
#include "policy/source.h"
#include "policy/tracing.h"

/*
 * chasqui-guard, seen from chasquid: a process of its own that listens to fanotify's
 * permission events, denies, and kills who asked. It goes on without us. How the two
 * talk: chasqui/guard.h.
 */
struct enforcer_wish;
struct guard_client;

#define GUARD_WHY_BYTES 256

/*
 * Can the guard serve call number `call` of hook number `hook`? Pure: asks nobody. 0, or
 * -EOPNOTSUPP with `why` saying in a sentence what fanotify cannot do.
 */
int guard_can(const struct tracing_policy *policy, size_t hook, size_t call,
	      char why[GUARD_WHY_BYTES]);

/*
 * Of a call that guard_can(): is each of the kernel's told by itself, so that nothing else needs to
 * watch? Not those that the guard only keeps from happening.
 */
bool guard_tells(const struct tracing_policy *policy, size_t hook, size_t call);

/*
 * What the guard cannot stop of a call that it serves, in words for status; `told`: what it does
 * not see of one that is only watched. Never NULL.
 */
const char *guard_limits(const struct tracing_policy *policy, size_t hook, size_t call, bool told);

/*
 * Starts the program unless a guard answers already on RUN-DIRECTORY/guard.sock, and waits until
 * it does, at most 2 s. It is nobody's child and outlives the caller. `program`: NULL =
 * chasqui-guard beside the caller's own executable. It keeps of the caller's capabilities what it
 * needs: CAP_SYS_ADMIN, CAP_KILL, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH.
 */
int guard_start(const char *program, const char *run_directory, const char *state_directory);

/* Connects when and if a guard is there; -errno only for want of memory or descriptors. */
int guard_client_open(const char *run_directory, struct guard_client **ret);

/* Goes away; the guard goes on. NULL is fine. */
void guard_client_close(struct guard_client *client);

/*
 * Readable when there is something to read; the same descriptor over every reconnect. Call
 * guard_client_read() then. None of them blocks.
 */
int guard_client_fd(const struct guard_client *client);
void guard_client_read(struct guard_client *client);

/* Once a second: connects where that is needed, and asks for the status, whose answer is read
 * later. */
void guard_client_work(struct guard_client *client);

bool guard_client_connected(const struct guard_client *client);

/*
 * Events come from inside these two only; the function copies what it keeps. Until there
 * is one, the guard keeps the last 4,096.
 */
typedef void guard_event_fn(void *context, const struct hook_event *event);
void guard_client_on_event(struct guard_client *client, guard_event_fn *fn, void *context);

/*
 * Replaces all rules of the guard: of each policy the calls for which guard_can() says yes and
 * `serves` (may be NULL: all of them) does not say no. The marks of new rules stand before the old
 * ones go. Waits for the answer, at most 2 s. On an error nothing has changed: -ENOTCONN: no guard
 * is there; -EOPNOTSUPP: `why` says what it or the kernel refused, *at (may be NULL) where. No
 * wishes at all is a fine thing to apply also when there is no guard.
 */
typedef bool guard_serves_fn(void *context, const struct tracing_policy *policy, size_t hook,
			     size_t call);
int guard_client_apply(struct guard_client *client, const struct enforcer_wish *wishes,
		       size_t n_wishes, guard_serves_fn *serves, void *context,
		       char why[GUARD_WHY_BYTES], struct place *at);

/* Switches one policy at once. -ENOENT: the guard has none of that name. Waits as above. */
int guard_client_set(struct guard_client *client, const char *policy, bool enabled,
		     enum tracing_mode mode);

/*
 * These processes are let through and not killed, unless a selector names them by matchBinaries or
 * matchPIDs; so are pid 1, the guard, and whoever is connected to it. Kept over reconnects.
 */
int guard_client_spare(struct guard_client *client, const int *pids, size_t n_pids);

/*
 * When we are gone the guard attaches the programs that wait in this directory of a bpffs
 * (util/standby.h; "": none). Kept over reconnects, and not waited for.
 */
void guard_client_net(struct guard_client *client, const char *directory);

/* posts: events told; enforced: denied or killed; monitored: would have been; spared: see above;
 * lost: events that nobody could be told of; limited: held back by a rate limit. */
struct guard_counters {
	uint64_t hits, posts, enforced, monitored, spared, lost, limited;
};

/* As of the last second, over all guards since we began. -ENOENT: no such policy. */
int guard_client_counters(struct guard_client *client, const char *policy,
			  struct guard_counters *ret);

struct guard_status {
	bool connected;
	int pid;
	bool pre_access; /* this kernel has FAN_PRE_ACCESS: reads, writes, mmap and truncate are
			    asked */
	uint32_t held;	 /* descriptors of marked files from before */
	uint32_t marks, directories, files; /* what is marked now */
	uint32_t missing;		    /* names that do not exist now; watched for */
	uint64_t asked, denied, killed, lost, restarts;
	char version[32];
};

/* As of the last second. */
void guard_client_status(const struct guard_client *client, struct guard_status *ret);

#endif
