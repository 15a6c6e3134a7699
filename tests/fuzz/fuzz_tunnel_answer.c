/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "tunnel/uapi.h"

/* What an engine, or a stranger at its socket, answers. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wg_device device = {};
	struct uapi_answer answer = {.device = &device};
	char *text = strndup((const char *)data, size), *rest = text, *line;
	int err = 0;

	while (text && !err && !answer.ended && (line = strsep(&rest, "\n")))
		err = uapi_read_line(&answer, line);
	free(text);
	wg_device_clear(&device);
	return 0;
}
