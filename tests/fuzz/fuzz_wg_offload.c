/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Any packets from a peer, any train from the TUN: cut within their bytes, merged within theirs. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../datapath/tunnel/merge.h"
#include "../../datapath/tunnel/split.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void cut(const uint8_t *data, size_t size)
{
	struct virtio_net_hdr header;
	struct super super;
	uint8_t *packet, *out;

	if (size < sizeof(header))
		return;
	memcpy(&header, data, sizeof(header));
	size -= sizeof(header);
	packet = malloc(size ?: 1);
	memcpy(packet, data + sizeof(header), size);
	if (!super_open(&super, &header, packet, size)) {
		for (uint32_t i = 0; i < super.count; i++) {
			/* Exactly as large as it says, so that one byte more is seen. */
			out = malloc(super_length(&super, i));
			super_write(&super, i, out);
			free(out);
		}
	}
	free(packet);
}

/* Packets of lengths that the input gives; the engine has checked that each is as long as its
 * header says. */
static void merge(const uint8_t *data, size_t size)
{
	static struct merge merge;
	uint8_t *packets[64];
	size_t count = 0;
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	memset(&merge, 0, sizeof(merge));
	merge.fds = &fd;
	merge.fd_count = 1;
	merge.header = merge.udp = true;
	while (size > 42 && count < 64) {
		size_t length = data[0] + 20, least = data[1] >> 4 == 6 ? 40 : 20;

		data++, size--;
		if (length > size)
			length = size;
		if (length < least)
			break;
		packets[count] = malloc(length);
		memcpy(packets[count], data, length);
		packets[count][0] = least == 40 ? 0x60 : 0x45;
		merge_add(&merge, packets[count++], length);
		data += length, size -= length;
	}
	merge_flush(&merge);
	while (count)
		free(packets[--count]);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cut(data, size);
	merge(data, size);
	return 0;
}
