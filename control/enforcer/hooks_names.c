/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "enforcer/hooks_inside.h"

#include <errno.h>
#include <string.h>

/*
 * Most calls are about files that no policy speaks of. Where each selector of a point asks for a
 * path that ends in one of a few names, a look at the file's own name spares all the rest.
 */

#define DELETED " (deleted)"

/* The name that a path ends in, without what the kernel adds to removed ones. */
static size_t last_name(const struct tracing_value *value, const char **ret)
{
	size_t end = value->length_bytes, start;

	if (end > strlen(DELETED) &&
	    memcmp(value->text + end - strlen(DELETED), DELETED, strlen(DELETED)) == 0)
		end -= strlen(DELETED);
	start = end;
	while (start > 0 && value->text[start - 1] != '/')
		start--;
	*ret = value->text + start;
	return start ? end - start : 0; /* a Postfix without a slash may be part of a name */
}

static bool is_file(enum tracing_type type)
{
	return type == TRACING_TYPE_FILE || type == TRACING_TYPE_PATH;
}

/* Does it hold only for files of certain names? */
static bool match_names(const struct tracing_hook *hook, const struct tracing_match *match,
			unsigned file_index)
{
	const struct tracing_arg *arg = &hook->args[match->arg];
	const char *name;

	if (!is_file(arg->type) || arg->index != file_index || match->n_values == 0)
		return false;
	if (match->op != TRACING_OP_EQUAL && match->op != TRACING_OP_POSTFIX)
		return false;
	for (size_t i = 0; i < match->n_values; i++) {
		if (!match->values[i].text || last_name(&match->values[i], &name) == 0)
			return false;
	}
	return true;
}

static const struct tracing_match *match_of(const struct tracing_hook *hook,
					    const struct tracing_selector *selector, unsigned index)
{
	for (size_t i = 0; i < selector->n_args; i++) {
		if (match_names(hook, &selector->args[i], index))
			return &selector->args[i];
	}
	return NULL;
}

/* What the kernel's side looks at before the name itself. */
static void note_name(struct chq_point *point, const char *name, size_t bytes)
{
	uint64_t word = 0;
	unsigned bit;

	memcpy(&word, name, bytes < sizeof(word) ? bytes : sizeof(word));
	bit = CHQ_NAME_BIT(word);
	point->lengths[bytes / 64] |= 1ull << (bytes % 64);
	point->begins[bit / 64] |= 1ull << (bit % 64);
}

static int add_name(struct plan *plan, uint32_t point, const char *name, size_t bytes)
{
	struct chq_name_key key = {.names = point};

	if (bytes < CHQ_NAME_LENGTHS) /* no file has a longer name */
		note_name(list_at(&plan->points, struct chq_point, point), name, bytes);
	memcpy(key.name, name, bytes < sizeof(key.name) ? bytes : sizeof(key.name) - 1);
	return list_add(&plan->names, &key) < 0 ? -ENOMEM : 0;
}

static int add_names(struct plan *plan, uint32_t point, const struct tracing_match *match)
{
	int err = 0;

	for (size_t i = 0; i < match->n_values && !err; i++) {
		const struct tracing_value *value = &match->values[i];
		const char *name, *end = value->text + value->length_bytes;
		size_t bytes = last_name(value, &name);

		err = add_name(plan, point, name, bytes);
		if (!err && name + bytes != end) /* a file may have been given such a name */
			err = add_name(plan, point, name, end - name);
	}
	return err;
}

/* Which of the hook's parameters is the file that the point looks at. */
static unsigned file_index(const struct chq_visit *visit)
{
	return visit->adapter == CHQ_AS_FD_INSTALL ? 1 : 0;
}

static bool takes_path(const struct tracing_hook *hook)
{
	for (size_t i = 0; i < hook->n_args; i++) {
		if (hook->args[i].index == 0 && hook->args[i].type == TRACING_TYPE_PATH)
			return true;
	}
	return false;
}

/* Descriptors that the point's visits look at; false: too many, or not all by descriptor. */
static bool note_fd(struct chq_point *point, const struct chq_visit *visit, bool by_syscall)
{
	if (!by_syscall)
		return true;
	if (visit->adapter == CHQ_AS_IS)
		return false;
	for (unsigned i = 0; i < point->n_fds; i++) {
		if (point->fds[i] == visit->fd_arg)
			return true;
	}
	if (point->n_fds == sizeof(point->fds))
		return false;
	point->fds[point->n_fds++] = visit->fd_arg;
	return true;
}

static bool visit_allows(struct plan *plan, struct chq_point *point, const struct chq_visit *visit,
			 bool by_syscall, bool path)
{
	const struct tracing_hook *hook =
		*list_at(&plan->sources, const struct tracing_hook *, visit->hook);

	if (hook->kind != TRACING_KPROBE && hook->kind != TRACING_LSM)
		return false;
	if (hook->n_selectors == 0 || takes_path(hook) != path ||
	    !note_fd(point, visit, by_syscall))
		return false;
	for (size_t i = 0; i < hook->n_selectors; i++) {
		if (!match_of(hook, &hook->selectors[i], file_index(visit)))
			return false;
	}
	return true;
}

static int names_of_hook(struct plan *plan, uint32_t number, const struct chq_visit *visit)
{
	const struct tracing_hook *hook =
		*list_at(&plan->sources, const struct tracing_hook *, visit->hook);
	int err = 0;

	for (size_t i = 0; i < hook->n_selectors && !err; i++)
		err = add_names(plan, number,
				match_of(hook, &hook->selectors[i], file_index(visit)));
	return err;
}

static int point_names(struct plan *plan, uint32_t number)
{
	struct chq_point *point = list_at(&plan->points, struct chq_point, number);
	const struct chq_visit *visits =
		list_at(&plan->visits, struct chq_visit, point->first_visit);
	bool by_syscall =
		list_at(&plan->point_names, struct point_names, number)->back_end == HOOKS_SYSCALL;
	bool path;
	int err = 0;

	if (point->n_visits == 0 || point->flags & CHQ_POINT_RETURN)
		return 0;
	path = takes_path(*list_at(&plan->sources, const struct tracing_hook *, visits[0].hook));
	for (uint32_t i = 0; i < point->n_visits; i++) {
		if (!visit_allows(plan, point, &visits[i], by_syscall, path))
			return 0;
	}
	point->flags |= CHQ_POINT_NAMES | (path ? CHQ_POINT_PATH : 0);
	point->names = number;
	for (uint32_t i = 0; i < point->n_visits && !err; i++)
		err = names_of_hook(plan, number, &visits[i]);
	return err;
}

int plan_names(struct plan *plan)
{
	int err = 0;

	for (size_t i = 0; i < plan->points.n && !err; i++)
		err = point_names(plan, i);
	return err;
}
