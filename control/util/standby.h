/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef UTIL_STANDBY_H
#define UTIL_STANDBY_H

#include <stdbool.h>

/*
 * BPF programs that are loaded and pinned, and cost nobody anything until they are needed: of each
 * program `wait-N` in the directory of a bpffs, `net-N` is its link while it is attached. Whoever
 * knows the directory can attach them; both are only files, so that nobody has to stay for it.
 * Programs of tracepoints with BTF alone, which know themselves where they belong.
 */
#define STANDBY_PROGRAM "wait-"
#define STANDBY_LINK	"net-"

/*
 * Attaches each that is not yet, or takes all off again. 0 also when there is none; -errno of the
 * first that the kernel refused, the others being done.
 */
int standby_set(const char *directory, bool attached);

/* Is any of them attached? */
bool standby_is_attached(const char *directory);

#endif
