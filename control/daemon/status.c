// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "daemon/show.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/server.h"
#include "api/version.h"
#include "daemon/tunnel.h"
#include "daemon/confirm.h"
#include "daemon/processes.h"
#include "daemon/tracing.h"
#include "kernel/forwarding.h"
#include "observe/flow.h"
#include "util/addr.h"
#include "util/cleanup.h"

#define FLOWS_SHOWN_MOST 100000

static json_t *lost_as_json(struct daemon *daemon)
{
	json_t *lost = json_object();
	uint64_t events;

	for (unsigned reason = 0; reason < CHQ_REASON_MAX; reason++)
		if (datapath_lost(daemon->datapath, reason, &events) == 0 && events)
			json_object_set_new(lost, reason_name(reason), json_integer(events));
	return lost;
}

static json_t *tables_as_json(struct daemon *daemon)
{
	cleanup_free struct table_usage *tables = NULL;
	json_t *list = json_array();
	size_t count;

	if (datapath_usage(daemon->datapath, &tables, &count) < 0)
		return list;
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list,
				      json_pack("{s:s, s:I, s:I, s:I}", "name", tables[i].name,
						"entries", (json_int_t)tables[i].entries, "most",
						(json_int_t)tables[i].most, "memoryBytes",
						(json_int_t)tables[i].memory_bytes));
	return list;
}

/* Packets and bytes by port, direction and reason; what is zero is left out. */
static json_t *counters_of(struct daemon *daemon, uint16_t port, enum chq_direction direction)
{
	json_t *all = json_object();
	struct chq_counter counter;

	for (unsigned reason = 0; reason < CHQ_REASON_MAX; reason++)
		if (datapath_counter(daemon->datapath, port, direction, reason, &counter) == 0 &&
		    counter.packets)
			json_object_set_new(all, reason_name(reason),
					    json_pack("{s:I, s:I}", "packets",
						      (json_int_t)counter.packets, "bytes",
						      (json_int_t)counter.bytes));
	return all;
}

static json_t *ports_with_counters(struct daemon *daemon)
{
	json_t *ports = show_ports(daemon), *port;
	uint16_t number;
	size_t i;

	json_array_foreach(ports, i, port)
	{
		number = json_integer_value(json_object_get(port, "number"));
		json_object_set_new(port, "ingress", counters_of(daemon, number, CHQ_INGRESS));
		json_object_set_new(port, "egress", counters_of(daemon, number, CHQ_EGRESS));
	}
	return ports;
}

static json_t *counts_as_json(const struct generation *generation)
{
	size_t subjects = 0;

	if (!generation)
		return json_object();
	for (size_t i = 0; i < generation->n_classes; i++)
		subjects += generation->classes[i].is_subject;
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
			 "endpoints", (json_int_t)generation->n_endpoints, "identities",
			 (json_int_t)generation->n_identities, "policies",
			 (json_int_t)generation->n_policies, "subjectClasses", (json_int_t)subjects,
			 "peerClasses", (json_int_t)(generation->n_classes - subjects), "ruleSets",
			 (json_int_t)generation->n_rule_sets, "pairs",
			 (json_int_t)generation->n_pairs, "rules", (json_int_t)generation->n_rules,
			 "portClasses", (json_int_t)generation->n_port_classes, "hosts",
			 (json_int_t)generation->n_hosts, "prefixes",
			 (json_int_t)generation->n_prefixes, "deny",
			 (json_int_t)generation->n_deny);
}

static json_t *forwarding_as_json(const struct daemon *daemon)
{
	bool ipv4 = false, ipv6 = false;

	forwarding_get(&ipv4, &ipv6);
	return json_pack("{s:b, s:b, s:b, s:b, s:s}", "managed", !daemon->options.no_forwarding,
			 "ipv4", ipv4, "ipv6", ipv6, "direct", datapath_direct(daemon->datapath),
			 "directNote", daemon->direct_note);
}

static const char *state_word(const struct daemon *daemon)
{
	if (daemon->live.generation)
		/* with no ports there is nothing to open: TracingPolicies alone are enforced */
		return daemon->closed && daemon->live.generation->n_ports ? "closed" : "enforcing";
	return datapath_live(daemon->datapath) ? "inherited" : "closed";
}

static json_t *since_as_json(const struct daemon *daemon)
{
	char when[32];
	struct tm parts;

	if (!daemon->live.generation)
		return json_null();
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&daemon->live.since, &parts));
	return json_string(when);
}

json_t *show_status(struct daemon *daemon)
{
	const struct gateway *gateway = daemon->live.config ? &daemon->live.config->gateway : NULL;
	json_t *tunnel,
		*status = json_pack(
			"{s:s, s:i, s:s, s:I, s:I, s:o, s:s?, s:s?, s:b, s:s?, s:s, s:b, s:I}",
			"version", CHASQUI_VERSION, "pid", (int)getpid(), "state",
			state_word(daemon), "generation",
			(json_int_t)datapath_live(daemon->datapath), "history",
			(json_int_t)daemon->live.history, "since", since_as_json(daemon), "who",
			daemon->live.who, "how", daemon->live.how, "lastGood",
			daemon->live.last_good, "refused", daemon->last_refusal, "config",
			daemon->options.config_directory, "changing", daemon->changing != NULL,
			"listeners", (json_int_t)api_streams(daemon->api));

	if (gateway)
		json_object_update_new(status,
				       json_pack("{s:s, s:s, s:b}", "gateway", gateway->name,
						 "enforcement",
						 (const char *[]){"default", "always",
								  "never"}[gateway->enforcement],
						 "audit", gateway->audit));
	json_object_set_new(status, "confirm", confirm_as_json(daemon));
	json_object_set_new(status, "forwarding", forwarding_as_json(daemon));
	json_object_set_new(status, "ports", ports_with_counters(daemon));
	tunnel = show_tunnel_summary(daemon);
	if (tunnel)
		json_object_set_new(status, "tunnel", tunnel);
	json_object_set_new(status, "counts", counts_as_json(daemon->live.generation));
	json_object_set_new(status, "tables", tables_as_json(daemon));
	json_object_set_new(status, "eventsLost", lost_as_json(daemon));
	json_object_set_new(status, "processes", processes_status(daemon));
	json_object_set_new(status, "enforcer", show_enforcer(daemon));
	return status;
}

struct flow_list {
	const struct daemon *daemon;
	json_t *rows;
};

static const char *protocol_name(uint8_t protocol, char *text, size_t size)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_SCTP:
		return "sctp";
	case IPPROTO_ICMP:
		return "icmp";
	case IPPROTO_ICMPV6:
		return "icmpv6";
	default:
		snprintf(text, size, "%u", protocol);
		return text;
	}
}

static json_t *end_as_json(const struct chq_addr *addr, uint16_t port)
{
	char address[ADDR_TEXT_BYTES], text[ADDR_TEXT_BYTES + 8];

	addr_print(addr, address);
	snprintf(text, sizeof(text), addr_is_ipv4(addr) ? "%s:%u" : "[%s]:%u", address, port);
	return json_string(text);
}

/* "shop/web web.yaml:12" for each rule that gave the verdict. */
static json_t *rules_as_json(const struct daemon *daemon, uint64_t verdict)
{
	const struct generation *generation = daemon->live.generation;
	uint32_t origin = CHQ_FLOW_ORIGIN(verdict);
	json_t *rules = json_array();
	char text[512];

	if (!generation || CHQ_FLOW_GENERATION(verdict) != daemon->live.number ||
	    origin >= generation->n_origins)
		return rules;
	for (size_t i = 0; i < generation->origins[origin].count; i++) {
		const struct rule_ref *rule =
			&generation->rule_refs[generation->origins[origin].rules[i]];

		snprintf(text, sizeof(text), "%s%s%s %s:%u", rule->namespace,
			 *rule->namespace ? "/" : "", rule->name, rule->file, rule->line);
		json_array_append_new(rules, json_string(text));
	}
	return rules;
}

static int add_flow(void *data, const struct flow_row *row)
{
	static const char *const states[] = {"new",	"answered", "established",
					     "closing", "closed",   "denied"};
	struct flow_list *list = data;
	uint8_t reason = CHQ_FLOW_REASON(row->flow.verdict);
	char protocol[8];

	if (json_array_size(list->rows) >= FLOWS_SHOWN_MOST)
		return 1;
	json_array_append_new(
		list->rows,
		json_pack("{s:s, s:o, s:o, s:s, s:b, s:s, s:I, s:I, s:I, s:b, s:b, s:o}",
			  "protocol", protocol_name(row->protocol, protocol, sizeof(protocol)),
			  "opener", end_as_json(&row->opener, row->opener_port), "other",
			  end_as_json(&row->other, row->other_port), "state",
			  row->flow.state < 6 ? states[row->flow.state] : "?", "proven",
			  row->proven, "reason",
			  reason < CHQ_REASON_MAX ? reason_name(reason) : "?", "generation",
			  (json_int_t)CHQ_FLOW_GENERATION(row->flow.verdict), "idleMs",
			  (json_int_t)row->idle_ms, "expiresMs", (json_int_t)row->expires_ms,
			  "pickedUp", (row->flow.flags & CHQ_FLOW_PICKED_UP) != 0, "translated",
			  (row->flow.flags & CHQ_FLOW_TRANSLATED) != 0, "rules",
			  rules_as_json(list->daemon, row->flow.verdict)));
	return 0;
}

json_t *show_flows(struct daemon *daemon)
{
	struct flow_list list = {daemon, json_array()};

	datapath_flows(daemon->datapath, add_flow, &list);
	return list.rows;
}
