/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef GUARD_PRIVILEGE_H
#define GUARD_PRIVILEGE_H

/* What the worker keeps: four capabilities, and the system calls on its list. -errno. */
int privilege_capabilities(void);
int privilege_calls(void);

#endif
