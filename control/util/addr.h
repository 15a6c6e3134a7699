/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef UTIL_ADDR_H
#define UTIL_ADDR_H

#include <stdbool.h>
#include <stddef.h>

#include "chasqui/policy.h"

#define ADDR_TEXT_BYTES	  46 /* INET6_ADDRSTRLEN */
#define PREFIX_TEXT_BYTES 50

/* Text to address: IPv4 in dotted form becomes ::ffff:a.b.c.d. 0 or -EINVAL. */
int addr_parse(const char *text, struct chq_addr *ret);

/*
 * Text to prefix; a bare address is a /32 or /128. length_bits counts the mapped
 * form. -EINVAL: not an address or length; -ERANGE: bits are set beyond the length.
 */
int prefix_parse(const char *text, struct chq_prefix *ret);

/* The same, with the bits beyond the length cleared, as Cilium and Kubernetes read prefixes. */
int prefix_parse_masked(const char *text, struct chq_prefix *ret);

/*
 * The key of a label cidr:PREFIX, in which a - stands for each colon; printed at most
 * PREFIX_TEXT_BYTES. Cilium's 0 before a first - or behind a last one reads as the same.
 */
int prefix_parse_label(const char *key, struct chq_prefix *ret);
char *prefix_print_label(const struct chq_prefix *prefix, char *text);

/* Both write at most the sizes above, with the closing 0, and return `text`. */
char *addr_print(const struct chq_addr *addr, char *text);
char *prefix_print(const struct chq_prefix *prefix, char *text);

bool addr_is_ipv4(const struct chq_addr *addr);

/* Of IPv4 alone: ::ffff:0:0/96 or a part of it. And how long it is in its own family. */
bool prefix_is_ipv4(const struct chq_prefix *prefix);
unsigned prefix_bits(const struct chq_prefix *prefix);

bool prefix_contains(const struct chq_prefix *outer, const struct chq_prefix *inner);

/* By address, then by length, shorter first; for qsort. */
int prefix_compare(const void *a, const void *b);

/* Clears what lies beyond the length. */
void prefix_mask(struct chq_prefix *prefix);

#endif
