// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <string.h>

#include "policy/tracing_reader.h"

enum { ERRNO_MOST = 4095, SIGNAL_MOST = 64, RATE_MOST_S = 30 * 86400 };

struct action_parts {
	const struct node *action, *error, *signal, *rate_limit, *scope;
};

#define PART(member) offsetof(struct action_parts, member)
#define NO_STACKS    "stacks are not recorded"
#define NO_CALLS     "the gateway calls nobody"
#define NO_FOLLOW    "descriptors are resolved by themselves, expected type fd or file"

static const struct field action_fields[] = {
	{"action", read_node, PART(action), FIELD_MUST},
	{"argError", read_node, PART(error)},
	{"argSig", read_node, PART(signal)},
	{"rateLimit", read_node, PART(rate_limit)},
	{"rateLimitScope", read_node, PART(scope)},
	{"kernelStackTrace", .refused = NO_STACKS},
	{"userStackTrace", .refused = NO_STACKS},
	{"imaHash", .refused = "files are not measured"},
	{"argUrl", .refused = NO_CALLS},
	{"argFqdn", .refused = NO_CALLS},
	{"argSock", .refused = "sockets are not tracked to their processes"},
	{"argFd", .refused = NO_FOLLOW},
	{"argName", .refused = NO_FOLLOW},
	{"argRegs", .refused = "a program's registers are not written"},
	{"argIndex", .refused = "a program's memory is not written"},
	{"argValue", .refused = "a program's memory is not written"},
	{},
};

static const struct word action_words[] = {
#define x(word, name) {word, TRACING_ACTION_##name},
	TRACING_ACTIONS(x)
#undef x
		{}};

static const struct {
	const char *action, *why;
} refused_actions[] = {
	{"FollowFD", NO_FOLLOW},
	{"UnfollowFD", NO_FOLLOW},
	{"CopyFD", NO_FOLLOW},
	{"GetUrl", NO_CALLS},
	{"DnsLookup", NO_CALLS},
	{"TrackSock", "sockets are not tracked to their processes"},
	{"UntrackSock", "sockets are not tracked to their processes"},
	{"CleanupEnforcerNotification", "a notification ends with its system call"},
	{"Set", "a program's memory is not written"},
};

/* False: the action is none that is served, and that has been said. */
static bool read_kind(struct reader *rd, const struct node *node, enum tracing_action_kind *ret)
{
	unsigned kind;

	for (size_t i = 0; i < sizeof(refused_actions) / sizeof(refused_actions[0]); i++)
		if (node->kind == NODE_SCALAR &&
		    strcmp(node->text, refused_actions[i].action) == 0) {
			problem_at(rd, node->at, "action %s is not served: %s", node->text,
				   refused_actions[i].why);
			return false;
		}
	if (!read_word(rd, node, "action", action_words, &kind))
		return false;
	*ret = kind;
	return true;
}

static bool may_override(const struct tracing_hook *hook)
{
	if (hook->kind == TRACING_LSM || hook->syscall)
		return true;
	for (size_t i = 0; i < hook->n_calls; i++)
		if (strncmp(hook->calls[i].name, "security_", 9) != 0)
			return false;
	return hook->kind == TRACING_KPROBE;
}

static void read_error(struct reader *rd, const struct node *node, struct tracing_action *action)
{
	const char *text = text_of(rd, node, "argError");
	uint64_t number;

	if (!text)
		return;
	if (!tracing_number(text, true, &number) || (int64_t)number >= 0 ||
	    (int64_t)number < -ERRNO_MOST)
		problem_at(rd, node->at,
			   "argError is \"%.64s\", expected a negative errno from -1 to -%d", text,
			   ERRNO_MOST);
	else
		action->error = (int)(int64_t)number;
}

static void read_signal(struct reader *rd, const struct node *node, struct tracing_action *action)
{
	uint32_t number;

	if (read_number(rd, node, "argSig", 1, SIGNAL_MOST, &number))
		action->signal = number;
}

/* "5", "5s", "5m", "5h", "5d"; a number alone counts seconds. */
static void read_rate_limit(struct reader *rd, const struct node *node, uint64_t *ret_ms)
{
	static const struct word units[] = {{"", 1},	 {"s", 1},     {"m", 60},
					    {"h", 3600}, {"d", 86400}, {}};
	const char *text = text_of(rd, node, "rateLimit");
	const struct word *unit;
	uint64_t number = 0;
	size_t digits;

	if (!text)
		return;
	digits = strspn(text, "0123456789");
	unit = words_find(units, text + digits);
	for (size_t i = 0; i < digits && number <= RATE_MOST_S; i++)
		number = number * 10 + (text[i] - '0');
	if (!digits || !unit || !number || number * unit->value > RATE_MOST_S)
		problem_at(rd, node->at,
			   "rateLimit is \"%.64s\", expected something like 5, 5s, 5m or 5h", text);
	else
		*ret_ms = number * unit->value * 1000;
}

static const struct word scope_words[] = {{"thread", TRACING_SCOPE_THREAD},
					  {"process", TRACING_SCOPE_PROCESS},
					  {"global", TRACING_SCOPE_GLOBAL},
					  {}};

/* Fields that this action has not; Tetragon would read over them. */
static void refuse_others(struct reader *rd, const struct action_parts *given,
			  enum tracing_action_kind kind)
{
	bool errors = kind == TRACING_ACTION_OVERRIDE || kind == TRACING_ACTION_NOTIFY_ENFORCER;
	bool signals = kind == TRACING_ACTION_SIGNAL || kind == TRACING_ACTION_NOTIFY_ENFORCER;
	const char *word = tracing_action_word(kind);

	if (given->error && !errors)
		problem_at(rd, given->error->at, "argError is no part of action %s", word);
	if (given->signal && !signals)
		problem_at(rd, given->signal->at, "argSig is no part of action %s", word);
	if (given->rate_limit && kind != TRACING_ACTION_POST)
		problem_at(rd, given->rate_limit->at, "rateLimit is no part of action %s", word);
	if (given->scope && !given->rate_limit)
		problem_at(rd, given->scope->at, "rateLimitScope needs a rateLimit");
}

static void check_action(const struct hook_parts *parts, const struct node *node,
			 const struct action_parts *given, enum tracing_action_kind kind)
{
	struct reader *rd = parts->context->rd;

	refuse_others(rd, given, kind);
	if (kind == TRACING_ACTION_OVERRIDE && !given->error)
		problem_at(rd, node->at, "Override has no \"argError\", which it must have");
	if (kind == TRACING_ACTION_OVERRIDE && !may_override(&parts->hook))
		problem_at(rd, given->action->at,
			   "Override cannot be used here, expected a system call, a security_ "
			   "function or an LSM hook");
	if (kind == TRACING_ACTION_SIGNAL && !given->signal)
		problem_at(rd, node->at, "Signal has no \"argSig\", which it must have");
	if (kind == TRACING_ACTION_NOTIFY_ENFORCER && !given->signal && !given->error)
		problem_at(rd, node->at, "NotifyEnforcer has neither \"argError\" nor \"argSig\"");
}

static void read_action(const struct hook_parts *parts, const struct node *node,
			struct tracing_action *ret)
{
	struct reader *rd = parts->context->rd;
	struct action_parts given = {};
	unsigned scope;

	ret->at = node->at;
	if (!read_fields(rd, node, "an action", action_fields, &given) ||
	    !read_kind(rd, given.action, &ret->kind))
		return;
	check_action(parts, node, &given, ret->kind);
	if (given.error)
		read_error(rd, given.error, ret);
	if (given.signal)
		read_signal(rd, given.signal, ret);
	if (given.rate_limit)
		read_rate_limit(rd, given.rate_limit, &ret->rate_limit_ms);
	if (given.scope && read_word(rd, given.scope, "rateLimitScope", scope_words, &scope))
		ret->scope = scope;
}

void read_tracing_actions(const struct hook_parts *parts, const struct node *node, const char *what,
			  struct tracing_action *actions, size_t *count)
{
	struct reader *rd = parts->context->rd;
	size_t given = list_count(rd, node, what);

	if (given > TRACING_ACTIONS_MOST) {
		problem_at(rd, node->at, "%s has %zu actions, expected at most %d", what, given,
			   TRACING_ACTIONS_MOST);
		return;
	}
	FOR_EACH_CHILD(child, node)
	read_action(parts, child, &actions[(*count)++]);
}
