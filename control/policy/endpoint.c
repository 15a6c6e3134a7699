// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <ctype.h>
#include <string.h>

#include "policy/reader.h"

static const struct word protocol_words[] = {
	{"TCP", PORT_TCP}, {"UDP", PORT_UDP}, {"SCTP", PORT_SCTP}, {}};

/* Identities that an Endpoint may claim; host and world are nobody's to claim. */
static const struct word claimed[] = {
	{"health", 0},	       {"init", 0}, {"ingress", 0}, {"unmanaged", 0}, {"remote-node", 0},
	{"kube-apiserver", 0}, {}};

struct endpoint_reading {
	struct endpoint endpoint;
	struct chq_prefix *addresses, *prefixes;
	size_t n_addresses, n_prefixes;
};

static void read_addresses(struct reader *rd, const struct node *node, void *ret)
{
	struct endpoint_reading *reading = ret;

	read_prefixes(rd, node, "addresses", PREFIX_ADDRESS, &reading->addresses,
		      &reading->n_addresses);
}

static void read_own_prefixes(struct reader *rd, const struct node *node, void *ret)
{
	struct endpoint_reading *reading = ret;

	read_prefixes(rd, node, "prefixes", PREFIX_STRICT, &reading->prefixes,
		      &reading->n_prefixes);
}

static void read_name(struct reader *rd, const struct node *node, void *ret)
{
	read_port_name(rd, node, ret);
}

static void read_port_number(struct reader *rd, const struct node *node, void *ret)
{
	uint32_t number;

	if (read_number(rd, node, "a port", 1, UINT16_MAX, &number))
		*(uint16_t *)ret = number;
}

static void read_protocol(struct reader *rd, const struct node *node, void *ret)
{
	unsigned value;

	if (read_word(rd, node, "protocol", protocol_words, &value))
		*(uint32_t *)ret = value;
}

static const struct field named_port_fields[] = {
	{"name", read_name, offsetof(struct named_port, name), FIELD_MUST},
	{"port", read_port_number, offsetof(struct named_port, port), FIELD_MUST},
	{"protocol", read_protocol, offsetof(struct named_port, protocol)},
	{},
};

static void check_port_names(struct reader *rd, const struct endpoint *endpoint, struct place at)
{
	const struct named_port *last = &endpoint->named_ports[endpoint->n_named_ports - 1];

	for (const struct named_port *port = endpoint->named_ports; port < last; port++)
		if (strcmp(port->name, last->name) == 0 && port->protocol == last->protocol)
			problem_at(rd, at, "port name \"%s\" is given twice, expected it once",
				   port->name);
}

static void read_named_ports(struct reader *rd, const struct node *node, void *ret)
{
	struct endpoint *endpoint = &((struct endpoint_reading *)ret)->endpoint;
	size_t most = list_count(rd, node, "namedPorts");

	if (most > 1000) {
		problem_at(rd, node->at, "%zu named ports are given, expected at most 1000", most);
		return;
	}
	endpoint->named_ports = arena_array(&rd->memory->kept, struct named_port, most);
	FOR_EACH_CHILD(child, node)
	{
		struct named_port port = {.protocol = PORT_TCP};

		if (!most || !read_fields(rd, child, "a named port", named_port_fields, &port))
			continue;
		endpoint->named_ports[endpoint->n_named_ports++] = port;
		check_port_names(rd, endpoint, child->at);
	}
}

static const struct field spec_fields[] = {
	{"addresses", read_addresses},
	{"prefixes", read_own_prefixes},
	{"port", read_interface, offsetof(struct endpoint_reading, endpoint.port)},
	{"namedPorts", read_named_ports},
	{"audit", read_bool, offsetof(struct endpoint_reading, endpoint.audit)},
	{},
};

static void join_prefixes(struct reader *rd, struct endpoint_reading *reading)
{
	size_t count = reading->n_addresses + reading->n_prefixes;
	struct chq_prefix *all = arena_array(&rd->memory->kept, struct chq_prefix, count);

	if (reading->n_addresses)
		memcpy(all, reading->addresses, reading->n_addresses * sizeof(*all));
	if (reading->n_prefixes)
		memcpy(all + reading->n_addresses, reading->prefixes,
		       reading->n_prefixes * sizeof(*all));
	reading->endpoint.prefixes = all;
	reading->endpoint.n_prefixes = count;
}

static void read_spec(struct reader *rd, const struct node *node, void *ret)
{
	struct endpoint_reading *reading = ret;

	if (!read_fields(rd, node, "spec", spec_fields, reading))
		return;
	join_prefixes(rd, reading);
	if (!reading->endpoint.n_prefixes)
		problem_at(rd, node->at,
			   "the Endpoint has no address, expected \"addresses\" or \"prefixes\"");
}

static const struct field endpoint_fields[] = {
	{"apiVersion", read_ignored},
	{"kind", read_ignored},
	{"metadata", read_ignored},
	{"spec", read_spec, .need = FIELD_MUST},
	{"status"},
	{},
};

static void check_claims(struct reader *rd, const struct labels *labels, struct place at)
{
	char expected[128];

	for (size_t i = 0; i < labels->count; i++) {
		const struct label *label = &labels->list[i];

		if (strcmp(label->source, "reserved") == 0 && !words_find(claimed, label->key))
			problem_at(rd, at,
				   "an Endpoint cannot be reserved:%s, expected reserved: %s",
				   label->key, words_list(claimed, expected, sizeof(expected)));
	}
}

void read_endpoint(struct reader *rd, const struct node *document)
{
	struct endpoint_reading reading = {.endpoint.at = document->at};
	struct endpoint *endpoint = &reading.endpoint, *place;
	struct metadata meta = {};

	if (read_metadata(rd, document, &meta)) {
		endpoint->name = meta.name;
		endpoint->namespace = meta.namespace ? meta.namespace : "default";
	}
	if (meta.labels) {
		read_labels(rd, meta.labels, "k8s", &endpoint->labels);
		check_claims(rd, &endpoint->labels, meta.labels->at);
	}
	read_fields(rd, document, "Endpoint", endpoint_fields, &reading);
	if (endpoint->name &&
	    (place = READER_ADD(rd, rd->config->endpoints, rd->config->n_endpoints)))
		*place = *endpoint;
}

/* Endpoints behind a Peer: an Endpoint document's fields in one mapping each. */

static void read_listed_labels(struct reader *rd, const struct node *node, void *ret)
{
	struct labels *labels = &((struct endpoint_reading *)ret)->endpoint.labels;

	read_labels(rd, node, "k8s", labels);
	check_claims(rd, labels, node->at);
}

static const struct field listed_fields[] = {
	{"name", read_text, offsetof(struct endpoint_reading, endpoint.name), FIELD_MUST},
	{"namespace", read_text, offsetof(struct endpoint_reading, endpoint.namespace)},
	{"labels", read_listed_labels},
	{"addresses", read_addresses},
	{"prefixes", read_own_prefixes},
	{"namedPorts", read_named_ports},
	{"port", .refused = "what is behind a Peer comes from the tunnel"},
	{"audit", .refused = "what it may be sent is judged where it is"},
	{},
};

static void read_listed(struct reader *rd, const struct node *node)
{
	struct endpoint_reading reading = {.endpoint = {.at = node->at, .namespace = "default"}};
	struct endpoint *place;

	if (!read_fields(rd, node, "an endpoint of a Peer", listed_fields, &reading))
		return;
	join_prefixes(rd, &reading);
	if (!reading.endpoint.n_prefixes)
		problem_at(rd, node->at,
			   "the endpoint has no address, expected \"addresses\" or \"prefixes\"");
	place = READER_ADD(rd, rd->config->endpoints, rd->config->n_endpoints);
	if (place)
		*place = reading.endpoint;
}

void read_endpoints_behind(struct reader *rd, const struct node *node)
{
	list_count(rd, node, "endpoints");
	FOR_EACH_CHILD(child, node)
	read_listed(rd, child);
}
