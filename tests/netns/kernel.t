#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# The kernel room by itself; the cases are in kernel.c beside this file.
CMOCKA_MESSAGE_OUTPUT=tap exec "${BUILD:-build}/tests/netns/kernel"
