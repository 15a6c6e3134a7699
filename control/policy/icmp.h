/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef POLICY_ICMP_H
#define POLICY_ICMP_H

#include <stdbool.h>

#include "policy/words.h"

/* The names that Cilium gives to ICMP types, with their numbers (IANA's registries). */
extern const struct word icmp_words[], icmpv6_words[];

/* "EchoRequest" for 8; NULL where a type has no name. */
const char *icmp_type_name(bool ipv6, unsigned type);

#endif
