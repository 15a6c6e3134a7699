/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef ENFORCER_HOOKS_H
#define ENFORCER_HOOKS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "enforcer/hook_event.h"
#include "policy/tracing.h"

/*
 * The hooks that BPF programs serve. All programs and maps are pinned below one
 * directory of a bpffs, so that they go on without us; a later hooks_open() finds them.
 * Needs CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN.
 */

/* What can serve a hook.  X(name, the word in status, true = it can refuse, not only kill) */
#define HOOKS_BACK_ENDS(X)                                                                      \
	X(LSM, "lsm", true)                                                                     \
	X(FMOD_RET, "fmod_ret", true)                                                           \
	X(FENTRY, "fentry", false)                                                              \
	X(KPROBE_MULTI, "kprobe.multi", false)                                                  \
	X(KPROBE, "kprobe", false)                                                              \
	X(SYSCALL, "raw_tp", false)  /* raw_tp/sys_enter and sys_exit */                        \
	X(FILEMAP, "filemap", false) /* raw_tp/mm_filemap_get_pages: reads by the page cache */ \
	X(RAW_TRACEPOINT, "raw_tracepoint", false)                                              \
	X(TRACEPOINT, "tracepoint", false)                                                      \
	X(UPROBE, "uprobe", false)

enum hooks_back_end {
#define X(name, word, denies) HOOKS_##name,
	HOOKS_BACK_ENDS(X)
#undef X
		HOOKS_NONE /* nothing serves it; as a wish: whatever is best */
};

#define HOOKS_BACK_END_MAX HOOKS_NONE
#define HOOKS_WHY_BYTES	   256

/* "lsm", "kprobe", …; "none" for HOOKS_NONE. */
const char *hooks_back_end_word(enum hooks_back_end back_end);

/* Can this back end refuse the call (Override), instead of killing the caller only? */
bool hooks_back_end_denies(enum hooks_back_end back_end);

struct hooks;

/*
 * Opens what is pinned in `directory` (made when it is not there), or begins with nothing.
 * -errno when the directory is no bpffs or cannot be used. `why` (may be NULL, HOOKS_WHY_BYTES)
 * says what failed, also when it is the kernel that refuses.
 */
int hooks_open(const char *directory, char *why, struct hooks **ret);

/* Forgets; what is attached stays attached. NULL is fine. */
void hooks_close(struct hooks *hooks);

/*
 * Which back ends this kernel has, tried by loading and attaching a program for a moment;
 * done once, then remembered. `why` of one that it has not is the kernel's own answer.
 */
struct hooks_probe {
	struct {
		bool works;
		char why[HOOKS_WHY_BYTES];
	} back_ends[HOOKS_BACK_END_MAX];
};

const struct hooks_probe *hooks_probe(struct hooks *hooks);

/*
 * Can `back_end` serve call number `call` of the hook (0 for tracepoints) on this kernel?
 * Tried for real. 0, or -errno with `why` saying what is missing.
 */
int hooks_can(struct hooks *hooks, const struct tracing_hook *hook, size_t call,
	      enum hooks_back_end back_end, char why[HOOKS_WHY_BYTES]);

/* The best of those that can, by the order above; a policy may have ruled out kprobe.multi. */
int hooks_choose(struct hooks *hooks, const struct tracing_policy *policy,
		 const struct tracing_hook *hook, size_t call, char why[HOOKS_WHY_BYTES],
		 enum hooks_back_end *ret);

/* What a back end cannot stop, in words for status: of a hook of that name. Never NULL. */
const char *hooks_limits(enum hooks_back_end back_end, const struct tracing_hook *hook,
			 size_t call);

/* A program that stands behind somebody else who serves the call. */
struct hooks_part {
	bool waits; /* for hooks_stand_by(): it is not attached. Of SYSCALL and FILEMAP only */
	bool quiet; /* what is only told, the other one tells */
};

/* A policy, its mode, and who serves each of its calls. */
struct hooks_policy {
	const struct tracing_policy *policy;
	bool enabled;
	enum tracing_mode mode;
	/*
	 * For hook h and call c: back_ends[h][c]. HOOKS_NONE: no BPF program (the guard alone
	 * serves it). back_ends == NULL: hooks_choose() for each.
	 */
	const enum hooks_back_end *const *back_ends;
	const struct hooks_part *const *parts; /* the same; NULL: all of each */
};

/*
 * Replaces all hooks by those of the policies: the new ones are loaded, filled and attached before
 * the old ones go, so that there is no moment without them. On an error nothing has changed, and
 * `why` says which policy's hook the kernel refused and in which words; `at` (may be NULL) is its
 * place.
 */
int hooks_apply(struct hooks *hooks, const struct hooks_policy *policies, size_t n_policies,
		char why[HOOKS_WHY_BYTES], struct place *at);

/*
 * The programs of calls that wait are attached, or taken off: files below the directory are all
 * that is needed for it, so that who stays can do it when we do not (util/standby.h).
 */
int hooks_stand_by(struct hooks *hooks, bool attached);

/* Where the live set's programs lie; "": there is none. */
void hooks_set_directory(const struct hooks *hooks, char ret[PATH_MAX]);

/* Is the set that was applied last still there? Not when another process has detached it. */
bool hooks_live(const struct hooks *hooks);

/* Takes everything away, the pins too. */
int hooks_detach(struct hooks *hooks);

/*
 * Switches a policy of the live set at once. -ENOENT: there is none of that name. What
 * hooks_apply() was told last is not changed: the caller keeps what it wants over a reload.
 */
int hooks_set_mode(struct hooks *hooks, const char *policy, bool enabled, enum tracing_mode mode);

/* These are not killed unless a selector names them by matchBinaries or matchPIDs. Pid 1 never is.
 */
int hooks_spare(struct hooks *hooks, const int *pids, size_t n_pids);

struct hooks_counters {
	uint64_t hits, posts, lost, limited, enforced, monitored, spared;
};

/* Counted since the policy was first applied, over replacements of the set. -ENOENT: no such
 * policy. */
int hooks_counters(struct hooks *hooks, const char *policy, struct hooks_counters *ret);

/* One attached place in the kernel, and what it did. */
struct hooks_status_point {
	char function[128]; /* "security_file_permission", "sys_enter", … */
	enum hooks_back_end back_end;
	uint64_t runs;	 /* calls that were looked at, past the quick look at the file's name */
	uint64_t missed; /* calls that could not be looked at: no room to work in */
	size_t n_hooks;	 /* calls of policies that it serves */
};

/* The live set. *ret is the caller's to free(). */
int hooks_status(struct hooks *hooks, struct hooks_status_point **ret, size_t *n_ret);

/*
 * A record of kind CHQ_PROC_HOOK (chasqui/hook.h) from the ring becomes an event; also one of a
 * set that was replaced a moment ago. -ESTALE: of a set that is not known any more; -EBADMSG:
 * it is no such record; -EAGAIN: it was one of kind CHQ_PROC_DATA, and is kept for its event.
 * hook_event_clear() frees the event.
 */
int hooks_event(struct hooks *hooks, const void *record, size_t size_bytes, struct hook_event *ret);

#endif
