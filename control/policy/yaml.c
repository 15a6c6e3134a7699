// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "policy/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "policy/reader.h"

enum { DEEPEST = 32, FEW_KEYS = 16 };

/* What is passed down while one document becomes nodes. */
struct loader {
	struct reader *rd;
	yaml_parser_t parser;
	unsigned file;
	const char *text;
	size_t length_bytes;
	bool broken;	   /* the syntax: nothing after it can be read */
	bool document_bad; /* this document must not be looked at */
};

static struct place place_of(const struct loader *ld, yaml_mark_t start, yaml_mark_t end)
{
	bool one_line = start.line == end.line && end.column > start.column;

	return (struct place){
		.file = ld->file,
		.line = start.line + 1,
		.column = start.column + 1,
		.width = one_line ? end.column - start.column : 1,
	};
}

/* A byte that is no character: libyaml tells its offset, not its line. */
static struct place place_of_offset(const struct loader *ld, size_t offset)
{
	struct place at = {.file = ld->file, .line = 1, .column = 1, .width = 1};

	for (size_t i = 0; i < offset && i < ld->length_bytes; i++) {
		bool continues = (ld->text[i] & 0xc0) == 0x80;

		at.column += !continues;
		if (ld->text[i] == '\n') {
			at.line++;
			at.column = 1;
		}
	}
	return at;
}

static void note_syntax(struct loader *ld)
{
	const yaml_parser_t *parser = &ld->parser;
	const char *problem = parser->problem ? parser->problem : "out of memory";
	yaml_mark_t mark = parser->problem_mark;

	ld->broken = true;
	if (parser->error == YAML_READER_ERROR)
		problem_at(ld->rd, place_of_offset(ld, parser->problem_offset),
			   "not YAML: %s (0x%02x), expected text in UTF-8", problem,
			   (unsigned)parser->problem_value & 0xffffff);
	else if (parser->context)
		problem_at(ld->rd, place_of(ld, mark, mark), "not YAML: %s, %s", parser->context,
			   problem);
	else
		problem_at(ld->rd, place_of(ld, mark, mark), "not YAML: %s", problem);
}

static bool next_event(struct loader *ld, yaml_event_t *event)
{
	if (ld->broken)
		return false;
	if (yaml_parser_parse(&ld->parser, event))
		return true;
	note_syntax(ld);
	return false;
}

static void refuse(struct loader *ld, struct place at, const char *what)
{
	ld->document_bad = true;
	problem_at(ld->rd, at, "%s", what);
}

static void refuse_decoration(struct loader *ld, struct place at, const yaml_char_t *anchor,
			      const yaml_char_t *tag)
{
	if (anchor)
		refuse(ld, at, "anchors are not read, expected the value itself");
	if (tag)
		refuse(ld, at, "tags are not read, expected a plain value");
}

static struct node *load_value(struct loader *ld, yaml_event_t *event, unsigned depth);

static struct node *new_node(struct loader *ld, enum node_kind kind, const yaml_event_t *event)
{
	struct node *node = arena_zero(&ld->rd->memory->scratch, sizeof(*node));

	node->kind = kind;
	node->text = "";
	node->at = place_of(ld, event->start_mark, event->end_mark);
	return node;
}

static struct node *load_scalar(struct loader *ld, const yaml_event_t *event)
{
	struct node *node = new_node(ld, NODE_SCALAR, event);
	size_t length = event->data.scalar.length;

	refuse_decoration(ld, node->at, event->data.scalar.anchor, event->data.scalar.tag);
	node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	node->text = arena_text(&ld->rd->memory->scratch, (const char *)event->data.scalar.value,
				length);
	node->length_bytes = length;
	if (memchr(node->text, 0, length))
		refuse(ld, node->at, "a value holds a zero byte, expected text");
	return node;
}

/* The next child, or NULL at the end of the collection or of what can be read. */
static struct node *load_child(struct loader *ld, yaml_event_type_t end, unsigned depth)
{
	struct node *node = NULL;
	yaml_event_t event;

	if (!next_event(ld, &event))
		return NULL;
	if (event.type != end)
		node = load_value(ld, &event, depth);
	yaml_event_delete(&event);
	return node;
}

static struct node *load_list(struct loader *ld, const yaml_event_t *event, unsigned depth)
{
	struct node *list = new_node(ld, NODE_LIST, event), *child, **last = &list->first;

	list->at.width = 1;
	refuse_decoration(ld, list->at, event->data.sequence_start.anchor,
			  event->data.sequence_start.tag);
	while ((child = load_child(ld, YAML_SEQUENCE_END_EVENT, depth + 1))) {
		*last = child;
		last = &child->next;
		list->count++;
	}
	return list;
}

static int compare_keys(const void *a, const void *b)
{
	const struct node *left = *(struct node *const *)a, *right = *(struct node *const *)b;
	int order = strcmp(left->text, right->text);

	if (order)
		return order;
	if (left->at.line != right->at.line)
		return left->at.line < right->at.line ? -1 : 1;
	return (left->at.column > right->at.column) - (left->at.column < right->at.column);
}

static void refuse_twice(struct loader *ld, const struct node *first, const struct node *again)
{
	ld->document_bad = true;
	problem_at(ld->rd, again->at, "\"%.64s\" is given twice, the first is in line %u",
		   again->text, first->at.line);
}

static void find_twins_among_few(struct loader *ld, const struct node *map)
{
	for (const struct node *key = map->first; key; key = key->next)
		for (const struct node *other = map->first; other != key; other = other->next)
			if (strcmp(key->text, other->text) == 0) {
				refuse_twice(ld, other, key);
				break;
			}
}

static void find_twins(struct loader *ld, const struct node *map)
{
	struct obstack *scratch = &ld->rd->memory->scratch;
	const struct node **keys;
	size_t i = 0;

	if (map->count <= FEW_KEYS) {
		find_twins_among_few(ld, map);
		return;
	}
	keys = arena_array(scratch, const struct node *, map->count);
	for (const struct node *key = map->first; key; key = key->next)
		keys[i++] = key;
	qsort(keys, map->count, sizeof(*keys), compare_keys);
	for (i = 1; i < map->count; i++)
		if (strcmp(keys[i]->text, keys[i - 1]->text) == 0)
			refuse_twice(ld, keys[i - 1], keys[i]);
}

static struct node *load_map(struct loader *ld, const yaml_event_t *event, unsigned depth)
{
	struct node *map = new_node(ld, NODE_MAP, event), *key, **last = &map->first;

	map->at.width = 1;
	refuse_decoration(ld, map->at, event->data.mapping_start.anchor,
			  event->data.mapping_start.tag);
	while ((key = load_child(ld, YAML_MAPPING_END_EVENT, depth + 1))) {
		struct node *value = load_child(ld, YAML_NO_EVENT, depth + 1);

		if (!value)
			break;
		if (key->kind != NODE_SCALAR) {
			refuse(ld, key->at,
			       "a field's name is a list or a mapping, expected a word");
			continue;
		}
		key->value = value;
		*last = key;
		last = &key->next;
		map->count++;
	}
	find_twins(ld, map);
	return map;
}

static struct node *load_value(struct loader *ld, yaml_event_t *event, unsigned depth)
{
	struct place at = place_of(ld, event->start_mark, event->end_mark);

	if (depth > DEEPEST) {
		ld->broken = true;
		refuse(ld, at, "nested more than 32 levels deep, expected a policy's few");
		return NULL;
	}
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return load_scalar(ld, event);
	case YAML_SEQUENCE_START_EVENT:
		return load_list(ld, event, depth);
	case YAML_MAPPING_START_EVENT:
		return load_map(ld, event, depth);
	default:
		refuse(ld, at, "aliases are not read, expected the value itself");
		return new_node(ld, NODE_SCALAR, event);
	}
}

/* From the document's start to its end. */
static void load_document(struct loader *ld,
			  void (*read)(struct reader *rd, const struct node *document))
{
	struct node *root;

	ld->document_bad = false;
	root = load_child(ld, YAML_NO_EVENT, 0);
	if (!ld->broken && !ld->document_bad && root && !node_is_null(root))
		read(ld->rd, root);
	obstack_free(&ld->rd->memory->scratch, ld->rd->memory->scratch_start);
	ld->rd->memory->scratch_start = obstack_alloc(&ld->rd->memory->scratch, 1);
}

void yaml_read(struct reader *rd, unsigned file, const char *text, size_t length_bytes,
	       void (*read)(struct reader *rd, const struct node *document))
{
	struct loader ld = {.rd = rd, .file = file, .text = text, .length_bytes = length_bytes};
	bool more = true;
	yaml_event_t event;

	if (!yaml_parser_initialize(&ld.parser))
		return;
	yaml_parser_set_input_string(&ld.parser, (const unsigned char *)text, length_bytes);
	yaml_parser_set_encoding(&ld.parser, YAML_UTF8_ENCODING);
	while (more && !ld.broken && next_event(&ld, &event)) {
		more = event.type != YAML_STREAM_END_EVENT;
		if (event.type == YAML_DOCUMENT_START_EVENT)
			load_document(&ld, read);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&ld.parser);
}

bool node_is_null(const struct node *node)
{
	return node->kind == NODE_SCALAR && node->plain &&
	       (!*node->text || strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0 ||
		strcmp(node->text, "Null") == 0 || strcmp(node->text, "NULL") == 0);
}

const struct node *node_field(const struct node *map, const char *key)
{
	if (map->kind != NODE_MAP)
		return NULL;
	for (const struct node *field = map->first; field; field = field->next)
		if (strcmp(field->text, key) == 0)
			return field->value;
	return NULL;
}
