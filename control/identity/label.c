// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "identity/label.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "util/cleanup.h"

int label_compare(const void *a, const void *b)
{
	const struct label *left = a, *right = b;
	int order = strcmp(left->source, right->source);

	if (!order)
		order = strcmp(left->key, right->key);
	return order ? order : strcmp(left->value, right->value);
}

static bool same_key(const struct label *a, const struct label *b)
{
	return strcmp(a->source, b->source) == 0 && strcmp(a->key, b->key) == 0;
}

/* Insertion sort by source and key: sets are short, and the order of equals must stay. */
void labels_sort(struct labels *labels)
{
	struct label *list = labels->list, moved;
	size_t kept = 0, at;

	for (size_t i = 0; i < labels->count; i++) {
		moved = list[i];
		at = kept;
		while (at > 0 && (strcmp(list[at - 1].source, moved.source) > 0 ||
				  (strcmp(list[at - 1].source, moved.source) == 0 &&
				   strcmp(list[at - 1].key, moved.key) > 0)))
			at--;
		if (at > 0 && same_key(&list[at - 1], &moved)) {
			list[at - 1] = moved;
			continue;
		}
		memmove(&list[at + 1], &list[at], (kept - at) * sizeof(*list));
		list[at] = moved;
		kept++;
	}
	labels->count = kept;
}

int labels_compare(const struct labels *a, const struct labels *b)
{
	int order;

	for (size_t i = 0; i < a->count && i < b->count; i++) {
		order = label_compare(&a->list[i], &b->list[i]);
		if (order)
			return order;
	}
	return (a->count > b->count) - (a->count < b->count);
}

uint64_t labels_hash(const struct labels *labels)
{
	uint64_t hash = labels->count;

	for (size_t i = 0; i < labels->count; i++) {
		const struct label *label = &labels->list[i];

		hash = XXH3_64bits_withSeed(label->source, strlen(label->source), hash);
		hash = XXH3_64bits_withSeed(label->key, strlen(label->key), hash);
		hash = XXH3_64bits_withSeed(label->value, strlen(label->value), hash);
	}
	return hash;
}

static void print_escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		unsigned char c = *text;

		if (c <= ' ' || c == 0x7f || strchr("%,:=", c))
			fprintf(out, "%%%02X", c);
		else
			fputc(c, out);
	}
}

char *labels_print(const struct labels *labels)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (size_t i = 0; i < labels->count; i++) {
		if (i)
			fputc(',', out);
		print_escaped(out, labels->list[i].source);
		fputc(':', out);
		print_escaped(out, labels->list[i].key);
		if (*labels->list[i].value) {
			fputc('=', out);
			print_escaped(out, labels->list[i].value);
		}
	}
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* %XX back to its character, in place; a %00 would cut the word short. */
static int unescape(char *text)
{
	char *to = text;
	int high, low;

	for (; *text; text++, to++) {
		*to = *text;
		if (*text != '%')
			continue;
		high = hex_digit(text[1]);
		low = high < 0 ? -1 : hex_digit(text[2]);
		if (low < 0 || high + low == 0)
			return -EINVAL;
		*to = (char)(high << 4 | low);
		text += 2;
	}
	*to = '\0';
	return 0;
}

static int parse_one(char *text, struct label *ret)
{
	char *key = strchr(text, ':'), *value;

	if (!key || key == text)
		return -EINVAL;
	*key++ = '\0';
	value = strchr(key, '=');
	if (value)
		*value++ = '\0';
	else
		value = key + strlen(key);
	if (unescape(text) < 0 || unescape(key) < 0 || unescape(value) < 0 || !*key)
		return -EINVAL;
	*ret = (struct label){text, key, value};
	return 0;
}

int labels_parse(const char *text, struct labels **ret)
{
	cleanup_free char *copy = strdup(text);
	cleanup_free struct label *list = NULL;
	struct labels labels = {};
	struct labels *whole;
	size_t most = 1;
	char *rest = copy, *word;

	if (!copy)
		return -ENOMEM;
	for (const char *c = text; *c; c++)
		most += *c == ',';
	list = calloc(most, sizeof(*list));
	if (!list)
		return -ENOMEM;
	labels.list = list;
	while (*text && (word = strsep(&rest, ",")))
		if (parse_one(word, &list[labels.count++]) < 0)
			return -EINVAL;
	labels_sort(&labels);
	whole = labels_copy(&labels);
	if (!whole)
		return -ENOMEM;
	*ret = whole;
	return 0;
}

static const char *append(char **end, const char *text)
{
	char *start = *end;

	*end = stpcpy(start, text) + 1;
	return start;
}

struct labels *labels_copy(const struct labels *labels)
{
	size_t bytes = sizeof(*labels) + labels->count * sizeof(*labels->list);
	struct labels *copy;
	char *end;

	for (size_t i = 0; i < labels->count; i++)
		bytes += strlen(labels->list[i].source) + strlen(labels->list[i].key) +
			 strlen(labels->list[i].value) + 3;
	copy = malloc(bytes);
	if (!copy)
		return NULL;
	copy->count = labels->count;
	copy->list = (struct label *)(copy + 1);
	end = (char *)(copy->list + copy->count);
	for (size_t i = 0; i < labels->count; i++) {
		copy->list[i].source = append(&end, labels->list[i].source);
		copy->list[i].key = append(&end, labels->list[i].key);
		copy->list[i].value = append(&end, labels->list[i].value);
	}
	return copy;
}

void labels_free(struct labels *labels)
{
	free(labels);
}
