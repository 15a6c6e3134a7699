/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "uapi.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sodium.h>
#include <stdio.h>

#include "handshake.h"

void uapi_init(struct uapi *uapi, struct device *device)
{
	*uapi = (struct uapi){.device = device};
}

void uapi_forget(struct uapi *uapi, const struct peer *peer)
{
	if (uapi->peer != peer)
		return;
	uapi->peer = NULL;
	uapi->peer_skipped = true;
}

/* ---- words ---- */

static int parse_number(const char *text, uint32_t max, uint32_t *ret)
{
	uint64_t number = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		number = number * 10 + (uint64_t)(*text - '0');
		if (number > max)
			return -EINVAL;
	}
	*ret = number;
	return 0;
}

static int parse_key(const char *text, uint8_t ret[KEY_BYTES])
{
	size_t got;

	if (strlen(text) != 2 * KEY_BYTES ||
	    sodium_hex2bin(ret, KEY_BYTES, text, 2 * KEY_BYTES, NULL, &got, NULL) ||
	    got != KEY_BYTES)
		return -EINVAL;
	return 0;
}

static int parse_true(const char *text)
{
	return strcmp(text, "true") ? -EINVAL : 0;
}

static int parse_endpoint6(char *host, uint16_t port, struct endpoint *ret)
{
	char *scope = strchr(host, '%');
	uint32_t index = 0;

	if (scope) {
		*scope++ = '\0';
		if (parse_number(scope, UINT32_MAX, &index))
			index = if_nametoindex(scope);
		if (!index)
			return -EINVAL;
	}
	ret->to.in6 = (struct sockaddr_in6){
		.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_scope_id = index};
	return inet_pton(AF_INET6, host, &ret->to.in6.sin6_addr) == 1 ? 0 : -EINVAL;
}

int uapi_parse_endpoint(const char *text, struct endpoint *ret)
{
	const char *colon = strrchr(text, ':');
	struct endpoint endpoint = {};
	size_t host_bytes;
	uint32_t port;
	char host[80];
	int err;

	if (!colon || parse_number(colon + 1, UINT16_MAX, &port) || !port)
		return -EINVAL;
	host_bytes = colon - text;
	if (host_bytes < 2 || host_bytes >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, host_bytes);
	host[host_bytes] = '\0';
	if (host[0] == '[' && host[host_bytes - 1] == ']') {
		host[host_bytes - 1] = '\0';
		err = parse_endpoint6(host + 1, port, &endpoint);
	} else {
		endpoint.to.in4 =
			(struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
		err = inet_pton(AF_INET, host, &endpoint.to.in4.sin_addr) == 1 ? 0 : -EINVAL;
	}
	if (!err)
		*ret = endpoint;
	return err;
}

int uapi_parse_prefix(const char *text, uint8_t address[16], uint8_t *bytes, uint8_t *bits)
{
	const char *slash = strchr(text, '/');
	char host[INET6_ADDRSTRLEN + 1];
	size_t host_bytes = slash ? (size_t)(slash - text) : strlen(text);
	uint32_t length;

	if (host_bytes >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, host_bytes);
	host[host_bytes] = '\0';
	if (inet_pton(AF_INET, host, address) == 1)
		*bytes = 4;
	else if (inet_pton(AF_INET6, host, address) == 1)
		*bytes = 16;
	else
		return -EINVAL;
	length = *bytes * 8u;
	if (slash && parse_number(slash + 1, *bytes * 8u, &length))
		return -EINVAL;
	*bits = length;
	return 0;
}

/* ---- set: the device ---- */

static int set_private_key(struct uapi *uapi, const char *value)
{
	uint8_t key[KEY_BYTES];
	int err = parse_key(value, key);

	if (!err)
		device_set_private_key(uapi->device, key);
	crypt_wipe(key, sizeof(key));
	return err;
}

static int set_listen_port(struct uapi *uapi, const char *value)
{
	uint32_t port;

	return parse_number(value, UINT16_MAX, &port) ?: device_set_port(uapi->device, port);
}

static int set_fwmark(struct uapi *uapi, const char *value)
{
	uint32_t fwmark;

	return parse_number(value, UINT32_MAX, &fwmark) ?: device_set_fwmark(uapi->device, fwmark);
}

static int set_replace_peers(struct uapi *uapi, const char *value)
{
	int err = parse_true(value);

	if (!err)
		device_remove_all(uapi->device);
	return err;
}

/* ---- set: a peer ---- */

/* A peer is spoken to only when all about it has been said. */
static void finish_peer(struct uapi *uapi)
{
	if (uapi->peer && uapi->remove)
		device_remove_peer(uapi->device, uapi->peer);
	else if (uapi->peer)
		handshake_peer_ready(uapi->device, uapi->peer, uapi->keepalive_began);
	uapi->peer = NULL;
	uapi->peer_skipped = uapi->peer_is_new = uapi->keepalive_began = uapi->remove = false;
}

/* A peer with our own key is no error, and no peer. */
static int set_public_key(struct uapi *uapi, const char *value)
{
	uint8_t key[KEY_BYTES];
	int err = parse_key(value, key);

	finish_peer(uapi);
	if (err)
		return err;
	if (uapi->device->self.has_key && crypt_same(key, uapi->device->self.public, KEY_BYTES)) {
		uapi->peer_skipped = true;
		return 0;
	}
	uapi->peer = device_find(uapi->device, key);
	if (uapi->peer)
		return 0;
	uapi->peer_is_new = true;
	return device_add_peer(uapi->device, key, &uapi->peer);
}

/* Both words mean: do not make one. It was only just made, so taking it away leaves nothing. */
static int set_remove(struct uapi *uapi, const char *value)
{
	int err = parse_true(value);

	if (!err)
		uapi->remove = true;
	return err;
}

static int set_update_only(struct uapi *uapi, const char *value)
{
	int err = parse_true(value);

	if (err || !uapi->peer_is_new)
		return err;
	device_remove_peer(uapi->device, uapi->peer);
	uapi->peer = NULL;
	uapi->peer_skipped = true;
	return 0;
}

static int set_preshared_key(struct uapi *uapi, const char *value)
{
	uint8_t key[KEY_BYTES];
	int err = parse_key(value, key);

	if (!err)
		device_set_preshared(uapi->device, uapi->peer, key);
	crypt_wipe(key, sizeof(key));
	return err;
}

static int set_endpoint(struct uapi *uapi, const char *value)
{
	struct endpoint endpoint;
	int err = uapi_parse_endpoint(value, &endpoint);

	if (!err)
		peer_set_endpoint(uapi->peer, &endpoint);
	return err;
}

static int set_keepalive(struct uapi *uapi, const char *value)
{
	struct timers *timers = &uapi->peer->timers;
	uint32_t seconds;
	int err = parse_number(value, UINT16_MAX, &seconds);

	if (err)
		return err;
	uapi->keepalive_began = seconds && !timers->persistent_s;
	timers_set_persistent(timers, seconds, device_now(uapi->device));
	heap_place(&uapi->device->heap, timers);
	return 0;
}

static int set_replace_allowed(struct uapi *uapi, const char *value)
{
	int err = parse_true(value);

	if (!err)
		device_disallow_all(uapi->device, uapi->peer);
	return err;
}

/* With a minus before it, it is taken away. */
static int set_allowed(struct uapi *uapi, const char *value)
{
	bool remove = *value == '-';
	uint8_t address[16], bytes, bits;
	int err = uapi_parse_prefix(value + remove, address, &bytes, &bits);

	if (err)
		return err;
	if (!remove)
		return device_allow(uapi->device, uapi->peer, address, bytes, bits);
	device_disallow(uapi->device, uapi->peer, address, bytes, bits);
	return 0;
}

static int set_protocol(struct uapi *uapi, const char *value)
{
	(void)uapi;
	return strcmp(value, "1") ? -EPROTONOSUPPORT : 0;
}

static const struct word {
	const char *name;
	int (*set)(struct uapi *uapi, const char *value);
	bool of_peer;
} words[] = {
	{"allowed_ip", set_allowed, true},
	{"public_key", set_public_key, false},
	{"replace_allowed_ips", set_replace_allowed, true},
	{"endpoint", set_endpoint, true},
	{"preshared_key", set_preshared_key, true},
	{"persistent_keepalive_interval", set_keepalive, true},
	{"update_only", set_update_only, true},
	{"remove", set_remove, true},
	{"protocol_version", set_protocol, true},
	{"private_key", set_private_key, false},
	{"listen_port", set_listen_port, false},
	{"fwmark", set_fwmark, false},
	{"replace_peers", set_replace_peers, false},
};

static const struct word *find_word(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(words[i].name, name))
			return &words[i];
	return NULL;
}

/* Words about the device come before the first peer. */
static int set_line(struct uapi *uapi, char *line)
{
	char *value = strchr(line, '=');
	const struct word *word;

	if (!value)
		return -EPROTO;
	*value++ = '\0';
	word = find_word(line);
	if (!word)
		return -EINVAL;
	if (!word->of_peer && word->set != set_public_key && (uapi->peer || uapi->peer_skipped))
		return -EINVAL;
	if (word->of_peer && uapi->peer_skipped)
		return 0;
	if (word->of_peer && !uapi->peer)
		return -EINVAL;
	return word->set(uapi, value);
}

/* ---- get ---- */

static void add_key(struct text *answer, const char *name, const uint8_t *key)
{
	char hex[2 * KEY_BYTES + 1];

	sodium_bin2hex(hex, sizeof(hex), key, KEY_BYTES);
	text_add(answer, "%s=%s\n", name, hex);
	crypt_wipe(hex, sizeof(hex));
}

static void add_endpoint(struct text *answer, const struct endpoint *endpoint)
{
	char host[INET6_ADDRSTRLEN], scope[16] = "";

	if (endpoint->to.any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &endpoint->to.in4.sin_addr, host, sizeof(host));
		text_add(answer, "endpoint=%s:%u\n", host, ntohs(endpoint->to.in4.sin_port));
	} else if (endpoint->to.any.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &endpoint->to.in6.sin6_addr, host, sizeof(host));
		if (endpoint->to.in6.sin6_scope_id)
			snprintf(scope, sizeof(scope), "%%%u", endpoint->to.in6.sin6_scope_id);
		text_add(answer, "endpoint=[%s%s]:%u\n", host, scope,
			 ntohs(endpoint->to.in6.sin6_port));
	}
}

static void add_allowed(struct text *answer, struct peer *peer)
{
	struct allowed_node *node = NULL;
	char host[INET6_ADDRSTRLEN];

	while ((node = allowed_next(&peer->allowed, node))) {
		inet_ntop(node->bytes == 4 ? AF_INET : AF_INET6, node->key, host, sizeof(host));
		text_add(answer, "allowed_ip=%s/%u\n", host, node->bits);
	}
}

static void add_peer(struct text *answer, struct peer *peer)
{
	struct endpoint endpoint = peer_endpoint(peer);

	add_key(answer, "public_key", peer->noise.public);
	add_key(answer, "preshared_key", peer->noise.preshared);
	text_add(answer, "protocol_version=1\n");
	add_endpoint(answer, &endpoint);
	text_add(answer, "last_handshake_time_sec=%lld\n", (long long)peer->handshake_at.tv_sec);
	text_add(answer, "last_handshake_time_nsec=%ld\n", peer->handshake_at.tv_nsec);
	text_add(answer, "tx_bytes=%llu\n", (unsigned long long)peer->sent_bytes);
	text_add(answer, "rx_bytes=%llu\n", (unsigned long long)peer->received_bytes);
	/* No key of the protocol: who does not know it, as wg(8), passes over it. */
	if (peer->not_allowed)
		text_add(answer, "rx_disallowed=%llu\n", (unsigned long long)peer->not_allowed);
	text_add(answer, "persistent_keepalive_interval=%u\n", peer->timers.persistent_s);
	add_allowed(answer, peer);
}

static void get(struct uapi *uapi, struct text *answer)
{
	struct device *device = uapi->device;
	struct peer *peer, *next;

	if (device->self.has_key)
		add_key(answer, "private_key", device->self.secret);
	text_add(answer, "listen_port=%u\n", device->port);
	if (device->fwmark)
		text_add(answer, "fwmark=%u\n", device->fwmark);
	HASH_ITER (by_key, device->peers, peer, next)
		add_peer(answer, peer);
}

/* ---- one request after the other ---- */

static void begin(struct uapi *uapi, const char *line)
{
	uapi->err = 0;
	if (!strcmp(line, "get=1"))
		uapi->request = UAPI_GET;
	else if (!strcmp(line, "set=1"))
		uapi->request = UAPI_SET;
	else if (*line)
		uapi->err = -EINVAL, uapi->request = UAPI_SET;
}

static void end(struct uapi *uapi, struct text *answer)
{
	if (uapi->request == UAPI_SET)
		finish_peer(uapi);
	else
		get(uapi, answer);
	text_add(answer, "errno=%d\n\n", uapi->err);
	uapi->request = UAPI_IDLE;
}

void uapi_line(struct uapi *uapi, char *line, struct text *answer)
{
	if (uapi->request == UAPI_IDLE)
		begin(uapi, line);
	else if (!*line)
		end(uapi, answer);
	else if (uapi->request == UAPI_SET && !uapi->err)
		uapi->err = set_line(uapi, line);
}
