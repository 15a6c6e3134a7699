/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef POLICY_WORDS_H
#define POLICY_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A table of words ends with an entry that has no text. */
struct word {
	const char *text;
	unsigned value;
};

const struct word *words_find(const struct word *words, const char *text);
const struct word *words_find_any_case(const struct word *words, const char *text);

/* How many slips of the finger lie between the two; more than 3 is told as 4. */
unsigned words_distance(const char *a, const char *b);

/* Whether a person who wrote `text` probably meant `word`. */
bool words_alike(const char *text, const char *word);

/* The word that was probably meant, or NULL. */
const char *words_nearest(const struct word *words, const char *text);

/* "a, b or c"; every text of the table, in its order. Writes at most `size` bytes. */
const char *words_list(const struct word *words, char *ret, size_t size);

#endif
