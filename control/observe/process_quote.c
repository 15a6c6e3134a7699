/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */

/* Fields of a line for a terminal: nothing in them may move its cursor or look like another field.
 */

#include "observe/process_line.h"

#include <stdbool.h>
#include <string.h>

/* The rune that valid UTF-8 begins with, and its length. */
static uint32_t next_rune(const unsigned char *at, size_t *ret_bytes)
{
	static const unsigned char masks[] = {0x7f, 0, 0x1f, 0x0f, 0x07};
	size_t bytes = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	uint32_t rune = at[0] & masks[bytes == 1 ? 0 : bytes];

	for (size_t i = 1; i < bytes && at[i]; i++)
		rune = rune << 6 | (at[i] & 0x3f);
	*ret_bytes = bytes;
	return rune;
}

/* Signs without a shape of their own, or with none that is agreed upon; blanks are among them. */
static bool is_printable(uint32_t rune)
{
	static const uint32_t hidden[][2] = {
		{0x00, 0x20},	    {0x7f, 0xa0},	{0xad, 0xad},	    {0x600, 0x605},
		{0x61c, 0x61c},	    {0x6dd, 0x6dd},	{0x70f, 0x70f},	    {0x890, 0x891},
		{0x8e2, 0x8e2},	    {0x1680, 0x1680},	{0x180e, 0x180e},   {0x2000, 0x200f},
		{0x2028, 0x202f},   {0x205f, 0x206f},	{0x3000, 0x3000},   {0xd800, 0xf8ff},
		{0xfdd0, 0xfdef},   {0xfeff, 0xfeff},	{0xfff0, 0xfffb},   {0xfffe, 0xffff},
		{0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff}, {0xf0000, 0x10ffff},
	};

	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		if (rune >= hidden[i][0] && rune <= hidden[i][1])
			return false;
	return true;
}

bool needs_quotes(const char *text)
{
	size_t bytes;

	for (; *text; text += bytes)
		if (!is_printable(next_rune((const unsigned char *)text, &bytes)))
			return true;
	return false;
}

static void write_rune(FILE *out, uint32_t rune, const char *at, size_t bytes)
{
	static const char named[] = "\a\b\f\n\r\t\v\"\\", letters[] = "abfnrtv\"\\";
	const char *name = rune && rune < 0x80 ? strchr(named, (int)rune) : NULL;

	if (name)
		fprintf(out, "\\%c", letters[name - named]);
	else if (rune == ' ' || is_printable(rune))
		fwrite(at, 1, bytes, out);
	else if (rune < ' ' || rune == 0x7f)
		fprintf(out, "\\x%02x", (unsigned)rune);
	else
		fprintf(out, rune < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)rune);
}

void write_quoted(FILE *out, const char *text)
{
	size_t bytes;

	if (!needs_quotes(text)) {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (; *text; text += bytes) {
		uint32_t rune = next_rune((const unsigned char *)text, &bytes);

		write_rune(out, rune, text, bytes);
	}
	fputc('"', out);
}
