// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "daemon/show.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "daemon/documents.h"
#include "daemon/history.h"
#include "daemon/ports.h"
#include "util/addr.h"
#include "util/cleanup.h"

static const char *const role_names[] = {
	[CHQ_OUTSIDE] = "outside", [CHQ_INSIDE] = "inside", [CHQ_TUNNEL] = "tunnel"};
static const char *const enforcement_names[] = {
	[ENFORCE_DEFAULT] = "default", [ENFORCE_ALWAYS] = "always", [ENFORCE_NEVER] = "never"};
static const char *const gate_names[] = {[GATE_OFF] = "off",
					 [GATE_NATIVE] = "native",
					 [GATE_GENERIC] = "generic",
					 [GATE_SHARED] = "shared"};

json_t *labels_as_json(const struct labels *labels)
{
	json_t *list = json_array();
	cleanup_free char *text = NULL;

	for (size_t i = 0; i < labels->count; i++) {
		const struct label *label = &labels->list[i];

		free(give(text));
		if (asprintf(&text, "%s:%s%s%s", label->source, label->key,
			     *label->value ? "=" : "", label->value) < 0)
			break;
		json_array_append_new(list, json_string(text));
	}
	return list;
}

/* A prefix of one address is shown without its length. */
static json_t *prefix_as_json(const struct chq_prefix *prefix)
{
	char text[PREFIX_TEXT_BYTES];

	return json_string(prefix->length_bits == 128 ? addr_print(&prefix->addr, text)
						      : prefix_print(prefix, text));
}

static json_t *prefixes_as_json(const struct chq_prefix *prefixes, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, prefix_as_json(&prefixes[i]));
	return list;
}

json_t *show_endpoints(const struct daemon *daemon)
{
	const struct generation *generation = daemon->live.generation;
	const struct config *config = daemon->live.config;
	json_t *list = json_array(), *row;

	for (size_t i = 0; generation && i < generation->n_endpoints; i++) {
		const struct endpoint_row *endpoint = &generation->endpoints[i];

		row = json_pack("{s:s, s:s, s:I, s:b, s:b, s:b, s:s?, s:I, s:I, s:o}", "namespace",
				endpoint->namespace, "name", endpoint->name, "identity",
				(json_int_t)endpoint->identity, "ingress",
				endpoint->enforced[CHQ_INGRESS], "egress",
				endpoint->enforced[CHQ_EGRESS], "audit", endpoint->audit, "port",
				endpoint->port, "subject", (json_int_t)endpoint->subject, "peer",
				(json_int_t)endpoint->peer, "prefixes",
				prefixes_as_json(endpoint->prefixes, endpoint->n_prefixes));
		if (i < config->n_endpoints &&
		    strcmp(config->endpoints[i].name, endpoint->name) == 0 &&
		    strcmp(config->endpoints[i].namespace, endpoint->namespace) == 0)
			json_object_set_new(row, "labels",
					    labels_as_json(&config->endpoints[i].labels));
		json_array_append_new(list, row);
	}
	return list;
}

json_t *show_identities(const struct daemon *daemon)
{
	const struct generation *generation = daemon->live.generation;
	json_t *list = json_array();

	for (size_t i = 0; generation && i < generation->n_identities; i++) {
		const struct identity_row *identity = &generation->identities[i];

		json_array_append_new(list, json_pack("{s:I, s:I, s:o}", "identity",
						      (json_int_t)identity->number, "prefixes",
						      (json_int_t)identity->prefixes, "labels",
						      labels_as_json(&identity->labels)));
	}
	return list;
}

json_t *show_policies(const struct daemon *daemon)
{
	const struct generation *generation = daemon->live.generation;
	json_t *list = json_array();
	char place[512];

	for (size_t i = 0; generation && i < generation->n_policies; i++) {
		const struct policy_row *policy = &generation->policies[i];

		snprintf(place, sizeof(place), "%s:%u", policy->file, policy->line);
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:I, s:I, s:b}", "kind",
					policy->kind, "namespace", policy->namespace, "name",
					policy->name, "file", policy->file, "line",
					(json_int_t)policy->line, "place", place, "rules",
					(json_int_t)policy->rules, "subjects",
					(json_int_t)policy->subjects, "audit", policy->audit));
	}
	return list;
}

json_t *show_classes(const struct daemon *daemon)
{
	const struct generation *generation = daemon->live.generation;
	json_t *list = json_array(), *row;

	for (size_t i = 0; generation && i < generation->n_classes; i++) {
		const struct class_row *class = &generation->classes[i];
		const struct identity_row *example =
			generation_identity(generation, class->example);

		row = json_pack("{s:s, s:I, s:I, s:I}", "side",
				class->is_subject ? "subject" : "peer", "class",
				(json_int_t) class->number, "entries", (json_int_t) class->entries,
				"identity", (json_int_t) class->example);
		if (example)
			json_object_set_new(row, "labels", labels_as_json(&example->labels));
		json_array_append_new(list, row);
	}
	return list;
}

json_t *show_deny(const struct daemon *daemon)
{
	const struct generation *generation = daemon->live.generation;
	json_t *list = json_array();

	for (size_t i = 0; generation && i < generation->n_deny; i++)
		json_array_append_new(
			list, json_pack("{s:o}", "prefix", prefix_as_json(&generation->deny[i])));
	return list;
}

static json_t *attachment_as_json(const struct attachment *seen, json_t *row)
{
	json_object_set_new(row, "ifindex", json_integer(seen->ifindex));
	json_object_set_new(row, "present", json_boolean(seen->present));
	json_object_set_new(row, "checkpoint", json_boolean(seen->checkpoint));
	json_object_set_new(row, "tcx", json_boolean(seen->tcx));
	json_object_set_new(row, "l3", json_boolean(seen->l3));
	json_object_set_new(row, "gate", json_string(gate_names[seen->gate]));
	json_object_set_new(row, "note", json_string(seen->note));
	return row;
}

static bool was_detached(const struct daemon *daemon, const char *name)
{
	for (size_t i = 0; i < daemon->n_detached; i++)
		if (strcmp(daemon->detached[i], name) == 0)
			return true;
	return false;
}

static json_t *port_as_json(const struct daemon *daemon, const struct port_row *port)
{
	static const struct attachment absent = {.gate = GATE_OFF};
	const struct attachment *list, *seen = &absent;
	size_t count = datapath_attachments(daemon->datapath, &list);
	struct attachment bare = absent;
	json_t *row = json_pack("{s:s, s:I, s:s, s:b}", "name", port->name, "number",
				(json_int_t)port->value.port, "role", role_names[port->value.role],
				"detached", was_detached(daemon, port->name));

	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i].name, port->name) == 0 && (list[i].present || !seen->ifindex))
			seen = &list[i];
	if (seen == &absent) {
		bare.ifindex = if_nametoindex(port->name);
		bare.present = bare.ifindex != 0;
		seen = &bare;
	}
	attachment_as_json(seen, row);
	if (!*seen->note)
		json_object_set_new(row, "note", json_string(ports_note(daemon, port->name)));
	return row;
}

json_t *show_ports(const struct daemon *daemon)
{
	const struct generation *generation = daemon->live.generation;
	const struct attachment *taken_over;
	json_t *list = json_array();
	size_t count;

	for (size_t i = 0; generation && i < generation->n_ports; i++)
		json_array_append_new(list, port_as_json(daemon, &generation->ports[i]));
	if (generation)
		return list;
	count = datapath_attachments(daemon->datapath, &taken_over);
	for (size_t i = 0; i < count; i++)
		json_array_append_new(
			list,
			attachment_as_json(&taken_over[i],
					   json_pack("{s:s, s:I}", "name", taken_over[i].name,
						     "number", (json_int_t)taken_over[i].port)));
	return list;
}

static json_t *own_as_json(const struct daemon *daemon)
{
	json_t *list = json_array();
	char text[ADDR_TEXT_BYTES];

	for (size_t i = 0; i < daemon->own.count; i++)
		json_array_append_new(list, json_string(addr_print(&daemon->own.list[i], text)));
	return list;
}

json_t *show_gateway(const struct daemon *daemon)
{
	const struct gateway *gateway;

	if (!daemon->live.config)
		return json_object();
	gateway = &daemon->live.config->gateway;
	return json_pack("{s:s, s:o, s:o, s:s, s:b, s:o, s:{s:I, s:I, s:I, s:I, s:I}}", "name",
			 gateway->name, "addresses", own_as_json(daemon), "labels",
			 labels_as_json(&gateway->labels), "enforcement",
			 enforcement_names[gateway->enforcement], "audit", gateway->audit, "ports",
			 show_ports(daemon), "limits", "conntrack",
			 (json_int_t)gateway->limits.conntrack, "unproven",
			 (json_int_t)gateway->limits.unproven, "fragments",
			 (json_int_t)gateway->limits.fragments, "prefixes",
			 (json_int_t)gateway->limits.prefixes, "identities",
			 (json_int_t)gateway->limits.identities);
}

json_t *show_history(const struct daemon *daemon)
{
	json_t *list = history_list(daemon->options.state_directory), *note;
	size_t i;

	json_array_foreach(list, i, note) json_object_set_new(
		note, "live",
		json_boolean(daemon->live.history &&
			     json_integer_value(json_object_get(note, "number")) ==
				     daemon->live.history));
	return list;
}

static void add_documents(json_t *list, const struct source_file *source)
{
	cleanup(documents_free) struct documents found = {};
	char refusal[DOCUMENTS_REFUSAL_BYTES], place[512];

	if (documents_split(source->text, source->length_bytes, &found, refusal) < 0)
		return;
	for (size_t i = 0; i < found.count; i++) {
		const struct document *document = &found.list[i];

		snprintf(place, sizeof(place), "%s:%u", source->path, document->line);
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:s%}", "kind",
						document->kind, "namespace", document->namespace,
						"name", document->name, "file", source->path,
						"line", (json_int_t)document->line, "place", place,
						"text", source->text + document->start,
						document->end - document->start));
	}
}

json_t *show_documents(const struct daemon *daemon)
{
	const struct config *config = daemon->live.config;
	json_t *list = json_array();

	for (size_t i = 0; config && i < config->n_sources; i++)
		add_documents(list, &config->sources[i]);
	return list;
}

json_t *show_all(struct daemon *daemon)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "status", show_status(daemon),
			 "gateway", show_gateway(daemon), "endpoints", show_endpoints(daemon),
			 "identities", show_identities(daemon), "policies", show_policies(daemon),
			 "classes", show_classes(daemon), "deny", show_deny(daemon), "history",
			 show_history(daemon));
}
