/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "numbers.h"
#include "util/cleanup.h"

struct number {
	char *text;
	uint32_t value;
	UT_hash_handle hh;
};

struct numbers {
	struct number *ports, *endpoints, *prefixes;
};

struct numbers *numbers_new(void)
{
	return calloc(1, sizeof(struct numbers));
}

static void forget(struct number **all)
{
	struct number *number, *next;

	HASH_ITER (hh, *all, number, next) {
		HASH_DEL(*all, number);
		free(number->text);
		free(number);
	}
}

void numbers_free(struct numbers *numbers)
{
	if (!numbers)
		return;
	forget(&numbers->ports);
	forget(&numbers->endpoints);
	forget(&numbers->prefixes);
	free(numbers);
}

void numbers_free_p(struct numbers **numbers)
{
	numbers_free(*numbers);
}

/* The number of this text, counted from 0; UINT32_MAX without memory. */
static uint32_t number_of(struct number **all, const char *text)
{
	struct number *number;

	HASH_FIND_STR(*all, text, number);
	if (number)
		return number->value;
	number = calloc(1, sizeof(*number));
	if (!number)
		return UINT32_MAX;
	number->text = strdup(text);
	number->value = HASH_COUNT(*all);
	HASH_ADD_KEYPTR(hh, *all, number->text, strlen(number->text), number);
	return number->value;
}

uint16_t port_number(void *data, const char *name)
{
	struct numbers *numbers = data;

	return 1 + number_of(&numbers->ports, name);
}

chq_identity identity_number(void *data, const struct labels *labels, bool is_prefix)
{
	struct numbers *numbers = data;
	cleanup_free char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	if (!out)
		return 0;
	for (size_t i = 0; i < labels->count; i++)
		fprintf(out, "%s:%s=%s\n", labels->list[i].source, labels->list[i].key,
			labels->list[i].value);
	fclose(out);
	return is_prefix ? CHQ_ID_PREFIX + number_of(&numbers->prefixes, text)
			 : CHQ_ID_FIRST + number_of(&numbers->endpoints, text);
}
