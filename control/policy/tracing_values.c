// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "policy/tracing_reader.h"

enum { TEXTS_MOST = 4096, PORT_MOST = 65535 };

const char *tracing_text(struct reader *rd, const struct node *node, const char *what, size_t most,
			 size_t *length_bytes)
{
	if (node->kind != NODE_SCALAR)
		problem_at(rd, node->at, "%s is %s, expected a single value", what,
			   node->kind == NODE_LIST ? "a list" : "a mapping");
	else if (!node->length_bytes)
		problem_at(rd, node->at, "%s is empty, expected a value", what);
	else if (node->length_bytes > most)
		problem_at(rd, node->at, "%s is %zu bytes long, expected at most %zu", what,
			   node->length_bytes, most);
	else if (strlen(node->text) != node->length_bytes)
		problem_at(rd, node->at, "%s has a zero byte in it, expected text", what);
	else {
		*length_bytes = node->length_bytes;
		return node->text;
	}
	return NULL;
}

bool tracing_number(const char *text, bool is_signed, uint64_t *ret)
{
	const char *digits = text + (is_signed && *text == '-');
	char *end;

	if (*digits < '0' || *digits > '9')
		return false;
	errno = 0;
	*ret = is_signed ? (uint64_t)strtoll(text, &end, 0) : strtoull(text, &end, 0);
	return !errno && !*end;
}

static unsigned width_bits(enum tracing_type type)
{
	switch (type) {
	case TRACING_TYPE_INT8:
	case TRACING_TYPE_UINT8:
		return 8;
	case TRACING_TYPE_INT16:
	case TRACING_TYPE_UINT16:
		return 16;
	case TRACING_TYPE_INT:
	case TRACING_TYPE_UINT:
	case TRACING_TYPE_INT32:
	case TRACING_TYPE_UINT32:
		return 32;
	default:
		return 64;
	}
}

static bool fits(enum tracing_type type, uint64_t number)
{
	unsigned bits = width_bits(type);
	int64_t value = (int64_t)number;

	if (bits == 64)
		return true;
	if (tracing_form(type) == FORM_UNSIGNED)
		return number >> bits == 0;
	return value >= -(INT64_C(1) << (bits - 1)) && value < INT64_C(1) << (bits - 1);
}

/* ---- numbers ---- */

static bool take_number(struct reader *rd, const struct node *node, const char *text,
			enum tracing_type type, uint64_t *ret)
{
	bool is_signed = tracing_form(type) != FORM_UNSIGNED;

	if (tracing_number(text, is_signed, ret) && fits(type, *ret))
		return true;
	problem_at(rd, node->at, "\"%.64s\" is no value of type %s, expected a number", text,
		   tracing_type_word(type));
	return false;
}

static bool take_word(struct reader *rd, const struct node *node, enum tracing_type type,
		      uint64_t *ret)
{
	const char *what = tracing_form(type) == FORM_SYSCALL ? "system call" : "capability";
	int number;

	if (tracing_number(node->text, false, ret))
		return true;
	number = tracing_form(type) == FORM_SYSCALL ? tracing_syscall(node->text)
						    : tracing_capability(node->text);
	if (number < 0)
		problem_at(rd, node->at, "there is no %s \"%.64s\"", what, node->text);
	*ret = number;
	return number >= 0;
}

static bool read_one_number(struct reader *rd, const struct node *node, enum tracing_type type,
			    struct tracing_value *ret)
{
	enum tracing_form form = tracing_form(type);
	size_t length;
	bool right;

	if (!tracing_text(rd, node, "a value", 64, &length))
		return false;
	if (form == FORM_SYSCALL || form == FORM_CAPABILITY)
		right = take_word(rd, node, type, &ret->low);
	else
		right = take_number(rd, node, node->text, type, &ret->low);
	ret->high = ret->low;
	return right;
}

static bool backwards(enum tracing_type type, const struct tracing_value *value)
{
	return tracing_form(type) == FORM_UNSIGNED ? value->low > value->high
						   : (int64_t)value->low > (int64_t)value->high;
}

/* "min:max" */
static bool read_range(struct reader *rd, const struct node *node, enum tracing_type type,
		       struct tracing_value *ret)
{
	const char *colon;
	char low[64];
	size_t length;

	if (!tracing_text(rd, node, "a value", sizeof(low) - 1, &length))
		return false;
	colon = strchr(node->text, ':');
	if (!colon) {
		problem_at(rd, node->at, "\"%s\" is no range, expected min:max", node->text);
		return false;
	}
	memcpy(low, node->text, colon - node->text);
	low[colon - node->text] = '\0';
	if (!take_number(rd, node, low, type, &ret->low) ||
	    !take_number(rd, node, colon + 1, type, &ret->high))
		return false;
	if (backwards(type, ret))
		problem_at(rd, node->at, "range \"%s\" is empty, expected min:max", node->text);
	return true;
}

/* ---- texts ---- */

static size_t longest(enum tracing_operator op)
{
	switch (op) {
	case TRACING_OP_PREFIX:
	case TRACING_OP_NOT_PREFIX:
		return TRACING_PREFIX_BYTES;
	case TRACING_OP_POSTFIX:
	case TRACING_OP_NOT_POSTFIX:
		return TRACING_POSTFIX_BYTES;
	default:
		return TRACING_EQUAL_BYTES;
	}
}

/* Paths are compared byte for byte, so some can never be met; those are slips. */
static void check_path(struct reader *rd, const struct node *node, enum tracing_operator op)
{
	bool whole = op == TRACING_OP_EQUAL || op == TRACING_OP_NOT_EQUAL;
	bool start = whole || op == TRACING_OP_PREFIX || op == TRACING_OP_NOT_PREFIX;

	if (start && node->text[0] != '/')
		problem_at(rd, node->at, "\"%.64s\" can match no file, expected a full path from /",
			   node->text);
	else if (whole && node->length_bytes > 1 && node->text[node->length_bytes - 1] == '/')
		problem_at(rd, node->at,
			   "\"%.64s\" can match no file, expected no / at the end (or Prefix)",
			   node->text);
}

static bool read_one_text(struct reader *rd, const struct node *node, enum tracing_form form,
			  enum tracing_operator op, struct tracing_value *ret)
{
	const char *text = tracing_text(rd, node, "a value", longest(op), &ret->length_bytes);

	if (!text)
		return false;
	if (form == FORM_PATH)
		check_path(rd, node, op);
	ret->text = arena_text(&rd->memory->kept, text, ret->length_bytes);
	return true;
}

/* ---- words that stand for numbers ---- */

static const struct word file_types[] = {
	{"reg", S_IFREG},  {"dir", S_IFDIR}, {"lnk", S_IFLNK}, {"sock", S_IFSOCK},
	{"fifo", S_IFIFO}, {"chr", S_IFCHR}, {"blk", S_IFBLK}, {}};

static const struct word protocols[] = {
	{"IPPROTO_ICMP", IPPROTO_ICMP},	    {"IPPROTO_IGMP", IPPROTO_IGMP},
	{"IPPROTO_TCP", IPPROTO_TCP},	    {"IPPROTO_UDP", IPPROTO_UDP},
	{"IPPROTO_IPV6", IPPROTO_IPV6},	    {"IPPROTO_GRE", IPPROTO_GRE},
	{"IPPROTO_ESP", IPPROTO_ESP},	    {"IPPROTO_AH", IPPROTO_AH},
	{"IPPROTO_ICMPV6", IPPROTO_ICMPV6}, {"IPPROTO_SCTP", IPPROTO_SCTP},
	{"IPPROTO_RAW", IPPROTO_RAW},	    {}};

static const struct word families[] = {
	{"AF_UNSPEC", AF_UNSPEC},	{"AF_UNIX", AF_UNIX},	{"AF_LOCAL", AF_LOCAL},
	{"AF_INET", AF_INET},		{"AF_INET6", AF_INET6}, {"AF_NETLINK", AF_NETLINK},
	{"AF_PACKET", AF_PACKET},	{"AF_VSOCK", AF_VSOCK}, {"AF_XDP", AF_XDP},
	{"AF_BLUETOOTH", AF_BLUETOOTH}, {"AF_ALG", AF_ALG},	{}};

/* include/net/tcp_states.h */
static const struct word states[] = {{"TCP_ESTABLISHED", 1},
				     {"TCP_SYN_SENT", 2},
				     {"TCP_SYN_RECV", 3},
				     {"TCP_FIN_WAIT1", 4},
				     {"TCP_FIN_WAIT2", 5},
				     {"TCP_TIME_WAIT", 6},
				     {"TCP_CLOSE", 7},
				     {"TCP_CLOSE_WAIT", 8},
				     {"TCP_LAST_ACK", 9},
				     {"TCP_LISTEN", 10},
				     {"TCP_CLOSING", 11},
				     {"TCP_NEW_SYN_RECV", 12},
				     {}};

static bool read_word_value(struct reader *rd, const struct node *node, const char *what,
			    const struct word *words, struct tracing_value *ret)
{
	unsigned value;

	if (node->kind == NODE_SCALAR && words != file_types &&
	    tracing_number(node->text, false, &ret->low) && ret->low <= PORT_MOST) {
		ret->high = ret->low;
		return true;
	}
	if (!read_word(rd, node, what, words, &value))
		return false;
	ret->low = ret->high = value;
	return true;
}

static bool read_port(struct reader *rd, const struct node *node, struct tracing_value *ret)
{
	size_t length;

	if (!tracing_text(rd, node, "a value", 32, &length))
		return false;
	if (strchr(node->text, ':'))
		return read_range(rd, node, TRACING_TYPE_UINT16, ret);
	return read_one_number(rd, node, TRACING_TYPE_UINT16, ret);
}

/* One value in the form that the operator and the argument's type ask for. */
static bool read_value(struct reader *rd, const struct node *node, const struct tracing_arg *arg,
		       enum tracing_operator op, struct tracing_value *ret)
{
	enum tracing_form form = tracing_form(arg->type);

	switch (op) {
	case TRACING_OP_FILE_TYPE:
	case TRACING_OP_NOT_FILE_TYPE:
		return read_word_value(rd, node, "file type", file_types, ret);
	case TRACING_OP_PROTOCOL:
		return read_word_value(rd, node, "protocol", protocols, ret);
	case TRACING_OP_FAMILY:
		return read_word_value(rd, node, "family", families, ret);
	case TRACING_OP_STATE:
		return read_word_value(rd, node, "state", states, ret);
	case TRACING_OP_SADDR:
	case TRACING_OP_NOT_SADDR:
	case TRACING_OP_DADDR:
	case TRACING_OP_NOT_DADDR:
		return read_prefix(rd, node, PREFIX_LENIENT, &ret->prefix);
	case TRACING_OP_SPORT:
	case TRACING_OP_NOT_SPORT:
	case TRACING_OP_DPORT:
	case TRACING_OP_NOT_DPORT:
		return read_port(rd, node, ret);
	case TRACING_OP_IN_RANGE:
	case TRACING_OP_NOT_IN_RANGE:
		return read_range(rd, node, arg->type, ret);
	case TRACING_OP_IN_MAP:
	case TRACING_OP_NOT_IN_MAP:
		if (node->kind == NODE_SCALAR && strchr(node->text, ':'))
			return read_range(rd, node, arg->type, ret);
		return read_one_number(rd, node, arg->type, ret);
	default:
		if (form == FORM_TEXT || form == FORM_PATH)
			return read_one_text(rd, node, form, op, ret);
		return read_one_number(rd, node, arg->type, ret);
	}
}

/* How many values the filter may have. */
static size_t values_most(const struct tracing_arg *arg, enum tracing_operator op)
{
	enum tracing_form form = tracing_form(arg->type);

	if (op == TRACING_OP_IN_MAP || op == TRACING_OP_NOT_IN_MAP || form == FORM_SOCKET)
		return TRACING_MAP_MOST;
	return form == FORM_TEXT || form == FORM_PATH ? TEXTS_MOST : TRACING_NUMBERS_MOST;
}

static bool is_list_name(const struct node *node, enum tracing_operator op)
{
	return (op == TRACING_OP_IN_MAP || op == TRACING_OP_NOT_IN_MAP) &&
	       node->kind == NODE_SCALAR && strncmp(node->text, "list:", 5) == 0;
}

static void add_value(struct reader *rd, const struct node *node, const struct tracing_arg *arg,
		      struct tracing_match *match)
{
	struct tracing_value *value = &match->values[match->n_values];
	size_t most = values_most(arg, match->op);

	if (match->n_values == most) {
		problem_at(rd, node->at, "more than %zu values, expected fewer%s", most,
			   most == TRACING_NUMBERS_MOST ? " (or operator InMap)" : "");
		return;
	}
	*value = (struct tracing_value){.at = node->at};
	if (read_value(rd, node, arg, match->op, value))
		match->n_values++;
}

static void add_list(struct reader *rd, const struct tracing_list *list,
		     const struct tracing_arg *arg, struct tracing_match *match)
{
	FOR_EACH_CHILD(child, list->values)
	add_value(rd, child, arg, match);
}

/* All values, those of lists put in. */
static void add_values(const struct hook_parts *parts, const struct node *values,
		       const struct tracing_arg *arg, struct tracing_match *match)
{
	const struct tracing_list *list;

	FOR_EACH_CHILD(child, values)
	{
		list = is_list_name(child, match->op) ? find_tracing_list(parts->context, child)
						      : NULL;
		if (!is_list_name(child, match->op))
			add_value(parts->context->rd, child, arg, match);
		else if (list && list->values)
			add_list(parts->context->rd, list, arg, match);
	}
}

static size_t room_for(const struct node *values, enum tracing_operator op)
{
	FOR_EACH_CHILD(child, values)
	if (is_list_name(child, op))
		return TRACING_MAP_MOST;
	return values->count;
}

void read_tracing_values(const struct hook_parts *parts, const struct node *node,
			 const struct tracing_arg *arg, struct tracing_match *match)
{
	struct reader *rd = parts->context->rd;
	size_t most = values_most(arg, match->op), room;

	if (!list_count(rd, node, "values")) {
		if (node->kind == NODE_LIST)
			problem_at(rd, node->at, "values is empty, expected at least one");
		return;
	}
	room = room_for(node, match->op);
	match->values = arena_array(&rd->memory->kept, struct tracing_value,
				    (room < most ? room : most) + 1);
	add_values(parts, node, arg, match);
}
