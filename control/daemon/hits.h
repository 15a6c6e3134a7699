/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef DAEMON_HITS_H
#define DAEMON_HITS_H

#include <jansson.h>

struct daemon;
struct generation;
struct hits;

/*
 * How often each rule gave a decision, over generations and restarts. The kernel
 * counts by origin set, and every rule of a set is credited. A rule is known by its
 * policy and by what it says, so that it may move within its file.
 */
int hits_open(struct daemon *daemon);
void hits_close(struct daemon *daemon); /* keeps what has been counted */

/* `generation` has just become live: what the one before it counted is added up. */
void hits_follow(struct daemon *daemon, const struct generation *generation);

json_t *show_rules(struct daemon *daemon);
json_t *show_selectors(struct daemon *daemon);

#endif
