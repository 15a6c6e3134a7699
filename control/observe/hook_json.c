/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */

/* What a hook saw, in Tetragon's words. */

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "observe/process_inside.h"
#include "util/addr.h"

/* A number as its name, or as the number where it has none here. */
struct word {
	unsigned number;
	const char *word;
};

static json_t *json_word(const struct word *words, unsigned number)
{
	for (; words->word; words++)
		if (words->number == number)
			return json_string(words->word);
	return json_sprintf("%u", number);
}

static json_t *json_family(unsigned family)
{
	static const struct word words[] = {{AF_UNIX, "AF_UNIX"},     {AF_INET, "AF_INET"},
					    {AF_INET6, "AF_INET6"},   {AF_NETLINK, "AF_NETLINK"},
					    {AF_PACKET, "AF_PACKET"}, {AF_ALG, "AF_ALG"},
					    {AF_VSOCK, "AF_VSOCK"},   {AF_XDP, "AF_XDP"},
					    {AF_UNSPEC, "AF_UNSPEC"}, {}};

	return json_word(words, family);
}

static json_t *json_socket_type(unsigned type)
{
	static const struct word words[] = {
		{SOCK_STREAM, "SOCK_STREAM"}, {SOCK_DGRAM, "SOCK_DGRAM"},
		{SOCK_RAW, "SOCK_RAW"},	      {SOCK_SEQPACKET, "SOCK_SEQPACKET"},
		{SOCK_PACKET, "SOCK_PACKET"}, {}};

	return json_word(words, type);
}

static json_t *json_protocol(unsigned protocol)
{
	static const struct word words[] = {
		{IPPROTO_ICMP, "IPPROTO_ICMP"}, {IPPROTO_TCP, "IPPROTO_TCP"},
		{IPPROTO_UDP, "IPPROTO_UDP"},	{IPPROTO_ICMPV6, "IPPROTO_ICMPV6"},
		{IPPROTO_SCTP, "IPPROTO_SCTP"}, {IPPROTO_RAW, "IPPROTO_RAW"},
		{IPPROTO_IP, "IPPROTO_IP"},	{}};

	return json_word(words, protocol);
}

static json_t *json_state(unsigned state)
{
	static const struct word words[] = {{1, "TCP_ESTABLISHED"},
					    {2, "TCP_SYN_SENT"},
					    {3, "TCP_SYN_RECV"},
					    {4, "TCP_FIN_WAIT1"},
					    {5, "TCP_FIN_WAIT2"},
					    {6, "TCP_TIME_WAIT"},
					    {7, "TCP_CLOSE"},
					    {8, "TCP_CLOSE_WAIT"},
					    {9, "TCP_LAST_ACK"},
					    {10, "TCP_LISTEN"},
					    {11, "TCP_CLOSING"},
					    {12, "TCP_NEW_SYN_RECV"},
					    {}};

	return json_word(words, state);
}

static json_t *json_addr(const struct chq_addr *addr)
{
	char text[ADDR_TEXT_BYTES];

	return json_string(addr_print(addr, text));
}

/* "-rw-r--r--", the first letter for what it is. */
static json_t *json_mode(uint16_t mode)
{
	static const char types[] = "?pc?d?b?-?l?s???", bits[] = "rwxrwxrwx";
	char text[11];

	text[0] = types[mode >> 12];
	for (int i = 0; i < 9; i++)
		text[i + 1] = mode & 0400 >> i ? bits[i] : '-';
	if (mode & S_ISUID)
		text[3] = 's';
	if (mode & S_ISGID)
		text[6] = 's';
	if (mode & S_ISVTX)
		text[9] = 't';
	text[10] = '\0';
	return json_string(text);
}

static json_t *json_file(const struct hook_file *file)
{
	json_t *object = json_object();

	set_text(object, "path", file->path);
	if (file->unresolved)
		set_text(object, "flags", "unresolvedPathComponents");
	if (file->mode)
		set(object, "permission", json_mode(file->mode));
	return object;
}

/* Numbers of which 0 says nothing. */
static void set_number(json_t *object, const char *name, uint32_t number)
{
	if (number)
		set(object, name, json_integer(number));
}

static void add_ends(json_t *object, const struct hook_sock *sock)
{
	bool inet = sock->family == AF_INET || sock->family == AF_INET6;

	if (inet) {
		set(object, "saddr", json_addr(&sock->source));
		set(object, "daddr", json_addr(&sock->target));
	}
	set_number(object, "sport", sock->sport);
	set_number(object, "dport", sock->dport);
	set_number(object, "mark", sock->mark);
	set_number(object, "priority", sock->priority);
}

static json_t *json_sock(const struct hook_sock *sock)
{
	json_t *object = json_object();

	set(object, "family", json_family(sock->family));
	set(object, "type", json_socket_type(sock->type));
	set(object, "protocol", json_protocol(sock->protocol));
	add_ends(object, sock);
	if (sock->cookie)
		set(object, "cookie", json_u64(sock->cookie));
	if (sock->protocol == IPPROTO_TCP && sock->state)
		set(object, "state", json_state(sock->state));
	return object;
}

static json_t *json_skb(const struct hook_sock *sock)
{
	json_t *object = json_object();

	set_number(object, "len", sock->length_bytes);
	add_ends(object, sock);
	set_number(object, "proto", sock->protocol);
	set(object, "protocol", json_protocol(sock->protocol));
	set(object, "family", json_family(sock->family));
	return object;
}

static json_t *json_sockaddr(const struct hook_sock *sock)
{
	json_t *object = json_object();

	set(object, "family", json_family(sock->family));
	if (sock->family == AF_INET || sock->family == AF_INET6)
		set(object, "addr", json_addr(&sock->target));
	set_number(object, "port", sock->dport);
	return object;
}

static json_t *json_capability(uint64_t number)
{
	return json_pack("{s:I, s:o}", "value", (json_int_t)number, "name",
			 json_cap_name((unsigned)number));
}

/* Cut off bytes stand in an object that says how many there were. */
static void set_bytes(json_t *object, const struct hook_arg *arg)
{
	json_t *bytes = json_base64(arg->text.bytes, arg->text.n_bytes);

	if (arg->text.whole_bytes <= arg->text.n_bytes)
		set(object, "bytes_arg", bytes);
	else
		set(object, "truncated_bytes_arg",
		    json_pack("{s:o, s:o}", "bytes_arg", bytes, "orig_size",
			      json_u64(arg->text.whole_bytes)));
}

static void set_number_arg(json_t *object, const struct hook_arg *arg)
{
	switch (arg->kind) {
	case HOOK_ARG_INT:
		set(object, "int_arg", json_integer((int32_t)arg->number));
		break;
	case HOOK_ARG_UINT:
		set(object, "uint_arg", json_integer((uint32_t)arg->number));
		break;
	case HOOK_ARG_LONG:
		set(object, "long_arg", json_sprintf("%lld", (long long)arg->number));
		break;
	case HOOK_ARG_SIZE:
		set(object, "size_arg", json_u64(arg->number));
		break;
	case HOOK_ARG_CAPABILITY:
		set(object, "capability_arg", json_capability(arg->number));
		break;
	default:
		set(object, "syscall_id",
		    json_pack("{s:I, s:s}", "id", (json_int_t)arg->number, "abi", "x64"));
	}
}

json_t *hook_arg_json(const struct hook_arg *arg)
{
	json_t *object = json_object();

	switch (arg->kind) {
	case HOOK_ARG_NONE:
		json_decref(object);
		return NULL;
	case HOOK_ARG_STRING:
		set(object, "string_arg", process_string(arg->text.bytes, arg->text.n_bytes));
		break;
	case HOOK_ARG_BYTES:
		set_bytes(object, arg);
		break;
	case HOOK_ARG_PATH:
		set(object, "path_arg", json_file(&arg->file));
		break;
	case HOOK_ARG_FILE:
		set(object, "file_arg", json_file(&arg->file));
		break;
	case HOOK_ARG_BINPRM:
		set(object, "linux_binprm_arg", json_file(&arg->file));
		break;
	case HOOK_ARG_SOCK:
		set(object, "sock_arg", json_sock(&arg->sock));
		break;
	case HOOK_ARG_SKB:
		set(object, "skb_arg", json_skb(&arg->sock));
		break;
	case HOOK_ARG_SOCKADDR:
		set(object, "sockaddr_arg", json_sockaddr(&arg->sock));
		break;
	case HOOK_ARG_CRED:
		set(object, "process_credentials_arg", json_credentials(&arg->cred));
		break;
	default:
		set_number_arg(object, arg);
	}
	set_text(object, "label", arg->label);
	return object;
}

const char *hook_kind_name(enum hook_kind kind)
{
	static const char *const names[] = {[HOOK_KPROBE] = "process_kprobe",
					    [HOOK_LSM] = "process_lsm",
					    [HOOK_TRACEPOINT] = "process_tracepoint",
					    [HOOK_UPROBE] = "process_uprobe"};

	return names[kind];
}

static json_t *json_action(enum hook_action action)
{
	static const char *const names[] = {
#define X(name) [HOOK_ACTION_##name] = "KPROBE_ACTION_" #name,
		HOOK_ACTIONS(X)
#undef X
	};

	return json_string(names[action < HOOK_ACTION_MAX ? action : HOOK_ACTION_UNKNOWN]);
}

static json_t *json_args(const struct hook_arg *args, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		json_t *arg = hook_arg_json(&args[i]);

		json_array_append_new(list, arg ? arg : json_object());
	}
	return json_if(list, count);
}

static void add_place(json_t *inside, const struct hook_event *hook)
{
	switch (hook->kind) {
	case HOOK_TRACEPOINT:
		set_text(inside, "subsys", hook->subsystem);
		set_text(inside, "event", hook->function);
		break;
	case HOOK_UPROBE:
		set_text(inside, "path", hook->subsystem);
		set_text(inside, "symbol", hook->function);
		break;
	default:
		set_text(inside, "function_name", hook->function);
	}
}

static json_t *json_tags(char **tags)
{
	json_t *list = json_array();

	for (; tags && *tags; tags++)
		json_array_append_new(list, process_string(*tags, strlen(*tags)));
	return json_if(list, json_array_size(list));
}

void add_hook(json_t *inside, const struct hook_event *hook)
{
	add_place(inside, hook);
	set(inside, "args", json_args(hook->args, hook->n_args));
	set(inside, "data", json_args(hook->args + hook->n_args, hook->n_data));
	if (hook->has_result)
		set(inside, "return", hook_arg_json(&hook->result));
	set(inside, "action", json_action(hook->action));
	set_text(inside, "policy_name", hook->policy);
	if (hook->return_action)
		set(inside, "return_action", json_action(hook->return_action));
	set_text(inside, "message", hook->message);
	set(inside, "tags", json_tags(hook->tags));
}
