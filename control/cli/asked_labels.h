/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef CLI_ASKED_LABELS_H
#define CLI_ASKED_LABELS_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/model.h"

/* Labels as people write them in place of an endpoint: a=b,k8s:c=d. */
struct asked_labels {
	struct labels labels; /* the list is ours; its texts lie in `text` and in the documents */
	char *text;
};

/* 0, -EINVAL: these are no labels, or -ENOMEM. */
int asked_labels_cut(const char *text, struct asked_labels *ret);
void asked_labels_free(struct asked_labels *asked);

/*
 * Adds what whoever has them has as well: a namespace, "default" unless they say, and the labels
 * of that, as the first `documented` endpoints of the configuration carry them. 0 or -ENOMEM.
 */
int asked_labels_settle(struct asked_labels *asked, const struct config *config, size_t documented);

/* False where they name a reserved identity that there is not: a slip would be a label like any. */
bool asked_labels_right(const struct asked_labels *asked);

/* Whether these are among somebody's. */
bool asked_labels_within(const struct asked_labels *asked, const struct labels *labels);

/* Endpoints by all of their labels. Made by the first search; NULL before. */
struct labelled;

/* The number of the first endpoint that has just these labels, which are sorted. 0, -ENOENT,
 * -ENOMEM. */
int labelled_find(struct labelled **index, const struct config *config, size_t documented,
		  const struct labels *labels, size_t *ret);
void labelled_free(struct labelled *index); /* accepts NULL */

#endif
