/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "guard/selectors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Room for as many entries as the member has; none given: NULL and 0. */
static int room_for(json_t *json, const char *member, size_t size, void *array, size_t *n)
{
	size_t count = json_array_size(json_object_get(json, member));
	void *room = count ? calloc(count, size) : NULL;

	memcpy(array, &room, sizeof(room));
	*n = room ? count : 0;
	return count && !room ? -ENOMEM : 0;
}

static int read_operator(const char *word, enum tracing_operator *ret)
{
	for (unsigned i = 0; i < TRACING_OP_MAX; i++)
		if (!strcmp(word, tracing_operator_word(i))) {
			*ret = i;
			return i <= TRACING_OP_NOT_POSTFIX ? 0 : -EINVAL;
		}
	return -EINVAL;
}

static int read_texts(json_t *json, struct texts *ret)
{
	const char *op;
	json_t *values, *value;
	size_t i;

	if (json_unpack(json, "{s:s s:o}", "op", &op, "values", &values) ||
	    read_operator(op, &ret->op) || !json_array_size(values))
		return -EINVAL;
	ret->given = true;
	ret->values = calloc(json_array_size(values), sizeof(*ret->values));
	if (!ret->values)
		return -ENOMEM;
	json_array_foreach(values, i, value)
	{
		if (!json_is_string(value))
			return -EINVAL;
		ret->values[i] = strdup(json_string_value(value));
		if (!ret->values[i])
			return -ENOMEM;
		ret->n_values = i + 1;
	}
	return 0;
}

static int read_pids(json_t *json, struct pids *ret)
{
	int negated, forks;
	json_t *values, *value;
	size_t i;

	if (json_unpack(json, "{s:b s:b s:o}", "not", &negated, "forks", &forks, "values",
			&values) ||
	    json_array_size(values) > TRACING_PIDS_MOST)
		return -EINVAL;
	ret->negated = negated;
	ret->forks = forks;
	json_array_foreach(values, i, value) ret->values[ret->n_values++] =
		(pid_t)json_integer_value(value);
	return 0;
}

static int read_spaces(json_t *json, struct spaces *ret)
{
	int kind, negated, host;
	json_t *values, *value;
	size_t i;

	if (json_unpack(json, "{s:i s:b s:b s:o}", "kind", &kind, "not", &negated, "host", &host,
			"values", &values) ||
	    kind < 0 || kind >= TRACING_NS_MAX || json_array_size(values) > 4)
		return -EINVAL;
	ret->kind = (enum tracing_namespace)kind;
	ret->negated = negated;
	ret->host = host;
	json_array_foreach(values, i, value) ret->values[ret->n_values++] =
		(uint64_t)json_integer_value(value);
	return 0;
}

static int read_powers(json_t *json, struct powers *ret)
{
	int set, negated;
	json_int_t mask;

	if (json_unpack(json, "{s:i s:b s:I}", "set", &set, "not", &negated, "mask", &mask) ||
	    set < TRACING_CAP_EFFECTIVE || set > TRACING_CAP_PERMITTED)
		return -EINVAL;
	ret->set = (enum tracing_capability_set)set;
	ret->negated = negated;
	ret->mask = (uint64_t)mask;
	return 0;
}

static int read_action(json_t *json, struct tracing_action *ret)
{
	const char *word;
	int error = 0, signal = 0, scope = 0;
	json_int_t limit_ms = 0;

	if (json_unpack(json, "{s:s s?i s?i s?I s?i}", "do", &word, "error", &error, "signal",
			&signal, "rate_limit_ms", &limit_ms, "scope", &scope) ||
	    signal < 0 || signal > 64 || limit_ms < 0 || scope < TRACING_SCOPE_THREAD ||
	    scope > TRACING_SCOPE_GLOBAL)
		return -EINVAL;
	ret->error = error;
	ret->signal = (unsigned)signal;
	ret->rate_limit_ms = (uint64_t)limit_ms;
	ret->scope = (enum tracing_scope)scope;
	for (unsigned i = 0; i < TRACING_ACTION_MAX; i++)
		if (!strcmp(word, tracing_action_word(i))) {
			ret->kind = i;
			return 0;
		}
	return -EINVAL;
}

static int read_actions(json_t *json, struct selector *ret)
{
	json_t *actions = json_object_get(json, "actions"), *action;
	size_t i;
	int err = 0;

	if (json_array_size(actions) > TRACING_ACTIONS_MOST)
		return -EINVAL;
	json_array_foreach(actions, i, action) err =
		err ?: read_action(action, &ret->actions[ret->n_actions++]);
	return err;
}

#define EACH(member, array, count, read)                                                           \
	do {                                                                                       \
		size_t n_;                                                                         \
		err = err ?: room_for(json, member, sizeof(*(array)), &(array), &n_);              \
		for (size_t i = 0; !err && i < n_; i++) {                                          \
			(count) = i + 1;                                                           \
			err = read(json_array_get(json_object_get(json, member), i), &(array)[i]); \
		}                                                                                  \
	} while (0)

int selector_read(json_t *json, struct selector *ret)
{
	json_t *binaries = json_object_get(json, "binaries");
	json_t *parents = json_object_get(json, "parents");
	int err = read_actions(json, ret);

	EACH("paths", ret->paths, ret->n_paths, read_texts);
	EACH("pids", ret->pids, ret->n_pids, read_pids);
	EACH("namespaces", ret->namespaces, ret->n_namespaces, read_spaces);
	EACH("capabilities", ret->capabilities, ret->n_capabilities, read_powers);
	if (binaries)
		err = err ?: read_texts(binaries, &ret->binaries);
	if (parents)
		err = err ?: read_texts(parents, &ret->parents);
	return err;
}

static void texts_clear(struct texts *texts)
{
	for (size_t i = 0; i < texts->n_values; i++)
		free(texts->values[i]);
	free(texts->values);
}

void selector_clear(struct selector *selector)
{
	for (size_t i = 0; i < selector->n_paths; i++)
		texts_clear(&selector->paths[i]);
	texts_clear(&selector->binaries);
	texts_clear(&selector->parents);
	free(selector->paths);
	free(selector->pids);
	free(selector->namespaces);
	free(selector->capabilities);
}
