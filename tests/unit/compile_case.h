/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef COMPILE_CASE_H
#define COMPILE_CASE_H

#include <stdint.h>

#include "compile/generation.h"
#include "identity/registry.h"

/*
 * Documents as text, compiled, and flows asked of them as "web > db tcp/80: none allow"
 * (what the sender's and the receiver's policies say). Ends are the names below,
 * or addresses; none allow drop deny guard are the reasons, "~" behind one is audit,
 * "!" an answered drop.
 *
 *   shop/web  10.0.0.1 fd00::1   app=web, http 8080/TCP, dns 53/UDP, from lan0
 *   shop/db   10.0.0.2 fd00::2   app=db, http 9090/TCP
 *   lab/labweb 10.0.0.3          app=web tier=x
 *   shop/net  10.1.0.0/16        app=net
 *   lab/far   10.9.1.1           app=far, behind peer p
 *   peer p    10.9.0.0/16        site=oslo
 *   gateway   10.0.0.254 fd00::fe   role=gateway
 *   world     198.51.100.7 2001:db8::7; cidr 192.0.2.5
 */
struct built {
	struct config *config;
	struct generation *generation;
	struct registry *registry, *own_registry; /* the second is freed */
	struct problems problems;
	int err;
};

/* `gateway` stands below spec of the Gateway document, indented by two; NULL: nothing. */
struct built build(const char *gateway, const char *policies);
/* The same with the numbers that `before` has given out, which must be freed later. */
struct built build_next(const struct built *before, const char *gateway, const char *policies);
struct built build_texts(const struct text_file *texts, size_t count);
void built_compile(struct built *built); /* once more, after config was changed */
void built_free(struct built *built);

/* What one flow of the form above is answered with, to compare with what it asks for. */
struct flow_text {
	char asked[96], expected[32], found[32];
	struct flow_query query;
	struct flow_answer answer;
};
void ask(const struct built *built, const char *text, struct flow_text *ret);

/* A cmocka failure that shows the flow, unless all of a list that ends with NULL are as said. */
void check_flows(const char *what, const struct built *built, const char *const *flows);

#endif
