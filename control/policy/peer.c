// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <stdio.h>
#include <string.h>

#include "policy/reader.h"
#include "util/addr.h"

enum { KEY_CHARACTERS = 44 };

/* Base64 of 32 bytes: 43 letters, of which the last has two bits to spare, and "=". */
static bool valid_key(const char *text)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *last;

	if (strlen(text) != KEY_CHARACTERS || strspn(text, letters) != KEY_CHARACTERS - 1 ||
	    text[KEY_CHARACTERS - 1] != '=' || strspn(text, "A") == KEY_CHARACTERS - 1)
		return false;
	last = strchr(letters, text[KEY_CHARACTERS - 2]);
	return (last - letters) % 4 == 0;
}

static void read_key(struct reader *rd, const struct node *node, void *ret)
{
	const char *text = text_of(rd, node, "publicKey");

	if (!text)
		return;
	if (valid_key(text))
		*(const char **)ret = keep(rd, text);
	else
		problem_at(rd, node->at, "this is no public key, expected 32 bytes in base64");
}

static bool valid_host(const char *text, size_t length)
{
	char host[254];
	struct chq_addr addr;

	if (!length || length >= sizeof(host))
		return false;
	snprintf(host, sizeof(host), "%.*s", (int)length, text);
	if (host[0] == '[' && host[length - 1] == ']') {
		host[length - 1] = '\0';
		return addr_parse(host + 1, &addr) == 0 && !addr_is_ipv4(&addr);
	}
	return strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") ==
		       length &&
	       host[0] != '-' && host[0] != '.';
}

static bool valid_endpoint(const char *text)
{
	const char *colon = strrchr(text, ':');
	unsigned port;
	int used = 0;

	return colon && valid_host(text, colon - text) && colon[1] >= '1' && colon[1] <= '9' &&
	       sscanf(colon + 1, "%5u%n", &port, &used) == 1 && !colon[1 + used] &&
	       port <= UINT16_MAX;
}

static void read_address(struct reader *rd, const struct node *node, void *ret)
{
	const char *text = text_of(rd, node, "endpoint");

	if (!text)
		return;
	if (valid_endpoint(text))
		*(const char **)ret = keep(rd, text);
	else
		problem_at(rd, node->at,
			   "\"%.64s\" is no endpoint, expected host:port or [IPv6 address]:port",
			   text);
}

static void read_peer_prefixes(struct reader *rd, const struct node *node, void *ret)
{
	struct peer_gateway *peer = ret;

	read_prefixes(rd, node, "prefixes", PREFIX_STRICT, &peer->prefixes, &peer->n_prefixes);
}

static void read_keepalive(struct reader *rd, const struct node *node, void *ret)
{
	uint32_t seconds;

	if (read_number(rd, node, "keepalive", 0, UINT16_MAX, &seconds))
		*(unsigned *)ret = seconds;
}

static void read_remote_endpoints(struct reader *rd, const struct node *node, void *ret)
{
	(void)ret;
	read_endpoints_behind(rd, node);
}

static const struct field spec_fields[] = {
	{"publicKey", read_key, offsetof(struct peer_gateway, public_key), FIELD_MUST},
	{"presharedKeyFile", read_text, offsetof(struct peer_gateway, preshared_key_file)},
	{"endpoint", read_address, offsetof(struct peer_gateway, endpoint)},
	{"prefixes", read_peer_prefixes, .need = FIELD_MUST},
	{"keepalive", read_keepalive, offsetof(struct peer_gateway, keepalive_s)},
	{"endpoints", read_remote_endpoints},
	{},
};

static void read_spec(struct reader *rd, const struct node *node, void *ret)
{
	read_fields(rd, node, "spec", spec_fields, ret);
}

static const struct field peer_fields[] = {
	{"apiVersion", read_ignored},
	{"kind", read_ignored},
	{"metadata", read_ignored},
	{"spec", read_spec, .need = FIELD_MUST},
	{"status"},
	{},
};

static bool is_behind(const struct peer_gateway *peer, const struct chq_prefix *prefix)
{
	for (size_t i = 0; i < peer->n_prefixes; i++)
		if (prefix_contains(&peer->prefixes[i], prefix))
			return true;
	return false;
}

/* The endpoints that this document listed, from `first` on: the Peer may send for them. */
static void check_behind(struct reader *rd, const struct peer_gateway *peer, size_t first)
{
	char text[PREFIX_TEXT_BYTES];

	for (size_t i = first; i < rd->config->n_endpoints; i++) {
		const struct endpoint *endpoint = &rd->config->endpoints[i];

		for (size_t j = 0; j < endpoint->n_prefixes; j++)
			if (!is_behind(peer, &endpoint->prefixes[j]))
				problem_at(
					rd, endpoint->at,
					"%s of endpoint %s is not behind Peer %s, expected an address in its prefixes",
					prefix_print(&endpoint->prefixes[j], text), endpoint->name,
					peer->name);
	}
}

void read_peer(struct reader *rd, const struct node *document)
{
	struct peer_gateway peer = {.at = document->at}, *place;
	size_t first = rd->config->n_endpoints;
	struct metadata meta = {};

	if (read_metadata(rd, document, &meta)) {
		peer.name = meta.name;
		refuse_namespace(rd, &meta, "Peer");
	}
	if (meta.labels)
		read_labels(rd, meta.labels, "k8s", &peer.labels);
	read_fields(rd, document, "Peer", peer_fields, &peer);
	if (peer.name)
		check_behind(rd, &peer, first);
	if (peer.name && (place = READER_ADD(rd, rd->config->peers, rd->config->n_peers)))
		*place = peer;
}
