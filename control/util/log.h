/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

/*
 * Lines to stderr. Where stderr is journald's ($JOURNAL_STREAM) a line begins
 * with its priority, <3> to <7>; elsewhere with the time of day. Only programs and
 * the daemon log; a library room returns its errors.
 */
void log_open(const char *program, int debug);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What was changed, by whom: kept apart by its prefix "audit:". */
void log_audit(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
