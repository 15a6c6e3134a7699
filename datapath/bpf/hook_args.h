/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef BPF_HOOK_ARGS_H
#define BPF_HOOK_ARGS_H

/* Arguments of a hook: from registers and kernel structs to values, which go into the record. */

#include "hook_look.h"

#include <linux/in.h>
#include <linux/in6.h>

static __always_inline void *room_for(struct work *work, __u32 *ret_at)
{
	__u32 at = work->hit.data_bytes;

	if (at >= DATA_BYTES)
		return NULL;
	*ret_at = at;
	return &work->hit.record.data[at & (DATA_BYTES - 1)];
}

/* Payloads begin at multiples of 8; what is behind the last byte is cleared. */
static __always_inline void clear_behind(struct work *work, __u32 end)
{
	__u32 used_bits = 8 * (end & 7);
	__u64 *last = (void *)&work->hit.record.data[end & (2 * DATA_BYTES - 8)];

	if (used_bits && end < 2 * DATA_BYTES)
		*last &= (1ull << used_bits) - 1;
}

/* What stands before each argument's payload. */
static __always_inline void begin_value(struct work *work, __u32 at,
					const struct argument *argument, __u32 position,
					__u32 payload_bytes)
{
	struct chq_hook_value *value = (void *)&work->hit.record.data[at & (DATA_BYTES - 1)];

	value->type = argument->type;
	value->position = position;
	value->absent = argument->absent;
	value->pad = 0;
	value->payload_bytes = payload_bytes;
	value->number = argument->number;
	clear_behind(work, at + sizeof(*value) + payload_bytes);
	work->hit.data_bytes = at + sizeof(*value) + ((payload_bytes + 7) & ~7u);
}

/* The path in work->path, with what is known of the file, becomes the argument's payload. */
static __noinline void add_path(struct work *work, struct argument *argument, __u32 position)
{
	struct chq_path_value *value;
	__u32 at, bytes = work->path_text.bytes, from = work->path_text.at & (PATH_BYTES - 1);
	__u8 *room = room_for(work, &at);

	if (!room)
		return;
	if (bytes == 0 || bytes > PATH_BYTES ||
	    bpf_probe_read_kernel(room + sizeof(struct chq_hook_value) + sizeof(*value), bytes,
				  &work->path.text[from]))
		bytes = 0;
	value = (void *)room + sizeof(struct chq_hook_value);
	value->flags = work->path_text.complete ? 0 : CHQ_PATH_UNRESOLVED;
	value->mode = argument->mode;
	value->path_bytes = bytes;
	argument->at = at + sizeof(struct chq_hook_value) + sizeof(*value);
	argument->bytes = bytes;
	begin_value(work, at, argument, position, sizeof(*value) + bytes);
}

/* Field by field: padding on the stack may hold what the verifier does not let out. */
static __always_inline void keep_path(struct work *work, struct path_text text)
{
	work->path_text.at = text.at;
	work->path_text.bytes = text.bytes;
	work->path_text.complete = text.complete;
}

/* Two arguments, or two policies, often ask for the same path. */
static __noinline void write_path(struct work *work, const struct path *path)
{
	struct task_struct *task = this_task();

	if (work->path_of == (__u64)path)
		return;
	keep_path(work, path_write(&work->path, path, &BPF_CORE_READ(task, fs)->root));
	work->path_of = (__u64)path;
}

/* A name without its mount: the path within its file system. */
static __noinline void write_dentry(struct work *work, const struct dentry *dentry)
{
	struct path_walk walk = {.buffer = &work->path, .dentry = dentry, .at = PATH_BYTES};

	bpf_loop(PATH_STEPS, path_step, &walk, 0);
	keep_path(work, (struct path_text){walk.at, PATH_BYTES - walk.at, walk.complete});
	work->path_of = 0;
}

static __always_inline void read_file(struct work *work, struct argument *argument, __u32 position,
				      const struct file *file)
{
	argument->absent = !file;
	argument->mode = file ? BPF_CORE_READ(file, f_inode, i_mode) : 0;
	if (file)
		write_path(work, &file->f_path);
	else
		work->path_text.bytes = work->path_of = 0;
	add_path(work, argument, position);
}

static __always_inline void read_dentry(struct work *work, struct argument *argument,
					__u32 position, const struct path *path,
					const struct dentry *dentry)
{
	argument->absent = !dentry;
	argument->mode = BPF_CORE_READ(dentry, d_inode, i_mode);
	if (path)
		write_path(work, path);
	else
		write_dentry(work, dentry);
	add_path(work, argument, position);
}

/* A text, of the kernel's memory or of the process's. */
static __noinline void read_string(struct work *work, struct argument *argument, __u32 position,
				   const char *from)
{
	__u32 at;
	__u8 *room = room_for(work, &at);
	long length;

	if (!room)
		return;
	room += sizeof(struct chq_hook_value);
	if ((__s64)from < 0)
		length = bpf_probe_read_kernel_str(room, CHQ_TEXT_BYTES, from);
	else
		length = bpf_probe_read_user_str(room, CHQ_TEXT_BYTES, from);
	argument->absent = length <= 0;
	argument->bytes = length > 0 && length <= CHQ_TEXT_BYTES ? length - 1 : 0;
	argument->at = at + sizeof(struct chq_hook_value);
	argument->number = argument->bytes;
	begin_value(work, at, argument, position, argument->bytes);
}

/* Of the kernel's memory or of the process's. */
static __always_inline long read_memory(void *to, __u32 bytes, const void *from)
{
	if ((__s64)from < 0)
		return bpf_probe_read_kernel(to, bytes, from);
	return bpf_probe_read_user(to, bytes, from);
}

#define MEMORY_PAGE 4096 /* or a part of one: what is there is there as a whole */

/* From there to the end of the page. */
static __always_inline __u32 left_of_page(const void *from)
{
	return MEMORY_PAGE - ((__u64)from & (MEMORY_PAGE - 1));
}

/*
 * Bytes, of which argument->number says how many there are. Where not all can be read, those of
 * the first page are told.
 */
static __noinline void read_bytes(struct work *work, struct argument *argument, __u32 position,
				  const void *from, __u32 most)
{
	__u64 whole = argument->number;
	__u32 at, bytes = most > CHQ_TEXT_BYTES ? at_most(whole, CHQ_DATA_BYTES)
						: at_most(whole, CHQ_TEXT_BYTES);
	__u8 *room = room_for(work, &at);
	long failed;

	if (!room)
		return;
	room += sizeof(struct chq_hook_value);
	failed = read_memory(room, bytes, from);
	if (failed && bytes > left_of_page(from)) {
		bytes = at_most(left_of_page(from), MEMORY_PAGE);
		failed = read_memory(room, bytes, from);
	}
	argument->absent = failed && bytes;
	argument->bytes = failed ? 0 : bytes;
	argument->at = at + sizeof(struct chq_hook_value);
	begin_value(work, at, argument, position, argument->bytes);
}

static __always_inline __u64 extend(__u64 number, const struct chq_arg_spec *spec)
{
	__u32 unused_bits = 64 - 8 * (spec->width & 15);

	if (unused_bits > 56)
		return number;
	if (spec->is_signed)
		return (__s64)(number << (unused_bits & 63)) >> (unused_bits & 63);
	return number << (unused_bits & 63) >> (unused_bits & 63);
}

static __always_inline void read_number(struct work *work, struct argument *argument,
					__u32 position, __u64 number)
{
	__u32 at;

	argument->number = number;
	if (room_for(work, &at))
		begin_value(work, at, argument, position, 0);
}

/* IPv4 is written as ::ffff:a.b.c.d. */
static __always_inline void map_address(struct chq_addr *addr, __be32 v4)
{
	addr->word_be[0] = addr->word_be[1] = 0;
	addr->word_be[2] = bpf_htonl(0xffff);
	addr->word_be[3] = v4;
}

static __always_inline void read_sock(struct chq_sock_value *value, const struct sock *sock)
{
	value->family = BPF_CORE_READ(sock, __sk_common.skc_family);
	value->type = BPF_CORE_READ(sock, sk_type);
	value->protocol = BPF_CORE_READ(sock, sk_protocol);
	value->state = BPF_CORE_READ(sock, __sk_common.skc_state);
	value->mark = BPF_CORE_READ(sock, sk_mark);
	value->priority = BPF_CORE_READ(sock, sk_priority);
	value->sport = BPF_CORE_READ(sock, __sk_common.skc_num);
	value->dport = bpf_ntohs(BPF_CORE_READ(sock, __sk_common.skc_dport));
	value->cookie = BPF_CORE_READ(sock, __sk_common.skc_cookie.counter);
	if (value->family == AF_INET6) {
		bpf_core_read(&value->source, 16, &sock->__sk_common.skc_v6_rcv_saddr);
		bpf_core_read(&value->target, 16, &sock->__sk_common.skc_v6_daddr);
	} else {
		map_address(&value->source, BPF_CORE_READ(sock, __sk_common.skc_rcv_saddr));
		map_address(&value->target, BPF_CORE_READ(sock, __sk_common.skc_daddr));
	}
}

#define IP_FRAGMENT_OFFSET 0x1fff
#define IPV6_HEADER_BYTES  40
#define EXTENSIONS	   6 /* of IPv6 that are looked behind */

static __always_inline bool has_ports(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP ||
	       protocol == IPPROTO_UDPLITE || protocol == IPPROTO_DCCP;
}

/* Returns what stands behind the header, NULL: no ports do. */
static __always_inline const void *read_ipv4(struct chq_sock_value *value, const void *header)
{
	__u8 ip[20] = {};

	bpf_probe_read_kernel(ip, sizeof(ip), header);
	value->family = AF_INET;
	value->protocol = ip[9];
	map_address(&value->source, *(__be32 *)&ip[12]);
	map_address(&value->target, *(__be32 *)&ip[16]);
	if (*(__be16 *)&ip[6] & bpf_htons(IP_FRAGMENT_OFFSET))
		return NULL;
	return header + 4 * (ip[0] & 15);
}

static __always_inline const void *read_ipv6(struct chq_sock_value *value, const void *header)
{
	__u8 ip[IPV6_HEADER_BYTES] = {}, extension[4] = {};

	bpf_probe_read_kernel(ip, sizeof(ip), header);
	value->family = AF_INET6;
	value->protocol = ip[6];
	__builtin_memcpy(&value->source, &ip[8], 16);
	__builtin_memcpy(&value->target, &ip[24], 16);
	header += sizeof(ip);
	for (__u32 i = 0; i < EXTENSIONS; i++) {
		if (value->protocol != IPPROTO_HOPOPTS && value->protocol != IPPROTO_ROUTING &&
		    value->protocol != IPPROTO_DSTOPTS && value->protocol != IPPROTO_FRAGMENT)
			break;
		bpf_probe_read_kernel(extension, sizeof(extension), header);
		if (value->protocol == IPPROTO_FRAGMENT) {
			if (*(__be16 *)&extension[2] & bpf_htons(0xfff8))
				header = NULL;
			extension[1] = 0;
		}
		value->protocol = extension[0];
		if (!header)
			return NULL;
		header += 8 * (extension[1] + 1);
	}
	return header;
}

/* A packet that is on its way in does not know yet where its ports are: they are looked for. */
static __always_inline void read_skb(struct chq_sock_value *value, const struct sk_buff *skb)
{
	const void *network = BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, network_header);
	const void *transport = NULL;
	__be16 ports[2] = {};
	__u8 version = 0;

	value->length_bytes = BPF_CORE_READ(skb, len);
	value->mark = BPF_CORE_READ(skb, mark);
	value->priority = BPF_CORE_READ(skb, priority);
	bpf_probe_read_kernel(&version, sizeof(version), network);
	if (version >> 4 == 4)
		transport = read_ipv4(value, network);
	else if (version >> 4 == 6)
		transport = read_ipv6(value, network);
	if (!transport || !has_ports(value->protocol))
		return;
	bpf_probe_read_kernel(ports, sizeof(ports), transport);
	value->sport = bpf_ntohs(ports[0]);
	value->dport = bpf_ntohs(ports[1]);
}

/* As in the UAPI: family, port, and an address at byte 4 or 8. */
static __always_inline void read_sockaddr(struct chq_sock_value *value, const void *from)
{
	__u8 bytes[28] = {};

	if ((__s64)from < 0)
		bpf_probe_read_kernel(bytes, sizeof(bytes), from);
	else
		bpf_probe_read_user(bytes, sizeof(bytes), from);
	value->family = *(__u16 *)bytes;
	if (value->family == AF_INET)
		map_address(&value->target, *(__be32 *)&bytes[4]);
	else if (value->family == AF_INET6)
		__builtin_memcpy(&value->target, &bytes[8], 16);
	else
		return;
	value->dport = value->sport = bpf_ntohs(*(__be16 *)&bytes[2]);
	value->source = value->target; /* it is one address, whichever way it is asked for */
}

static __noinline void read_network(struct work *work, struct argument *argument, __u32 position,
				    const void *from)
{
	struct chq_sock_value *value;
	__u32 at;
	__u8 *room = room_for(work, &at);

	if (!room)
		return;
	value = (void *)room + sizeof(struct chq_hook_value);
	__builtin_memset(value, 0, sizeof(*value));
	argument->absent = !from;
	argument->at = at + sizeof(struct chq_hook_value);
	argument->bytes = sizeof(*value);
	if (argument->type == CHQ_TYPE_SKB)
		read_skb(value, from);
	else if (argument->type == CHQ_TYPE_SOCKADDR)
		read_sockaddr(value, from);
	else if (argument->type == CHQ_TYPE_SOCKET)
		read_sock(value, BPF_CORE_READ((const struct socket *)from, sk));
	else
		read_sock(value, from);
	begin_value(work, at, argument, position, sizeof(*value));
}

static __noinline void read_cred(struct work *work, struct argument *argument, __u32 position,
				 const struct cred *cred)
{
	struct chq_cred_value *value;
	__u32 at;
	__u8 *room = room_for(work, &at);

	if (!room)
		return;
	value = (void *)room + sizeof(struct chq_hook_value);
	argument->absent = !cred;
	value->ids.uid = BPF_CORE_READ(cred, uid.val);
	value->ids.gid = BPF_CORE_READ(cred, gid.val);
	value->ids.euid = BPF_CORE_READ(cred, euid.val);
	value->ids.egid = BPF_CORE_READ(cred, egid.val);
	value->ids.suid = BPF_CORE_READ(cred, suid.val);
	value->ids.sgid = BPF_CORE_READ(cred, sgid.val);
	value->ids.fsuid = BPF_CORE_READ(cred, fsuid.val);
	value->ids.fsgid = BPF_CORE_READ(cred, fsgid.val);
	value->ids.securebits = BPF_CORE_READ(cred, securebits);
	value->ids.auid = ~0u;
	bpf_core_read(&value->caps[CHQ_CAP_PERMITTED], sizeof(__u64), &cred->cap_permitted);
	bpf_core_read(&value->caps[CHQ_CAP_EFFECTIVE], sizeof(__u64), &cred->cap_effective);
	bpf_core_read(&value->caps[CHQ_CAP_INHERITABLE], sizeof(__u64), &cred->cap_inheritable);
	begin_value(work, at, argument, position, sizeof(*value));
}

/* The field of a perf tracepoint's record, in place of a register. */
static __always_inline __u64 read_field(struct work *work, const struct chq_arg_spec *spec)
{
	const void *field = work->context + spec->offset;
	__u64 number = 0;
	__u32 where = 0;

	if (spec->is_data_loc) {
		bpf_probe_read_kernel(&where, sizeof(where), field);
		return (__u64)work->context + (where & 0xffff);
	}
	if (spec->type != CHQ_TYPE_NUMBER && spec->width == 0)
		return (__u64)field; /* the text stands in the record itself */
	bpf_probe_read_kernel(&number, sizeof(number), field); /* cut to its width later */
	return number;
}

static __always_inline __u64 raw_argument(struct work *work, const struct chq_arg_spec *spec)
{
	return work->context ? read_field(work, spec) : work->hit.args[slot(spec->index)];
}

static __always_inline __u64 size_of_buffer(struct work *work, const struct chq_arg_spec *spec)
{
	__u64 size = spec->max_bytes;

	if (spec->size_arg)
		size = work->hit.args[slot(spec->size_arg - 1)];
	if (!spec->at_return)
		return size;
	if (work->result < 0)
		return 0; /* it failed: nothing was written there */
	return (__u64)work->result < size ? (__u64)work->result : size;
}

static __always_inline void read_typed(struct work *work, const struct chq_arg_spec *spec,
				       struct argument *argument, __u32 position)
{
	__u64 raw = raw_argument(work, spec);

	switch (spec->type) {
	case CHQ_TYPE_STRING:
		return read_string(work, argument, position, (void *)raw);
	case CHQ_TYPE_FILENAME:
		return read_string(work, argument, position,
				   BPF_CORE_READ((struct filename *)raw, name));
	case CHQ_TYPE_CHAR_BUF:
		argument->number = size_of_buffer(work, spec);
		return read_bytes(work, argument, position, (void *)raw, spec->max_bytes);
	case CHQ_TYPE_FD:
		argument->number = (__s32)raw;
		return read_file(work, argument, position, file_of_fd(raw));
	case CHQ_TYPE_FILE:
		return read_file(work, argument, position, (void *)raw);
	case CHQ_TYPE_BINPRM:
		return read_file(work, argument, position,
				 BPF_CORE_READ((struct linux_binprm *)raw, file));
	case CHQ_TYPE_PATH:
		return read_dentry(work, argument, position, (void *)raw,
				   BPF_CORE_READ((struct path *)raw, dentry));
	case CHQ_TYPE_DENTRY:
		return read_dentry(work, argument, position, NULL, (void *)raw);
	case CHQ_TYPE_SOCK:
	case CHQ_TYPE_SOCKET:
	case CHQ_TYPE_SKB:
	case CHQ_TYPE_SOCKADDR:
		return read_network(work, argument, position, (void *)raw);
	case CHQ_TYPE_CRED:
		return read_cred(work, argument, position, (void *)raw);
	case CHQ_TYPE_NUMBER:
		return read_number(work, argument, position, extend(raw, spec));
	default:
		return read_number(work, argument, position, 0);
	}
}

/*
 * Not static: the verifier then looks at it once, and not at each way that leads to it.
 * Numbers and not pointers, which 6.1 would not take for keys of maps any more.
 */
__noinline int read_argument(__u32 place, __u32 hook_number, __u32 position)
{
	struct work *work = bpf_map_lookup_elem(&chq_work, &place);
	const struct chq_hook *hook = bpf_map_lookup_elem(&chq_hooks, &hook_number);
	const struct chq_arg_spec *spec;
	struct argument *argument;

	if (!work || !hook || position >= CHQ_HOOK_ARGS)
		return 0;
	spec = &hook->args[position];
	argument = &work->arguments[position];
	__builtin_memset(argument, 0, sizeof(*argument));
	argument->type = spec->type;
	read_typed(work, spec, argument, position);
	return 0;
}

#endif
