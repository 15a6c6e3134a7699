// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <ctype.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "policy/icmp.h"
#include "policy/reader.h"

/* Beyond the protocols with ports, those that Cilium takes by name, with their numbers. */
enum { OTHER_PROTOCOL = 1 << 16 };

static const struct word cilium_protocols[] = {
	{"TCP", PORT_TCP},
	{"UDP", PORT_UDP},
	{"SCTP", PORT_SCTP},
	{"ANY", PORT_ANY},
	{"VRRP", OTHER_PROTOCOL | 112},
	{"IGMP", OTHER_PROTOCOL | IPPROTO_IGMP},
	{"GRE", OTHER_PROTOCOL | IPPROTO_GRE},
	{"IPIP", OTHER_PROTOCOL | IPPROTO_IPIP},
	{"IPV6", OTHER_PROTOCOL | IPPROTO_IPV6},
	{"ESP", OTHER_PROTOCOL | IPPROTO_ESP},
	{"AH", OTHER_PROTOCOL | IPPROTO_AH},
	{},
};

const struct word transport_words[] = {
	{"TCP", PORT_TCP}, {"UDP", PORT_UDP}, {"SCTP", PORT_SCTP}, {}};

/* RFC 6335: up to 15 letters, digits and single hyphens inside, at least one letter. */
static bool valid_port_name(const char *text)
{
	size_t length = strlen(text);
	bool letter = false;

	if (!length || length > 15 || text[0] == '-' || text[length - 1] == '-' ||
	    strstr(text, "--"))
		return false;
	for (const char *p = text; *p; p++) {
		if (!isalnum((unsigned char)*p) && *p != '-')
			return false;
		letter = letter || isalpha((unsigned char)*p);
	}
	return letter;
}

static const char *keep_lower(struct reader *rd, const char *text)
{
	char *copy = arena_text(&rd->memory->kept, text, strlen(text));

	for (char *p = copy; *p; p++)
		*p = tolower((unsigned char)*p);
	return copy;
}

bool read_port_name(struct reader *rd, const struct node *node, const char **ret)
{
	const char *text = text_of(rd, node, "a port's name");

	if (!text)
		return false;
	if (!valid_port_name(text)) {
		problem_at(
			rd, node->at,
			"\"%.64s\" is no port name, expected up to 15 letters, digits and single -",
			text);
		return false;
	}
	*ret = keep_lower(rd, text);
	return true;
}

struct port_nodes {
	const struct node *port, *end, *protocol;
};

static const struct field port_fields[] = {
	{"port", read_node, offsetof(struct port_nodes, port)},
	{"endPort", read_node, offsetof(struct port_nodes, end)},
	{"protocol", read_node, offsetof(struct port_nodes, protocol)},
	{},
};

static bool is_number(const char *text)
{
	return *text && !text[strspn(text, "0123456789")];
}

/* 0x50, 0b1 and 8e1 are numbers to who reads the YAML, and would be names to us. */
static bool is_odd_number(const struct node *node)
{
	const char *text = node->text;
	char *end;

	if (!node->plain || !isdigit((unsigned char)*text) || is_number(text))
		return false;
	if (text[0] == '0' && text[1] && strchr("bo", text[1]))
		return !text[2 + strspn(text + 2, "01234567")];
	strtod(text, &end);
	return !*end;
}

/* A number, 0 for all of them, or a name. */
static bool read_port(struct reader *rd, const struct node *node, uint32_t least,
		      struct port_rule *ret)
{
	const char *text = text_of(rd, node, "a port");
	uint32_t number;

	if (!text)
		return false;
	if (is_odd_number(node)) {
		problem_at(
			rd, node->at,
			"port %.64s is an odd way to write a number, expected digits alone, or a name in quotes",
			text);
		return false;
	}
	if (!is_number(text) && *text != '-')
		return read_port_name(rd, node, &ret->name);
	if (!read_number(rd, node, "a port", least, UINT16_MAX, &number))
		return false;
	ret->first = ret->last = number;
	return true;
}

/* Any case, as Cilium reads it. */
static bool read_cilium_protocol(struct reader *rd, const struct node *node, unsigned *ret)
{
	const char *text = text_of(rd, node, "protocol");
	const struct word *word = text ? words_find_any_case(cilium_protocols, text) : NULL;

	if (word) {
		*ret = word->value;
		return true;
	}
	if (text && strncasecmp(text, "icmp", 4) == 0)
		problem_at(rd, node->at,
			   "\"%.64s\" has no ports, expected \"icmps\" in place of \"toPorts\"",
			   text);
	else if (text)
		read_word(rd, node, "protocol", cilium_protocols, ret);
	return false;
}

/* VRRP, GRE and their like have no ports. */
static bool read_other(struct reader *rd, const struct port_nodes *nodes, unsigned protocol,
		       struct port_rule *ret)
{
	const char *text = nodes->port ? text_of(rd, nodes->port, "a port") : "0";

	if (!text)
		return false;
	if (*text && strcmp(text, "0") != 0) {
		problem_at(rd, nodes->port->at,
			   "this protocol has no ports, expected port \"0\" or none");
		return false;
	}
	if (nodes->end) {
		problem_at(rd, nodes->end->at, "this protocol has no ports, expected no endPort");
		return false;
	}
	ret->protocols = PORT_OTHER;
	ret->ip_protocol = protocol & 0xff;
	return true;
}

/* Cilium: an endPort that is not above the port, or beside a name, says nothing. */
static bool read_end_port(struct reader *rd, const struct node *node, struct port_rule *ret)
{
	uint32_t number;

	if (!read_number(rd, node, "endPort", 0, UINT16_MAX, &number))
		return false;
	if (!ret->name && number > ret->first)
		ret->last = number;
	return true;
}

static bool read_cilium_port(struct reader *rd, const struct node *node, struct port_rule *ret)
{
	struct port_rule port = {.protocols = PORT_ANY, .at = node->at};
	struct port_nodes nodes = {};
	unsigned protocol = PORT_ANY;

	if (!read_fields(rd, node, "a port of toPorts", port_fields, &nodes) ||
	    (nodes.protocol && !read_cilium_protocol(rd, nodes.protocol, &protocol)))
		return false;
	if (protocol & OTHER_PROTOCOL) {
		if (!read_other(rd, &nodes, protocol, &port))
			return false;
	} else {
		port.protocols = protocol;
		if (!nodes.port || (nodes.port->kind == NODE_SCALAR && !*nodes.port->text)) {
			problem_at(
				rd, node->at,
				"a port of toPorts has no \"port\", expected a number or a name (\"0\" is all)");
			return false;
		}
		if (!read_port(rd, nodes.port, 0, &port) ||
		    (nodes.end && !read_end_port(rd, nodes.end, &port)))
			return false;
	}
	*ret = port;
	return true;
}

/* toPorts. */

static void read_port_list(struct reader *rd, const struct node *node, void *ret)
{
	struct rule *rule = ret;
	size_t most = list_count(rd, node, "ports");

	if (most > PORTS_MOST) {
		problem_at(rd, node->at, "%zu ports are given, expected at most %d in one entry",
			   most, PORTS_MOST);
		return;
	}
	FOR_EACH_CHILD(child, node)
	rule->n_ports += read_cilium_port(rd, child, &rule->ports[rule->n_ports]);
}

#define LAYER7 "it needs layer 7, which this version does not judge"

static const struct field rules_fields[] = {
	{"http", .refused = LAYER7},
	{"kafka", .refused = LAYER7},
	{"dns", .refused = "it needs DNS, which this version does not read"},
	{"l7proto", .refused = LAYER7},
	{"l7", .refused = LAYER7},
	{},
};

static void read_rules(struct reader *rd, const struct node *node, void *ret)
{
	read_fields(rd, node, "rules", rules_fields, ret);
}

static void read_server_names(struct reader *rd, const struct node *node, void *ret)
{
	(void)ret;
	if (list_count(rd, node, "serverNames"))
		problem_at(rd, node->at, "\"serverNames\" is not served: %s", LAYER7);
}

static const struct field to_port_fields[] = {
	{"ports", read_port_list},
	{"rules", read_rules},
	{"serverNames", read_server_names},
	{"listener", .refused = LAYER7},
	{"terminatingTLS", .refused = LAYER7},
	{"originatingTLS", .refused = LAYER7},
	{},
};

static const struct field to_port_deny_fields[] = {
	{"ports", read_port_list},
	{"rules", .refused = "a deny rule takes ports only"},
	{},
};

/* Room for the ports of all entries at once. */
static size_t count_ports(const struct node *node)
{
	size_t count = 0;

	FOR_EACH_CHILD(child, node)
	{
		const struct node *ports = node_field(child, "ports");

		count += ports && ports->kind == NODE_LIST ? ports->count : 0;
	}
	return count;
}

void read_to_ports(struct reader *rd, const struct node *node, bool deny, struct rule *rule)
{
	const struct field *fields = deny ? to_port_deny_fields : to_port_fields;

	rule->ports_given = list_count(rd, node, "toPorts") > 0;
	rule->ports = arena_array(&rd->memory->kept, struct port_rule, count_ports(node));
	FOR_EACH_CHILD(child, node)
	read_fields(rd, child, "an entry of toPorts", fields, rule);
}

/* icmps. */

static const struct word families[] = {{"IPv4", PORT_ICMP}, {"IPv6", PORT_ICMPV6}, {}};

struct icmp_nodes {
	const struct node *family, *type;
};

static const struct field icmp_fields[] = {
	{"family", read_node, offsetof(struct icmp_nodes, family)},
	{"type", read_node, offsetof(struct icmp_nodes, type), FIELD_MUST},
	{},
};

static bool read_icmp(struct reader *rd, const struct node *node, struct port_rule *ret)
{
	struct icmp_nodes nodes = {};
	unsigned family = PORT_ICMP;
	const char *text;
	uint32_t type;

	if (!read_fields(rd, node, "an entry of fields", icmp_fields, &nodes) ||
	    (nodes.family && !read_word(rd, nodes.family, "family", families, &family)))
		return false;
	text = text_of(rd, nodes.type, "type");
	if (!text)
		return false;
	if (isdigit((unsigned char)*text)
		    ? !read_number(rd, nodes.type, "an ICMP type", 0, UINT8_MAX, &type)
		    : !read_word(rd, nodes.type, "ICMP type",
				 family == PORT_ICMP ? icmp_words : icmpv6_words, &type))
		return false;
	*ret = (struct port_rule){.protocols = family, .icmp_type = type, .at = node->at};
	return true;
}

static void read_icmp_list(struct reader *rd, const struct node *node, void *ret)
{
	struct rule *rule = ret;
	size_t most = list_count(rd, node, "fields");

	if (most > PORTS_MOST) {
		problem_at(rd, node->at,
			   "%zu ICMP types are given, expected at most %d in one entry", most,
			   PORTS_MOST);
		return;
	}
	FOR_EACH_CHILD(child, node)
	rule->n_ports += read_icmp(rd, child, &rule->ports[rule->n_ports]);
}

static const struct field icmps_fields[] = {{"fields", read_icmp_list}, {}};

static size_t count_icmps(const struct node *node)
{
	size_t count = 0;

	FOR_EACH_CHILD(child, node)
	{
		const struct node *list = node_field(child, "fields");

		count += list && list->kind == NODE_LIST ? list->count : 0;
	}
	return count;
}

void read_icmps(struct reader *rd, const struct node *node, struct rule *rule)
{
	if (rule->ports_given) {
		problem_at(
			rd, node->at,
			"\"icmps\" stands beside \"toPorts\", expected a rule of its own for either");
		return;
	}
	rule->ports_given = list_count(rd, node, "icmps") > 0;
	rule->ports = arena_array(&rd->memory->kept, struct port_rule, count_icmps(node));
	FOR_EACH_CHILD(child, node)
	read_fields(rd, child, "an entry of icmps", icmps_fields, rule);
}

/* A NetworkPolicy's ports. */

static bool read_network_port(struct reader *rd, const struct node *node, struct port_rule *ret)
{
	struct port_rule port = {.protocols = PORT_TCP, .at = node->at};
	struct port_nodes nodes = {};
	uint32_t end;

	if (!read_fields(rd, node, "a port", port_fields, &nodes) ||
	    (nodes.protocol &&
	     !read_word(rd, nodes.protocol, "protocol", transport_words, &port.protocols)) ||
	    (nodes.port && !read_port(rd, nodes.port, 1, &port)))
		return false;
	if (nodes.end) {
		if (!nodes.port || port.name) {
			problem_at(rd, nodes.end->at,
				   "endPort stands alone, expected a port number beside it");
			return false;
		}
		if (!read_number(rd, nodes.end, "endPort", port.first, UINT16_MAX, &end))
			return false;
		port.last = end;
	}
	*ret = port;
	return true;
}

void read_network_ports(struct reader *rd, const struct node *node, struct rule *rule)
{
	size_t most = list_count(rd, node, "ports");

	rule->ports_given = most > 0;
	rule->ports = arena_array(&rd->memory->kept, struct port_rule, most);
	FOR_EACH_CHILD(child, node)
	rule->n_ports += read_network_port(rd, child, &rule->ports[rule->n_ports]);
}
