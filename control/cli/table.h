/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <jansson.h>

/* One column of a list: the heading, and which member of each row's object it shows. */
struct column {
	const char *heading;
	const char *member; /* "a.b" goes down; an array is shown with commas */
	bool right;
};

/* `rows` is an array of objects; `columns` ends with an empty one. 0 or -ENOMEM. */
int table_print(const struct column *columns, const json_t *rows);

/* A value as text, as a cell shows it. The caller frees it; NULL: out of memory. */
char *cell_text(const json_t *value);

/* Member of an object by its dotted path; NULL when there is none. */
const json_t *member_at(const json_t *object, const char *path);

#endif
