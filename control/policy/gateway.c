// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chasqui/control.h"
#include "policy/reader.h"
#include "util/addr.h"

static const struct word roles[] = {{"inside", CHQ_INSIDE}, {"outside", CHQ_OUTSIDE}, {}};
static const struct word on_deny_words[] = {{"drop", ON_DENY_DROP}, {"reject", ON_DENY_REJECT}, {}};
static const struct word enforcements[] = {
	{"default", ENFORCE_DEFAULT}, {"always", ENFORCE_ALWAYS}, {"never", ENFORCE_NEVER}, {}};

static void read_on_deny(struct reader *rd, const struct node *node, void *ret)
{
	unsigned value;

	if (read_word(rd, node, "onDeny", on_deny_words, &value))
		*(enum on_deny *)ret = value;
}

/* Ports. */

static void read_role(struct reader *rd, const struct node *node, void *ret)
{
	unsigned value;

	if (read_word(rd, node, "role", roles, &value))
		*(enum chq_role *)ret = value;
}

static void read_anti_spoofing(struct reader *rd, const struct node *node, void *ret)
{
	bool checked = true;

	read_bool(rd, node, &checked);
	*(bool *)ret = !checked;
}

static const struct field port_fields[] = {
	{"name", read_interface, offsetof(struct gateway_port, name), FIELD_MUST},
	{"role", read_role, offsetof(struct gateway_port, role), FIELD_MUST},
	{"onDeny", read_on_deny, offsetof(struct gateway_port, on_deny)},
	{"antiSpoofing", read_anti_spoofing, offsetof(struct gateway_port, any_source)},
	{},
};

static void read_ports(struct reader *rd, const struct node *node, void *ret)
{
	struct gateway *gateway = ret;
	size_t most = list_count(rd, node, "ports");

	if (most >= CHQ_PORT_MAX) {
		problem_at(rd, node->at, "%zu ports are given, expected at most %d", most,
			   CHQ_PORT_MAX - 1);
		return;
	}
	gateway->ports = arena_array(&rd->memory->kept, struct gateway_port, most);
	FOR_EACH_CHILD(child, node)
	{
		struct gateway_port *port = &gateway->ports[gateway->n_ports];

		port->at = child->at;
		if (most && read_fields(rd, child, "a port", port_fields, port))
			gateway->n_ports++;
		else
			*port = (struct gateway_port){};
	}
}

/* Policy. */

static void read_enforcement(struct reader *rd, const struct node *node, void *ret)
{
	unsigned value;

	if (read_word(rd, node, "enforcement", enforcements, &value))
		*(enum enforcement *)ret = value;
}

static const struct word cidr_modes[] = {{"endpoints", 0}, {"nodes", 1}, {}};

static void read_cidr_mode(struct reader *rd, const struct node *node, void *ret)
{
	struct gateway *gateway = ret;
	unsigned value;

	list_count(rd, node, "cidrMatchMode");
	FOR_EACH_CHILD(child, node)
	{
		if (!read_word(rd, child, "cidrMatchMode", cidr_modes, &value))
			continue;
		if (value)
			gateway->cidr_matches_nodes = true;
		else
			gateway->cidr_matches_endpoints = true;
	}
}

static const struct field policy_fields[] = {
	{"enforcement", read_enforcement, offsetof(struct gateway, enforcement)},
	{"audit", read_bool, offsetof(struct gateway, audit)},
	{"cidrMatchMode", read_cidr_mode},
	{},
};

static void read_policy(struct reader *rd, const struct node *node, void *ret)
{
	read_fields(rd, node, "policy", policy_fields, ret);
}

/* What the gate denies. */

static void read_deny_prefixes(struct reader *rd, const struct node *node, void *ret)
{
	struct chq_prefix prefix, *place;

	(void)ret;
	list_count(rd, node, "denyPrefixes");
	FOR_EACH_CHILD(child, node)
	if (read_prefix(rd, child, PREFIX_STRICT, &prefix) &&
	    (place = READER_ADD(rd, rd->deny, rd->n_deny)))
		*place = prefix;
}

static void read_deny_files(struct reader *rd, const struct node *node, void *ret)
{
	(void)ret;
	list_count(rd, node, "denyPrefixFiles");
	FOR_EACH_CHILD(child, node)
	{
		const char *path = text_of(rd, child, "a file's path");
		struct prefix_file *file;

		if (path && (file = READER_ADD(rd, rd->prefix_files, rd->n_prefix_files)))
			*file = (struct prefix_file){keep(rd, path), child->at};
	}
}

/* Management. */

static const struct word management_protocols[] = {
	{"tcp", PORT_TCP}, {"udp", PORT_UDP}, {"sctp", PORT_SCTP}, {}};

/* "22/tcp", or "6000-6010/tcp" */
static bool parse_management_port(const char *text, struct port_rule *ret)
{
	unsigned first, last = 0;
	const struct word *word;
	char protocol[8];
	int used = 0;

	if (strspn(text, "0123456789") == 0)
		return false;
	if (sscanf(text, "%5u/%7s%n", &first, protocol, &used) == 2 && !text[used])
		last = first;
	else if (sscanf(text, "%5u-%5u/%7s%n", &first, &last, protocol, &used) != 3 || text[used])
		return false;
	word = words_find_any_case(management_protocols, protocol);
	if (!word || !first || first > last || last > UINT16_MAX)
		return false;
	ret->protocols = word->value;
	ret->first = first;
	ret->last = last;
	return true;
}

static void read_management_ports(struct reader *rd, const struct node *node, void *ret)
{
	struct gateway *gateway = ret;
	size_t most = list_count(rd, node, "management ports");

	gateway->management_ports = arena_array(&rd->memory->kept, struct port_rule, most);
	FOR_EACH_CHILD(child, node)
	{
		const char *text = text_of(rd, child, "a management port");
		struct port_rule port = {.at = child->at};

		if (!text || !most)
			continue;
		if (parse_management_port(text, &port))
			gateway->management_ports[gateway->n_management_ports++] = port;
		else
			problem_at(
				rd, child->at,
				"\"%.64s\" is no management port, expected something like 22/tcp or 6000-6010/udp",
				text);
	}
}

static void read_management_from(struct reader *rd, const struct node *node, void *ret)
{
	struct gateway *gateway = ret;

	read_prefixes(rd, node, "from", PREFIX_STRICT, &gateway->management_from,
		      &gateway->n_management_from);
}

static const struct field management_fields[] = {
	{"ports", read_management_ports, .need = FIELD_MUST},
	{"from", read_management_from, .need = FIELD_MUST},
	{},
};

static void read_management(struct reader *rd, const struct node *node, void *ret)
{
	read_fields(rd, node, "management", management_fields, ret);
}

/* Sizes. */

enum { LIMIT_LEAST = 16, LIMIT_MOST = 1 << 24 };

static void read_limit(struct reader *rd, const struct node *node, void *ret)
{
	read_number(rd, node, "a limit", LIMIT_LEAST, LIMIT_MOST, ret);
}

static const struct field limit_fields[] = {
	{"conntrack", read_limit, offsetof(struct limits, conntrack)},
	{"unproven", read_limit, offsetof(struct limits, unproven)},
	{"fragments", read_limit, offsetof(struct limits, fragments)},
	{"prefixes", read_limit, offsetof(struct limits, prefixes)},
	{"identities", read_limit, offsetof(struct limits, identities)},
	{"rules", read_limit, offsetof(struct limits, rules)},
	{"pairs", read_limit, offsetof(struct limits, pairs)},
	{},
};

static void read_limits(struct reader *rd, const struct node *node, void *ret)
{
	read_fields(rd, node, "limits", limit_fields, ret);
}

/* Times. */

static void read_timeout(struct reader *rd, const struct node *node, void *ret)
{
	read_duration(rd, node, 0.1, 30 * 86400, ret);
}

static void read_pickup(struct reader *rd, const struct node *node, void *ret)
{
	read_duration(rd, node, 0, 86400, ret);
}

#define TIMEOUT(name, number)                                 \
	{                                                     \
		name, read_timeout, (number) * sizeof(double) \
	}

static const struct field timeout_fields[] = {
	TIMEOUT("tcpSyn", CHQ_TIMEOUT_TCP_SYN),
	TIMEOUT("tcpEstablished", CHQ_TIMEOUT_TCP_ESTABLISHED),
	TIMEOUT("tcpClosing", CHQ_TIMEOUT_TCP_CLOSING),
	TIMEOUT("udpNew", CHQ_TIMEOUT_UDP_NEW),
	TIMEOUT("udp", CHQ_TIMEOUT_UDP),
	TIMEOUT("icmp", CHQ_TIMEOUT_ICMP),
	TIMEOUT("other", CHQ_TIMEOUT_OTHER),
	TIMEOUT("denied", CHQ_TIMEOUT_DENIED),
	TIMEOUT("fragment", CHQ_TIMEOUT_FRAGMENT),
	{},
};

static void read_timeouts(struct reader *rd, const struct node *node, void *ret)
{
	read_fields(rd, node, "timeouts", timeout_fields, ret);
}

/* Link protocols. */

static const struct word ethertype_words[] = {
	{"lldp", 0x88cc},   {"ptp", 0x88f7},	  {"eapol", 0x888e},	       {"slow", 0x8809},
	{"macsec", 0x88e5}, {"cfm", 0x8902},	  {"pppoe-discovery", 0x8863}, {"pppoe", 0x8864},
	{"mpls", 0x8847},   {"profinet", 0x8892}, {"ethercat", 0x88a4},	       {"homeplug", 0x88e1},
	{"aoe", 0x88a2},    {"fcoe", 0x8906},	  {"batman", 0x4305},	       {},
};

static bool parse_ethertype(const char *text, unsigned *ret)
{
	const struct word *word = words_find_any_case(ethertype_words, text);
	char *end;

	if (word) {
		*ret = word->value;
		return true;
	}
	if (strncmp(text, "0x", 2) != 0 || strspn(text + 2, "0123456789abcdefABCDEF") == 0)
		return false;
	*ret = strtoul(text, &end, 16);
	return !*end && strlen(text) <= 6;
}

/* IPv4, ARP, IPv6 and VLAN tags are the checkpoint's own business. */
static bool judged_anyway(unsigned type)
{
	return type == 0x0800 || type == 0x0806 || type == 0x86dd || type == 0x8100 ||
	       type == 0x88a8;
}

static void read_ethertype(struct reader *rd, const struct node *node, struct gateway *gateway)
{
	const char *text = text_of(rd, node, "an ethertype");
	unsigned type;

	if (!text)
		return;
	if (!parse_ethertype(text, &type))
		problem_at(
			rd, node->at,
			"\"%.64s\" is no ethertype, expected 0x0600 to 0xffff or a name such as lldp",
			text);
	else if (type < 0x600)
		problem_at(rd, node->at, "%.64s is a length, expected 0x0600 to 0xffff", text);
	else if (judged_anyway(type))
		problem_at(rd, node->at,
			   "%.64s is judged packet by packet, expected a protocol that is not",
			   text);
	else
		gateway->ethertypes[gateway->n_ethertypes++] = type;
}

static void read_ethertypes(struct reader *rd, const struct node *node, void *ret)
{
	struct gateway *gateway = ret;
	size_t most = list_count(rd, node, "ethertypes");

	if (most > CHQ_ETHERTYPES_MAX) {
		problem_at(rd, node->at, "%zu ethertypes are given, expected at most %d", most,
			   CHQ_ETHERTYPES_MAX);
		return;
	}
	gateway->ethertypes = arena_array(&rd->memory->kept, uint16_t, most);
	FOR_EACH_CHILD(child, node)
	if (most)
		read_ethertype(rd, child, gateway);
}

/* Forwarding. */

static const struct word forwardings[] = {{"auto", false}, {"kernel", true}, {}};

static void read_forwarding(struct reader *rd, const struct node *node, void *ret)
{
	unsigned value;

	if (read_word(rd, node, "forwarding", forwardings, &value))
		*(bool *)ret = value;
}

#define LATER "it comes with a later version"

static const struct field spec_fields[] = {
	{"ports", read_ports},
	{"policy", read_policy},
	{"onDeny", read_on_deny, offsetof(struct gateway, on_deny)},
	{"denyPrefixes", read_deny_prefixes},
	{"denyPrefixFiles", read_deny_files},
	{"management", read_management},
	{"limits", read_limits, offsetof(struct gateway, limits)},
	{"timeouts", read_timeouts, offsetof(struct gateway, timeout_s)},
	{"pickup", read_pickup, offsetof(struct gateway, pickup_s)},
	{"ethertypes", read_ethertypes},
	{"forwarding", read_forwarding, offsetof(struct gateway, by_stack)},
	{"tunnel", read_tunnel, offsetof(struct gateway, tunnel)},
	{"encryption", read_encryption, offsetof(struct gateway, encryption)},
	{"observe", .refused = LATER},
	{"api", .refused = LATER},
	{},
};

static void read_spec(struct reader *rd, const struct node *node, void *ret)
{
	read_fields(rd, node, "spec", spec_fields, ret);
}

static const struct field gateway_fields[] = {
	{"apiVersion", read_ignored},
	{"kind", read_ignored},
	{"metadata", read_ignored},
	{"spec", read_spec, .need = FIELD_MUST},
	{"status"},
	{},
};

void read_gateway(struct reader *rd, const struct node *document)
{
	struct gateway *gateway = &rd->config->gateway;
	struct metadata meta = {};

	if (gateway->at.line) {
		problem_at(rd, document->at,
			   "a second Gateway, the first is in %s:%u, expected one in all files",
			   rd->config->sources[gateway->at.file].path, gateway->at.line);
		return;
	}
	gateway->at = document->at;
	if (read_metadata(rd, document, &meta)) {
		gateway->name = meta.name;
		refuse_namespace(rd, &meta, "Gateway");
	}
	if (meta.labels)
		read_labels(rd, meta.labels, "k8s", &gateway->labels);
	read_fields(rd, document, "Gateway", gateway_fields, gateway);
}
