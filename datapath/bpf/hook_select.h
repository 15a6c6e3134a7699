/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef BPF_HOOK_SELECT_H
#define BPF_HOOK_SELECT_H

/* Does a selector match? Each filter asks one question about an argument or the process. */

#include "hook_args.h"

#define ANCESTORS 64 /* that matchPIDs with followForks looks back over */

/* A text with the kind of comparison, of an argument or of a binary. */
struct text {
	const void *from;
	__u32 bytes;
	__u32 set;
};

#define DEFINE_TEXT_KNOWN(size)                                                             \
	static __noinline bool text_known##size(struct work *work, const struct text *text) \
	{                                                                                   \
		struct chq_text##size *key = (void *)&work->text;                           \
		__u32 bytes = at_most(text->bytes, size);                                   \
                                                                                            \
		key->set = text->set;                                                       \
		key->length_bytes = bytes;                                                  \
		bpf_probe_read_kernel(key->text, size, zeroes);                             \
		bpf_probe_read_kernel(key->text, bytes, text->from);                        \
		return bpf_map_lookup_elem(&chq_text##size, key);                           \
	}
CHQ_TEXT_SIZES(DEFINE_TEXT_KNOWN)

static __always_inline bool text_known(struct work *work, const struct text *text)
{
	if (text->bytes <= 64)
		return text_known64(work, text);
	if (text->bytes <= 256)
		return text_known256(work, text);
	if (text->bytes <= 1024)
		return text_known1024(work, text);
	return text_known4096(work, text);
}

/* Prefixes that chq_prefix has no room for: few lengths, one look at each, the shortest first. */
static __always_inline bool long_prefix_known(struct work *work, const struct text *text)
{
	struct chq_text256 *key = (void *)&work->text;

	key->set = text->set;
	bpf_probe_read_kernel(key->text, sizeof(key->text), zeroes);
	for (__u32 n = CHQ_PREFIX_BYTES + 1; n <= CHQ_PREFIX_MOST && n <= text->bytes; n++) {
		key->length_bytes = n;
		bpf_probe_read_kernel(key->text, n, text->from);
		if (bpf_map_lookup_elem(&chq_text256, key))
			return true;
	}
	return false;
}

static __noinline bool prefix_known(struct work *work, const struct text *text)
{
	__u32 bytes = at_most(text->bytes, CHQ_PREFIX_BYTES);

	work->prefix.length_bits = 8 * (sizeof(__u32) + bytes);
	work->prefix.set = text->set;
	bpf_probe_read_kernel(work->prefix.text, bytes, text->from);
	if (bpf_map_lookup_elem(&chq_prefix, &work->prefix))
		return true;
	return text->bytes > CHQ_PREFIX_BYTES && long_prefix_known(work, text);
}

/* Its last bytes, last one first, so that the longest postfix is the longest prefix. */
static __noinline bool postfix_known(struct work *work, const struct text *text)
{
	__u32 bytes = at_most(text->bytes, CHQ_POSTFIX_BYTES);

	bpf_probe_read_kernel(work->tail, bytes, text->from + text->bytes - bytes);
	for (__u32 i = 0; i < CHQ_POSTFIX_BYTES; i++)
		work->postfix.text[i] = work->tail[(bytes - 1 - i) & (CHQ_POSTFIX_BYTES - 1)];
	work->postfix.length_bits = 8 * (sizeof(__u32) + bytes);
	work->postfix.set = text->set;
	return bpf_map_lookup_elem(&chq_postfix, &work->postfix);
}

static __noinline bool text_matches(struct work *work, const struct text *text, __u32 question)
{
	if (question == CHQ_ASK_PREFIX)
		return prefix_known(work, text);
	if (question == CHQ_ASK_POSTFIX)
		return postfix_known(work, text);
	return text_known(work, text);
}

static __always_inline bool less(__u64 one, __u64 other, bool is_signed)
{
	return is_signed ? (__s64)one < (__s64)other : one < other;
}

static __noinline bool number_matches(const struct chq_filter *filter, __u64 number)
{
	__u32 n = filter->n_values;
	bool is_signed = filter->is_signed;

	for (__u32 i = 0; i < CHQ_HOOK_VALUES && i < n; i++) {
		__u64 low = filter->low[i], high = filter->high[i];
		bool yes;

		switch (filter->question) {
		case CHQ_ASK_GREATER:
			yes = less(low, number, is_signed);
			break;
		case CHQ_ASK_LESS:
			yes = less(number, low, is_signed);
			break;
		case CHQ_ASK_MASK:
			yes = number & low;
			break;
		default:
			yes = !less(number, low, is_signed) && !less(high, number, is_signed);
		}
		if (yes)
			return true;
	}
	return false;
}

static __always_inline bool number_known(const struct chq_filter *filter, __u64 number)
{
	struct chq_number_key key = {.set = filter->set, .number = number};

	return bpf_map_lookup_elem(&chq_number, &key);
}

static __always_inline bool addr_known(const struct chq_filter *filter, const struct chq_addr *addr)
{
	struct chq_addr_key key = {
		.length_bits = 8 * (sizeof(__u32) + sizeof(*addr)),
		.set = filter->set,
		.addr = *addr,
	};

	return bpf_map_lookup_elem(&chq_addr, &key);
}

static __noinline bool network_matches(const struct chq_filter *filter,
				       const struct chq_sock_value *value)
{
	switch (filter->question) {
	case CHQ_ASK_SADDR:
		return addr_known(filter, &value->source);
	case CHQ_ASK_DADDR:
		return addr_known(filter, &value->target);
	case CHQ_ASK_SPORT:
		return number_matches(filter, value->sport);
	case CHQ_ASK_DPORT:
		return number_matches(filter, value->dport);
	case CHQ_ASK_PROTOCOL:
		return number_matches(filter, value->protocol);
	case CHQ_ASK_FAMILY:
		return number_matches(filter, value->family);
	default:
		return number_matches(filter, value->state);
	}
}

/* 1 yes, 0 no, -1 there is nothing that could be asked about. */
static __noinline int ask_argument(struct work *work, const struct chq_filter *filter)
{
	const struct argument *argument = &work->arguments[slot(filter->arg)];
	struct text text;

	text.from = &work->hit.record.data[argument->at & (DATA_BYTES - 1)];
	text.bytes = argument->bytes;
	text.set = filter->set;
	switch (filter->question) {
	case CHQ_ASK_TEXT:
	case CHQ_ASK_PREFIX:
	case CHQ_ASK_POSTFIX:
		if (argument->absent || text.bytes == 0)
			return -1;
		/* Of a buffer that was cut the beginning is known, and no more. */
		if (filter->question != CHQ_ASK_PREFIX && argument->type == CHQ_TYPE_CHAR_BUF &&
		    (argument->number > text.bytes || text.bytes > CHQ_TEXT_BYTES))
			return 0;
		return text_matches(work, &text, filter->question);
	case CHQ_ASK_FILE_TYPE:
		return argument->mode ? number_matches(filter, argument->mode & 0170000) : -1;
	case CHQ_ASK_NUMBER:
		return number_known(filter, argument->number);
	case CHQ_ASK_RANGE:
	case CHQ_ASK_GREATER:
	case CHQ_ASK_LESS:
	case CHQ_ASK_MASK:
		return number_matches(filter, argument->number);
	default:
		return argument->absent ? -1 : network_matches(filter, text.from);
	}
}

static __noinline int ask_result(struct work *work, const struct chq_filter *filter)
{
	if (filter->question == CHQ_ASK_NUMBER)
		return number_known(filter, work->result);
	return number_matches(filter, work->result);
}

/* Of a process that chq_procs does not know, or whose path is longer than it keeps. */
static __noinline int ask_executable(struct work *work, const struct chq_filter *filter,
				     struct task_struct *task)
{
	struct file *file = BPF_CORE_READ(task, mm, exe_file);
	struct fs_struct *fs = BPF_CORE_READ(task, fs);
	struct text text = {.set = filter->set};
	struct path_text path;

	if (!file)
		return -1;
	work->path_of = 0;
	path = path_write(&work->path, &file->f_path, &fs->root);
	text.from = &work->path.text[path.at & (PATH_BYTES - 1)];
	text.bytes = path.bytes;
	if (path.bytes == 0 || path.bytes > PATH_BYTES)
		return -1;
	return text_matches(work, &text, filter->question);
}

static __always_inline int ask_binary(struct work *work, const struct chq_filter *filter)
{
	struct task_struct *task = (void *)BPF_CORE_READ(this_task(), group_leader);
	const struct chq_process *process;
	struct text text = {.set = filter->set};
	__u32 pid;

	if (filter->subject == CHQ_ABOUT_PARENT)
		task = BPF_CORE_READ(task, real_parent, group_leader);
	pid = BPF_CORE_READ(task, tgid);
	process = bpf_map_lookup_elem(&chq_procs, &pid);
	if (process && process->follow & filter->bits)
		return 1;
	if (!process || !process->binary_bytes || process->binary_bytes >= CHQ_BINARY_BYTES)
		return ask_executable(work, filter, task);
	text.from = process->binary;
	text.bytes = process->binary_bytes;
	return text_matches(work, &text, filter->question);
}

struct ancestry {
	const struct chq_filter *filter;
	struct task_struct *task;
	bool found;
};

/* Thread group's number in the initial or in its own pid namespace. */
static __always_inline __u32 pid_of(struct task_struct *task, bool in_namespace)
{
	struct pid *pid = BPF_CORE_READ(task, group_leader, thread_pid);
	__u32 level = in_namespace ? BPF_CORE_READ(pid, level) : 0;
	void *numbers = (void *)pid + bpf_core_field_offset(struct pid, numbers);
	struct upid *own = numbers + level * bpf_core_type_size(struct upid);

	return BPF_CORE_READ(own, nr);
}

static long ask_ancestor(__u32 step, void *data)
{
	struct ancestry *ancestry = data;
	struct task_struct *task = ancestry->task;
	struct task_struct *parent = BPF_CORE_READ(task, group_leader, real_parent);
	__u32 pid = pid_of(task, ancestry->filter->arg);

	(void)step;
	ancestry->found = number_matches(ancestry->filter, pid);
	if (ancestry->found || !parent || parent == task)
		return 1;
	ancestry->task = parent;
	return 0;
}

static __noinline int ask_pid(const struct chq_filter *filter)
{
	struct ancestry ancestry = {.filter = filter, .task = this_task()};

	bpf_loop(filter->follow_pids ? ANCESTORS : 1, ask_ancestor, &ancestry, 0);
	return ancestry.found;
}

static __noinline __u32 namespace_of(struct task_struct *task, __u32 kind)
{
	struct nsproxy *proxy = BPF_CORE_READ(task, nsproxy);
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level);
	struct upid *own = (void *)pid + bpf_core_field_offset(struct pid, numbers) +
			   level * bpf_core_type_size(struct upid);

	switch (kind) {
	case CHQ_NS_UTS:
		return BPF_CORE_READ(proxy, uts_ns, ns.inum);
	case CHQ_NS_IPC:
		return BPF_CORE_READ(proxy, ipc_ns, ns.inum);
	case CHQ_NS_MNT:
		return BPF_CORE_READ(proxy, mnt_ns, ns.inum);
	case CHQ_NS_PID:
		return BPF_CORE_READ(own, ns, ns.inum);
	case CHQ_NS_PID_FOR_CHILDREN:
		return BPF_CORE_READ(proxy, pid_ns_for_children, ns.inum);
	case CHQ_NS_NET:
		return BPF_CORE_READ(proxy, net_ns, ns.inum);
	case CHQ_NS_TIME:
		return BPF_CORE_READ(proxy, time_ns, ns.inum);
	case CHQ_NS_TIME_FOR_CHILDREN:
		return BPF_CORE_READ(proxy, time_ns_for_children, ns.inum);
	case CHQ_NS_CGROUP:
		return BPF_CORE_READ(proxy, cgroup_ns, ns.inum);
	default:
		return BPF_CORE_READ(task, real_cred, user_ns, ns.inum);
	}
}

static __noinline int ask_caps(const struct chq_filter *filter)
{
	const struct cred *cred = BPF_CORE_READ(this_task(), cred);
	__u64 caps = 0;

	if (filter->in_namespace && BPF_CORE_READ(cred, user_ns, level) == 0)
		return -1;
	if (filter->arg == CHQ_CAP_EFFECTIVE)
		bpf_core_read(&caps, sizeof(caps), &cred->cap_effective);
	else if (filter->arg == CHQ_CAP_PERMITTED)
		bpf_core_read(&caps, sizeof(caps), &cred->cap_permitted);
	else
		bpf_core_read(&caps, sizeof(caps), &cred->cap_inheritable);
	return !!(caps & filter->bits);
}

static __always_inline int ask_subject(struct work *work, const struct chq_filter *filter)
{
	switch (filter->subject) {
	case CHQ_ABOUT_ARG:
		return ask_argument(work, filter);
	case CHQ_ABOUT_RETURN:
		return ask_result(work, filter);
	case CHQ_ABOUT_BINARY:
	case CHQ_ABOUT_PARENT:
		return ask_binary(work, filter);
	case CHQ_ABOUT_PID:
		return ask_pid(filter);
	case CHQ_ABOUT_NAMESPACE:
		return number_known(filter, namespace_of(this_task(), filter->arg));
	case CHQ_ABOUT_CAPS:
		return ask_caps(filter);
	default:
		return -1;
	}
}

/* 1: it holds, or 0. As read_argument(): not static, numbers and not pointers. */
__noinline int ask(__u32 place, __u32 filter_number)
{
	struct work *work = bpf_map_lookup_elem(&chq_work, &place);
	const struct chq_filter *filter = bpf_map_lookup_elem(&chq_filters, &filter_number);
	int answer;

	if (!work || !filter)
		return 0;
	answer = ask_subject(work, filter);
	return answer >= 0 && !answer == !!filter->negated;
}

struct filter_walk {
	struct work *work;
	__u32 first;
	bool holds;
};

static long try_filter(__u32 step, void *data)
{
	struct filter_walk *walk = data;
	__u32 number = walk->first + step;

	walk->holds = ask(walk->work->place, number);
	return !walk->holds;
}

/* All of these filters hold; none: that is a match. */
static __always_inline bool filters_hold(struct work *work, __u32 first, __u32 n)
{
	struct filter_walk walk = {.work = work, .first = first, .holds = true};

	bpf_loop(n, try_filter, &walk, 0);
	return walk.holds;
}

struct selector_walk {
	struct work *work;
	__u32 first, matched;
	bool found;
};

static long try_selector(__u32 step, void *data)
{
	struct selector_walk *walk = data;
	__u32 number = walk->first + step;
	const struct chq_selector *selector = bpf_map_lookup_elem(&chq_selectors, &number);

	if (!selector || !filters_hold(walk->work, selector->first_filter, selector->n_filters))
		return 0;
	walk->matched = number;
	walk->found = true;
	return 1;
}

/* The first selector that matches acts, and no other. */
static __always_inline bool select(struct work *work, const struct chq_hook *hook, __u32 *ret)
{
	struct selector_walk walk = {.work = work, .first = hook->first_selector};

	bpf_loop(hook->n_selectors, try_selector, &walk, 0);
	*ret = walk.matched;
	return walk.found;
}

#endif
