/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "tunnel/inside.h"
#include "tunnel/uapi.h"

const struct backend backend_kernel = {"kernel", KIND_WIREGUARD, wireguard_get, wireguard_set};
const struct backend backend_userspace = {"userspace", KIND_TUN, uapi_get, uapi_set};
