/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>

#include "bytes.h"
#include "crypto.h"

#define FIRST_ROOM 16384
#define LINE_ROOM  512

/* Moved by us, not by mremap, so that the old place is wiped. */
static int grow(struct text *text)
{
	size_t room = text->room ? text->room * 2 : FIRST_ROOM;
	char *at = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return -ENOMEM;
	/* Best effort: a very long answer may be more than may be locked. */
	(void)mlock(at, room);
	madvise(at, room, MADV_DONTDUMP);
	if (text->used)
		memcpy(at, text->at, text->used);
	if (text->room) {
		crypt_wipe(text->at, text->used);
		munmap(text->at, text->room);
	}
	text->at = at;
	text->room = room;
	return 0;
}

void text_add(struct text *text, const char *format, ...)
{
	va_list args;
	int length;

	if (!text->err && text->room - text->used < LINE_ROOM)
		text->err = grow(text);
	if (text->err)
		return;
	va_start(args, format);
	length = vsnprintf(text->at + text->used, LINE_ROOM, format, args);
	va_end(args);
	if (length > 0)
		text->used += min_size(length, LINE_ROOM - 1);
}

void text_free(struct text *text)
{
	if (text->room) {
		crypt_wipe(text->at, text->used);
		munmap(text->at, text->room);
	}
	*text = (struct text){};
}
