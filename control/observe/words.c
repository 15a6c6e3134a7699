/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "observe/flow.h"

#include <netinet/in.h>
#include <stdio.h>

static const struct {
	const char *name, *sentence;
	enum chq_action action;
} reasons[] = {
#define X(name, action, text) {#name, text, CHQ_##action},
	CHQ_REASONS(X)
#undef X
};

const char *reason_name(enum chq_reason reason)
{
	return reason < CHQ_REASON_MAX ? reasons[reason].name : "UNKNOWN";
}

const char *reason_sentence(enum chq_reason reason)
{
	return reason < CHQ_REASON_MAX ? reasons[reason].sentence
				       : "a reason this program is too old to know";
}

enum chq_action reason_action(enum chq_reason reason)
{
	return reason < CHQ_REASON_MAX ? reasons[reason].action : CHQ_DROP;
}

const char *event_word(enum chq_event_kind kind)
{
	static const char *const words[] = {
#define X(name, word) [CHQ_EVENT_##name] = word,
		CHQ_EVENTS(X)
#undef X
	};

	return kind < CHQ_EVENT_MAX ? words[kind] : "unknown";
}

const char *protocol_word(uint8_t protocol, char text[8])
{
	switch (protocol) {
	case IPPROTO_TCP:
		return "TCP";
	case IPPROTO_UDP:
		return "UDP";
	case IPPROTO_SCTP:
		return "SCTP";
	case IPPROTO_ICMP:
		return "ICMP";
	case IPPROTO_ICMPV6:
		return "ICMPv6";
	case IPPROTO_GRE:
		return "GRE";
	case IPPROTO_ESP:
		return "ESP";
	default:
		snprintf(text, 8, "%u", protocol);
		return text;
	}
}
