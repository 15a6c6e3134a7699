// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <stdlib.h>
#include <string.h>

#include "policy/reader.h"
#include "util/addr.h"

const struct key_style cilium_keys = {.source = "any", .sources = true, .prefix = ""};

static const struct word operators[] = {
	{"In", REQUIRE_IN},
	{"NotIn", REQUIRE_NOT_IN},
	{"Exists", REQUIRE_EXISTS},
	{"DoesNotExist", REQUIRE_NOT_EXISTS},
	{},
};

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int compare_requirements(const void *a, const void *b)
{
	const struct requirement *left = a, *right = b;
	int order = strcmp(left->source, right->source);

	order = order ? order : strcmp(left->key, right->key);
	if (order || left->op != right->op)
		return order ? order : (int)left->op - (int)right->op;
	for (size_t i = 0; i < left->count && i < right->count; i++)
		if ((order = strcmp(left->values[i], right->values[i])))
			return order;
	return (left->count > right->count) - (left->count < right->count);
}

void selector_order(struct selector *selector)
{
	size_t kept = 0;

	if (!selector->count)
		return;
	qsort(selector->list, selector->count, sizeof(*selector->list), compare_requirements);
	for (size_t i = 0; i < selector->count; i++)
		if (!kept || compare_requirements(&selector->list[kept - 1], &selector->list[i]))
			selector->list[kept++] = selector->list[i];
	selector->count = kept;
}

static struct requirement *add_requirement(struct reader *rd, struct selector *selector)
{
	size_t count = selector->count;
	struct requirement *list;

	/* Room is doubled whenever the count reaches a power of two. */
	if ((count & (count - 1)) == 0) {
		list = arena_array(&rd->memory->kept, struct requirement, count ? count * 2 : 1);
		if (count)
			memcpy(list, selector->list, sizeof(*list) * count);
		selector->list = list;
	}
	selector->count++;
	return &selector->list[count];
}

void selector_require(struct reader *rd, struct selector *selector, const char *source,
		      const char *key, enum requirement_op op, const char *value)
{
	struct requirement *requirement = add_requirement(rd, selector);

	*requirement = (struct requirement){.source = source, .key = key, .op = op};
	if (value) {
		requirement->values = arena_array(&rd->memory->kept, const char *, 1);
		requirement->values[0] = value;
		requirement->count = 1;
	}
	selector_order(selector);
}

void selector_append(struct reader *rd, struct selector *selector, const struct selector *more)
{
	for (size_t i = 0; i < more->count; i++)
		*add_requirement(rd, selector) = more->list[i];
	selector_order(selector);
}

bool selector_names(const struct selector *selector, const char *key)
{
	for (size_t i = 0; i < selector->count; i++) {
		const struct requirement *req = &selector->list[i];

		if (strcmp(req->key, key) == 0 &&
		    (strcmp(req->source, "any") == 0 || strcmp(req->source, "k8s") == 0))
			return true;
	}
	return false;
}

bool selector_names_prefix(const struct selector *selector, const char *prefix)
{
	for (size_t i = 0; i < selector->count; i++)
		if (strncmp(selector->list[i].key, prefix, strlen(prefix)) == 0)
			return true;
	return false;
}

bool selector_has_reserved(const struct selector *selector, const char *name)
{
	for (size_t i = 0; i < selector->count; i++)
		if (strcmp(selector->list[i].source, "reserved") == 0 &&
		    strcmp(selector->list[i].key, name) == 0)
			return true;
	return false;
}

bool selector_has_source(const struct selector *selector, const char *source)
{
	for (size_t i = 0; i < selector->count; i++)
		if (strcmp(selector->list[i].source, source) == 0)
			return true;
	return false;
}

static bool holds(const struct requirement *req, const struct labels *labels)
{
	const char *value = NULL;
	bool listed = false;

	for (size_t i = 0; i < labels->count; i++)
		if (strcmp(labels->list[i].key, req->key) == 0)
			value = labels->list[i].value;
	for (size_t i = 0; value && i < req->count; i++)
		listed = listed || strcmp(req->values[i], value) == 0;
	switch (req->op) {
	case REQUIRE_IN:
		return listed;
	case REQUIRE_NOT_IN:
		return !listed;
	case REQUIRE_EXISTS:
		return value;
	default:
		return !value;
	}
}

/* By key alone: for groups of prefixes, whose labels have one source. */
bool selector_matches_keys(const struct selector *selector, const struct labels *labels)
{
	for (size_t i = 0; i < selector->count; i++)
		if (!holds(&selector->list[i], labels))
			return false;
	return !selector->impossible;
}

struct selector_reading {
	const struct key_style *style;
	struct selector selector;
};

/* Cilium's older ways to write reserved:host, which it still reads: reserved.host and $host. */
static void read_old_reserved(const char *text, struct requirement *ret)
{
	const char *key = NULL;

	if (*text == '$')
		key = text + 1;
	else if (!strchr(text, ':') && strncmp(text, "reserved.", 9) == 0)
		key = text + 9;
	if (!key)
		return;
	ret->source = "reserved";
	ret->key = key;
}

/* Text of a prefix in one way only, so that its key is found among labels. */
static const char *settle_prefix(struct reader *rd, const struct requirement *req)
{
	char text[PREFIX_TEXT_BYTES];
	struct chq_prefix prefix;

	if (strcmp(req->source, "cidr") != 0 || prefix_parse_label(req->key, &prefix) < 0)
		return req->key;
	return keep(rd, prefix_print_label(&prefix, text));
}

/* The key of a requirement, checked and in the words of labels. */
static bool read_key(struct reader *rd, const struct node *node, const struct key_style *style,
		     struct requirement *ret)
{
	const char *text = text_of(rd, node, "a label's key"), *key;
	struct obstack *kept = &rd->memory->kept;

	if (!text)
		return false;
	ret->source = style->source;
	ret->key = text;
	if (style->sources)
		split_source(rd, text, style->source, &ret->source, &ret->key);
	if (style->sources)
		read_old_reserved(text, ret);
	if (!valid_label_key(ret->source, ret->key)) {
		problem_at(
			rd, node->at,
			"\"%.64s\" is no label key, expected %s[prefix/]name of letters, digits, - _ .",
			text, style->sources ? "[source:]" : "");
		return false;
	}
	ret->key = settle_prefix(rd, ret);
	obstack_grow(kept, style->prefix, strlen(style->prefix));
	obstack_grow0(kept, ret->key, strlen(ret->key));
	key = obstack_finish(kept);
	ret->key = key;
	return true;
}

static bool read_value(struct reader *rd, const struct node *node, const char **ret)
{
	const char *text = "";

	if (!node_is_null(node) && !(text = text_of(rd, node, "a label's value")))
		return false;
	if (!valid_label_value(text)) {
		problem_at(rd, node->at,
			   "\"%.64s\" is no label value, expected up to 63 letters, digits, - _ .",
			   text);
		return false;
	}
	*ret = keep(rd, text);
	return true;
}

static void read_match_labels(struct reader *rd, const struct node *node, void *ret)
{
	struct selector_reading *reading = ret;

	if (node->kind != NODE_MAP) {
		problem_at(rd, node->at, "matchLabels is not a mapping, expected key: value");
		return;
	}
	FOR_EACH_KEY(key, node)
	{
		struct requirement req = {.op = REQUIRE_IN};
		const char *value;

		if (!read_key(rd, key, reading->style, &req) || !read_value(rd, key->value, &value))
			continue;
		req.values = arena_array(&rd->memory->kept, const char *, 1);
		req.values[0] = value;
		req.count = 1;
		*add_requirement(rd, &reading->selector) = req;
	}
}

struct expression {
	const struct node *key, *operator, * values;
};

static const struct field expression_fields[] = {
	{"key", read_node, offsetof(struct expression, key), FIELD_MUST},
	{"operator", read_node, offsetof(struct expression, operator), FIELD_MUST},
	{"values", read_node, offsetof(struct expression, values)},
	{},
};

static bool read_values(struct reader *rd, const struct node *node, struct requirement *ret)
{
	size_t most = list_count(rd, node, "values");
	bool right = node->kind == NODE_LIST;

	ret->values = arena_array(&rd->memory->kept, const char *, most);
	FOR_EACH_CHILD(child, node)
	{
		if (ret->count < most && read_value(rd, child, &ret->values[ret->count]))
			ret->count++;
		else
			right = false;
	}
	qsort(ret->values, ret->count, sizeof(*ret->values), compare_texts);
	return right;
}

static void read_expression(struct reader *rd, const struct node *node,
			    struct selector_reading *reading)
{
	struct expression expr = {};
	struct requirement req = {};
	unsigned op;

	if (!read_fields(rd, node, "an entry of matchExpressions", expression_fields, &expr) ||
	    !read_key(rd, expr.key, reading->style, &req) ||
	    !read_word(rd, expr.operator, "operator", operators, &op))
		return;
	req.op = op;
	if (expr.values && !read_values(rd, expr.values, &req))
		return;
	if (op <= REQUIRE_NOT_IN && !req.count)
		problem_at(rd, node->at, "%s has no values, expected at least one",
			   operators[op].text);
	else if (op > REQUIRE_NOT_IN && req.count)
		problem_at(rd, expr.values->at, "%s takes no values, expected none",
			   operators[op].text);
	else
		*add_requirement(rd, &reading->selector) = req;
}

static void read_match_expressions(struct reader *rd, const struct node *node, void *ret)
{
	list_count(rd, node, "matchExpressions");
	if (node->kind != NODE_LIST)
		return;
	FOR_EACH_CHILD(child, node)
	read_expression(rd, child, ret);
}

static const struct field selector_fields[] = {
	{"matchLabels", read_match_labels},
	{"matchExpressions", read_match_expressions},
	{},
};

bool read_selector(struct reader *rd, const struct node *node, const char *what,
		   const struct key_style *style, struct selector *ret)
{
	struct selector_reading reading = {.style = style, .selector.at = node->at};
	bool right = read_fields(rd, node, what, selector_fields, &reading);

	selector_order(&reading.selector);
	*ret = reading.selector;
	return right;
}
