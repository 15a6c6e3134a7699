/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include <string.h>

#include "kernel/wireguard.h"

/* What the kernel, or a stranger in its place, answers about a WireGuard device. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_message(const struct nlmsghdr *message, void *device)
{
	return wireguard_read(message, device) ? MNL_CB_ERROR : MNL_CB_OK;
}

static int check(void *data, struct nlmsghdr *message)
{
	return wireguard_read(message, data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wg_device device = {}, again = {};
	_Alignas(struct nlmsghdr) char room[65536];

	if (size > sizeof(room))
		return 0;
	memcpy(room, data, size);
	if (!netlink_lengths_fit(room, size))
		return 0;
	mnl_cb_run(room, size, 0, 0, read_message, &device);
	/* what was read can be written, and then has as many peers */
	if (device.n_peers && !wireguard_write(&device, 32, check, &again) &&
	    again.n_peers != device.n_peers)
		__builtin_trap();
	wg_device_clear(&device);
	wg_device_clear(&again);
	return 0;
}
