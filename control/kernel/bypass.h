/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef KERNEL_BYPASS_H
#define KERNEL_BYPASS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Who else in this network namespace waits for forwarded packets: they would miss those that
 * leave straight from the checkpoint. Looked for are base chains of nftables at prerouting,
 * forward, postrouting or ingress, tables of the old iptables, and policies of IPsec.
 */
struct bypass;

int bypass_open(struct bypass **ret);
void bypass_close(struct bypass *bypass); /* accepts NULL */

/* Polls readable when nftables changed; bypass_harmless() reads it. -1: there is no nftables. */
int bypass_fd(const struct bypass *bypass);

/*
 * True when there is nobody. If not, `who` names the first one found, for a person; what
 * cannot be asked counts as somebody.
 */
bool bypass_harmless(struct bypass *bypass, char *who, size_t size);

#endif
