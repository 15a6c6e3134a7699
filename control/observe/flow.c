/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "observe/flow.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/addr.h"
#include "util/cleanup.h"

#define FLAG_TEXT_BYTES 40

/* Events carry the monotonic clock; people want the wall's, as it stands now. */
static uint64_t wall_ns(uint64_t monotonic_ns)
{
	struct timespec wall, monotonic;

	clock_gettime(CLOCK_REALTIME, &wall);
	clock_gettime(CLOCK_MONOTONIC, &monotonic);
	return monotonic_ns + (wall.tv_sec - monotonic.tv_sec) * 1000000000ULL + wall.tv_nsec -
	       monotonic.tv_nsec;
}

static void print_time(char *text, size_t size, const char *format, uint64_t time_ns, bool utc)
{
	time_t seconds = time_ns / 1000000000;
	unsigned ms = time_ns / 1000000 % 1000;
	char whole[32];
	struct tm parts;

	if (utc)
		gmtime_r(&seconds, &parts);
	else
		localtime_r(&seconds, &parts);
	strftime(whole, sizeof(whole), format, &parts);
	snprintf(text, size, "%s.%03u%s", whole, ms, utc ? "Z" : "");
}

static const char *verdict_word(const struct chq_event *event)
{
	if (event->kind == CHQ_EVENT_DROP)
		return "dropped";
	return event->kind == CHQ_EVENT_AUDIT ? "audited" : "forwarded";
}

static void print_flags(char *text, uint8_t flags)
{
	static const char *const names[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
	char *end = text;

	*text = '\0';
	for (int i = 0; i < 8; i++) {
		if (flags & 1 << i)
			end += sprintf(end, "%s%s", end == text ? "" : ",", names[i]);
	}
}

static bool has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

static bool is_icmp(uint8_t protocol)
{
	return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

/* One end of a flow, as it is written down. */
struct end {
	struct chq_addr addr;
	uint16_t port; /* host order */
	chq_identity identity;
};

static void ends_of(const struct chq_event *event, struct end *source, struct end *target)
{
	*source = (struct end){event->source, ntohs(event->sport_be), event->source_identity};
	*target = (struct end){event->target, ntohs(event->dport_be), event->target_identity};
}

/* Labels without the source that nearly all have; an identity without labels by its number. */
static void write_identity(FILE *out, const struct names *names, chq_identity identity)
{
	const char *const *labels = names_labels(names, identity);

	if (!*labels) {
		fprintf(out, " (%u)", identity);
		return;
	}
	fputs(" (", out);
	for (size_t i = 0; labels[i]; i++) {
		const char *label = labels[i];

		fprintf(out, "%s%s", i ? "," : "", strncmp(label, "k8s:", 4) ? label : label + 4);
	}
	fputc(')', out);
}

static void write_end(FILE *out, const struct names *names, const struct chq_event *event,
		      const struct end *end)
{
	char text[ADDR_TEXT_BYTES];
	bool brackets = has_ports(event->protocol) && !addr_is_ipv4(&end->addr);

	fprintf(out, "%s%s%s", brackets ? "[" : "", addr_print(&end->addr, text),
		brackets ? "]" : "");
	if (has_ports(event->protocol))
		fprintf(out, ":%u", end->port);
	write_identity(out, names, end->identity);
}

static void write_protocol(FILE *out, const struct chq_event *event)
{
	char text[FLAG_TEXT_BYTES];

	fprintf(out, "  %s", protocol_word(event->protocol, text));
	if (event->protocol == IPPROTO_TCP) {
		print_flags(text, event->tcp_flags);
		fprintf(out, " %s", text);
	}
	if (is_icmp(event->protocol))
		fprintf(out, " type %u code %u", event->icmp_type, event->icmp_code);
}

/* The policy that decided; where both had a say and agree, the sender's. */
static uint32_t deciding_origin(const struct chq_event *event)
{
	if (event->decided == CHQ_INGRESS)
		return event->origin_ingress;
	if (event->decided == CHQ_EGRESS)
		return event->origin_egress;
	return event->origin_egress ? event->origin_egress : event->origin_ingress;
}

static void write_rules(FILE *out, const struct names *names, const struct chq_event *event)
{
	const struct rule_ref *const *rules = NULL;
	size_t count = names_rules(names, event->generation, deciding_origin(event), &rules);

	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s %s:%u", i ? "," : "  by", rules[i]->file, rules[i]->line);
}

static void write_place(FILE *out, const struct names *names, const struct chq_event *event)
{
	const char *port = names_port(names, event->port);

	if (port)
		fprintf(out, "  %s", port);
	else
		fprintf(out, "  interface %u", event->ifindex);
	fputs(event->direction == CHQ_INGRESS ? " in " : " out", out);
	if (event->vlan & 0x1000)
		fprintf(out, " vlan %u", event->vlan & 0xfff);
}

static void write_line(FILE *out, const struct names *names, const struct chq_event *event)
{
	struct end source, target;
	char time[48];

	print_time(time, sizeof(time), "%H:%M:%S", wall_ns(event->time_ns), false);
	fprintf(out, "%s %-9s %-8s", time, verdict_word(event), event_word(event->kind));
	write_place(out, names, event);
	if (!event->ethertype_known) {
		fprintf(out, "  ethertype 0x%04x", ntohs(event->ethertype_be));
	} else {
		ends_of(event, &source, &target);
		fputs("  ", out);
		write_end(out, names, event, &source);
		fputs(" -> ", out);
		write_end(out, names, event, &target);
		write_protocol(out, event);
	}
	fprintf(out, "  %s", reason_sentence(event->reason));
	write_rules(out, names, event);
}

char *flow_text(const struct names *names, const struct chq_event *event)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int err;

	if (!out)
		return NULL;
	write_line(out, names, event);
	err = ferror(out);
	if (fclose(out) || err) {
		free(text);
		return NULL;
	}
	return text;
}

static json_t *json_end(const struct names *names, const struct chq_event *event,
			const struct end *end)
{
	const char *const *labels = names_labels(names, end->identity);
	char text[ADDR_TEXT_BYTES];
	json_t *object = json_pack("{s:s, s:I, s:[]}", "address", addr_print(&end->addr, text),
				   "identity", (json_int_t)end->identity, "labels");
	json_t *list = json_object_get(object, "labels");

	for (size_t i = 0; labels[i]; i++)
		json_array_append_new(list, json_string(labels[i]));
	if (has_ports(event->protocol))
		json_object_set_new(object, "port", json_integer(end->port));
	return object;
}

static json_t *json_rules(const struct names *names, uint32_t generation, uint32_t origin)
{
	const struct rule_ref *const *rules = NULL;
	size_t count = names_rules(names, generation, origin, &rules);
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		const struct rule_ref *rule = rules[i];

		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:s, s:i, s:s, s:b}", "kind", rule->kind,
					"namespace", rule->namespace, "name", rule->name, "file",
					rule->file, "line", (int)rule->line, "direction",
					rule->direction == CHQ_INGRESS ? "ingress" : "egress",
					"deny", rule->deny));
	}
	return list;
}

static void set_ip(json_t *object, const struct names *names, const struct chq_event *event)
{
	struct end source, target;
	char text[FLAG_TEXT_BYTES];

	ends_of(event, &source, &target);
	json_object_set_new(object, "source", json_end(names, event, &source));
	json_object_set_new(object, "target", json_end(names, event, &target));
	json_object_set_new(object, "protocol", json_string(protocol_word(event->protocol, text)));
	if (event->protocol == IPPROTO_TCP) {
		print_flags(text, event->tcp_flags);
		json_object_set_new(object, "flags", json_string(text));
	}
	if (is_icmp(event->protocol))
		json_object_set_new(object, "icmp",
				    json_pack("{s:i, s:i}", "type", event->icmp_type, "code",
					      event->icmp_code));
}

static json_t *json_head(const struct names *names, const struct chq_event *event)
{
	char time[48];

	print_time(time, sizeof(time), "%Y-%m-%dT%H:%M:%S", wall_ns(event->time_ns), true);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?, s:I, s:s, s:I, s:I}", "time", time,
			 "event", event_word(event->kind), "verdict", verdict_word(event), "reason",
			 reason_name(event->reason), "text", reason_sentence(event->reason), "port",
			 names_port(names, event->port), "ifindex", (json_int_t)event->ifindex,
			 "direction", event->direction == CHQ_INGRESS ? "ingress" : "egress",
			 "generation", (json_int_t)event->generation, "length",
			 (json_int_t)event->length_bytes);
}

json_t *flow_json(const struct names *names, const struct chq_event *event)
{
	json_t *object = json_head(names, event);

	if (!object)
		return NULL;
	if (event->ethertype_known)
		set_ip(object, names, event);
	else
		json_object_set_new(object, "ethertype", json_integer(ntohs(event->ethertype_be)));
	if (event->vlan & 0x1000)
		json_object_set_new(object, "vlan", json_integer(event->vlan & 0xfff));
	if (event->decided <= CHQ_EGRESS)
		json_object_set_new(
			object, "decided",
			json_string(event->decided == CHQ_INGRESS ? "ingress" : "egress"));
	json_object_set_new(object, "egress",
			    json_rules(names, event->generation, event->origin_egress));
	json_object_set_new(object, "ingress",
			    json_rules(names, event->generation, event->origin_ingress));
	return object;
}
