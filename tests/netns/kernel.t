#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# The kernel room by itself; the cases are in kernel.c beside this file. cmocka calls a
# skipped test "not ok", which TAP does not.
set -o pipefail
CMOCKA_MESSAGE_OUTPUT=tap "${BUILD:-build}/tests/netns/kernel" |
	sed -u 's/^not ok \([0-9]* # SKIP\)/ok \1/'
