// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "cli/answer.h"

#include <stdio.h>
#include <string.h>

#include "observe/flow.h"
#include "util/addr.h"
#include "util/cleanup.h"

static bool reason_drops(uint8_t reason)
{
	return reason == CHQ_DROP_DENIED || reason == CHQ_DROP_NO_RULE;
}

/* A direction's decision may be a drop that audit mode lets through. */
static const char *verdict_of(const struct chq_decision *decision)
{
	if (!reason_drops(decision->reason))
		return decision->reason == CHQ_PASS_AUDIT ? "audit" : "allow";
	return decision->flags & CHQ_DECISION_AUDIT ? "audit" : "deny";
}

bool answer_allows(const struct answer *answer)
{
	return !reason_drops(answer->flow.reason);
}

static const char *whole_verdict(const struct answer *answer)
{
	if (answer->flow.reason == CHQ_PASS_AUDIT)
		return "audit";
	return answer_allows(answer) ? "allow" : "deny";
}

static const struct rule_ref *rule_at(const struct generation *generation, uint32_t origin,
				      size_t number)
{
	if (origin >= generation->n_origins || number >= generation->origins[origin].count)
		return NULL;
	return &generation->rule_refs[generation->origins[origin].rules[number]];
}

static json_t *rule_as_json(const struct rule_ref *rule)
{
	cleanup_free char *policy = NULL;

	if (asprintf(&policy, "%s%s%s", rule->namespace, *rule->namespace ? "/" : "", rule->name) <
	    0)
		return NULL;
	return json_pack("{s:s, s:s, s:s, s:i, s:s, s:b}", "policy", policy, "kind", rule->kind,
			 "file", rule->file, "line", (int)rule->line, "direction",
			 rule->direction == CHQ_INGRESS ? "ingress" : "egress", "deny", rule->deny);
}

/* All rules that give the verdict, and apart from them the policies that close by default. */
static json_t *origin_as_json(const struct generation *generation, uint32_t origin)
{
	json_t *rules = json_array(), *closing = json_array(), *object;
	const struct rule_ref *rule;
	json_int_t more = 0;

	for (size_t i = 0; (rule = rule_at(generation, origin, i)); i++) {
		if (!rule->default_deny)
			json_array_append_new(rules, rule_as_json(rule));
		else if (json_array_size(closing) < ANSWER_CLOSING_MOST)
			json_array_append_new(closing, rule_as_json(rule));
		else
			more++;
	}
	object = json_object();
	json_object_set(object, "rule",
			json_array_size(rules) ? json_array_get(rules, 0) : json_null());
	json_object_set_new(object, "rules", rules);
	json_object_set_new(object, "closedBy", closing);
	if (more)
		json_object_set_new(object, "closedByMore", json_integer(more));
	return object;
}

static void add_rules(json_t *side, const struct answer *answer, uint32_t origin)
{
	json_t **kept = answer->told && origin < answer->generation->n_origins
				? &answer->told[origin]
				: NULL;
	json_t *object = kept ? *kept : NULL;

	if (!object)
		object = origin_as_json(answer->generation, origin);
	json_object_update(side, object);
	if (kept)
		*kept = object;
	else
		json_decref(object);
}

/* Whether policies have a say about this end in this direction at all. */
static bool enforced(const struct answer *answer, const struct end *subject)
{
	const struct generation *generation = answer->generation;
	uint32_t number = subject->entry->subject;

	return number < generation->n_classes && generation->classes[number].is_subject &&
	       generation->classes[number]
		       .enforced[subject == &answer->to ? CHQ_INGRESS : CHQ_EGRESS];
}

/* One sentence, or NULL where nothing is denied. The caller frees. */
static char *what_would_allow(const struct answer *answer, const struct chq_decision *decision,
			      const struct end *subject)
{
	bool ingress = subject == &answer->to;
	char *text;

	if (decision->reason == CHQ_DROP_DENIED)
		return strdup(
			"none of these deny rules matching any more; no allow rule beats them");
	if (decision->reason != CHQ_DROP_NO_RULE ||
	    asprintf(&text, "an %s rule of a policy that selects %s, %s %s on %s",
		     ingress ? "ingress" : "egress", subject->name, ingress ? "from" : "to",
		     ingress ? answer->from.name : answer->to.name, answer->aim.text) < 0)
		return NULL;
	return text;
}

static json_t *side_as_json(const struct answer *answer, const struct chq_decision *decision,
			    const struct end *subject)
{
	cleanup_free char *advice = what_would_allow(answer, decision, subject);
	json_t *side;

	if (decision->reason == CHQ_UNDECIDED)
		return json_null();
	side = json_pack("{s:s, s:b, s:s, s:s, s:I}", "verdict", verdict_of(decision), "enforced",
			 enforced(answer, subject), "reason", reason_name(decision->reason), "text",
			 reason_sentence(decision->reason), "class",
			 (json_int_t)subject->entry->subject);
	add_rules(side, answer, decision->origin);
	if (advice)
		json_object_set_new(side, "wouldAllow", json_string(advice));
	return side;
}

static char *label_text(const struct label *label)
{
	char *text;

	return asprintf(&text, "%s:%s%s%s", label->source, label->key, *label->value ? "=" : "",
			label->value) < 0
		       ? NULL
		       : text;
}

static json_t *labels_of(const struct generation *generation, chq_identity number)
{
	const struct identity_row *identity = generation_identity(generation, number);
	json_t *list = json_array();

	for (size_t i = 0; identity && i < identity->labels.count; i++) {
		cleanup_free char *text = label_text(&identity->labels.list[i]);

		if (text)
			json_array_append_new(list, json_string(text));
	}
	return list;
}

static json_t *end_as_json(const struct answer *answer, const struct end *end)
{
	char addr[ADDR_TEXT_BYTES];
	json_t *object = json_pack("{s:s, s:I, s:I, s:I, s:o}", "name", end->name, "identity",
				   (json_int_t)end->entry->identity, "subjectClass",
				   (json_int_t)end->entry->subject, "peerClass",
				   (json_int_t)end->entry->peer, "labels",
				   labels_of(answer->generation, end->entry->identity));

	if (end->made_up)
		json_object_set_new(object, "madeUp", json_true());
	else if (end->has_addr)
		json_object_set_new(object, "address", json_string(addr_print(&end->addr, addr)));
	return object;
}

json_t *answer_as_json(const struct answer *answer)
{
	static const char *const directions[] = {"ingress", "egress"};
	json_t *object = json_pack(
		"{s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "verdict", whole_verdict(answer), "reason",
		reason_name(answer->flow.reason), "aim", answer->aim.text, "ingress",
		side_as_json(answer, &answer->flow.ingress, &answer->to), "egress",
		side_as_json(answer, &answer->flow.egress, &answer->from), "from",
		end_as_json(answer, &answer->from), "to", end_as_json(answer, &answer->to));

	if (answer->flow.decided < 2)
		json_object_set_new(object, "decided",
				    json_string(directions[answer->flow.decided]));
	return object;
}

static void print_end(const struct answer *answer, const char *word, const struct end *end)
{
	const struct identity_row *identity =
		generation_identity(answer->generation, end->entry->identity);
	char addr[ADDR_TEXT_BYTES] = "the gateway itself";

	if (end->made_up)
		strcpy(addr, "nobody but these labels");
	else if (end->has_addr)
		addr_print(&end->addr, addr);
	printf("%-8s %s (%s), identity %u, subject class %u, peer class %u\n", word, end->name,
	       addr, end->entry->identity, end->entry->subject, end->entry->peer);
	for (size_t i = 0; identity && i < identity->labels.count; i++) {
		cleanup_free char *text = label_text(&identity->labels.list[i]);

		printf("%s%s", i ? ", " : "         ", text ? text : "?");
	}
	if (identity && identity->labels.count)
		putchar('\n');
}

static void print_rules(const struct answer *answer, uint32_t origin)
{
	const struct rule_ref *rule;
	size_t closing = 0;

	for (size_t i = 0; (rule = rule_at(answer->generation, origin, i)); i++) {
		closing += rule->default_deny;
		if (closing <= ANSWER_CLOSING_MOST)
			printf("         %s %s%s%s, %s:%u%s\n", rule->kind, rule->namespace,
			       *rule->namespace ? "/" : "", rule->name, rule->file, rule->line,
			       rule->default_deny ? " (closes what none of its rules allows)" : "");
	}
	if (closing > ANSWER_CLOSING_MOST)
		printf("         and %zu more policies that close it\n",
		       closing - ANSWER_CLOSING_MOST);
}

static void print_side(const struct answer *answer, const char *word,
		       const struct chq_decision *decision, const struct end *subject)
{
	cleanup_free char *advice = what_would_allow(answer, decision, subject);

	if (decision->reason == CHQ_UNDECIDED)
		return;
	printf("%-8s of %s: %s, %s\n", word, subject->name, verdict_of(decision),
	       reason_sentence(decision->reason));
	print_rules(answer, decision->origin);
	if (advice)
		printf("         what would allow it: %s\n", advice);
}

void answer_print(const struct answer *answer)
{
	printf("%s: %s -> %s, %s: %s%s\n\n", whole_verdict(answer), answer->from.name,
	       answer->to.name, answer->aim.text, reason_sentence(answer->flow.reason),
	       answer->flow.decided == CHQ_INGRESS  ? " (ingress decides)"
	       : answer->flow.decided == CHQ_EGRESS ? " (egress decides)"
						    : "");
	print_end(answer, "from", &answer->from);
	print_end(answer, "to", &answer->to);
	putchar('\n');
	print_side(answer, "egress", &answer->flow.egress, &answer->from);
	print_side(answer, "ingress", &answer->flow.ingress, &answer->to);
}
