/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/uapi.h"
#include "tunnel/wish.h"
#include "util/addr.h"

/* What an engine answers, a line at a time. A key that we do not know is passed over. */

static int hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static int read_key(const char *text, struct wg_key *ret)
{
	struct wg_key key;

	if (strlen(text) != sizeof(key.byte) * 2)
		return -EBADMSG;
	for (size_t i = 0; i < sizeof(key.byte); i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EBADMSG;
		key.byte[i] = high << 4 | low;
	}
	*ret = key;
	return 0;
}

static int read_number(const char *text, uint64_t most, uint64_t *ret)
{
	unsigned long long value;
	char *end;

	if (!*text || text[strspn(text, "0123456789")])
		return -EBADMSG;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || *end || value > most)
		return -EBADMSG;
	*ret = value;
	return 0;
}

static int read_endpoint(const char *text, union wg_endpoint *ret)
{
	char host[64], *scope;
	uint16_t port;

	if (!endpoint_split(text, host, sizeof(host), &port))
		return -EBADMSG;
	scope = strchr(host, '%');
	if (scope)
		*scope = '\0';
	return endpoint_numeric(host, port, ret) ? 0 : -EBADMSG;
}

static int read_allowed(const char *text, struct wg_peer *peer)
{
	struct chq_prefix prefix;

	if (prefix_parse(text, &prefix) < 0)
		return -EBADMSG;
	return wg_allowed_add(peer, &prefix);
}

static int begin_peer(struct wg_device *device, const char *value)
{
	struct wg_peer *peer = wg_peer_add(device);

	return peer ? read_key(value, &peer->public_key) : -ENOMEM;
}

static int read_peer_value(struct wg_peer *peer, const char *key, const char *value)
{
	uint64_t number = 0;
	int err = 0;

	if (strcmp(key, "preshared_key") == 0)
		return read_key(value, &peer->preshared_key);
	if (strcmp(key, "endpoint") == 0)
		return read_endpoint(value, &peer->endpoint);
	if (strcmp(key, "allowed_ip") == 0)
		return read_allowed(value, peer);
	if (strcmp(key, "persistent_keepalive_interval") == 0) {
		err = read_number(value, UINT16_MAX, &number);
		peer->keepalive_s = number;
	} else if (strcmp(key, "last_handshake_time_sec") == 0) {
		err = read_number(value, INT64_MAX, &number);
		peer->handshake_s = number;
	} else if (strcmp(key, "rx_bytes") == 0) {
		err = read_number(value, UINT64_MAX, &peer->rx_bytes);
	} else if (strcmp(key, "rx_disallowed") == 0) {
		err = read_number(value, UINT64_MAX, &peer->rx_disallowed);
	} else if (strcmp(key, "tx_bytes") == 0) {
		err = read_number(value, UINT64_MAX, &peer->tx_bytes);
	}
	return err;
}

static int read_device_value(struct wg_device *device, const char *key, const char *value)
{
	uint64_t number = 0;
	int err = 0;

	if (strcmp(key, "private_key") == 0)
		return read_key(value, &device->private_key);
	if (strcmp(key, "listen_port") == 0) {
		err = read_number(value, UINT16_MAX, &number);
		device->listen_port = number;
	} else if (strcmp(key, "fwmark") == 0) {
		err = read_number(value, UINT32_MAX, &number);
		device->fwmark = number;
	}
	return err;
}

/* "errno=0", or a number that is negative but for those of some old engines. */
static int read_error(struct uapi_answer *answer, const char *value)
{
	uint64_t number;
	int err = read_number(value + (*value == '-'), 4095, &number);

	if (!err)
		answer->error = -(int)number;
	return err;
}

int uapi_read_line(struct uapi_answer *answer, char *line)
{
	struct wg_device *device = answer->device;
	char *value = strchr(line, '=');

	if (!*line) {
		answer->ended = true;
		return 0;
	}
	if (!value)
		return -EBADMSG;
	*value++ = '\0';
	if (strcmp(line, "errno") == 0)
		return read_error(answer, value);
	if (!device)
		return -EBADMSG;
	if (strcmp(line, "public_key") == 0)
		return begin_peer(device, value);
	if (device->n_peers)
		return read_peer_value(&device->peers[device->n_peers - 1], line, value);
	return read_device_value(device, line, value);
}
