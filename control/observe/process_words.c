/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */

/* Bytes, signals and text as JSON has them. */

#include "observe/process_inside.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

json_t *json_base64(const char *bytes, size_t length)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	cleanup_free char *text = malloc((length + 2) / 3 * 4 + 1);
	size_t at = 0;

	if (!text)
		return NULL;
	for (size_t i = 0; i < length; i += 3) {
		size_t have = length - i < 3 ? length - i : 3;
		uint32_t word = 0;

		for (size_t j = 0; j < 3; j++)
			word = word << 8 | (j < have ? (unsigned char)bytes[i + j] : 0);
		for (size_t j = 0; j < 4; j++)
			text[at++] = j <= have ? digits[word >> (18 - 6 * j) & 63] : '=';
	}
	return json_stringn(text, at);
}

json_t *json_signal(unsigned number)
{
	const char *name = sigabbrev_np((int)number);

	return name ? json_sprintf("SIG%s", name) : json_sprintf("signal %u", number);
}

/* How many bytes of UTF-8 stand here, 1 to 4; 0: none that is valid. */
static size_t utf8_length(const unsigned char *at, size_t left)
{
	static const struct {
		unsigned char mask, lead, length;
		uint32_t least;
	} forms[] = {{0x80, 0, 1, 0},
		     {0xe0, 0xc0, 2, 0x80},
		     {0xf0, 0xe0, 3, 0x800},
		     {0xf8, 0xf0, 4, 0x10000}};

	for (size_t form = 0; form < 4; form++) {
		uint32_t rune = at[0] & (unsigned char)~forms[form].mask;

		if ((at[0] & forms[form].mask) != forms[form].lead || left < forms[form].length)
			continue;
		for (size_t i = 1; i < forms[form].length; i++) {
			if ((at[i] & 0xc0) != 0x80)
				return 0;
			rune = rune << 6 | (at[i] & 0x3f);
		}
		if (rune < forms[form].least || rune > 0x10ffff || (rune & ~0x7ffu) == 0xd800)
			return 0;
		return forms[form].length;
	}
	return 0;
}

json_t *process_string(const char *bytes, size_t length)
{
	static const char replacement[] = "\xef\xbf\xbd";
	cleanup_free char *text = malloc(length * 3 + 1);
	bool in_order = true;
	size_t at = 0;

	if (!text)
		return NULL;
	for (size_t i = 0; i < length;) {
		size_t valid = utf8_length((const unsigned char *)bytes + i, length - i);

		if (!valid && in_order) {
			memcpy(text + at, replacement, 3);
			at += 3;
		}
		in_order = valid;
		memcpy(text + at, bytes + i, valid);
		at += valid;
		i += valid ? valid : 1;
	}
	return json_stringn(text, at);
}
