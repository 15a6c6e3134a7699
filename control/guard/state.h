/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef GUARD_STATE_H
#define GUARD_STATE_H

#include <jansson.h>

/*
 * STATE-DIR/guard.json: the rules, and the files that are followed, so that a restart marks again
 * without anybody's help.
 */

/* -ENOENT: there is none; -EBADMSG: it cannot be read, and was put aside as guard.json.bad. */
int state_load(const char *directory, json_t **ret);

/* Written beside, then renamed. */
int state_save(const char *directory, const json_t *document, json_t *files);

#endif
