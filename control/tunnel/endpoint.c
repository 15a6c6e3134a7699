/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/wish.h"

/* Where a peer is reached: "host:port" and what it stands for. */

bool endpoint_split(const char *text, char *host, size_t size, uint16_t *ret_port)
{
	const char *colon = strrchr(text, ':');
	unsigned long port;
	size_t length;
	char *end;

	if (!colon || colon == text)
		return false;
	port = strtoul(colon + 1, &end, 10);
	if (!colon[1] || *end || !port || port > UINT16_MAX)
		return false;
	length = colon - text;
	if (*text == '[' && text[length - 1] == ']') {
		text++;
		length -= 2;
	}
	if (!length || length >= size)
		return false;
	memcpy(host, text, length);
	host[length] = '\0';
	*ret_port = port;
	return true;
}

bool endpoint_numeric(const char *host, uint16_t port, union wg_endpoint *ret)
{
	union wg_endpoint endpoint = {};

	if (inet_pton(AF_INET, host, &endpoint.in.sin_addr) == 1) {
		endpoint.in.sin_family = AF_INET;
		endpoint.in.sin_port = htons(port);
	} else if (inet_pton(AF_INET6, host, &endpoint.in6.sin6_addr) == 1) {
		endpoint.in6.sin6_family = AF_INET6;
		endpoint.in6.sin6_port = htons(port);
	} else {
		return false;
	}
	*ret = endpoint;
	return true;
}

bool endpoint_equal(const union wg_endpoint *a, const union wg_endpoint *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	if (a->any.sa_family == AF_INET)
		return a->in.sin_port == b->in.sin_port &&
		       a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	if (a->any.sa_family == AF_INET6)
		return a->in6.sin6_port == b->in6.sin6_port &&
		       memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof(a->in6.sin6_addr)) == 0;
	return true;
}

bool endpoint_addr(const union wg_endpoint *endpoint, struct chq_addr *ret)
{
	static const struct chq_addr mapped = {.byte = {[10] = 0xff, [11] = 0xff}};

	if (endpoint->any.sa_family == AF_INET) {
		*ret = mapped;
		memcpy(ret->byte + 12, &endpoint->in.sin_addr, 4);
		return true;
	}
	if (endpoint->any.sa_family != AF_INET6)
		return false;
	memcpy(ret->byte, &endpoint->in6.sin6_addr, 16);
	return true;
}

char *endpoint_print(const union wg_endpoint *endpoint, char *text)
{
	char address[INET6_ADDRSTRLEN];

	*text = '\0';
	if (endpoint->any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &endpoint->in.sin_addr, address, sizeof(address));
		snprintf(text, ENDPOINT_TEXT_BYTES, "%s:%u", address, ntohs(endpoint->in.sin_port));
	} else if (endpoint->any.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &endpoint->in6.sin6_addr, address, sizeof(address));
		snprintf(text, ENDPOINT_TEXT_BYTES, "[%s]:%u", address,
			 ntohs(endpoint->in6.sin6_port));
	}
	return text;
}
