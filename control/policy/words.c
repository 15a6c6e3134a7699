// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "policy/words.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { FAR = 4, LONGEST = 64 };

const struct word *words_find(const struct word *words, const char *text)
{
	for (; words->text; words++)
		if (strcmp(words->text, text) == 0)
			return words;
	return NULL;
}

const struct word *words_find_any_case(const struct word *words, const char *text)
{
	for (; words->text; words++)
		if (strcasecmp(words->text, text) == 0)
			return words;
	return NULL;
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned smaller = a < b ? a : b;

	return smaller < c ? smaller : c;
}

static bool swapped(const char *a, const char *b, size_t i, size_t j)
{
	return i > 1 && j > 1 &&
	       tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 2]) &&
	       tolower((unsigned char)a[i - 2]) == tolower((unsigned char)b[j - 1]);
}

/* Insertions, deletions, changes and swaps of neighbours (restricted Damerau-Levenshtein). */
unsigned words_distance(const char *a, const char *b)
{
	unsigned row[3][LONGEST + 1];
	size_t la = strlen(a), lb = strlen(b);

	if (la > LONGEST || lb > LONGEST)
		return FAR;
	for (size_t j = 0; j <= lb; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= la; i++) {
		unsigned *now = row[i % 3], *last = row[(i + 2) % 3];

		now[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			now[j] = least(now[j - 1] + 1, last[j] + 1,
				       last[j - 1] + (tolower((unsigned char)a[i - 1]) !=
						      tolower((unsigned char)b[j - 1])));
			if (swapped(a, b, i, j) && row[(i + 1) % 3][j - 2] + 1 < now[j])
				now[j] = row[(i + 1) % 3][j - 2] + 1;
		}
	}
	return row[la % 3][lb] < FAR ? row[la % 3][lb] : FAR;
}

bool words_alike(const char *text, const char *word)
{
	size_t length = strlen(word);

	return words_distance(text, word) <= (length > 7 ? 3 : length > 5 ? 2 : 1);
}

const char *words_nearest(const struct word *words, const char *text)
{
	const char *nearest = NULL;
	unsigned smallest = FAR;

	for (; words->text; words++) {
		unsigned distance = words_distance(text, words->text);

		if (distance < smallest && words_alike(text, words->text)) {
			smallest = distance;
			nearest = words->text;
		}
	}
	return nearest;
}

const char *words_list(const struct word *words, char *ret, size_t size)
{
	size_t used = 0;

	ret[0] = '\0';
	for (const struct word *word = words; word->text && used < size; word++) {
		const char *join = word == words ? "" : word[1].text ? ", " : " or ";

		used += snprintf(ret + used, size - used, "%s%s", join, word->text);
	}
	return ret;
}
