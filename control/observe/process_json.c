/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "observe/process.h"

#include <cap-ng.h>
#include <ctype.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "observe/process_inside.h"
#include "util/cleanup.h"

json_t *json_if(json_t *value, bool wanted)
{
	if (wanted)
		return value;
	json_decref(value);
	return NULL;
}

/* Sets a member unless there is nothing to say. */
void set(json_t *object, const char *name, json_t *value)
{
	if (value)
		json_object_set_new(object, name, value);
}

void set_text(json_t *object, const char *name, const char *text)
{
	if (text && *text)
		set(object, name, process_string(text, strlen(text)));
}

/* protobuf writes 64 bits as text: JavaScript's numbers have 53. */
json_t *json_u64(uint64_t number)
{
	return json_sprintf("%llu", (unsigned long long)number);
}

/* With as many digits behind the second as say something: none, three, six or nine. */
static json_t *json_time(const struct process_view *view, uint64_t boot_ns)
{
	uint64_t wall_ns = boot_ns + view->wall_minus_boot;
	time_t seconds = wall_ns / 1000000000;
	unsigned long ns = wall_ns % 1000000000;
	char whole[24];
	struct tm parts;

	gmtime_r(&seconds, &parts);
	strftime(whole, sizeof(whole), "%Y-%m-%dT%H:%M:%S", &parts);
	if (ns % 1000)
		return json_sprintf("%s.%09luZ", whole, ns);
	if (ns % 1000000)
		return json_sprintf("%s.%06luZ", whole, ns / 1000);
	return ns ? json_sprintf("%s.%03luZ", whole, ns / 1000000) : json_sprintf("%sZ", whole);
}

/* How a process is named over time and machines: base64 of node:start:pid. */
static json_t *json_exec_id(const struct process_view *view, const struct process_key *key)
{
	char plain[512];
	int length = snprintf(plain, sizeof(plain), "%.400s:%llu:%u", view->node,
			      (unsigned long long)key->started_ns, key->pid);

	return json_base64(plain, length);
}

static json_t *json_flags(uint32_t flags)
{
	char text[256] = "";
	size_t length = 0;

#define X(name, bit, word)                                                       \
	if (flags & CHQ_PROC_FLAG_##name && *word)                               \
		length += snprintf(text + length, sizeof(text) - length, "%s%s", \
				   length ? " " : "", word);
	CHQ_PROC_FLAGS(X)
#undef X
	return json_string(text);
}

json_t *json_cap_name(unsigned number)
{
	const char *name = capng_capability_to_name(number);
	char text[40] = "CAP_";
	size_t at = 4;

	if (!name)
		return json_sprintf("CAP_%u", number);
	for (; *name && at + 1 < sizeof(text); name++)
		text[at++] = (char)toupper((unsigned char)*name);
	text[at] = '\0';
	return json_string(text);
}

static json_t *json_cap_set(uint64_t set)
{
	json_t *names = json_array();

	for (unsigned i = 0; i <= CAP_LAST_CAP; i++)
		if (set >> i & 1)
			json_array_append_new(names, json_cap_name(i));
	return json_if(names, set);
}

json_t *json_caps(const uint64_t caps[CHQ_CAPS])
{
	json_t *object = json_object();

	set(object, "permitted", json_cap_set(caps[CHQ_CAP_PERMITTED]));
	set(object, "effective", json_cap_set(caps[CHQ_CAP_EFFECTIVE]));
	set(object, "inheritable", json_cap_set(caps[CHQ_CAP_INHERITABLE]));
	return json_if(object, json_object_size(object));
}

static json_t *json_namespaces(const struct process_view *view,
			       const uint32_t inum[CHQ_NAMESPACE_MAX])
{
	static const char *const names[CHQ_NAMESPACE_MAX] = {
#define X(name, word) [CHQ_NS_##name] = word,
		CHQ_NAMESPACES(X)
#undef X
	};
	json_t *object = json_object(), *one;

	for (int i = 0; i < CHQ_NAMESPACE_MAX; i++) {
		one = json_pack("{s:I}", "inum", (json_int_t)inum[i]);
		if (view->host_namespaces[i] == inum[i])
			set(one, "is_host", json_true());
		if (inum[i])
			set(object, names[i], one);
		else
			json_decref(one);
	}
	return json_if(object, json_object_size(object));
}

json_t *json_credentials(const struct hook_cred *cred)
{
	json_t *object = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "uid",
				   (json_int_t)cred->uid, "gid", (json_int_t)cred->gid, "euid",
				   (json_int_t)cred->euid, "egid", (json_int_t)cred->egid, "suid",
				   (json_int_t)cred->suid, "sgid", (json_int_t)cred->sgid, "fsuid",
				   (json_int_t)cred->fsuid, "fsgid", (json_int_t)cred->fsgid);

	set(object, "caps", json_caps(cred->caps));
	return object;
}

/* The names are Tetragon's, bit by bit. */
static json_t *json_securebits(uint32_t bits)
{
	static const char *const names[] = {
		"SecBitNoRoot",
		"SecBitNoRootLocked",
		"SecBitNoSetUidFixup",
		"SecBitNoSetUidFixupLocked",
		"SecBitKeepCaps",
		"SecBitKeepCapsLocked",
		"SecBitNoCapAmbientRaise",
		"SecBitNoCapAmbientRaiseLocked",
	};
	json_t *array = json_array();

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (bits >> i & 1)
			json_array_append_new(array, json_string(names[i]));
	return json_if(array, json_array_size(array));
}

static json_t *process_credentials(const struct process *process)
{
	const struct chq_proc_credentials *ids = &process->creds;
	struct hook_cred cred = {ids->uid,  ids->gid,  ids->euid,  ids->egid,
				 ids->suid, ids->sgid, ids->fsuid, ids->fsgid};
	json_t *object = json_credentials(&cred);

	set(object, "securebits", json_securebits(ids->securebits));
	return object;
}

/* What of this is a change to more: who becomes root, and who gets capabilities. */
static json_t *json_raised(const struct process *process)
{
	const struct chq_proc_credentials *ids = &process->creds;
	uint8_t raised = process->program->raised;
	json_t *array = json_array();

	if (raised & CHQ_RAISED_CAPS)
		json_array_append_new(array, json_string("PRIVILEGES_RAISED_EXEC_FILE_CAP"));
	if (raised & CHQ_RAISED_UID && ids->euid == 0)
		json_array_append_new(array, json_string("PRIVILEGES_RAISED_EXEC_FILE_SETUID"));
	if (raised & CHQ_RAISED_GID && ids->egid == 0)
		json_array_append_new(array, json_string("PRIVILEGES_RAISED_EXEC_FILE_SETGID"));
	return json_if(array, json_array_size(array));
}

/* What is unusual about the executable: it gave rights away, or has no name any more. */
static json_t *binary_properties(const struct process *process)
{
	const struct process_program *program = process->program;
	json_t *object = json_object();

	if (program->raised & CHQ_RAISED_UID)
		set(object, "setuid", json_integer(process->creds.euid));
	if (program->raised & CHQ_RAISED_GID)
		set(object, "setgid", json_integer(process->creds.egid));
	set(object, "privileges_changed", json_raised(process));
	if (program->inode && !program->links)
		set(object, "file",
		    json_pack("{s:{s:o, s:i}}", "inode", "number", json_u64(program->inode),
			      "links", 0));
	return json_if(object, json_object_size(object));
}

/* Everything that is long: of the process itself, not of those above it. */
static void add_details(const struct process_view *view, json_t *object,
			const struct process *process)
{
	set(object, "cap", json_caps(process->caps));
	set(object, "ns", json_namespaces(view, process->namespaces));
	set(object, "process_credentials", process_credentials(process));
	set(object, "cgroup",
	    json_pack("{s:o, s:o*}", "id", json_u64(process->cgroup), "path",
		      json_if(process_string(process->program->cgroup,
					     strlen(process->program->cgroup)),
			      *process->program->cgroup)));
}

/* A container's id, when the control group is one's: 64 hexadecimal digits at its end. */
static void add_container(json_t *object, const char *cgroup)
{
	const char *slash = strrchr(cgroup, '/'), *id = slash ? slash + 1 : cgroup;
	const char *dash = strrchr(id, '-');

	if (dash)
		id = dash + 1;
	if (strspn(id, "0123456789abcdef") == 64)
		set(object, "docker", json_stringn(id, 31));
}

static json_t *json_process(const struct process_view *view, const struct process *process,
			    uint32_t tid, bool details)
{
	const struct process_program *program = process->program;
	json_t *object = json_object();

	set(object, "exec_id", json_exec_id(view, &process->key));
	set(object, "pid", json_integer(process->key.pid));
	set(object, "uid", json_integer(process->creds.euid));
	set_text(object, "cwd", program->cwd);
	set_text(object, "binary", program->binary);
	set_text(object, "arguments", program->arguments);
	set(object, "flags", json_flags(process->flags));
	set(object, "start_time", json_time(view, process->key.started_ns));
	set(object, "auid", json_integer(process->creds.auid));
	add_container(object, program->cgroup);
	if (process->parent || process->parent_key.started_ns)
		set(object, "parent_exec_id",
		    json_exec_id(view,
				 process->parent ? &process->parent->key : &process->parent_key));
	set(object, "refcnt", json_integer(process->refs));
	set(object, "tid", json_integer(tid));
	set(object, "in_init_tree", json_boolean(process->flags & CHQ_PROC_FLAG_IN_INIT_TREE));
	if (details)
		add_details(view, object, process);
	return object;
}

/* The process, its parent; in process_exec also who is above. */
static json_t *json_whose(const struct process_view *view, const struct process_event *event)
{
	const struct process *process = event->process, *above = process->parent;
	json_t *object = json_object(), *ancestors = json_array();
	bool exec = event->kind == PROCESS_EXEC;
	json_t *whose = json_process(view, process, event->tid, true);

	if (exec)
		set(whose, "binary_properties", binary_properties(process));
	set(object, "process", whose);
	if (above) {
		set(object, "parent", json_process(view, above, above->tid, false));
		above = above->parent;
	}
	for (int i = 0; i < PROCESS_ANCESTORS && above && exec; i++, above = above->parent)
		json_array_append_new(ancestors, json_process(view, above, above->tid, false));
	set(object, "ancestors", json_if(ancestors, json_array_size(ancestors)));
	return object;
}

static json_t *json_exit(const struct process_view *view, const struct process_event *event)
{
	json_t *object = json_whose(view, event);
	uint32_t code = event->process->code, signal = code & 0x7f;

	if (signal)
		set(object, "signal", json_signal(signal));
	else if (code >> 8)
		set(object, "status", json_integer(code >> 8 & 0xff));
	set(object, "time", json_time(view, event->time_ns));
	return object;
}

json_t *process_json(const struct process_view *view, const struct process_event *event)
{
	const char *kind = "process_exec";
	json_t *inside;

	switch (event->kind) {
	case PROCESS_EXEC:
		inside = json_whose(view, event);
		break;
	case PROCESS_EXIT:
		kind = "process_exit";
		inside = json_exit(view, event);
		break;
	default:
		kind = hook_kind_name(event->hook->kind);
		inside = json_whose(view, event);
		add_hook(inside, event->hook);
	}
	return json_pack("{s:o, s:o, s:o}", kind, inside, "node_name",
			 process_string(view->node, strlen(view->node)), "time",
			 json_time(view, event->time_ns));
}
