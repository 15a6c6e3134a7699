# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# The reading of the documents.

policy_libs = -lyaml -lm
