// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/reader.h"
#include "util/addr.h"

/* The Gateway document's tunnel, and what only it may carry. */

static const struct word backends[] = {
	{"auto", BACKEND_AUTO}, {"kernel", BACKEND_KERNEL}, {"userspace", BACKEND_USERSPACE}, {}};
static const struct word modes[] = {{"strict", true}, {"off", false}, {}};

/* "10.9.0.1/24": the address keeps its bits beyond the length. */
static bool parse_link_address(const char *text, struct link_address *ret)
{
	const char *slash = strchr(text, '/');
	struct chq_prefix prefix;
	char addr[ADDR_TEXT_BYTES];
	int length;

	if (!slash) {
		ret->length_bits = 128;
		return addr_parse(text, &ret->addr) == 0;
	}
	length = snprintf(addr, sizeof(addr), "%.*s", (int)(slash - text), text);
	if (length >= (int)sizeof(addr) || addr_parse(addr, &ret->addr) < 0 ||
	    prefix_parse(text, &prefix) == -EINVAL)
		return false;
	ret->length_bits = strtoul(slash + 1, NULL, 10) + (addr_is_ipv4(&ret->addr) ? 96 : 0);
	return true;
}

static void read_addresses(struct reader *rd, const struct node *node, void *ret)
{
	struct tunnel *tunnel = ret;
	size_t most = list_count(rd, node, "addresses");

	tunnel->addresses = arena_array(&rd->memory->kept, struct link_address, most);
	FOR_EACH_CHILD(child, node)
	{
		const char *text = text_of(rd, child, "an address");
		struct link_address address;

		if (!text || !most)
			continue;
		if (parse_link_address(text, &address))
			tunnel->addresses[tunnel->n_addresses++] = address;
		else
			problem_at(
				rd, child->at,
				"\"%.64s\" cannot be read, expected an address with its length, such as 10.9.0.1/24",
				text);
	}
}

static void read_listen_port(struct reader *rd, const struct node *node, void *ret)
{
	uint32_t port;

	if (read_number(rd, node, "listenPort", 1, UINT16_MAX, &port))
		*(uint16_t *)ret = port;
}

static void read_backend(struct reader *rd, const struct node *node, void *ret)
{
	unsigned value;

	if (read_word(rd, node, "backend", backends, &value))
		*(enum tunnel_backend *)ret = value;
}

static void read_mtu(struct reader *rd, const struct node *node, void *ret)
{
	const char *text = text_of(rd, node, "mtu");

	if (text && strcmp(text, "auto") == 0)
		*(uint32_t *)ret = 0;
	else if (text)
		read_number(rd, node, "mtu", TUNNEL_MTU_LEAST, TUNNEL_MTU_MOST, ret);
}

/* Decimal, or 0x and hexadecimal as ip rule prints it. */
static void read_fwmark(struct reader *rd, const struct node *node, void *ret)
{
	const char *text = text_of(rd, node, "fwmark");
	unsigned long long value;
	char *end;

	if (!text)
		return;
	value = strtoull(text, &end, 0);
	if (strspn(text, "0123456789xabcdefABCDEF") != strlen(text) || !*text || *end ||
	    value > UINT32_MAX)
		problem_at(rd, node->at, "\"%.64s\" is no fwmark, expected 0 to 0xffffffff", text);
	else
		*(uint32_t *)ret = value;
}

static const struct field tunnel_fields[] = {
	{"name", read_interface, offsetof(struct tunnel, name), FIELD_MUST},
	{"addresses", read_addresses},
	{"listenPort", read_listen_port, offsetof(struct tunnel, listen_port)},
	{"privateKeyFile", read_text, offsetof(struct tunnel, private_key_file)},
	{"backend", read_backend, offsetof(struct tunnel, backend)},
	{"mtu", read_mtu, offsetof(struct tunnel, mtu)},
	{"fwmark", read_fwmark, offsetof(struct tunnel, fwmark)},
	{},
};

void read_tunnel(struct reader *rd, const struct node *node, void *ret)
{
	struct tunnel *tunnel = ret;

	*tunnel = (struct tunnel){.listen_port = TUNNEL_PORT_DEFAULT};
	if (read_fields(rd, node, "tunnel", tunnel_fields, tunnel))
		tunnel->at = node->at;
}

static void read_mode(struct reader *rd, const struct node *node, void *ret)
{
	unsigned value;

	if (read_word(rd, node, "mode", modes, &value))
		*(bool *)ret = value;
}

static void read_encrypted(struct reader *rd, const struct node *node, void *ret)
{
	struct encryption *encryption = ret;

	read_prefixes(rd, node, "prefixes", PREFIX_STRICT, &encryption->prefixes,
		      &encryption->n_prefixes);
}

static void read_allowed(struct reader *rd, const struct node *node, void *ret)
{
	struct encryption *encryption = ret;

	read_prefixes(rd, node, "allow", PREFIX_STRICT, &encryption->allow, &encryption->n_allow);
}

static const struct field encryption_fields[] = {
	{"mode", read_mode, offsetof(struct encryption, strict), FIELD_MUST},
	{"prefixes", read_encrypted},
	{"allow", read_allowed},
	{},
};

void read_encryption(struct reader *rd, const struct node *node, void *ret)
{
	struct encryption *encryption = ret;

	if (!read_fields(rd, node, "encryption", encryption_fields, encryption))
		return;
	encryption->at = node->at;
	if (encryption->strict && !encryption->n_prefixes)
		problem_at(rd, node->at,
			   "strict encryption of nothing, expected prefixes such as [10.0.0.0/8]");
}
