/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "enforcer/hooks_inside.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define PRIVILEGED_PORTS 1024

static bool negates(enum tracing_operator op)
{
	switch (op) {
	case TRACING_OP_NOT_EQUAL:
	case TRACING_OP_NOT_PREFIX:
	case TRACING_OP_NOT_POSTFIX:
	case TRACING_OP_NOT_IN_RANGE:
	case TRACING_OP_NOT_IN_MAP:
	case TRACING_OP_NOT_FILE_TYPE:
	case TRACING_OP_NOT_SADDR:
	case TRACING_OP_NOT_DADDR:
	case TRACING_OP_NOT_SPORT:
	case TRACING_OP_NOT_DPORT:
	case TRACING_OP_NOT_SPORT_PRIV:
	case TRACING_OP_NOT_DPORT_PRIV:
		return true;
	default:
		return false;
	}
}

static enum chq_question question_of(enum tracing_operator op, bool text)
{
	switch (op) {
	case TRACING_OP_PREFIX:
	case TRACING_OP_NOT_PREFIX:
		return CHQ_ASK_PREFIX;
	case TRACING_OP_POSTFIX:
	case TRACING_OP_NOT_POSTFIX:
		return CHQ_ASK_POSTFIX;
	case TRACING_OP_GREATER:
		return CHQ_ASK_GREATER;
	case TRACING_OP_LESS:
		return CHQ_ASK_LESS;
	case TRACING_OP_MASK:
		return CHQ_ASK_MASK;
	case TRACING_OP_FILE_TYPE:
	case TRACING_OP_NOT_FILE_TYPE:
		return CHQ_ASK_FILE_TYPE;
	case TRACING_OP_SADDR:
	case TRACING_OP_NOT_SADDR:
		return CHQ_ASK_SADDR;
	case TRACING_OP_DADDR:
	case TRACING_OP_NOT_DADDR:
		return CHQ_ASK_DADDR;
	case TRACING_OP_SPORT:
	case TRACING_OP_NOT_SPORT:
	case TRACING_OP_SPORT_PRIV:
	case TRACING_OP_NOT_SPORT_PRIV:
		return CHQ_ASK_SPORT;
	case TRACING_OP_DPORT:
	case TRACING_OP_NOT_DPORT:
	case TRACING_OP_DPORT_PRIV:
	case TRACING_OP_NOT_DPORT_PRIV:
		return CHQ_ASK_DPORT;
	case TRACING_OP_PROTOCOL:
		return CHQ_ASK_PROTOCOL;
	case TRACING_OP_FAMILY:
		return CHQ_ASK_FAMILY;
	case TRACING_OP_STATE:
		return CHQ_ASK_STATE;
	default:
		return text ? CHQ_ASK_TEXT : CHQ_ASK_RANGE;
	}
}

/* ---- texts ---- */

static int add_exact(struct plan *plan, uint32_t set, const char *text, size_t bytes)
{
	static const size_t rooms[TEXT_MAPS] = {64, 256, 1024, 4096};
	struct chq_text4096 key = {.set = set, .length_bytes = bytes};
	size_t map = 0;

	if (bytes > sizeof(key.text))
		return -E2BIG;
	while (bytes > rooms[map])
		map++;
	memcpy(key.text, text, bytes);
	return list_add(&plan->texts[map], &key) < 0 ? -ENOMEM : 0;
}

static int add_prefix(struct plan *plan, uint32_t set, const char *text, size_t bytes)
{
	struct chq_prefix_key key = {.set = set, .length_bits = 8 * (sizeof(set) + bytes)};

	if (bytes > CHQ_PREFIX_MOST)
		return -E2BIG;
	if (bytes > sizeof(key.text))
		return add_exact(plan, set, text, bytes);
	memcpy(key.text, text, bytes);
	return list_add(&plan->prefixes, &key) < 0 ? -ENOMEM : 0;
}

static int add_postfix(struct plan *plan, uint32_t set, const char *text, size_t bytes)
{
	struct chq_postfix_key key = {.set = set, .length_bits = 8 * (sizeof(set) + bytes)};

	if (bytes > sizeof(key.text))
		return -E2BIG;
	for (size_t i = 0; i < bytes; i++)
		key.text[i] = text[bytes - 1 - i];
	return list_add(&plan->postfixes, &key) < 0 ? -ENOMEM : 0;
}

static int add_text(struct plan *plan, const struct chq_filter *filter, const char *text,
		    size_t bytes)
{
	if (filter->question == CHQ_ASK_PREFIX)
		return add_prefix(plan, filter->set, text, bytes);
	if (filter->question == CHQ_ASK_POSTFIX)
		return add_postfix(plan, filter->set, text, bytes);
	return add_exact(plan, filter->set, text, bytes);
}

static int add_texts(struct plan *plan, const struct tracing_match *match,
		     const struct chq_filter *filter)
{
	int err = 0;

	for (size_t i = 0; i < match->n_values && !err; i++) {
		err = add_text(plan, filter, match->values[i].text, match->values[i].length_bytes);
		if (err == -E2BIG)
			plan_refuse(plan, &match->values[i].at, err,
				    "this value is longer than what is compared: %d bytes",
				    filter->question == CHQ_ASK_PREFIX ? CHQ_PREFIX_MOST
								       : CHQ_POSTFIX_BYTES);
	}
	return err;
}

/* ---- numbers and addresses ---- */

static int add_numbers(struct plan *plan, const struct tracing_match *match,
		       struct chq_filter *filter)
{
	filter->question = CHQ_ASK_NUMBER;
	for (size_t i = 0; i < match->n_values; i++) {
		struct chq_number_key key = {.set = filter->set, .number = match->values[i].low};

		if (list_add(&plan->numbers, &key) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int add_ranges(struct plan *plan, const struct tracing_match *match,
		      struct chq_filter *filter)
{
	bool plain = filter->question == CHQ_ASK_RANGE && match->op != TRACING_OP_IN_RANGE &&
		     match->op != TRACING_OP_NOT_IN_RANGE;

	if (plain && match->n_values > CHQ_HOOK_VALUES)
		return add_numbers(plan, match, filter);
	if (match->n_values > CHQ_HOOK_VALUES)
		return plan_refuse(plan, &match->at, -E2BIG, "more than %d values",
				   CHQ_HOOK_VALUES);
	for (size_t i = 0; i < match->n_values; i++) {
		filter->low[i] = match->values[i].low;
		filter->high[i] = match->values[i].high;
	}
	filter->n_values = match->n_values;
	return 0;
}

static int add_addrs(struct plan *plan, const struct tracing_match *match,
		     const struct chq_filter *filter)
{
	for (size_t i = 0; i < match->n_values; i++) {
		struct chq_addr_key key = {
			.length_bits = 32 + match->values[i].prefix.length_bits,
			.set = filter->set,
			.addr = match->values[i].prefix.addr,
		};

		if (list_add(&plan->addrs, &key) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int add_values(struct plan *plan, const struct tracing_match *match,
		      struct chq_filter *filter)
{
	switch (filter->question) {
	case CHQ_ASK_TEXT:
	case CHQ_ASK_PREFIX:
	case CHQ_ASK_POSTFIX:
		return add_texts(plan, match, filter);
	case CHQ_ASK_SADDR:
	case CHQ_ASK_DADDR:
		return add_addrs(plan, match, filter);
	default:
		return add_ranges(plan, match, filter);
	}
}

/* ---- one filter of each kind ---- */

static int add_filter(struct plan *plan, const struct chq_filter *filter)
{
	return list_add(&plan->filters, filter) < 0 ? -ENOMEM : 0;
}

static bool asks_privileged(enum tracing_operator op)
{
	return op == TRACING_OP_SPORT_PRIV || op == TRACING_OP_NOT_SPORT_PRIV ||
	       op == TRACING_OP_DPORT_PRIV || op == TRACING_OP_NOT_DPORT_PRIV;
}

static int plan_match(struct plan *plan, const struct tracing_match *match,
		      enum chq_subject subject, bool is_signed)
{
	struct chq_filter filter = {
		.subject = subject,
		.arg = match->arg,
		.question = question_of(match->op, match->n_values && match->values[0].text),
		.negated = negates(match->op),
		.is_signed = is_signed,
		.set = ++plan->sets,
	};
	int err;

	if (asks_privileged(match->op)) {
		filter.high[0] = PRIVILEGED_PORTS - 1;
		filter.n_values = 1;
		return add_filter(plan, &filter);
	}
	err = match->op == TRACING_OP_IN_MAP || match->op == TRACING_OP_NOT_IN_MAP
		      ? add_numbers(plan, match, &filter)
		      : add_values(plan, match, &filter);
	return err ? err : add_filter(plan, &filter);
}

static bool same_binaries(const struct tracing_binaries *a, const struct tracing_binaries *b)
{
	if (a->n_values != b->n_values)
		return false;
	for (size_t i = 0; i < a->n_values; i++) {
		if (strcmp(a->values[i], b->values[i]) != 0)
			return false;
	}
	return true;
}

/* The bit that this plan has for the same binaries already, or 0. */
static uint64_t bit_known(const struct plan *plan, const struct tracing_binaries *binaries)
{
	for (size_t i = 0; i < plan->follows.n; i++) {
		const struct plan_follow *known = list_at(&plan->follows, struct plan_follow, i);

		if (same_binaries(known->binaries, binaries))
			return known->bit;
	}
	return 0;
}

static int follow(struct plan *plan, const struct tracing_binaries *binaries, __u64 *ret)
{
	struct plan_follow entry = {.binaries = binaries};

	if (!plan->follow_bit)
		return plan_refuse(plan, &binaries->at, -EOPNOTSUPP,
				   "followChildren: the process programs are not loaded");
	*ret = bit_known(plan, binaries);
	if (*ret)
		return 0;
	entry.bit = plan->follow_bit(plan->context, binaries, plan->follow_bits_taken);
	if (!entry.bit)
		return plan_refuse(plan, &binaries->at, -E2BIG,
				   "more than 64 sets of binaries with followChildren");
	plan->follow_bits_taken |= entry.bit;
	*ret = entry.bit;
	return list_add(&plan->follows, &entry) < 0 ? -ENOMEM : 0;
}

static int plan_binaries(struct plan *plan, const struct tracing_binaries *binaries,
			 enum chq_subject subject)
{
	struct chq_filter filter = {
		.subject = subject,
		.question = question_of(binaries->op, true),
		.negated = negates(binaries->op),
		.set = ++plan->sets,
	};
	int err = 0;

	if (!binaries->given)
		return 0;
	for (size_t i = 0; i < binaries->n_values && !err; i++)
		err = add_text(plan, &filter, binaries->values[i], strlen(binaries->values[i]));
	if (err == -E2BIG)
		return plan_refuse(plan, &binaries->at, err,
				   "a value is longer than what is compared");
	if (!err && binaries->follow_children)
		err = follow(plan, binaries, &filter.bits);
	return err ? err : add_filter(plan, &filter);
}

static int plan_pids(struct plan *plan, const struct tracing_pids *pids)
{
	struct chq_filter filter = {
		.subject = CHQ_ABOUT_PID,
		.question = CHQ_ASK_RANGE,
		.arg = pids->in_namespace,
		.negated = pids->negated,
		.follow_pids = pids->follow_forks,
		.n_values = pids->n_values,
	};

	for (size_t i = 0; i < pids->n_values; i++)
		filter.low[i] = filter.high[i] = pids->values[i];
	return add_filter(plan, &filter);
}

/* The inode number of a namespace of pid 1, or 0. */
static uint32_t namespace_of_init(enum tracing_namespace kind)
{
	static const char *const paths[] = {
#define x(word, name, file) [TRACING_NS_##name] = "/proc/1/ns/" file,
		TRACING_NAMESPACES(x)
#undef x
	};
	struct stat status;

	return stat(paths[kind], &status) ? 0 : status.st_ino;
}

static int plan_namespaces(struct plan *plan, const struct tracing_namespaces *namespaces)
{
	static const uint8_t kinds[] = {
		[TRACING_NS_UTS] = CHQ_NS_UTS,
		[TRACING_NS_IPC] = CHQ_NS_IPC,
		[TRACING_NS_MNT] = CHQ_NS_MNT,
		[TRACING_NS_PID] = CHQ_NS_PID,
		[TRACING_NS_PID_CHILDREN] = CHQ_NS_PID_FOR_CHILDREN,
		[TRACING_NS_NET] = CHQ_NS_NET,
		[TRACING_NS_TIME] = CHQ_NS_TIME,
		[TRACING_NS_TIME_CHILDREN] = CHQ_NS_TIME_FOR_CHILDREN,
		[TRACING_NS_CGROUP] = CHQ_NS_CGROUP,
		[TRACING_NS_USER] = CHQ_NS_USER,
	};
	struct chq_filter filter = {
		.subject = CHQ_ABOUT_NAMESPACE,
		.question = CHQ_ASK_NUMBER,
		.arg = kinds[namespaces->kind],
		.negated = namespaces->negated,
		.set = ++plan->sets,
	};
	uint32_t inode = namespaces->host ? namespace_of_init(namespaces->kind) : 0;

	if (namespaces->host && !inode)
		return plan_refuse(plan, &namespaces->at, -EACCES,
				   "host_ns: the namespace of pid 1 cannot be read");
	for (size_t i = 0; i < namespaces->n_values + namespaces->host; i++) {
		struct chq_number_key key = {
			.set = filter.set,
			.number = i < namespaces->n_values ? namespaces->values[i] : inode,
		};

		if (list_add(&plan->numbers, &key) < 0)
			return -ENOMEM;
	}
	return add_filter(plan, &filter);
}

static int plan_capabilities(struct plan *plan, const struct tracing_capabilities *caps)
{
	static const uint8_t sets[] = {
		[TRACING_CAP_EFFECTIVE] = CHQ_CAP_EFFECTIVE,
		[TRACING_CAP_INHERITABLE] = CHQ_CAP_INHERITABLE,
		[TRACING_CAP_PERMITTED] = CHQ_CAP_PERMITTED,
	};
	struct chq_filter filter = {
		.subject = CHQ_ABOUT_CAPS,
		.question = CHQ_ASK_BITS,
		.arg = sets[caps->set],
		.negated = caps->negated,
		.in_namespace = caps->in_namespace,
		.bits = caps->mask,
	};

	return add_filter(plan, &filter);
}

/* ---- a selector ---- */

static bool is_signed_type(enum tracing_type type)
{
	switch (type) {
	case TRACING_TYPE_INT:
	case TRACING_TYPE_LONG:
	case TRACING_TYPE_INT8:
	case TRACING_TYPE_INT16:
	case TRACING_TYPE_INT32:
	case TRACING_TYPE_INT64:
	case TRACING_TYPE_CAPABILITY:
		return true;
	default:
		return false;
	}
}

static int plan_processes(struct plan *plan, const struct tracing_selector *selector)
{
	int err = 0;

	for (size_t i = 0; i < selector->n_pids && !err; i++)
		err = plan_pids(plan, &selector->pids[i]);
	for (size_t i = 0; i < selector->n_namespaces && !err; i++)
		err = plan_namespaces(plan, &selector->namespaces[i]);
	for (size_t i = 0; i < selector->n_capabilities && !err; i++)
		err = plan_capabilities(plan, &selector->capabilities[i]);
	if (!err)
		err = plan_binaries(plan, &selector->binaries, CHQ_ABOUT_BINARY);
	return err ? err : plan_binaries(plan, &selector->parents, CHQ_ABOUT_PARENT);
}

/* matchBinaries In and matchPIDs In name processes; NotIn names nobody. */
static bool names_process(const struct tracing_selector *selector)
{
	for (size_t i = 0; i < selector->n_pids; i++) {
		if (!selector->pids[i].negated)
			return true;
	}
	return selector->binaries.given && !negates(selector->binaries.op);
}

static struct chq_act act_of(const struct tracing_action *action)
{
	static const uint8_t kinds[] = {
		[TRACING_ACTION_POST] = CHQ_ACT_POST,
		[TRACING_ACTION_NO_POST] = CHQ_ACT_NOPOST,
		[TRACING_ACTION_SIGKILL] = CHQ_ACT_SIGKILL,
		[TRACING_ACTION_SIGNAL] = CHQ_ACT_SIGNAL,
		[TRACING_ACTION_OVERRIDE] = CHQ_ACT_OVERRIDE,
		[TRACING_ACTION_NOTIFY_ENFORCER] = CHQ_ACT_NOTIFY,
	};
	static const uint8_t scopes[] = {
		[TRACING_SCOPE_THREAD] = CHQ_RATE_THREAD,
		[TRACING_SCOPE_PROCESS] = CHQ_RATE_PROCESS,
		[TRACING_SCOPE_GLOBAL] = CHQ_RATE_GLOBAL,
	};

	return (struct chq_act){
		.kind = kinds[action->kind],
		.scope = scopes[action->scope],
		.signal = action->signal,
		.error = action->error,
		.rate_ns = action->rate_limit_ms * 1000000,
	};
}

static int plan_selector(struct plan *plan, const struct tracing_hook *hook,
			 const struct tracing_selector *selector, struct chq_selector *ret)
{
	int err = 0;

	*ret = (struct chq_selector){.first_filter = plan->filters.n,
				     .names_process = names_process(selector)};
	err = plan_processes(plan, selector);
	for (size_t i = 0; i < selector->n_args && !err; i++) {
		const struct tracing_match *match = &selector->args[i];

		err = plan_match(plan, match, CHQ_ABOUT_ARG,
				 is_signed_type(hook->args[match->arg].type));
	}
	ret->n_filters = plan->filters.n - ret->first_filter;
	ret->first_return_filter = plan->filters.n;
	for (size_t i = 0; i < selector->n_returns && !err; i++)
		err = plan_match(plan, &selector->returns[i], CHQ_ABOUT_RETURN, true);
	ret->n_return_filters = plan->filters.n - ret->first_return_filter;
	for (size_t i = 0; i < selector->n_actions; i++)
		ret->acts[ret->n_acts++] = act_of(&selector->actions[i]);
	for (size_t i = 0; i < selector->n_return_actions; i++)
		ret->return_acts[ret->n_return_acts++] = act_of(&selector->return_actions[i]);
	return err;
}

static bool enforces(const struct tracing_selector *selector)
{
	for (size_t i = 0; i < selector->n_actions; i++)
		if (tracing_enforces(selector->actions[i].kind))
			return true;
	return false;
}

/* It stands as before: where it matches, no later one is asked. */
static void silence(struct chq_selector *selector)
{
	selector->n_acts = 1;
	selector->acts[0] = (struct chq_act){.kind = CHQ_ACT_NOPOST};
}

int plan_selectors(struct plan *plan, const struct tracing_hook *hook, bool quiet,
		   struct chq_hook *ret)
{
	static const struct tracing_selector any;
	struct chq_selector selectors[TRACING_SELECTORS_MOST] = {};
	size_t n = hook->n_selectors ? hook->n_selectors : 1;
	int err = 0;

	for (size_t i = 0; i < n && !err; i++) {
		const struct tracing_selector *selector =
			hook->n_selectors ? &hook->selectors[i] : &any;

		err = plan_selector(plan, hook, selector, &selectors[i]);
		if (quiet && !enforces(selector))
			silence(&selectors[i]);
	}
	ret->first_selector = plan->selectors.n;
	ret->n_selectors = n;
	for (size_t i = 0; i < n && !err; i++) {
		if (list_add(&plan->selectors, &selectors[i]) < 0)
			err = -ENOMEM;
	}
	return err;
}
