/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_KEY_H
#define TUNNEL_KEY_H

#include <stdbool.h>

#include "kernel/refusal.h"
#include "kernel/wireguard.h"

/* Curve25519 keys as WireGuard writes them: 32 bytes in base64, 44 characters. */
#define KEY_TEXT_BYTES 45

int key_parse(const char *text, struct wg_key *ret); /* -EINVAL; blanks around it are passed over */
char *key_print(const struct wg_key *key, char *text);

void key_clamp(struct wg_key *key); /* as every engine keeps a private key */
int key_make(struct wg_key *ret);   /* a fresh private key, clamped; -EIO */
void key_public(const struct wg_key *private_key, struct wg_key *ret);

/*
 * A key alone in a file. A private key's may be read by its owner alone. -ENOENT: there
 * is no file. What is wrong is said without a character of what it holds.
 */
int key_file_read(const char *path, bool secret, struct wg_key *ret, struct refusal *refusal);

/* Makes a private key's file, mode 0600, where there is none yet, and its directory. */
int key_file_make(const char *path, struct wg_key *ret, struct refusal *refusal);

#endif
