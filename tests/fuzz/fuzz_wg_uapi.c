/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Any lines at all on the control socket: one errno for each request, and tables that stay whole.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../datapath/tunnel/uapi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct device device;

static uint32_t counting(void)
{
	static uint32_t last;

	return ++last;
}

/* A device without a TUN and without workers: all that configuration needs. */
static void make_device(void)
{
	if (crypt_start() || index_init(&device.indices, counting))
		abort();
	device.sources = &system_sources;
	device.epoch = device.generation = 1;
	device.wake = -1;
	vault_init(&device.peer_vault, sizeof(struct peer));
	vault_init(&device.session_vault, sizeof(struct session));
	pthread_mutex_init(&device.gate, NULL);
	pthread_mutex_init(&device.noticed_lock, NULL);
}

static void on_gone(void *uapi, const struct peer *peer)
{
	uapi_forget(uapi, peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text answer = {};
	struct uapi uapi;
	char line[UAPI_LINE_MAX + 1];
	size_t at = 0;

	if (!device.epoch)
		make_device();
	uapi_init(&uapi, &device);
	device.peer_gone = on_gone;
	device.peer_gone_data = &uapi;
	while (at < size) {
		const uint8_t *end = memchr(data + at, '\n', size - at);
		size_t length = end ? (size_t)(end - data) - at : size - at;

		if (length > UAPI_LINE_MAX)
			break;
		memcpy(line, data + at, length);
		line[length] = '\0';
		uapi_line(&uapi, line, &answer);
		at += length + 1;
	}
	uapi_line(&uapi, strcpy(line, ""), &answer);
	uapi_line(&uapi, strcpy(line, "get=1"), &answer);
	uapi_line(&uapi, strcpy(line, ""), &answer);
	if (answer.used < 9 || memcmp(answer.at + answer.used - 2, "\n\n", 2))
		abort();
	text_free(&answer);
	device_remove_all(&device);
	if (device.allowed.root4 || device.allowed.root6 || device.indices.used ||
	    device.heap.count)
		abort();
	return 0;
}
