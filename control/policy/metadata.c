// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <string.h>

#include "policy/reader.h"

enum { NAME_MOST = 253, NAMESPACE_MOST = 63 };

/* RFC 1123 subdomain or label, what Kubernetes takes as a name; capitals and _ are let through. */
static bool valid_name(const char *text, size_t most, bool dots)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t length = strlen(text);

	if (!length || length > most || !strchr(letters, text[0]) ||
	    !strchr(letters, text[length - 1]))
		return false;
	for (const char *p = text; *p; p++)
		if (!strchr(letters, *p) && *p != '-' && *p != '_' && !(dots && *p == '.'))
			return false;
	return true;
}

static void read_name(struct reader *rd, const struct node *node, void *ret)
{
	struct metadata *meta = ret;
	const char *text = text_of(rd, node, "a name");

	if (!text)
		return;
	meta->name_at = node->at;
	if (valid_name(text, NAME_MOST, true))
		meta->name = keep(rd, text);
	else
		problem_at(rd, node->at,
			   "\"%.64s\" is no name, expected letters, digits, - _ and .", text);
}

static void read_namespace_name(struct reader *rd, const struct node *node, void *ret)
{
	struct metadata *meta = ret;
	const char *text = text_of(rd, node, "a namespace");

	if (!text)
		return;
	meta->namespace_at = node->at;
	if (valid_name(text, NAMESPACE_MOST, false))
		meta->namespace = keep(rd, text);
	else
		problem_at(rd, node->at,
			   "\"%.64s\" is no namespace, expected up to 63 letters, digits, - and _",
			   text);
}

static void keep_labels(struct reader *rd, const struct node *node, void *ret)
{
	struct metadata *meta = ret;

	(void)rd;
	meta->labels = node;
}

static const struct word yes_no[] = {{"true", 1}, {"false", 0}, {}};
static const struct word deny_words[] = {{"drop", ON_DENY_DROP}, {"reject", ON_DENY_REJECT}, {}};

static void read_audit(struct reader *rd, const struct node *node, void *ret)
{
	unsigned value;

	if (read_word(rd, node, "chasqui.io/audit", yes_no, &value))
		((struct metadata *)ret)->audit = value;
}

static void read_on_deny(struct reader *rd, const struct node *node, void *ret)
{
	unsigned value;

	if (read_word(rd, node, "chasqui.io/on-deny", deny_words, &value))
		((struct metadata *)ret)->on_deny = value;
}

/* Others' annotations are theirs; ours are checked. */
static void read_annotations(struct reader *rd, const struct node *node, void *ret)
{
	static const struct word ours[] = {{"chasqui.io/audit", 0}, {"chasqui.io/on-deny", 0}, {}};
	char expected[64];

	if (node->kind != NODE_MAP) {
		problem_at(rd, node->at, "annotations are not a mapping, expected key: value");
		return;
	}
	FOR_EACH_KEY(key, node)
	{
		if (strcmp(key->text, ours[0].text) == 0)
			read_audit(rd, key->value, ret);
		else if (strcmp(key->text, ours[1].text) == 0)
			read_on_deny(rd, key->value, ret);
		else if (strncmp(key->text, "chasqui.io/", 11) == 0)
			problem_at(rd, key->at, "unknown annotation \"%.64s\", expected %s",
				   key->text, words_list(ours, expected, sizeof(expected)));
	}
}

static const struct field metadata_fields[] = {
	{"name", read_name, .need = FIELD_MUST},
	{"namespace", read_namespace_name},
	{"labels", keep_labels},
	{"annotations", read_annotations},
	/* what Kubernetes writes into a document that was stored there */
	{"uid"},
	{"resourceVersion"},
	{"creationTimestamp"},
	{"generation"},
	{"managedFields"},
	{"ownerReferences"},
	{"finalizers"},
	{"selfLink"},
	{"generateName"},
	{"deletionTimestamp"},
	{"deletionGracePeriodSeconds"},
	{},
};

bool read_metadata(struct reader *rd, const struct node *document, struct metadata *ret)
{
	const struct node *node = node_field(document, "metadata");
	struct metadata meta = {};
	bool right;

	if (!node || node_is_null(node)) {
		problem_at(rd, document->at,
			   "the document has no \"metadata\", which it must have");
		return false;
	}
	right = read_fields(rd, node, "metadata", metadata_fields, &meta);
	*ret = meta;
	return right;
}

void refuse_namespace(struct reader *rd, const struct metadata *meta, const char *kind)
{
	if (meta->namespace)
		problem_at(rd, meta->namespace_at,
			   "a %s stands in no namespace, expected none here", kind);
}
