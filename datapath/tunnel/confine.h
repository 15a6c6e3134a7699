/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_CONFINE_H
#define TUNNEL_CONFINE_H

/* Before anything holds a key: no core dumps, no limit to locked memory. */
void confine_memory(void);

/*
 * Before threads begin: gives up every capability but CAP_NET_ADMIN (SO_MARK, large socket
 * buffers) and CAP_NET_BIND_SERVICE (ports below 1024), for good.
 */
int confine_capabilities(void);

/*
 * Before threads begin, where the kernel has Landlock: of all files only one may be removed, in
 * `folder` (NULL: none); nothing may be read, written, made or run. A kernel without it is no
 * error: the system calls for all but removing are refused anyway.
 */
int confine_files(const char *folder);

/* When all is open: no files, no programs, only the system calls that carrying packets needs. */
int confine_calls(void);

#endif
