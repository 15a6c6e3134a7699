/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef DAEMON_PRIVILEGE_H
#define DAEMON_PRIVILEGE_H

/*
 * Keeps what a running gateway needs and gives up the rest, for good:
 *
 *	CAP_BPF, CAP_PERFMON	maps and programs, when limits change or a port comes
 *	CAP_NET_ADMIN		filters, XDP, the forwarding sysctls
 *	CAP_SYS_ADMIN		maps and programs by id: before Linux 6.9 or so nothing less will do
 *	CAP_DAC_OVERRIDE	a directory of documents that another user owns
 *
 * 0 or -errno.
 */
int privilege_drop(void);

#endif
