/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_DIFFERENCE_H
#define TUNNEL_DIFFERENCE_H

#include "tunnel/wish.h"

/*
 * What has to be said to a device that is like `found`, so that it becomes as wished, and
 * nothing beyond that: a peer that did not change is not named, so that its sessions go on. An
 * endpoint is said when it is new: where a peer has roamed to since is left alone. `before` is
 * the wish that was applied last (NULL: not known). `ret` is the caller's, to be cleared.
 */
int difference_find(const struct wish *wish, const struct wish *before,
		    const struct wg_device *found, struct wg_device *ret);

bool difference_is_empty(const struct wg_device *change);

#endif
