/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TESTS_COMPILED_H
#define TESTS_COMPILED_H

#include "compile/generation.h"
#include "identity/registry.h"

/* One file of documents, read and compiled; a failure fails the test. */
struct compiled {
	struct config *config;
	struct registry *identities;
	struct generation *generation;
};

void compile_text(struct compiled *compiled, const char *text);
void compiled_free(struct compiled *compiled);

#endif
