// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "daemon/documents.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "policy/yaml.h"
#include "util/cleanup.h"

#define DOCUMENTS_MOST 1000000

/* Where the reader of events stands within one document. */
struct splitting {
	const char *text;
	size_t bytes;
	struct documents found;
	unsigned depth;
	bool key_next;	   /* the next scalar at this depth is a key */
	bool in_metadata;  /* at depth 2, below metadata */
	char key[64];	   /* the key whose value comes next, at depth 1 or 2 */
	size_t line_start; /* byte where `line` starts */
	unsigned line;	   /* from 0 */
	char *refusal;
};

static void document_free(struct document *document)
{
	free(document->api_version);
	free(document->kind);
	free(document->namespace);
	free(document->name);
}

void documents_free(struct documents *documents)
{
	for (size_t i = 0; i < documents->count; i++)
		document_free(&documents->list[i]);
	free(give(documents->list));
	documents->count = 0;
}

bool document_is(const struct document *document, const char *kind, const char *namespace,
		 const char *name)
{
	return strcasecmp(document->kind, kind) == 0 &&
	       strcmp(document->namespace, namespace) == 0 && strcmp(document->name, name) == 0;
}

const char *namespace_of_kind(const char *kind, const char *given)
{
	static const char *const namespaced[] = {"Endpoint", "CiliumNetworkPolicy", "NetworkPolicy",
						 "TracingPolicyNamespaced"};

	for (size_t i = 0; i < sizeof(namespaced) / sizeof(namespaced[0]); i++)
		if (strcasecmp(kind, namespaced[i]) == 0)
			return given && *given ? given : "default";
	return "";
}

/* The byte at which a line starts; marks only go forward. libyaml counts lines as we do not
 * have to: a line ends with \n, \r\n, \r or one of Unicode's own. */
static size_t byte_of_line(struct splitting *at, unsigned line)
{
	const unsigned char *text = (const unsigned char *)at->text;

	while (at->line < line && at->line_start < at->bytes) {
		size_t i = at->line_start;

		while (i < at->bytes && text[i] != '\n' && text[i] != '\r' &&
		       !(text[i] == 0xc2 && i + 1 < at->bytes && text[i + 1] == 0x85) &&
		       !(text[i] == 0xe2 && i + 2 < at->bytes && text[i + 1] == 0x80 &&
			 (text[i + 2] == 0xa8 || text[i + 2] == 0xa9)))
			i++;
		if (i >= at->bytes)
			at->line_start = at->bytes;
		else if (text[i] == '\r' && i + 1 < at->bytes && text[i + 1] == '\n')
			at->line_start = i + 2;
		else
			at->line_start = i + (text[i] == 0xc2 ? 2 : text[i] == 0xe2 ? 3 : 1);
		at->line++;
	}
	return at->line_start;
}

static int start_document(struct splitting *at, const yaml_event_t *event)
{
	struct documents *found = &at->found;
	struct document *list;
	size_t start;

	if (found->count >= DOCUMENTS_MOST)
		return -E2BIG;
	start = found->count ? byte_of_line(at, event->start_mark.line) : 0;
	list = realloc(found->list, (found->count + 1) * sizeof(*list));
	if (!list)
		return -ENOMEM;
	found->list = list;
	if (found->count)
		list[found->count - 1].end = start;
	list[found->count++] = (struct document){
		.start = start, .end = at->bytes, .line = event->start_mark.line + 1};
	at->depth = 0;
	at->in_metadata = false;
	return 0;
}

/* The member of the document that a scalar in this place fills. */
static char **slot_of(struct splitting *at)
{
	struct document *document = &at->found.list[at->found.count - 1];

	if (at->depth == 1 && strcmp(at->key, "kind") == 0)
		return &document->kind;
	if (at->depth == 1 && strcmp(at->key, "apiVersion") == 0)
		return &document->api_version;
	if (at->depth == 2 && at->in_metadata && strcmp(at->key, "name") == 0)
		return &document->name;
	if (at->depth == 2 && at->in_metadata && strcmp(at->key, "namespace") == 0)
		return &document->namespace;
	return NULL;
}

/* True where the current depth is a mapping that we look at: the document, or its metadata. */
static bool watched(const struct splitting *at)
{
	return at->depth == 1 || (at->depth == 2 && at->in_metadata);
}

static int take_scalar(struct splitting *at, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	char **slot;

	if (!watched(at))
		return 0;
	if (at->key_next) {
		snprintf(at->key, sizeof(at->key), "%s", text);
		at->key_next = false;
		return 0;
	}
	at->key_next = true;
	slot = slot_of(at);
	if (!slot || *slot)
		return 0;
	*slot = strdup(text);
	return *slot ? 0 : -ENOMEM;
}

static void enter(struct splitting *at, bool is_map)
{
	bool metadata = at->depth == 1 && is_map && strcmp(at->key, "metadata") == 0;

	if (watched(at))
		at->key_next = true; /* after what is entered now */
	at->depth++;
	if (at->depth == 2)
		at->in_metadata = metadata;
	if (at->depth == 1 || metadata) {
		at->key_next = is_map;
		at->key[0] = '\0';
	}
}

static void leave(struct splitting *at)
{
	if (at->depth == 2) {
		at->in_metadata = false;
		at->key_next = true;
	}
	at->depth--;
}

static int finish_document(struct splitting *at)
{
	struct document *document = &at->found.list[at->found.count - 1];
	const char *namespace;
	char *kept;

	if (document->kind && strcmp(document->kind, "List") == 0) {
		snprintf(
			at->refusal, DOCUMENTS_REFUSAL_BYTES,
			"line %u: kind List is not read: write each of its items as a document, with --- before it",
			document->line);
		return -EINVAL;
	}
	if (!document->kind || !document->name) {
		snprintf(at->refusal, DOCUMENTS_REFUSAL_BYTES,
			 "line %u: a document must have a kind and a metadata.name",
			 document->line);
		return -EINVAL;
	}
	namespace = namespace_of_kind(document->kind, document->namespace);
	kept = strdup(namespace);
	if (!kept)
		return -ENOMEM;
	free(document->namespace);
	document->namespace = kept;
	return 0;
}

/* A document with nothing in it ("---" at the end of a file) is none. */
static void drop_empty_document(struct splitting *at)
{
	struct documents *found = &at->found;

	document_free(&found->list[--found->count]);
	if (found->count)
		found->list[found->count - 1].end = at->bytes;
}

static int take_event(struct splitting *at, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		return start_document(at, event);
	case YAML_MAPPING_START_EVENT:
	case YAML_SEQUENCE_START_EVENT:
		enter(at, event->type == YAML_MAPPING_START_EVENT);
		return 0;
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		leave(at);
		if (at->depth == 0)
			return finish_document(at);
		return 0;
	case YAML_SCALAR_EVENT:
		if (at->depth > 0)
			return take_scalar(at, event);
		if (event->data.scalar.length == 0)
			drop_empty_document(at);
		else
			return finish_document(at);
		return 0;
	case YAML_ALIAS_EVENT:
		snprintf(at->refusal, DOCUMENTS_REFUSAL_BYTES, "line %zu: aliases are not taken",
			 event->start_mark.line + 1);
		return -EINVAL;
	default:
		return 0;
	}
}

static int split(struct splitting *at, yaml_parser_t *parser)
{
	yaml_event_t event;
	bool more = true;
	int err = 0;

	while (more && !err) {
		if (!yaml_parser_parse(parser, &event)) {
			snprintf(at->refusal, DOCUMENTS_REFUSAL_BYTES, "line %zu: not YAML: %s",
				 parser->problem_mark.line + 1,
				 parser->problem ? parser->problem : "out of memory");
			return -EINVAL;
		}
		more = event.type != YAML_STREAM_END_EVENT;
		err = take_event(at, &event);
		yaml_event_delete(&event);
	}
	return err;
}

size_t documents_mark(const char *text, size_t bytes)
{
	size_t mark = strlen(UTF8_MARK);

	return bytes >= mark && memcmp(text, UTF8_MARK, mark) == 0 ? mark : 0;
}

int documents_split(const char *text, size_t bytes, struct documents *ret,
		    char refusal[DOCUMENTS_REFUSAL_BYTES])
{
	struct splitting at = {.text = text, .bytes = bytes, .refusal = refusal};
	size_t mark = documents_mark(text, bytes);
	yaml_parser_t parser;
	int err;

	snprintf(refusal, DOCUMENTS_REFUSAL_BYTES, "too many documents, or out of memory");
	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text + mark, bytes - mark);
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	err = split(&at, &parser);
	yaml_parser_delete(&parser);
	if (err)
		documents_free(&at.found);
	else
		*ret = at.found;
	return err;
}

static bool starts_document(const char *text, size_t bytes)
{
	return bytes >= 3 && memcmp(text, "---", 3) == 0;
}

char *documents_edit(const char *text, size_t bytes, const struct document *document,
		     const char *instead, size_t instead_bytes, size_t *ret_bytes)
{
	size_t start = document ? document->start : bytes, end = document ? document->end : bytes;
	cleanup_free char *edited = NULL;
	size_t edited_bytes;
	FILE *out = open_memstream(&edited, &edited_bytes);

	if (!out)
		return NULL;
	fwrite(text, 1, start, out);
	if (start && text[start - 1] != '\n')
		fputc('\n', out);
	if (instead) {
		if (start && !starts_document(instead, instead_bytes))
			fputs("---\n", out);
		fwrite(instead, 1, instead_bytes, out);
		if (instead_bytes && instead[instead_bytes - 1] != '\n')
			fputc('\n', out);
		if (end < bytes && !starts_document(text + end, bytes - end))
			fputs("---\n", out);
	}
	fwrite(text + end, 1, bytes - end, out);
	if (fclose(out) != 0)
		return NULL;
	*ret_bytes = edited_bytes;
	return give(edited);
}
