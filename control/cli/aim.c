// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "cli/aim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "policy/icmp.h"

enum aim_kind { AIM_PORT, AIM_TYPE, AIM_WHOLE };

struct protocol {
	const char *name;
	enum aim_kind kind;
	uint32_t base; /* AIM_WHOLE: the target itself */
	uint32_t model_bit;
};

#define WHOLE(name, number)                                              \
	{                                                                \
		name, AIM_WHOLE, CHQ_TARGET_OTHER + (number), PORT_OTHER \
	}

static const struct protocol protocols[] = {
	{"tcp", AIM_PORT, CHQ_TARGET_TCP, PORT_TCP},
	{"udp", AIM_PORT, CHQ_TARGET_UDP, PORT_UDP},
	{"sctp", AIM_PORT, CHQ_TARGET_SCTP, PORT_SCTP},
	{"icmp", AIM_TYPE, CHQ_TARGET_ICMP, PORT_ICMP},
	{"icmpv6", AIM_TYPE, CHQ_TARGET_ICMPV6, PORT_ICMPV6},
	WHOLE("igmp", 2),
	WHOLE("ipip", 4),
	WHOLE("ipv6", 41),
	WHOLE("gre", 47),
	WHOLE("esp", 50),
	WHOLE("ah", 51),
	WHOLE("vrrp", 112),
};

static const struct protocol *find_protocol(const char *name)
{
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (strcasecmp(protocols[i].name, name) == 0)
			return &protocols[i];
	return NULL;
}

static int parse_number(const char *text, unsigned long most, uint32_t *ret)
{
	unsigned long number;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	number = strtoul(text, &end, 10);
	if (*end || number > most)
		return -EINVAL;
	*ret = number;
	return 0;
}

static int named_port(const struct end *to, const struct protocol *protocol, const char *name,
		      uint32_t *ret)
{
	for (size_t i = 0; to->endpoint && i < to->endpoint->n_named_ports; i++) {
		const struct named_port *port = &to->endpoint->named_ports[i];

		if (strcasecmp(port->name, name) == 0 && port->protocol == protocol->model_bit) {
			*ret = port->port;
			return 0;
		}
	}
	return -ENOENT;
}

static int read_port(const struct end *to, const struct protocol *protocol, const char *text,
		     uint32_t *ret, char *refusal, size_t size)
{
	if (parse_number(text, 65535, ret) == 0 || named_port(to, protocol, text, ret) == 0)
		return 0;
	snprintf(refusal, size,
		 "\"%.40s\" is no port from 0 to 65535, and no named %s port of %.80s", text,
		 protocol->name, to->name);
	return -EINVAL;
}

/* "443/tcp" brings its own protocol. */
static int split_port(const char *given, const char **protocol, char *port, size_t size)
{
	const char *slash = strchr(given, '/');

	snprintf(port, size, "%.*s", (int)(slash ? slash - given : 63), given);
	if (!slash)
		return 0;
	if (*protocol && strcasecmp(*protocol, slash + 1) != 0)
		return -EINVAL;
	*protocol = slash + 1;
	return 0;
}

/* Any other protocol, by its number. */
static int read_number(const char *name, struct aim *ret, char *refusal, size_t size)
{
	uint32_t number;

	if (parse_number(name, 255, &number) < 0) {
		snprintf(refusal, size,
			 "unknown protocol \"%.40s\": tcp, udp, sctp, icmp, icmpv6 or a number",
			 name);
		return -EINVAL;
	}
	ret->target = CHQ_TARGET_OTHER + number;
	snprintf(ret->text, sizeof(ret->text), "protocol %u", number);
	return 0;
}

/* A number, or a name as Cilium has them, in any case. */
static int find_type(const struct protocol *protocol, const char *text, uint32_t *ret,
		     char *refusal, size_t size)
{
	bool ipv6 = protocol->model_bit == PORT_ICMPV6;
	const struct word *words = ipv6 ? icmpv6_words : icmp_words;
	const struct word *word = words_find_any_case(words, text);
	const char *meant;

	if (word) {
		*ret = word->value;
		return 0;
	}
	if (parse_number(text, 255, ret) == 0)
		return 0;
	meant = words_nearest(words, text);
	if (meant)
		snprintf(refusal, size, "unknown %s type \"%.40s\", did you mean \"%s\"?",
			 protocol->name, text, meant);
	else
		snprintf(
			refusal, size,
			"\"%.40s\" is no %s type: a number from 0 to 255, or a name such as EchoRequest",
			text, protocol->name);
	return -EINVAL;
}

static int read_type(const struct protocol *protocol, const char *icmp_type, struct aim *ret,
		     char *refusal, size_t size)
{
	const char *name;
	uint32_t type;

	if (!icmp_type) {
		snprintf(refusal, size, "%s wants a type: --icmp TYPE, a number or a name",
			 protocol->name);
		return -EINVAL;
	}
	if (find_type(protocol, icmp_type, &type, refusal, size) < 0)
		return -EINVAL;
	name = icmp_type_name(protocol->model_bit == PORT_ICMPV6, type);
	ret->target = protocol->base + type;
	snprintf(ret->text, sizeof(ret->text), "type %u/%s%s%s%s", type, protocol->name,
		 name ? " (" : "", name ?: "", name ? ")" : "");
	return 0;
}

int aim_read(const struct end *to, const char *protocol, const char *port, const char *icmp_type,
	     bool ipv6, struct aim *ret, char *refusal, size_t size)
{
	const struct protocol *known;
	char number[64] = "";
	uint32_t value;
	int err;

	if (port && split_port(port, &protocol, number, sizeof(number)) < 0) {
		snprintf(refusal, size, "two different protocols are given");
		return -EINVAL;
	}
	if (!protocol)
		protocol = icmp_type ? (ipv6 ? "icmpv6" : "icmp") : "tcp";
	known = find_protocol(protocol);
	if (!known)
		return read_number(protocol, ret, refusal, size);
	if (known->kind == AIM_TYPE)
		return read_type(known, icmp_type, ret, refusal, size);
	ret->target = known->base;
	snprintf(ret->text, sizeof(ret->text), "%s", known->name);
	if (known->kind == AIM_WHOLE)
		return 0;
	if (!*number) {
		snprintf(refusal, size, "%s wants a port: --dport PORT", known->name);
		return -EINVAL;
	}
	err = read_port(to, known, number, &value, refusal, size);
	if (err)
		return err;
	ret->target = known->base + value;
	snprintf(ret->text, sizeof(ret->text), "%u/%s", value, known->name);
	return 0;
}
