// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compile/lint.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compile/port_names.h"
#include "util/addr.h"
#include "util/cleanup.h"

const char *lint_kind_name(enum lint_kind kind)
{
	static const char *const names[] = {
		[LINT_SHADOWED] = "shadowed",
		[LINT_COVERED] = "covered",
		[LINT_EMPTY_SELECTOR] = "selects-nothing",
		[LINT_EMPTY_RULE] = "speaks-of-nobody",
		[LINT_NO_SUCH_PORT] = "no-such-port",
		[LINT_NO_PORT] = "no-port",
		[LINT_WIDE] = "wide",
		[LINT_NO_SUBJECT] = "for-nobody",
		[LINT_NOT_ENFORCED] = "not-enforced",
		[LINT_OPEN_ENDPOINT] = "open-endpoint",
	};

	return names[kind];
}

struct lint {
	const struct config *config;
	const struct generation *generation;
	struct findings *findings;
	bool *used;	    /* by origin set: some verdict has it */
	uint32_t *standing; /* by rule reference: used origin sets that it is in */
	uint32_t *backup;   /* another rule that is in all of them, counted from 1; 0 = none */
	struct port_names names;
	int err;
};

static __attribute__((format(printf, 5, 6))) void note(struct lint *lint, enum lint_kind kind,
						       const char *file, unsigned line,
						       const char *format, ...)
{
	struct findings *all = lint->findings;
	struct finding *list, finding = {.kind = kind, .file = file, .line = line};
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(&finding.text, format, arguments);
	va_end(arguments);
	if (length < 0) {
		lint->err = -ENOMEM;
		return;
	}
	if (all->count == all->room) {
		list = realloc(all->list, (all->room ? 2 * all->room : 16) * sizeof(*list));
		if (!list) {
			free(finding.text);
			lint->err = -ENOMEM;
			return;
		}
		all->list = list;
		all->room = all->room ? 2 * all->room : 16;
	}
	finding.is_note = kind == LINT_OPEN_ENDPOINT;
	all->notes += finding.is_note;
	all->list[all->count++] = finding;
}

static void use(struct lint *lint, const struct chq_decision *decision)
{
	if (decision->origin < lint->generation->n_origins)
		lint->used[decision->origin] = true;
}

/* Every decision that the kernel can find: of entries, of pairs, of rule sets. */
static void find_used(struct lint *lint)
{
	const struct generation *from = lint->generation;

	for (size_t i = 0; i < from->n_hosts; i++) {
		use(lint, &from->hosts[i].value.ingress.otherwise);
		use(lint, &from->hosts[i].value.egress.otherwise);
	}
	for (size_t i = 0; i < from->n_prefixes; i++) {
		use(lint, &from->prefixes[i].value.ingress.otherwise);
		use(lint, &from->prefixes[i].value.egress.otherwise);
	}
	use(lint, &from->own.ingress.otherwise);
	use(lint, &from->own.egress.otherwise);
	for (size_t i = 0; i < from->n_pairs; i++)
		use(lint, &from->pairs[i].value.otherwise);
	for (size_t i = 0; i < from->n_rules; i++)
		use(lint, &from->rules[i].value);
}

/* What a rule does to a drop besides giving it: two that differ do not replace each other. */
static bool treats_alike(const struct lint *lint, uint32_t a, uint32_t b)
{
	const struct rule_ref *refs = lint->generation->rule_refs;
	const struct policy *left = &lint->config->policies[refs[a].policy];
	const struct policy *right = &lint->config->policies[refs[b].policy];

	return !refs[a].default_deny && !refs[b].default_deny && left->audit == right->audit &&
	       left->on_deny == right->on_deny;
}

static bool has_rule(const struct origin_set *set, uint32_t rule)
{
	size_t low = 0, high = set->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (set->rules[middle] < rule)
			low = middle + 1;
		else
			high = middle;
	}
	return low < set->count && set->rules[low] == rule;
}

/* The used origin sets of each rule, as one list with the place where each rule's begin. */
struct membership {
	size_t *first;
	uint32_t *sets;
};

static void membership_free(struct membership *membership)
{
	free(membership->first);
	free(membership->sets);
}

static int find_membership(struct lint *lint, struct membership *ret)
{
	const struct generation *from = lint->generation;
	size_t total = 0;

	ret->first = calloc(from->n_rule_refs + 2, sizeof(*ret->first));
	if (!ret->first)
		return -ENOMEM;
	for (size_t o = 0; o < from->n_origins; o++)
		for (size_t i = 0; lint->used[o] && i < from->origins[o].count; i++)
			ret->first[from->origins[o].rules[i] + 2]++;
	for (size_t r = 2; r < from->n_rule_refs + 2; r++)
		ret->first[r] += ret->first[r - 1];
	total = ret->first[from->n_rule_refs + 1];
	ret->sets = calloc(total + 1, sizeof(*ret->sets));
	if (!ret->sets)
		return -ENOMEM;
	for (size_t o = 0; o < from->n_origins; o++)
		for (size_t i = 0; lint->used[o] && i < from->origins[o].count; i++)
			ret->sets[ret->first[from->origins[o].rules[i] + 1]++] = o;
	return 0;
}

static bool in_all(const struct generation *from, const uint32_t *sets, size_t count, uint32_t rule)
{
	for (size_t i = 0; i < count; i++)
		if (!has_rule(&from->origins[sets[i]], rule))
			return false;
	return true;
}

/* Candidates are those of the first set; of two that say the same, the later one is covered. */
static void find_backup(struct lint *lint, uint32_t rule, const uint32_t *sets, size_t count,
			size_t other_sets(const void *data, uint32_t rule), const void *data)
{
	const struct origin_set *set = &lint->generation->origins[sets[0]];

	for (size_t i = 0; i < set->count && i < 64; i++) {
		uint32_t other = set->rules[i];

		if (other == rule || !treats_alike(lint, rule, other) ||
		    (other > rule && other_sets(data, other) == count) ||
		    !in_all(lint->generation, sets, count, other))
			continue;
		lint->backup[rule] = other + 1;
		return;
	}
}

static size_t sets_of(const void *data, uint32_t rule)
{
	const struct membership *membership = data;

	return membership->first[rule + 1] - membership->first[rule];
}

static int find_standing(struct lint *lint)
{
	cleanup(membership_free) struct membership membership = {};
	int err = find_membership(lint, &membership);

	for (uint32_t r = 0; !err && r < lint->generation->n_rule_refs; r++) {
		lint->standing[r] = sets_of(&membership, r);
		if (lint->standing[r])
			find_backup(lint, r, &membership.sets[membership.first[r]],
				    lint->standing[r], sets_of, &membership);
	}
	return err;
}

static const char *file_of(const struct lint *lint, struct place at)
{
	return at.file < lint->config->n_sources ? lint->config->sources[at.file].path : "";
}

static const char *deny_word(const struct rule_ref *ref)
{
	return ref->deny ? "deny rule" : "allow rule";
}

/* Returns whether any of its ports is somebody's. */
static bool check_names(struct lint *lint, const struct rule_ref *ref)
{
	const struct rule *rule = ref->rule;
	size_t missing = 0;

	for (size_t i = 0; rule->ports_given && i < rule->n_ports; i++) {
		const struct port_rule *port = &rule->ports[i];

		if (!port->name || port_names_has(&lint->names, port->name, port->protocols))
			continue;
		missing++;
		note(lint, LINT_NO_SUCH_PORT, ref->file, port->at.line ? port->at.line : ref->line,
		     "no endpoint has a port named \"%s\" of this protocol", port->name);
	}
	return !missing || missing < rule->n_ports;
}

static bool is_everything(const struct cidr_rule *cidr)
{
	return cidr->excepts == 0 &&
	       (cidr->prefix.length_bits == 0 ||
		(cidr->prefix.length_bits == 96 && addr_is_ipv4(&cidr->prefix.addr)));
}

/* The widest of what it names, in words; NULL when it is narrow. */
static const char *wide_peers(const struct peers *peers)
{
	if (peers->kind == PEER_ANY)
		return "everybody, the world too (it names no peers)";
	if (peers->entities & 1 << ENTITY_ALL)
		return "everybody, the world too (entity all)";
	if (peers->entities & 1 << ENTITY_WORLD)
		return "the whole world (entity world)";
	if (peers->entities & 1 << ENTITY_WORLD_IPV4)
		return "the whole world of IPv4 (entity world-ipv4)";
	if (peers->entities & 1 << ENTITY_WORLD_IPV6)
		return "the whole world of IPv6 (entity world-ipv6)";
	for (size_t i = 0; i < peers->n_cidrs; i++)
		if (is_everything(&peers->cidrs[i]))
			return peers->cidrs[i].prefix.length_bits ? "0.0.0.0/0" : "::/0";
	return NULL;
}

static bool wide_ports(const struct rule *rule)
{
	if (!rule->ports_given)
		return true;
	for (size_t i = 0; i < rule->n_ports; i++) {
		const struct port_rule *port = &rule->ports[i];

		if (port->protocols & PORT_ANY && !port->name &&
		    ((!port->first && !port->last) || (port->first <= 1 && port->last == 65535)))
			return true;
	}
	return false;
}

static void check_width(struct lint *lint, const struct rule_ref *ref)
{
	const char *who = ref->deny ? NULL : wide_peers(&ref->rule->peers);

	if (who && wide_ports(ref->rule))
		note(lint, LINT_WIDE, ref->file, ref->line,
		     "this %s rule of %s %s%s%s allows %s%s%s",
		     ref->direction == CHQ_INGRESS ? "ingress" : "egress", ref->kind,
		     ref->namespace, *ref->namespace ? "/" : "", ref->name,
		     ref->direction == CHQ_INGRESS ? "in from " : "out to ", who,
		     ref->rule->ports_given ? ", on all ports of a protocol" : ", on all ports");
}

static void check_standing(struct lint *lint, uint32_t number)
{
	const struct rule_ref *ref = &lint->generation->rule_refs[number], *other;

	if (!lint->standing[number]) {
		note(lint, LINT_SHADOWED, ref->file, ref->line,
		     "this %s decides nothing: %s wherever it would match", deny_word(ref),
		     ref->deny ? "the management guard goes first"
			       : "a deny rule or the management guard goes first");
		return;
	}
	if (!lint->backup[number])
		return;
	other = &lint->generation->rule_refs[lint->backup[number] - 1];
	note(lint, LINT_COVERED, ref->file, ref->line,
	     "without this %s no verdict would change: the one at %s:%u (%s%s%s) says all of it",
	     deny_word(ref), other->file, other->line, other->namespace,
	     *other->namespace ? "/" : "", other->name);
}

/* What says already why a rule cannot decide is said once, and not that it does not. */
static void check_rule(struct lint *lint, uint32_t number)
{
	const struct rule_ref *ref = &lint->generation->rule_refs[number];

	if (ref->default_deny || ref->rule->selects_nobody)
		return;
	check_width(lint, ref);
	if (ref->rule->ports_given && !ref->rule->n_ports) {
		note(lint, LINT_NO_PORT, ref->file, ref->line,
		     "this %s has a list of ports or ICMP types in which none stands, and %s nothing; without the list it would speak of all",
		     deny_word(ref), ref->deny ? "denies" : "allows");
		return;
	}
	if (!check_names(lint, ref) || !lint->generation->policies[ref->policy].subjects)
		return;
	if (!ref->peers) {
		if (!ref->rule->peers.n_selectors && !ref->rule->peers.n_nodes)
			note(lint, LINT_EMPTY_RULE, ref->file, ref->line,
			     "this %s speaks of nobody that there is%s", deny_word(ref),
			     ref->rule->peers.kind == PEER_CIDRS && !ref->rule->peers.n_cidrs
				     ? ": no CiliumCIDRGroup has this name or these labels"
				     : "");
		return;
	}
	check_standing(lint, number);
}

static void check_selectors(struct lint *lint)
{
	for (size_t i = 0; i < lint->generation->n_selectors; i++) {
		const struct selector_row *row = &lint->generation->selectors[i];

		if (!row->is_subject && !row->label_sets && !row->selector->impossible)
			note(lint, LINT_EMPTY_SELECTOR, row->file, row->line,
			     "this selector matches nobody that there is");
	}
}

static void check_policies(struct lint *lint)
{
	for (size_t i = 0; i < lint->generation->n_policies; i++) {
		const struct policy_row *row = &lint->generation->policies[i];

		if (!row->subjects)
			note(lint, LINT_NO_SUBJECT, row->file, row->line,
			     "%s %s%s%s selects nobody", row->kind, row->namespace,
			     *row->namespace ? "/" : "", row->name);
	}
}

static void note_endpoint(struct lint *lint, const struct endpoint_row *row, const char *file,
			  unsigned line)
{
	if (!row->enforced[CHQ_INGRESS])
		note(lint, LINT_OPEN_ENDPOINT, file, line,
		     "no policy closes what comes in to endpoint %s/%s%s", row->namespace,
		     row->name, row->enforced[CHQ_EGRESS] ? "" : ", nor what it sends");
	else
		note(lint, LINT_OPEN_ENDPOINT, file, line,
		     "no policy closes what endpoint %s/%s sends", row->namespace, row->name);
}

/* A hundred thousand of them would bury what was found. */
static void check_endpoints(struct lint *lint)
{
	struct place first = {};
	size_t open = 0;

	for (size_t i = 0; i < lint->generation->n_endpoints; i++) {
		const struct endpoint_row *row = &lint->generation->endpoints[i];
		struct place at = lint->config->endpoints[i].at;

		if (row->enforced[CHQ_INGRESS] && row->enforced[CHQ_EGRESS])
			continue;
		if (++open <= LINT_OPEN_MOST)
			note_endpoint(lint, row, file_of(lint, at), at.line);
		else if (!first.line)
			first = at;
	}
	if (open > LINT_OPEN_MOST)
		note(lint, LINT_OPEN_ENDPOINT, file_of(lint, first), first.line,
		     "and %zu more endpoints that no policy closes in one direction or both, from here on",
		     open - LINT_OPEN_MOST);
}

static int compare_findings(const void *a, const void *b)
{
	const struct finding *left = a, *right = b;
	int order = strcmp(left->file, right->file);

	if (order)
		return order;
	if (left->line != right->line)
		return left->line < right->line ? -1 : 1;
	return (int)left->kind - (int)right->kind;
}

static int prepare(struct lint *lint)
{
	const struct generation *from = lint->generation;

	lint->used = calloc(from->n_origins + 1, sizeof(*lint->used));
	lint->standing = calloc(from->n_rule_refs + 1, sizeof(*lint->standing));
	lint->backup = calloc(from->n_rule_refs + 1, sizeof(*lint->backup));
	if (!lint->used || !lint->standing || !lint->backup)
		return -ENOMEM;
	find_used(lint);
	return find_standing(lint) ?: port_names_read(lint->config, &lint->names);
}

static void lint_free(struct lint *lint)
{
	free(lint->used);
	free(lint->standing);
	free(lint->backup);
	port_names_free(&lint->names);
}

int lint_run(const struct config *config, const struct generation *generation, struct findings *ret)
{
	cleanup(lint_free) struct lint lint = {
		.config = config, .generation = generation, .findings = ret};
	int err = prepare(&lint);

	if (err)
		return err;
	if (config->gateway.enforcement == ENFORCE_NEVER) {
		note(&lint, LINT_NOT_ENFORCED, file_of(&lint, config->gateway.at),
		     config->gateway.at.line, "enforcement is never: no rule decides anything");
	} else {
		for (uint32_t r = 0; r < generation->n_rule_refs; r++)
			check_rule(&lint, r);
		check_endpoints(&lint);
	}
	check_selectors(&lint);
	check_policies(&lint);
	if (ret->count)
		qsort(ret->list, ret->count, sizeof(*ret->list), compare_findings);
	return lint.err;
}

void findings_free(struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++)
		free(findings->list[i].text);
	free(findings->list);
	*findings = (struct findings){};
}
