/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "enforcer/hooks_inside.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t text_bytes[TEXT_MAPS] = {
	sizeof(struct chq_text64),
	sizeof(struct chq_text256),
	sizeof(struct chq_text1024),
	sizeof(struct chq_text4096),
};

void plan_init(struct plan *plan)
{
	*plan = (struct plan){
		.points = LIST_OF(struct chq_point),
		.visits = LIST_OF(struct chq_visit),
		.hooks = LIST_OF(struct chq_hook),
		.selectors = LIST_OF(struct chq_selector),
		.filters = LIST_OF(struct chq_filter),
		.policies = LIST_OF(struct chq_policy_state),
		.sources = LIST_OF(const struct tracing_hook *),
		.collected = LIST_OF(struct plan_visit),
		.programs = LIST_OF(struct plan_program),
		.follows = LIST_OF(struct plan_follow),
		.hook_names = LIST_OF(struct hook_names),
		.policy_names = LIST_OF(struct policy_names),
		.point_names = LIST_OF(struct point_names),
		.prefixes = LIST_OF(struct chq_prefix_key),
		.postfixes = LIST_OF(struct chq_postfix_key),
		.addrs = LIST_OF(struct chq_addr_key),
		.numbers = LIST_OF(struct chq_number_key),
		.names = LIST_OF(struct chq_name_key),
	};
	for (size_t i = 0; i < TEXT_MAPS; i++)
		plan->texts[i].item_bytes = text_bytes[i];
}

void plan_clear(struct plan *plan)
{
	struct list *lists[] = {
		&plan->points,	 &plan->visits,	    &plan->hooks,	 &plan->selectors,
		&plan->filters,	 &plan->policies,   &plan->collected,	 &plan->programs,
		&plan->follows,	 &plan->hook_names, &plan->policy_names, &plan->point_names,
		&plan->prefixes, &plan->postfixes,  &plan->addrs,	 &plan->numbers,
		&plan->names,	 &plan->sources,    &plan->texts[0],	 &plan->texts[1],
		&plan->texts[2], &plan->texts[3],
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		list_clear(lists[i]);
}

int plan_refuse(struct plan *plan, const struct place *at, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (plan->why)
		vsnprintf(plan->why, HOOKS_WHY_BYTES, format, args);
	va_end(args);
	if (plan->at && at)
		*plan->at = *at;
	return err;
}

bool plan_same_place(const struct plan_program *one, const struct plan_program *other)
{
	return one->back_end == other->back_end && one->role == other->role &&
	       one->is_syscall == other->is_syscall && one->offset == other->offset &&
	       one->n_args == other->n_args && strcmp(one->function, other->function) == 0 &&
	       strcmp(one->subsystem, other->subsystem) == 0;
}

static int new_point(struct plan *plan, const struct plan_program *wanted, uint32_t flags,
		     uint32_t *ret)
{
	struct plan_program program = *wanted;
	struct chq_point point = {.flags = flags};
	struct point_names names = {.back_end = wanted->back_end};
	long index = list_add(&plan->points, &point);

	if (index < 0)
		return index;
	snprintf(names.function, sizeof(names.function), "%s", wanted->function);
	program.point = index;
	if (list_add(&plan->point_names, &names) < 0 || list_add(&plan->programs, &program) < 0)
		return -ENOMEM;
	*ret = index;
	return 0;
}

int plan_point(struct plan *plan, const struct plan_program *wanted, uint32_t flags, uint32_t *ret)
{
	for (size_t i = 0; i < plan->programs.n; i++) {
		struct plan_program *program = list_at(&plan->programs, struct plan_program, i);

		if (plan_same_place(program, wanted)) {
			program->waits = program->waits && wanted->waits;
			*ret = program->point;
			return 0;
		}
	}
	return new_point(plan, wanted, flags, ret);
}

static int add_visit(struct plan *plan, uint32_t point, const struct chq_visit *visit)
{
	struct plan_visit collected = {.point = point, .visit = *visit};
	long index = list_add(&plan->collected, &collected);

	return index < 0 ? index : 0;
}

/* ---- arguments ---- */

static const struct chq_arg_spec specs[TRACING_TYPE_MAX] = {
	[TRACING_TYPE_INT] = {.type = CHQ_TYPE_NUMBER, .width = 4, .is_signed = 1},
	[TRACING_TYPE_UINT] = {.type = CHQ_TYPE_NUMBER, .width = 4},
	[TRACING_TYPE_LONG] = {.type = CHQ_TYPE_NUMBER, .width = 8, .is_signed = 1},
	[TRACING_TYPE_ULONG] = {.type = CHQ_TYPE_NUMBER, .width = 8},
	[TRACING_TYPE_SIZE_T] = {.type = CHQ_TYPE_NUMBER, .width = 8},
	[TRACING_TYPE_INT8] = {.type = CHQ_TYPE_NUMBER, .width = 1, .is_signed = 1},
	[TRACING_TYPE_UINT8] = {.type = CHQ_TYPE_NUMBER, .width = 1},
	[TRACING_TYPE_INT16] = {.type = CHQ_TYPE_NUMBER, .width = 2, .is_signed = 1},
	[TRACING_TYPE_UINT16] = {.type = CHQ_TYPE_NUMBER, .width = 2},
	[TRACING_TYPE_INT32] = {.type = CHQ_TYPE_NUMBER, .width = 4, .is_signed = 1},
	[TRACING_TYPE_UINT32] = {.type = CHQ_TYPE_NUMBER, .width = 4},
	[TRACING_TYPE_INT64] = {.type = CHQ_TYPE_NUMBER, .width = 8, .is_signed = 1},
	[TRACING_TYPE_UINT64] = {.type = CHQ_TYPE_NUMBER, .width = 8},
	[TRACING_TYPE_SYSCALL64] = {.type = CHQ_TYPE_NUMBER, .width = 8},
	[TRACING_TYPE_CAPABILITY] = {.type = CHQ_TYPE_NUMBER, .width = 4, .is_signed = 1},
	[TRACING_TYPE_STRING] = {.type = CHQ_TYPE_STRING},
	[TRACING_TYPE_CHAR_BUF] = {.type = CHQ_TYPE_CHAR_BUF, .max_bytes = CHQ_TEXT_BYTES},
	[TRACING_TYPE_FILENAME] = {.type = CHQ_TYPE_FILENAME},
	[TRACING_TYPE_FILE] = {.type = CHQ_TYPE_FILE},
	[TRACING_TYPE_PATH] = {.type = CHQ_TYPE_PATH},
	[TRACING_TYPE_FD] = {.type = CHQ_TYPE_FD},
	[TRACING_TYPE_DENTRY] = {.type = CHQ_TYPE_DENTRY},
	[TRACING_TYPE_BINPRM] = {.type = CHQ_TYPE_BINPRM},
	[TRACING_TYPE_SOCK] = {.type = CHQ_TYPE_SOCK},
	[TRACING_TYPE_SOCKET] = {.type = CHQ_TYPE_SOCKET},
	[TRACING_TYPE_SKB] = {.type = CHQ_TYPE_SKB},
	[TRACING_TYPE_SOCKADDR] = {.type = CHQ_TYPE_SOCKADDR},
	[TRACING_TYPE_CRED] = {.type = CHQ_TYPE_CRED},
};

static int plan_args(struct plan *plan, const struct tracing_hook *hook, struct chq_hook *ret)
{
	for (size_t i = 0; i < hook->n_args; i++) {
		const struct tracing_arg *arg = &hook->args[i];
		struct chq_arg_spec *spec = &ret->args[i];

		*spec = specs[arg->type];
		spec->index = arg->index;
		spec->size_arg = arg->size_arg;
		spec->at_return = arg->return_copy;
		if (arg->max_data)
			spec->max_bytes =
				arg->size_arg || arg->return_copy ? CHQ_DATA_MOST : CHQ_DATA_BYTES;
		if (hook->subsystem && !hook->raw)
			continue;
		if (arg->index >= CHQ_HOOK_RAW || arg->size_arg > CHQ_HOOK_RAW)
			return plan_refuse(plan, &arg->at, -EOPNOTSUPP,
					   "only the first %d arguments of a function can be read",
					   CHQ_HOOK_RAW);
	}
	ret->n_args = hook->n_args;
	return 0;
}

/* A perf tracepoint's arguments are fields of its record. */
static int plan_field(struct plan *plan, const struct tracing_arg *arg, const struct field *field,
		      struct chq_arg_spec *spec)
{
	spec->offset = field->offset;
	spec->is_data_loc = field->is_data_loc;
	if (spec->type == CHQ_TYPE_NOP && arg->type != TRACING_TYPE_NOP) {
		*spec = (struct chq_arg_spec){.offset = field->offset};
		spec->type =
			field->is_data_loc || field->is_array ? CHQ_TYPE_STRING : CHQ_TYPE_NUMBER;
		spec->is_data_loc = field->is_data_loc;
		spec->is_signed = field->is_signed;
		spec->width = field->size_bytes;
	}
	if (spec->type == CHQ_TYPE_NUMBER && field->size_bytes > 8)
		return plan_refuse(plan, &arg->at, -EINVAL, "field `%s` is no number", field->name);
	if (spec->type == CHQ_TYPE_NUMBER)
		spec->width = field->size_bytes;
	else
		spec->width = field->is_array ? 0 : 8;
	return 0;
}

static int plan_fields(struct plan *plan, const struct tracing_hook *hook, struct chq_hook *ret)
{
	struct field fields[FIELDS_MAX];
	size_t n = 0;
	int err = format_read(hook->subsystem, hook->event, fields, &n);

	if (err == -ENODEV)
		return plan_refuse(plan, &hook->at, -EOPNOTSUPP, "%s", NO_TRACEFS);
	if (err)
		return plan_refuse(plan, &hook->at, err, "the kernel has no tracepoint %s/%s",
				   hook->subsystem, hook->event);
	for (size_t i = 0; i < hook->n_args && !err; i++) {
		const struct tracing_arg *arg = &hook->args[i];

		if (arg->index >= n)
			return plan_refuse(plan, &arg->at, -EINVAL,
					   "%s/%s has fields 0 to %zu only", hook->subsystem,
					   hook->event, n - 1);
		err = plan_field(plan, arg, &fields[arg->index], &ret->args[i]);
	}
	return err;
}

/* ---- names ---- */

static void pack_tags(const struct tracing_hook *hook, char tags[HOOK_TAGS_BYTES])
{
	size_t at = 0;

	for (size_t i = 0; i < hook->n_tags; i++) {
		size_t bytes = strlen(hook->tags[i]) + 1;

		if (at + bytes >= HOOK_TAGS_BYTES)
			return;
		memcpy(tags + at, hook->tags[i], bytes);
		at += bytes;
	}
}

static int add_hook_names(struct plan *plan, const struct tracing_policy *policy,
			  const struct tracing_hook *hook, const char *call,
			  enum hooks_back_end back_end)
{
	static const uint8_t kinds[] = {
		[TRACING_KPROBE] = HOOK_KPROBE,
		[TRACING_TRACEPOINT] = HOOK_TRACEPOINT,
		[TRACING_LSM] = HOOK_LSM,
		[TRACING_UPROBE] = HOOK_UPROBE,
	};
	struct hook_names names = {.kind = kinds[hook->kind], .n_args = hook->n_args};

	snprintf(names.policy, sizeof(names.policy), "%s", policy->name);
	snprintf(names.function, sizeof(names.function), "%s", call);
	if (hook->subsystem || hook->path)
		snprintf(names.subsystem, sizeof(names.subsystem), "%s",
			 hook->subsystem ? hook->subsystem : hook->path);
	snprintf(names.message, sizeof(names.message), "%s", hook->message);
	snprintf(names.back_end, sizeof(names.back_end), "%s", hooks_back_end_word(back_end));
	names.return_type = hook->return_arg.type;
	for (size_t i = 0; i < hook->n_args; i++) {
		names.types[i] = hook->args[i].type;
		snprintf(names.labels[i], HOOK_LABEL_BYTES, "%s",
			 hook->args[i].label ? hook->args[i].label : "");
	}
	pack_tags(hook, names.tags);
	return list_add(&plan->hook_names, &names) < 0 ? -ENOMEM : 0;
}

/* ---- points ---- */

static uint32_t args_read(const struct tracing_hook *hook)
{
	uint32_t n = 0;

	for (size_t i = 0; i < hook->n_args; i++) {
		if (hook->args[i].index >= n)
			n = hook->args[i].index + 1;
		if (hook->args[i].size_arg > n)
			n = hook->args[i].size_arg;
	}
	return n;
}

/* Which arguments the program has to bring into another form. */
static struct chq_visit direct_visit(const struct plan_program *program,
				     const struct tracing_hook *hook, uint32_t number)
{
	struct chq_visit visit = {.hook = number, .adapter = CHQ_AS_IS};

	if (program->back_end == HOOKS_LSM && hook->kind == TRACING_KPROBE &&
	    strcmp(program->function, "mmap_file") == 0)
		visit.adapter = CHQ_AS_LSM_MMAP;
	if (strcmp(program->function, EXEC_TRACEPOINT) == 0 && hook->kind != TRACING_TRACEPOINT)
		visit.adapter = CHQ_AS_EXEC;
	if (program->back_end == HOOKS_FILEMAP) {
		visit.adapter = CHQ_AS_WITH_MASK;
		visit.mask = 4;
	}
	return visit;
}

/* The function's return, where the event waits for it. */
static int plan_return(struct plan *plan, const struct plan_program *entry, const char *call,
		       uint32_t hook_number)
{
	struct plan_program program = *entry;
	struct chq_visit visit = {.hook = hook_number, .adapter = CHQ_AS_IS};
	uint32_t point;
	int err;

	program.role = PLAN_RETURN;
	if (entry->back_end == HOOKS_LSM || entry->back_end == HOOKS_FMOD_RET)
		program.back_end = HOOKS_FENTRY;
	snprintf(program.function, sizeof(program.function), "%s", call);
	err = plan_point(plan, &program, CHQ_POINT_RETURN, &point);
	return err ? err : add_visit(plan, point, &visit);
}

static int plan_direct(struct plan *plan, const struct tracing_hook *hook, const char *call,
		       uint32_t hook_number, struct plan_program *program)
{
	struct chq_visit visit;
	uint32_t point;
	int err;

	if (program->back_end == HOOKS_LSM)
		snprintf(program->function, sizeof(program->function), "%s",
			 lsm_hook_of(hook, call));
	if (program->back_end == HOOKS_RAW_TRACEPOINT)
		program->n_args = args_read(hook);
	if (program->back_end == HOOKS_RAW_TRACEPOINT && hook_is_exec(hook, call)) {
		snprintf(program->function, sizeof(program->function), "%s", EXEC_TRACEPOINT);
		program->n_args = 3;
	}
	if (program->back_end == HOOKS_FILEMAP) {
		snprintf(program->function, sizeof(program->function), "mm_filemap_get_pages");
		program->n_args = 1;
	}
	visit = direct_visit(program, hook, hook_number);
	err = plan_point(plan, program, 0, &point);
	if (!err)
		err = add_visit(plan, point, &visit);
	if (!err && hook->returns)
		err = plan_return(plan, program, call, hook_number);
	return err;
}

static struct hooks_part part_of(const struct hooks_policy *policy, size_t hook, size_t call)
{
	return policy->parts ? policy->parts[hook][call] : (struct hooks_part){};
}

static int plan_call(struct plan *plan, const struct hooks_policy *policy, size_t hook_number,
		     size_t call, const struct chq_hook *template)
{
	const struct tracing_hook *hook = &policy->policy->hooks[hook_number];
	enum hooks_back_end back_end = policy->back_ends[hook_number][call];
	const char *name = hook_call_name(hook, call);
	struct plan_program program = {
		.back_end = back_end,
		.is_syscall = hook->kind == TRACING_KPROBE && hook->syscall,
		.policy = policy->policy,
		.at = hook->at,
		.waits = part_of(policy, hook_number, call).waits,
	};
	long number = list_add(&plan->hooks, template);
	int err;

	if (number < 0 || list_add(&plan->sources, &hook) < 0)
		return -ENOMEM;
	snprintf(program.function, sizeof(program.function), "%s", name);
	if (hook->path)
		snprintf(program.subsystem, sizeof(program.subsystem), "%s", hook->path);
	else if (hook->subsystem)
		snprintf(program.subsystem, sizeof(program.subsystem), "%s", hook->subsystem);
	if (hook->kind == TRACING_UPROBE && call >= hook->n_calls)
		program.offset = hook->offsets[call - hook->n_calls];
	err = add_hook_names(plan, policy->policy, hook, name, back_end);
	if (err)
		return err;
	if (back_end == HOOKS_SYSCALL)
		return plan_syscalls(plan, hook, name, number, &program);
	return plan_direct(plan, hook, name, number, &program);
}

static int plan_hook(struct plan *plan, const struct hooks_policy *policy, uint32_t policy_number,
		     size_t hook_number)
{
	const struct tracing_hook *hook = &policy->policy->hooks[hook_number];
	const enum hooks_back_end *back_ends = policy->back_ends[hook_number];
	struct chq_hook template = {
		.policy = policy_number, .returns = hook->returns, .kind = hook->kind};
	struct chq_hook quiet;
	bool served[2] = {}; /* not quiet, quiet */
	int err;

	for (size_t call = 0; call < hook_calls(hook); call++)
		served[part_of(policy, hook_number, call).quiet] |= back_ends[call] != HOOKS_NONE;
	if (!served[false] && !served[true])
		return 0;
	err = plan_args(plan, hook, &template);
	if (!err && hook->kind == TRACING_TRACEPOINT && !hook->raw)
		err = plan_fields(plan, hook, &template);
	quiet = template;
	if (!err && served[false])
		err = plan_selectors(plan, hook, false, &template);
	if (!err && served[true])
		err = plan_selectors(plan, hook, true, &quiet);
	for (size_t call = 0; call < hook_calls(hook) && !err; call++) {
		bool is_quiet = part_of(policy, hook_number, call).quiet;

		if (back_ends[call] != HOOKS_NONE)
			err = plan_call(plan, policy, hook_number, call,
					is_quiet ? &quiet : &template);
	}
	return err;
}

/* What NotifyEnforcer's errno is answered by. */
static int plan_notices(struct plan *plan, const struct tracing_policy *policy)
{
	for (size_t i = 0; i < policy->n_enforcers; i++) {
		struct plan_program program = {
			.back_end = HOOKS_FMOD_RET,
			.role = PLAN_NOTICE,
			.policy = policy,
			.at = policy->enforcers[i].at,
		};
		uint32_t point;
		int err;

		snprintf(program.function, sizeof(program.function), "%s",
			 policy->enforcers[i].name);
		err = plan_point(plan, &program, 0, &point);
		if (err)
			return err;
	}
	return 0;
}

int plan_add(struct plan *plan, const struct hooks_policy *policy)
{
	struct chq_policy_state state = {CHQ_POLICY_OFF};
	struct policy_names names = {};
	long number;
	int err = 0;

	if (policy->enabled)
		state.mode =
			policy->mode == TRACING_MONITOR ? CHQ_POLICY_MONITOR : CHQ_POLICY_ENFORCE;
	snprintf(names.name, sizeof(names.name), "%s", policy->policy->name);
	number = list_add(&plan->policies, &state);
	if (number < 0 || list_add(&plan->policy_names, &names) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < policy->policy->n_hooks && !err; i++)
		err = plan_hook(plan, policy, number, i);
	return err ? err : plan_notices(plan, policy->policy);
}

static int visits_of(struct plan *plan, uint32_t number)
{
	struct chq_point *point = list_at(&plan->points, struct chq_point, number);

	point->first_visit = plan->visits.n;
	for (size_t i = 0; i < plan->collected.n; i++) {
		const struct plan_visit *visit = list_at(&plan->collected, struct plan_visit, i);

		if (visit->point != number)
			continue;
		if (list_add(&plan->visits, &visit->visit) < 0)
			return -ENOMEM;
		point->n_visits++;
	}
	list_at(&plan->point_names, struct point_names, number)->n_hooks = point->n_visits;
	return 0;
}

int plan_finish(struct plan *plan)
{
	int err = 0;

	for (size_t i = 0; i < plan->points.n && !err; i++)
		err = visits_of(plan, i);
	return err ? err : plan_names(plan);
}
