/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef DAEMON_CHECK_H
#define DAEMON_CHECK_H

/* `chasquid --check`: reads and compiles a directory, and says what is wrong. 0 or -errno. */
int check_directory(const char *directory);

#endif
