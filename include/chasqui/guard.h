/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef CHASQUI_GUARD_H
#define CHASQUI_GUARD_H

/*
 * How chasquid and chasqui-guard talk: JSON objects, one a message, over the Unix
 * seqpacket socket RUN-DIR/guard.sock, for root only.
 *
 *   {"do": "apply", "re": N} + memfd   all rules anew; the memfd holds the document below
 *   {"do": "set", "re": N, "policy": P, "enabled": B, "mode": "enforce"|"monitor"}
 *   {"do": "spare", "re": N, "pids": [...]}
 *   {"do": "net", "re": N, "directory": D}   programs that wait there (util/standby.h)
 *                                      are to be attached when the last who watches is gone
 *   {"do": "status", "re": N}
 *   {"do": "watch", "re": N}           from now on events come
 *   {"do": "handover", "re": N}        the answer carries the fanotify group; the guard ends
 *
 * Answers: {"re": N, "ok": true, …} or {"re": N, "ok": false, "error": ERRNO, "why": "…", "policy":
 * I, "hook": I}. Events: {"event": {…}, "lost": N}, N being those that nobody was told of since the
 * guard began.
 *
 * The document of rules, also kept in STATE-DIR/guard.json:
 *
 *   {"version": 1, "policies": [{"name", "enabled", "mode", "hooks": [
 *     {"function", "kind": "kprobe"|"lsm", "stage": "access"|"open"|"exec"|"covered",
 *      "args": ["path"|"mask"|"none", …], "labels": […], "types": […], "message", "tags": […],
 *      "selectors": [{"paths": [{"op", "values"}], "binaries": {"op", "values"}, "parents": {…},
 *        "pids": [{"not", "values", "forks"}], "namespaces": [{"kind", "not", "host", "values"}],
 *        "capabilities": [{"set", "not", "mask"}],
 *        "actions": [{"do", "error", "signal", "rate_limit_ms", "scope"}]}]}]}]}
 *
 * Words of operators and actions are those of TracingPolicy.
 */
#define CHQ_GUARD_SOCKET	"guard.sock"
#define CHQ_GUARD_STATE		"guard.json"
#define CHQ_GUARD_VERSION	1
#define CHQ_GUARD_MESSAGE_BYTES 65536		   /* the longest message */
#define CHQ_GUARD_RULES_BYTES	(64 * 1024 * 1024) /* the longest document of rules */

/*
 * The functions that it serves.  X(name, path, stage): which argument is the file; when it is
 * judged.
 *
 *   access   when it is read or written; enforcing rules already when it is opened
 *   open     when it is opened
 *   exec     when it is opened to be executed
 *   covered  never by itself: nobody gets that far with a file that cannot be opened
 */
#define CHQ_GUARD_CALLS(X)                       \
	X("security_file_permission", 0, access) \
	X("security_file_open", 0, open)         \
	X("security_bprm_check", 0, exec)        \
	X("security_mmap_file", 0, covered)      \
	X("security_path_truncate", 0, covered)  \
	X("security_file_truncate", 0, covered)  \
	X("security_path_rename", 1, covered)    \
	X("security_path_link", 0, covered)

#endif
