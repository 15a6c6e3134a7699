// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "util/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const __u8 mapped[12] = {[10] = 0xff, [11] = 0xff};

bool addr_is_ipv4(const struct chq_addr *addr)
{
	return memcmp(addr->byte, mapped, sizeof(mapped)) == 0;
}

int addr_parse(const char *text, struct chq_addr *ret)
{
	struct chq_addr addr;

	if (inet_pton(AF_INET, text, &addr.byte[12]) == 1)
		memcpy(addr.byte, mapped, sizeof(mapped));
	else if (inet_pton(AF_INET6, text, addr.byte) != 1 || addr_is_ipv4(&addr))
		return -EINVAL;
	*ret = addr;
	return 0;
}

static int parse_length(const char *text, unsigned most, unsigned *ret)
{
	unsigned long length;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	length = strtoul(text, &end, 10);
	if (*end || length > most || (*text == '0' && text[1]))
		return -EINVAL;
	*ret = length;
	return 0;
}

void prefix_mask(struct chq_prefix *prefix)
{
	unsigned whole = prefix->length_bits / 8;

	if (whole >= sizeof(prefix->addr.byte))
		return;
	prefix->addr.byte[whole] &= 0xff00 >> prefix->length_bits % 8;
	memset(&prefix->addr.byte[whole + 1], 0, sizeof(prefix->addr.byte) - whole - 1);
}

int prefix_parse(const char *text, struct chq_prefix *ret)
{
	const char *slash = strchr(text, '/');
	struct chq_prefix prefix = {}, masked;
	char address[ADDR_TEXT_BYTES];
	unsigned length, v4_bits;

	if (strlen(text) >= PREFIX_TEXT_BYTES)
		return -EINVAL;
	snprintf(address, sizeof(address), "%.*s", (int)(slash ? slash - text : 45), text);
	if (addr_parse(address, &prefix.addr) < 0)
		return -EINVAL;
	v4_bits = addr_is_ipv4(&prefix.addr) ? 96 : 0;
	length = 128 - v4_bits;
	if (slash && parse_length(slash + 1, 128 - v4_bits, &length) < 0)
		return -EINVAL;
	prefix.length_bits = length + v4_bits;

	masked = prefix;
	prefix_mask(&masked);
	if (memcmp(&masked, &prefix, sizeof(prefix)) != 0)
		return -ERANGE;
	*ret = prefix;
	return 0;
}

int prefix_parse_masked(const char *text, struct chq_prefix *ret)
{
	const char *slash = strchr(text, '/');
	char address[ADDR_TEXT_BYTES];
	struct chq_prefix prefix = {};
	int error = prefix_parse(text, ret);

	if (error != -ERANGE)
		return error;
	snprintf(address, sizeof(address), "%.*s", (int)(slash - text), text);
	if (addr_parse(address, &prefix.addr) < 0)
		return -EINVAL;
	prefix.length_bits = strtoul(slash + 1, NULL, 10) + (addr_is_ipv4(&prefix.addr) ? 96 : 0);
	prefix_mask(&prefix);
	*ret = prefix;
	return 0;
}

static void swap_letters(char *text, char from, char to)
{
	for (; *text; text++)
		if (*text == from)
			*text = to;
}

int prefix_parse_label(const char *key, struct chq_prefix *ret)
{
	char text[PREFIX_TEXT_BYTES];

	if (strlen(key) >= sizeof(text) || !strchr(key, '/') || strchr(key, ':'))
		return -EINVAL;
	strcpy(text, key);
	swap_letters(text, '-', ':');
	return prefix_parse_masked(text, ret);
}

char *prefix_print_label(const struct chq_prefix *prefix, char *text)
{
	prefix_print(prefix, text);
	swap_letters(text, ':', '-');
	return text;
}

char *addr_print(const struct chq_addr *addr, char *text)
{
	if (addr_is_ipv4(addr))
		inet_ntop(AF_INET, &addr->byte[12], text, ADDR_TEXT_BYTES);
	else
		inet_ntop(AF_INET6, addr->byte, text, ADDR_TEXT_BYTES);
	return text;
}

char *prefix_print(const struct chq_prefix *prefix, char *text)
{
	addr_print(&prefix->addr, text);
	sprintf(text + strlen(text), "/%u", prefix_bits(prefix));
	return text;
}

bool prefix_is_ipv4(const struct chq_prefix *prefix)
{
	return prefix->length_bits >= 96 && addr_is_ipv4(&prefix->addr);
}

unsigned prefix_bits(const struct chq_prefix *prefix)
{
	return prefix->length_bits - (prefix_is_ipv4(prefix) ? 96 : 0);
}

bool prefix_contains(const struct chq_prefix *outer, const struct chq_prefix *inner)
{
	struct chq_prefix cut = {.length_bits = outer->length_bits, .addr = inner->addr};

	if (inner->length_bits < outer->length_bits)
		return false;
	prefix_mask(&cut);
	return memcmp(&cut.addr, &outer->addr, sizeof(cut.addr)) == 0;
}

int prefix_compare(const void *a, const void *b)
{
	const struct chq_prefix *left = a, *right = b;
	int order = memcmp(&left->addr, &right->addr, sizeof(left->addr));

	if (order)
		return order;
	return (left->length_bits > right->length_bits) - (left->length_bits < right->length_bits);
}
