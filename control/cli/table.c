// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <stdbool.h>

#include "cli/table.h"

#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <string.h>

#include "util/cleanup.h"

static void table_free_p(struct libscols_table **table)
{
	scols_unref_table(*table);
}

const json_t *member_at(const json_t *object, const char *path)
{
	char name[64];
	size_t length;

	while (object && *path) {
		length = strcspn(path, ".");
		if (length >= sizeof(name))
			return NULL;
		snprintf(name, sizeof(name), "%.*s", (int)length, path);
		object = json_object_get(object, name);
		path += length + (path[length] == '.');
	}
	return object;
}

static void write_cell(FILE *out, const json_t *value)
{
	size_t i;
	json_t *item;

	switch (json_typeof(value)) {
	case JSON_STRING:
		fputs(json_string_value(value), out);
		break;
	case JSON_INTEGER:
		fprintf(out, "%lld", (long long)json_integer_value(value));
		break;
	case JSON_REAL:
		fprintf(out, "%.3g", json_real_value(value));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		fputs(json_is_true(value) ? "yes" : "no", out);
		break;
	case JSON_ARRAY:
		json_array_foreach(value, i, item)
		{
			fputs(i ? "," : "", out);
			write_cell(out, item);
		}
		break;
	default:
		fputs("-", out);
	}
}

char *cell_text(const json_t *value)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	if (!out)
		return NULL;
	if (value)
		write_cell(out, value);
	else
		fputs("-", out);
	fclose(out);
	return text;
}

static int add_row(struct libscols_table *table, const struct column *columns, const json_t *row)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);
	char *text;

	for (size_t i = 0; line && columns[i].heading; i++) {
		text = cell_text(member_at(row, columns[i].member));
		if (!text || scols_line_refer_data(line, i, text) < 0)
			return -ENOMEM;
	}
	return line ? 0 : -ENOMEM;
}

int table_print(const struct column *columns, const json_t *rows)
{
	cleanup(table_free_p) struct libscols_table *table = scols_new_table();
	size_t i;
	json_t *row;

	if (!table)
		return -ENOMEM;
	scols_table_enable_noencoding(table, 1);
	for (i = 0; columns[i].heading; i++)
		if (!scols_table_new_column(table, columns[i].heading, 0,
					    columns[i].right ? SCOLS_FL_RIGHT : 0))
			return -ENOMEM;
	json_array_foreach(rows, i, row) if (add_row(table, columns, row) < 0) return -ENOMEM;
	return scols_print_table(table) < 0 ? -ENOMEM : 0;
}
