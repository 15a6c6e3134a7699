/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_LOG_H
#define TUNNEL_LOG_H

/* Lines to stderr, after $LOG_LEVEL: silent, error (the default), verbose. Never a key. */
void log_open(const char *device);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_verbose(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
