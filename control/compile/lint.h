/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef COMPILE_LINT_H
#define COMPILE_LINT_H

#include "compile/generation.h"

/*
 * What is right and yet hardly meant: rules that decide nothing, selectors and
 * names that match nothing, rules for everybody. Said of the compiled tables, so
 * that "decides nothing" means what the kernel does.
 */
enum lint_kind {
	LINT_SHADOWED, /* in no verdict: denies or the management guard go before it */
	LINT_COVERED,  /* taken out, no verdict changes: another rule says all of it */
	LINT_EMPTY_SELECTOR,
	LINT_EMPTY_RULE,   /* its peers are nobody */
	LINT_NO_SUCH_PORT, /* a named port that no endpoint has */
	LINT_NO_PORT,	   /* a list of ports in which none stands */
	LINT_WIDE,
	LINT_NO_SUBJECT,    /* a policy that selects nobody */
	LINT_NOT_ENFORCED,  /* enforcement: never */
	LINT_OPEN_ENDPOINT, /* a note: no policy closes it */
};

/* Open endpoints that are noted one by one; the rest is a number. */
#define LINT_OPEN_MOST 20

struct finding {
	enum lint_kind kind;
	bool is_note;	  /* worth knowing, and no mistake */
	const char *file; /* the configuration's */
	unsigned line;
	char *text;
};

struct findings {
	struct finding *list; /* sorted by file and line */
	size_t count, room, notes;
};

const char *lint_kind_name(enum lint_kind kind);

/* 0 or -ENOMEM. `config` is what `generation` was compiled from. */
int lint_run(const struct config *config, const struct generation *generation,
	     struct findings *ret);
void findings_free(struct findings *findings);

#endif
