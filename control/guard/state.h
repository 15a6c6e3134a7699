/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef GUARD_STATE_H
#define GUARD_STATE_H

#include <jansson.h>

/*
 * STATE-DIR/guard.json: the rules, and the files that are followed, so that a restart marks again
 * without anybody's help.
 */

/* -ENOENT: there is none; -EBADMSG: it cannot be read. */
int state_load(const char *directory, json_t **ret);

/* It makes no sense: kept as guard.json.bad, for whoever wants to know why. */
void state_put_aside(const char *directory);

/* Written beside, then renamed. */
int state_save(const char *directory, const json_t *document, json_t *files);

#endif
