// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/reader.h"
#include "util/addr.h"

enum { TEXT_MOST = 1024, KINDS_SHOWN = 400 };

static const char *const node_names[] = {"a single value", "a list", "a mapping"};

void *reader_grow(struct reader *rd, void *list, size_t *count, size_t element_bytes)
{
	/* Room is doubled whenever the count reaches a power of two. */
	if ((*count & (*count - 1)) == 0) {
		list = reallocarray(list, *count ? *count * 2 : 1, element_bytes);
		if (!list) {
			rd->out_of_memory = true;
			return NULL;
		}
	}
	memset((char *)list + *count * element_bytes, 0, element_bytes);
	(*count)++;
	return list;
}

static void note_unknown(struct reader *rd, const struct node *key, const char *what,
			 const struct field *fields)
{
	char expected[KINDS_SHOWN] = "";
	const char *nearest = NULL;
	unsigned smallest = 4;
	size_t used = 0;

	for (const struct field *field = fields; field->name; field++) {
		unsigned distance = words_distance(key->text, field->name);

		if (distance < smallest && words_alike(key->text, field->name)) {
			smallest = distance;
			nearest = field->name;
		}
		if (!field->refused && field->read && used < sizeof(expected))
			used += snprintf(expected + used, sizeof(expected) - used, "%s%s",
					 used ? ", " : "", field->name);
	}
	if (nearest)
		problem_at(rd, key->at, "unknown field \"%.64s\" in %s, did you mean \"%s\"?",
			   key->text, what, nearest);
	else
		problem_at(rd, key->at, "unknown field \"%.64s\" in %s, expected one of: %s",
			   key->text, what, used ? expected : "none");
}

static const struct field *find_field(const struct field *fields, const char *name)
{
	for (; fields->name; fields++)
		if (strcmp(fields->name, name) == 0)
			return fields;
	return NULL;
}

static void read_field(struct reader *rd, const struct node *key, const char *what,
		       const struct field *fields, void *into)
{
	const struct field *field = find_field(fields, key->text);

	if (!field)
		note_unknown(rd, key, what, fields);
	else if (field->refused && !node_is_null(key->value))
		problem_at(rd, key->at, "\"%s\" is not served: %s", key->text, field->refused);
	else if (!field->refused && field->read && !node_is_null(key->value))
		field->read(rd, key->value, (char *)into + field->offset);
}

static void note_missing(struct reader *rd, const struct node *node, const char *what,
			 const struct field *fields)
{
	for (; fields->name; fields++) {
		const struct node *value = node_field(node, fields->name);

		if (fields->need == FIELD_MUST && (!value || node_is_null(value)))
			problem_at(rd, node->at, "%s has no \"%s\", which it must have", what,
				   fields->name);
	}
}

bool read_fields(struct reader *rd, const struct node *node, const char *what,
		 const struct field *fields, void *into)
{
	size_t before = rd->problems->count + rd->problems->unlisted;

	if (node->kind != NODE_MAP) {
		problem_at(rd, node->at, "%s is %s, expected a mapping of fields", what,
			   node_names[node->kind]);
		return false;
	}
	FOR_EACH_KEY(key, node)
	read_field(rd, key, what, fields, into);
	note_missing(rd, node, what, fields);
	return rd->problems->count + rd->problems->unlisted == before;
}

size_t list_count(struct reader *rd, const struct node *node, const char *what)
{
	if (node->kind == NODE_LIST)
		return node->count;
	problem_at(rd, node->at, "%s is %s, expected a list", what, node_names[node->kind]);
	return 0;
}

const char *text_of(struct reader *rd, const struct node *node, const char *what)
{
	if (node->kind != NODE_SCALAR)
		problem_at(rd, node->at, "%s is %s, expected a single value", what,
			   node_names[node->kind]);
	else if (node->length_bytes > TEXT_MOST)
		problem_at(rd, node->at, "%s is %zu bytes long, expected at most %d", what,
			   node->length_bytes, TEXT_MOST);
	else if (node_is_null(node))
		problem_at(rd, node->at, "%s is empty, expected a value", what);
	else
		return node->text;
	return NULL;
}

const char *keep(struct reader *rd, const char *text)
{
	return arena_text(&rd->memory->kept, text, strlen(text));
}

void read_text(struct reader *rd, const struct node *node, void *ret)
{
	const char *text = text_of(rd, node, "this");

	if (text)
		*(const char **)ret = keep(rd, text);
}

void read_node(struct reader *rd, const struct node *node, void *ret)
{
	(void)rd;
	*(const struct node **)ret = node;
}

void read_ignored(struct reader *rd, const struct node *node, void *ret)
{
	(void)rd;
	(void)node;
	(void)ret;
}

void read_bool(struct reader *rd, const struct node *node, void *ret)
{
	const char *text = text_of(rd, node, "this");

	if (!text)
		return;
	if (node->plain && strcmp(text, "true") == 0)
		*(bool *)ret = true;
	else if (node->plain && strcmp(text, "false") == 0)
		*(bool *)ret = false;
	else
		problem_at(rd, node->at, "\"%.64s\" is neither, expected true or false", text);
}

/* dev_valid_name() of the kernel, less the colon of aliases. */
void read_interface(struct reader *rd, const struct node *node, void *ret)
{
	const char *text = text_of(rd, node, "a port's name");

	if (!text)
		return;
	if (strlen(text) > 15 || strpbrk(text, "/: \t\n\r\v\f") || strcmp(text, ".") == 0 ||
	    strcmp(text, "..") == 0 || !*text)
		problem_at(
			rd, node->at,
			"\"%.64s\" is no interface name, expected 1 to 15 characters without / : and "
			"blanks",
			text);
	else
		*(const char **)ret = keep(rd, text);
}

/* 010 is 8 to whoever reads YAML 1.1, and 10 to a person. */
static bool is_octal(const char *text)
{
	return text[0] == '0' && text[1] && !text[strspn(text, "0123456789")];
}

bool read_number(struct reader *rd, const struct node *node, const char *what, uint32_t least,
		 uint32_t most, uint32_t *ret)
{
	const char *text = text_of(rd, node, what);
	uint64_t number = 0;
	size_t digits;

	if (!text)
		return false;
	if (is_octal(text)) {
		problem_at(rd, node->at,
			   "%s is \"%.64s\", which others read as octal, expected no 0 in front",
			   what, text);
		return false;
	}
	digits = strspn(text, "0123456789");
	for (size_t i = 0; i < digits && number <= UINT32_MAX; i++)
		number = number * 10 + (text[i] - '0');
	if (!digits || text[digits] || number < least || number > most) {
		problem_at(rd, node->at, "%s is \"%.64s\", expected a number from %u to %u", what,
			   text, least, most);
		return false;
	}
	*ret = number;
	return true;
}

bool read_word(struct reader *rd, const struct node *node, const char *what,
	       const struct word *words, unsigned *ret)
{
	const char *text = text_of(rd, node, what), *nearest;
	const struct word *word;
	char expected[KINDS_SHOWN];

	if (!text)
		return false;
	word = words_find(words, text);
	if (word) {
		*ret = word->value;
		return true;
	}
	nearest = words_nearest(words, text);
	if (nearest)
		problem_at(rd, node->at, "unknown %s \"%.64s\", did you mean \"%s\"?", what, text,
			   nearest);
	else
		problem_at(rd, node->at, "unknown %s \"%.64s\", expected %s", what, text,
			   words_list(words, expected, sizeof(expected)));
	return false;
}

static const struct {
	const char *text;
	double seconds;
} units[] = {{"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};

/* One "30s" of a duration; NULL when it is none. */
static const char *take_time(const char *text, double *seconds)
{
	size_t digits = strspn(text, "0123456789.");
	double number;
	char *end;

	number = strtod(text, &end);
	if (!digits || text[0] == '.' || end != text + digits)
		return NULL;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t length = strlen(units[i].text);

		if (strncmp(end, units[i].text, length) == 0 &&
		    (!end[length] || (end[length] >= '0' && end[length] <= '9'))) {
			*seconds += number * units[i].seconds;
			return end + length;
		}
	}
	return NULL;
}

static bool parse_duration(const char *text, double *ret)
{
	double seconds = 0;

	if (strcmp(text, "0") != 0)
		do {
			text = take_time(text, &seconds);
		} while (text && *text);
	*ret = seconds;
	return text;
}

bool read_duration(struct reader *rd, const struct node *node, double least_s, double most_s,
		   double *ret)
{
	const char *text = text_of(rd, node, "a duration");
	double seconds;

	if (!text)
		return false;
	if (!parse_duration(text, &seconds)) {
		problem_at(rd, node->at,
			   "\"%.64s\" is no duration, expected something like 30s, 500ms or 1h30m",
			   text);
		return false;
	}
	if (!(seconds >= least_s && seconds <= most_s)) {
		problem_at(rd, node->at, "%.64s is out of range, expected %gs to %gd", text,
			   least_s, most_s / 86400);
		return false;
	}
	*ret = seconds;
	return true;
}

bool parse_prefix_text(const char *text, enum prefix_style style, struct chq_prefix *ret,
		       const char **expected)
{
	bool slash = strchr(text, '/');
	int error =
		style == PREFIX_STRICT ? prefix_parse(text, ret) : prefix_parse_masked(text, ret);

	if (style == PREFIX_ADDRESS && (error || slash))
		*expected = "an address such as 10.0.0.5 or fd00::5";
	else if (style == PREFIX_LENGTH && (error || !slash))
		*expected = "a prefix with its length, such as 10.0.0.0/8 or fd00::/48";
	else if (error == -ERANGE)
		*expected = "no bits set beyond the length";
	else if (error)
		*expected = "an address or a prefix, such as 10.0.0.0/8 or fd00::/48";
	else
		return true;
	return false;
}

bool read_prefix(struct reader *rd, const struct node *node, enum prefix_style style,
		 struct chq_prefix *ret)
{
	const char *text = text_of(rd, node, style == PREFIX_ADDRESS ? "an address" : "a prefix");
	const char *expected;

	if (!text)
		return false;
	if (parse_prefix_text(text, style, ret, &expected))
		return true;
	problem_at(rd, node->at, "\"%.64s\" cannot be read, expected %s", text, expected);
	return false;
}

void read_prefixes(struct reader *rd, const struct node *node, const char *what,
		   enum prefix_style style, struct chq_prefix **ret, size_t *count)
{
	size_t most = list_count(rd, node, what), used = 0;
	struct chq_prefix *list = arena_array(&rd->memory->kept, struct chq_prefix, most);

	FOR_EACH_CHILD(child, node)
	if (used < most && read_prefix(rd, child, style, &list[used]))
		used++;
	*ret = list;
	*count = used;
}
