/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef DAEMON_NEWS_H
#define DAEMON_NEWS_H

struct daemon;

/* What wakes the loop besides the API: signals, netlink, events of the programs, the clock. */
int news_open(struct daemon *daemon);
void news_close(struct daemon *daemon);

#endif
