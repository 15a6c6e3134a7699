// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "daemon/trace.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "api/server.h"
#include "daemon/daemon.h"
#include "daemon/show.h"
#include "kernel/trace.h"
#include "observe/flow.h"
#include "util/addr.h"
#include "util/cleanup.h"

#define SPORT_DEFAULT 40000

/* A packet as it was asked for, and what is found out about it before it runs. */
struct tracing {
	struct daemon *daemon;
	struct trace_packet packet;
	const struct port_row *in;
	struct chq_trace found;
	json_t *stages;
	char refusal[160];
};

static int refuse(struct tracing *tracing, const char *text, const char *word)
{
	snprintf(tracing->refusal, sizeof(tracing->refusal), "%s%s%s", text, *word ? ": " : "",
		 word);
	return -EINVAL;
}

/* An address of the gateway's own, where none was given. */
static int own_address(const struct daemon *daemon, bool ipv4, struct chq_addr *ret)
{
	for (size_t i = daemon->own.count; i-- > 0;) {
		const struct chq_addr *own = &daemon->own.list[i];
		bool loopback = ipv4 ? own->byte[12] == 127 : !own->word_be[0];

		if (addr_is_ipv4(own) != ipv4 || loopback)
			continue;
		*ret = *own;
		return 0;
	}
	return -ENOENT;
}

static int read_ends(struct tracing *tracing, const json_t *body)
{
	const char *source = json_string_value(json_object_get(body, "source"));
	const char *target = json_string_value(json_object_get(body, "target"));
	struct trace_packet *packet = &tracing->packet;
	bool ipv4;

	if (!source && !target)
		return refuse(tracing, "no source and no target", "");
	if (source && addr_parse(source, &packet->source) < 0)
		return refuse(tracing, "no address", source);
	if (target && addr_parse(target, &packet->target) < 0)
		return refuse(tracing, "no address", target);
	ipv4 = addr_is_ipv4(source ? &packet->source : &packet->target);
	if (!source && own_address(tracing->daemon, ipv4, &packet->source) < 0)
		return refuse(tracing, "the gateway has no address of this family", "");
	if (!target && own_address(tracing->daemon, ipv4, &packet->target) < 0)
		return refuse(tracing, "the gateway has no address of this family", "");
	if (addr_is_ipv4(&packet->source) != addr_is_ipv4(&packet->target))
		return refuse(tracing, "source and target are of different families", "");
	return 0;
}

static const struct port_row *port_named(const struct generation *generation, const char *name)
{
	for (size_t i = 0; i < generation->n_ports; i++)
		if (strcmp(generation->ports[i].name, name) == 0)
			return &generation->ports[i];
	return NULL;
}

/* Where such a source would come in: its own port, or the only one of the role it belongs to. */
static const struct port_row *port_of(const struct generation *generation,
				      const struct chq_entry *entry)
{
	enum chq_role role = entry->kind == CHQ_KIND_ENDPOINT ? CHQ_INSIDE
			     : entry->kind == CHQ_KIND_PEER   ? CHQ_TUNNEL
							      : CHQ_OUTSIDE;
	const struct port_row *found = NULL;
	size_t matching = 0;

	for (size_t i = 0; i < generation->n_ports; i++) {
		const struct port_row *port = &generation->ports[i];

		if (entry->guard_port ? entry->guard_port != port->value.port
				      : entry->kind != CHQ_KIND_OWN && port->value.role != role)
			continue;
		matching++;
		found = found ? found : port;
	}
	return matching == 1 || entry->kind == CHQ_KIND_OWN ? found : NULL;
}

static int read_port(struct tracing *tracing, const json_t *body)
{
	const struct generation *generation = tracing->daemon->live.generation;
	const char *name = json_string_value(json_object_get(body, "in"));
	const struct chq_entry *entry = generation_entry(generation, &tracing->packet.source);

	tracing->packet.own = entry->kind == CHQ_KIND_OWN && !name;
	tracing->in = name ? port_named(generation, name) : port_of(generation, entry);
	if (!tracing->in && name)
		return refuse(tracing, "no port of the live Gateway document", name);
	if (!tracing->in)
		return refuse(tracing, "it may come in by more than one port: say which (in)", "");
	tracing->packet.ifindex = if_nametoindex(tracing->in->name);
	if (!tracing->packet.ifindex)
		return refuse(tracing, "there is no such interface", tracing->in->name);
	return 0;
}

static int read_body(struct tracing *tracing, const json_t *body)
{
	const json_t *aim = json_object_get(body, "aim"), *sport = json_object_get(body, "sport");
	json_int_t wanted = json_integer_value(aim);

	if (!json_is_integer(aim) || wanted < 0 || wanted >= CHQ_TARGETS)
		return refuse(tracing, "\"aim\" is no target", "");
	tracing->packet.aim = wanted;
	tracing->packet.sport = sport ? json_integer_value(sport) : SPORT_DEFAULT;
	return read_ends(tracing, body) ?: read_port(tracing, body);
}

static void stage(struct tracing *tracing, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void stage(struct tracing *tracing, const char *name, const char *format, ...)
{
	cleanup_free char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	json_array_append_new(tracing->stages,
			      json_pack("{s:s, s:s?}", "stage", name, "finding", text));
}

static void tell_parse(struct tracing *tracing)
{
	const struct chq_trace *found = &tracing->found;
	char source[ADDR_TEXT_BYTES], target[ADDR_TEXT_BYTES];

	if (!found->family) {
		stage(tracing, "parse", "%s", reason_sentence(found->reason));
		return;
	}
	stage(tracing, "parse", "IPv%d, protocol %d, %s port %d -> %s port %d", found->family,
	      found->protocol, addr_print(&found->source, source), ntohs(found->sport_be),
	      addr_print(&found->target, target), ntohs(found->dport_be));
}

static void tell_flow(struct tracing *tracing)
{
	static const char *const states[] = {"new",	"answered", "established",
					     "closing", "closed",   "denied"};
	const struct chq_trace *found = &tracing->found;
	uint8_t reason = CHQ_FLOW_REASON(found->flow_verdict);

	if (found->flow == CHQ_TRACE_NO_FLOW) {
		stage(tracing, "flow", "no flow is known: it is judged");
		return;
	}
	stage(tracing, "flow", "known, %s, %s, judged by generation %u: %s",
	      found->flow == CHQ_TRACE_PROVEN ? "proven" : "not proven",
	      found->flow_state < 6 ? states[found->flow_state] : "?",
	      CHQ_FLOW_GENERATION(found->flow_verdict),
	      reason < CHQ_REASON_MAX ? reason_sentence(reason) : "?");
}

static char *labels_of(const struct generation *generation, chq_identity number)
{
	json_t *labels = NULL;
	char *text = NULL;

	for (size_t i = 0; !labels && i < generation->n_identities; i++)
		if (generation->identities[i].number == number)
			labels = labels_as_json(&generation->identities[i].labels);
	for (size_t i = 0; i < json_array_size(labels); i++) {
		cleanup_free char *before = text;

		if (asprintf(&text, "%s%s%s", before ? before : "", before ? "," : "",
			     json_string_value(json_array_get(labels, i))) < 0)
			text = NULL;
	}
	json_decref(labels);
	return text;
}

static void tell_ends(struct tracing *tracing)
{
	const struct generation *generation = tracing->daemon->live.generation;
	const struct chq_trace *found = &tracing->found;
	cleanup_free char *source = labels_of(generation, found->source_identity);
	cleanup_free char *target = labels_of(generation, found->target_identity);

	if (!found->judged)
		return;
	stage(tracing, "ends", "identity %u (%s) -> %u (%s)", found->source_identity,
	      source ? source : "no labels", found->target_identity, target ? target : "no labels");
	stage(tracing, "source guard", "%s",
	      found->guard ? reason_sentence(found->guard)
			   : "the source belongs where it comes in");
}

static json_t *rules_of(const struct tracing *tracing, uint32_t origin)
{
	const struct generation *generation = tracing->daemon->live.generation;
	json_t *list = json_array();
	char text[512];

	if (origin >= generation->n_origins ||
	    tracing->found.generation != tracing->daemon->live.number)
		return list;
	for (size_t i = 0; i < generation->origins[origin].count; i++) {
		const struct rule_ref *rule =
			&generation->rule_refs[generation->origins[origin].rules[i]];

		snprintf(text, sizeof(text), "%s %s%s%s, %s:%u", rule->kind, rule->namespace,
			 *rule->namespace ? "/" : "", rule->name, rule->file, rule->line);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

static void tell_side(struct tracing *tracing, const char *name,
		      const struct chq_decision *decision)
{
	if (decision->reason == CHQ_UNDECIDED || decision->reason >= CHQ_REASON_MAX) {
		stage(tracing, name, "not asked");
		return;
	}
	stage(tracing, name, "%s%s", reason_sentence(decision->reason),
	      decision->flags & CHQ_DECISION_AUDIT ? " (watched only: it passes)" : "");
	json_object_set_new(json_array_get(tracing->stages, json_array_size(tracing->stages) - 1),
			    "rules", rules_of(tracing, decision->origin));
}

static bool is_drop(uint8_t reason)
{
#define X(name, action, text) [CHQ_##name] = CHQ_##action == CHQ_DROP,
	static const bool drops[] = { CHQ_REASONS(X) };
#undef X

	return reason >= CHQ_REASON_MAX || drops[reason] || reason == CHQ_UNDECIDED;
}

static json_t *tell(struct tracing *tracing)
{
	const struct chq_trace *found = &tracing->found;

	tracing->stages = json_array();
	stage(tracing, "port", "%s %s",
	      tracing->packet.own ? "the gateway sends it out by" : "in by", tracing->in->name);
	tell_parse(tracing);
	if (found->family)
		tell_flow(tracing);
	tell_ends(tracing);
	if (found->judged && !found->guard) {
		tell_side(tracing, "egress", &found->egress);
		tell_side(tracing, "ingress", &found->ingress);
	}
	stage(tracing, "verdict", "%s: %s%s", is_drop(found->reason) ? "drop" : "forward",
	      found->reason < CHQ_REASON_MAX ? reason_sentence(found->reason) : "?",
	      found->reject ? ", and the sender is told" : "");
	return json_pack("{s:s, s:s, s:I, s:s, s:o}", "verdict",
			 found->reason == CHQ_PASS_AUDIT ? "audit"
			 : is_drop(found->reason)	 ? "deny"
							 : "allow",
			 "reason",
			 found->reason < CHQ_REASON_MAX ? reason_name(found->reason) : "?",
			 "generation", (json_int_t)found->generation, "in", tracing->in->name,
			 "stages", tracing->stages);
}

void post_trace(void *data, struct api_request *request)
{
	struct daemon *daemon = data;
	struct tracing tracing = {.daemon = daemon};
	size_t bytes;
	const char *text = api_body(request, &bytes);
	json_t *body = text ? json_loadb(text, bytes, 0, NULL) : NULL;
	int err;

	if (!daemon->live.generation) {
		json_decref(body);
		api_refuse(request, 409, "nothing of this daemon is live yet");
		return;
	}
	err = body ? read_body(&tracing, body) : refuse(&tracing, "the body is no JSON", "");
	json_decref(body);
	if (err) {
		api_refuse(request, 422, "%s", tracing.refusal);
		return;
	}
	err = datapath_trace(daemon->datapath, &tracing.packet, &tracing.found);
	if (err)
		api_refuse(request, 500, "%s", datapath_refusal(daemon->datapath));
	else
		api_reply(request, 200, tell(&tracing));
}
