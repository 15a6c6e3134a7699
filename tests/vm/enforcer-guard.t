#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# The same on Debian's kernels, with the back ends that they have.
exec bash "${0%/*}/../enforcer/guard.t"
