/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef CLI_CONFIRM_H
#define CLI_CONFIRM_H

#include "cli/ask.h"

/* Asks for a change at `path`, which goes back by itself when --confirm says so, and tells. */
int tell_change(const struct arguments *arguments, struct question *question, const char *path);

#endif
