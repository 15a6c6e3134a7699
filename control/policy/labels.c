// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "policy/reader.h"
#include "util/addr.h"

static bool all_of(const char *text, size_t length, const char *others)
{
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr(others, text[i]))
			return false;
	return true;
}

/* 1 to 63 letters, digits, - _ . and none of these at either end. */
static bool valid_label_name(const char *text, size_t length)
{
	return length >= 1 && length <= 63 && isalnum((unsigned char)text[0]) &&
	       isalnum((unsigned char)text[length - 1]) && all_of(text, length, "-_.");
}

static bool is_mark(char c)
{
	return c == '-' || c == '.';
}

/* RFC 1123: parts of small letters, digits and inner hyphens, with dots between them. */
static bool valid_subdomain(const char *text, size_t length)
{
	if (!length || length > 253 || is_mark(text[0]) || is_mark(text[length - 1]))
		return false;
	for (size_t i = 0; i < length; i++) {
		if (!is_mark(text[i]) && !islower((unsigned char)text[i]) &&
		    !isdigit((unsigned char)text[i]))
			return false;
		if (text[i] == '.' && (is_mark(text[i - 1]) || is_mark(text[i + 1])))
			return false;
	}
	return true;
}

/* Kubernetes' qualified name. */
static bool valid_qualified_name(const char *key)
{
	const char *slash = strchr(key, '/');

	if (!slash)
		return valid_label_name(key, strlen(key));
	return valid_subdomain(key, slash - key) && valid_label_name(slash + 1, strlen(slash + 1));
}

bool valid_label_key(const char *source, const char *key)
{
	struct chq_prefix prefix;

	return valid_qualified_name(key) ||
	       (strcmp(source, "cidr") == 0 && prefix_parse_label(key, &prefix) == 0);
}

bool valid_label_value(const char *value)
{
	return !*value || valid_label_name(value, strlen(value));
}

/* "k8s:app" names its source; without one it is `source`. */
void split_source(struct reader *rd, const char *text, const char *source, const char **ret_source,
		  const char **ret_key)
{
	const char *colon = strchr(text, ':');

	if (colon && colon > text) {
		*ret_source = arena_text(&rd->memory->kept, text, colon - text);
		*ret_key = keep(rd, colon + 1);
	} else {
		*ret_source = source;
		*ret_key = keep(rd, text);
	}
}

static int compare_labels(const void *a, const void *b)
{
	const struct label *left = a, *right = b;
	int order = strcmp(left->source, right->source);

	order = order ? order : strcmp(left->key, right->key);
	return order ? order : strcmp(left->value, right->value);
}

/* Sorts; the same label twice is one, two values of one key are a problem. */
void labels_order(struct reader *rd, struct labels *labels, struct place at)
{
	size_t kept = 0;

	qsort(labels->list, labels->count, sizeof(*labels->list), compare_labels);
	for (size_t i = 0; i < labels->count; i++) {
		const struct label *last = kept ? &labels->list[kept - 1] : NULL;
		const struct label *label = &labels->list[i];

		if (!last || strcmp(last->source, label->source) != 0 ||
		    strcmp(last->key, label->key) != 0)
			labels->list[kept++] = *label;
		else if (strcmp(last->value, label->value) != 0)
			problem_at(
				rd, at,
				"label %s:%s would be both \"%s\" and \"%s\", expected one value",
				label->source, label->key, last->value, label->value);
	}
	labels->count = kept;
}

static bool read_label(struct reader *rd, const struct node *key, const char *source,
		       struct label *ret)
{
	const char *value = "";

	if (!text_of(rd, key, "a label's key"))
		return false;
	if (!node_is_null(key->value) && !(value = text_of(rd, key->value, "a label's value")))
		return false;
	split_source(rd, key->text, source, &ret->source, &ret->key);
	if (!valid_label_key(ret->source, ret->key)) {
		problem_at(
			rd, key->at,
			"\"%.64s\" is no label key, expected [source:][prefix/]name of letters, digits, - _ .",
			key->text);
		return false;
	}
	if (!valid_label_value(value)) {
		problem_at(rd, key->value->at,
			   "\"%.64s\" is no label value, expected up to 63 letters, digits, - _ .",
			   value);
		return false;
	}
	ret->value = keep(rd, value);
	return true;
}

void read_labels(struct reader *rd, const struct node *node, const char *source, struct labels *ret)
{
	struct label *list;
	size_t count = 0;

	if (node->kind != NODE_MAP) {
		problem_at(rd, node->at, "labels are not a mapping, expected key: value");
		return;
	}
	list = arena_array(&rd->memory->kept, struct label, node->count);
	FOR_EACH_KEY(key, node)
	count += read_label(rd, key, source, &list[count]);
	ret->list = list;
	ret->count = count;
	labels_order(rd, ret, node->at);
}
